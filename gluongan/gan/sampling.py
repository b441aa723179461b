"""Samples from a trained generator."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ..errors import InputError
from ..nn.passes import in_passes
from ..runtime import mx
from .labels import one_hot
from .noise import check_trunc, draw_noise, interpolate, noise_from_seeds


class SamplingError(InputError):
    """Samples that this generator cannot make."""


def generate(gen: mx.gluon.HybridBlock, z: np.ndarray) -> np.ndarray:
    """Return G(z) for z (N, latent): (N, *shape), float32, images in [0, 1].

    A z gives the same bits beside any others, on the CPU with the same number of threads. BatchNorm
    uses its running statistics, and dropout drops nothing.

    >>> import gluongan as gg
    >>> gen = gg.dense_generator([5, 16, 64])
    >>> z = gg.Noise(5).fixed(100)
    >>> x = generate(gen, z)
    >>> x.shape
    (100, 1, 8, 8)
    >>> bool((generate(gen, z[7:9]) == x[7:9]).all())
    True
    """
    device = device_of(gen)
    return in_passes(lambda part: [gen(mx.nd.array(part, ctx=device))], z)[0]


def device_of(net: mx.gluon.HybridBlock) -> mx.Context:
    """Return the device that a network's weights are on."""
    parameter = next(iter(net.collect_params().values()))
    return parameter.list_ctx()[0]


class Sampler:
    """Makes samples by seed, and by class where the generator has `classes`.

    noise, latent: the distribution and the size of z that the generator was trained on.
    classes: their names, in the order of the one-hot labels.
    iteration: of training, after which the generator was kept; None where nobody knows.

    >>> import gluongan as gg
    >>> gen = gg.dense_generator([5 + 2, 16, 64])
    >>> sampler = Sampler(gen, 'normal', 5, classes=['cat', 'dog'])
    >>> x, columns = sampler.sample_grid([7, 8, 9])    # a row of three cats, a row of three dogs
    >>> x.shape, columns
    ((6, 1, 8, 8), 3)
    >>> dogs, _ = sampler.sample_grid([7, 8, 9], 'dog')
    >>> bool((dogs == x[3:]).all())
    True
    """

    def __init__(
        self,
        gen: mx.gluon.HybridBlock,
        noise: str,
        latent: int,
        classes: Sequence[str] = (),
        iteration: int | None = None,
    ) -> None:
        self._gen = gen
        self._noise = noise
        self._latent = latent
        self.classes = list(classes)
        self.iteration = iteration

    @property
    def gen(self) -> mx.gluon.HybridBlock:
        """The generator."""
        return self._gen

    @property
    def latent(self) -> int:
        """The size of z."""
        return self._latent

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample: (C, H, W) of an image, (2,) of a point."""
        z = np.zeros((1, self._latent + len(self.classes)), np.float32)
        return generate(self._gen, z).shape[1:]

    def sample_grid(
        self, seeds: list[int], class_name: str | None = None, trunc: float | None = None
    ) -> tuple[np.ndarray, int | None]:
        """Return one sample per seed (N, *shape), and the number of columns of their grid.

        A conditional generator without a `class_name` makes a row of all seeds for each class. In
        all other cases the number of columns is None. trunc: see `noise_from_seeds`. Raises
        SamplingError for a class or a truncation that this generator does not have.
        """
        z = self._noise_from_seeds(seeds, trunc)
        if self.classes and class_name is None:
            z = np.tile(z, (len(self.classes), 1))
            labels = np.repeat(np.arange(len(self.classes)), len(seeds))
            return self._generate(self._append_labels(z, labels)), len(seeds)
        return self._generate(self._append_class(z, class_name)), None

    def of_seeds(
        self, seeds: Sequence[int], labels: np.ndarray | None = None, trunc: float | None = None
    ) -> np.ndarray:
        """Return one sample per seed (N, *shape), as `sample_grid` does.

        labels: their classes (N,), None where the generator has no classes.
        """
        z = self._noise_from_seeds(seeds, trunc)
        return self._generate(z if labels is None else self._append_labels(z, labels))

    def of_noise(self, z: np.ndarray, class_name: str | None = None) -> np.ndarray:
        """Return the samples of z (N, latent): (N, *shape), of one class where there are any."""
        return self._generate(self._append_class(z, class_name))

    def sample(
        self, count: int, seed: int, labels: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return `count` samples whose noise depends on `seed` alone, and their labels (count,).

        labels: their classes; by default the classes take turns. Without classes they are None.
        """
        if self.classes and labels is None:
            labels = np.arange(count) % len(self.classes)
        inputs = self.inputs(count, seed, labels)
        return self._generate(inputs), labels if self.classes else None

    def inputs(self, count: int, seed: int, labels: np.ndarray | None) -> np.ndarray:
        """Return inputs of the generator (count, ...) whose noise depends on `seed` alone.

        labels: their classes (count,), None where it has no classes.
        """
        generator = np.random.default_rng([seed, 2])  # as in Noise.fixed
        z = draw_noise(generator, count, self._latent, self._noise)
        return self._append_labels(z, labels) if self.classes else z

    def interpolate(
        self,
        seeds: list[int],
        steps: int,
        class_name: str | None = None,
        trunc: float | None = None,
    ) -> np.ndarray:
        """Return samples along the path from each seed to the next, in `steps` steps each.

        A conditional generator makes its first class unless `class_name` names another.
        """
        if self.classes and class_name is None:
            class_name = self.classes[0]
        z = interpolate(self._noise_from_seeds(seeds, trunc), steps, self._noise)
        return self.of_noise(z, class_name)

    def _generate(self, z: np.ndarray) -> np.ndarray:
        x = generate(self._gen, z)
        if not np.isfinite(x).all():
            raise SamplingError(
                'these weights generate NaN or infinity; they were changed, or training failed'
            )
        return x

    def _noise_from_seeds(self, seeds: Sequence[int], trunc: float | None) -> np.ndarray:
        try:
            check_trunc(trunc, self._noise)
        except InputError as error:
            message = f'this run draws {self._noise} noise: {error.message}'
            raise SamplingError(message, setting=error.setting, value=error.value) from None
        return noise_from_seeds(seeds, self._latent, self._noise, trunc)

    def _append_labels(self, z: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return np.concatenate([z, one_hot(labels, len(self.classes))], axis=1)

    def _append_class(self, z: np.ndarray, class_name: str | None) -> np.ndarray:
        if class_name is None:
            return z
        return self._append_labels(z, np.full(len(z), self.class_index(class_name)))

    def class_index(self, class_name: str) -> int:
        """Return the number of a class, given its name or '#3'. Raises SamplingError."""
        if not self.classes:
            raise SamplingError(
                'this run is not conditional, so its generator has no classes; must be left out',
                setting='class',
                value=class_name,
            )
        if class_name in self.classes:
            return self.classes.index(class_name)
        number = re.fullmatch('#([0-9]{1,8})', class_name)
        if number and int(number[1]) < len(self.classes):
            return int(number[1])
        last = len(self.classes) - 1
        raise SamplingError(
            f'must be one of {", ".join(self.classes)}, or a number from #0 to #{last}',
            setting='class',
            value=class_name,
            names=self.classes,
        )


def pixels(x: np.ndarray) -> np.ndarray:
    """Return images in [0, 1] as bytes, rounded to the nearest; bytes are returned as they are.

    >>> pixels(np.array([-0.1, 0.5, 0.998, 2])).tolist()
    [0, 128, 254, 255]
    """
    if x.dtype == np.uint8:
        return x
    values = np.clip(x, 0, 1)
    values = np.multiply(values, 255, out=values)
    return np.add(values, 0.5, out=values).astype(np.uint8)
