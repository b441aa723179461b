"""Samples out of a trained G."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import InputError
from ..nn.passes import in_passes
from ..runtime import mx
from .labels import one_hot
from .noise import path, sample, seeded


class SamplingError(InputError):
    """Samples that this generator cannot make: one sentence that names the setting."""


def generate(gen: mx.gluon.HybridBlock, z: np.ndarray) -> np.ndarray:
    """Return G(z) for z (N, latent): (N, *shape), float32, pictures in [0, 1].

    A z gives the same bits beside any others, on the CPU with the same number of threads.
    BatchNorm uses its running statistics here and dropout drops nothing.
    """
    device = device_of(gen)
    return in_passes(lambda part: [gen(mx.nd.array(part, ctx=device))], z)[0]


def device_of(net: mx.gluon.HybridBlock) -> mx.Context:
    """Return where a network lives."""
    return next(iter(net.collect_params().values())).list_ctx()[0]


class Sampler:
    """Draws samples by seed, and by class where G has `classes` (their names, in the order of its one-hot labels)."""

    def __init__(
        self, gen: mx.gluon.HybridBlock, noise: str, latent: int, classes: Sequence[str] = ()
    ) -> None:
        self._gen, self._noise, self._latent, self.classes = gen, noise, latent, list(classes)

    def sheet(
        self, seeds: list[int], name: str | None = None, trunc: float | None = None
    ) -> tuple[np.ndarray, int | None]:
        """Return samples (N, *shape), one a seed, and how many make a row where that has a meaning.

        A conditional G without a class `name` gives a row of the seeds for each class.
        """
        if self.classes and name is None:
            labels = np.repeat(np.arange(len(self.classes)), len(seeds))
            z = np.tile(self._seeded(seeds, trunc), (len(self.classes), 1))
            return self._made(np.concatenate([z, one_hot(labels, len(self.classes))], axis=1)), len(
                seeds
            )
        z = self._seeded(seeds, trunc)
        return self._made(self._labelled(z, name)), None

    def draw(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return `count` samples that depend on `seed` alone, and their classes, which take turns; None without classes."""
        z = sample(
            np.random.default_rng([seed, 2]), count, self._latent, self._noise
        )  # as Noise.fixed has it
        if not self.classes:
            return self._made(z), None
        labels = np.arange(count) % len(self.classes)
        return self._made(np.concatenate([z, one_hot(labels, len(self.classes))], axis=1)), labels

    def walk(
        self, seeds: list[int], steps: int, name: str | None = None, trunc: float | None = None
    ) -> np.ndarray:
        """Return samples on the way from each seed to the next, `steps` a leg; a conditional G's first class by default."""
        z = path(self._seeded(seeds, trunc), steps, self._noise)
        return self._made(
            self._labelled(z, self.classes[0] if self.classes and name is None else name)
        )

    def _made(self, z: np.ndarray) -> np.ndarray:
        x = generate(self._gen, z)
        if not np.isfinite(x).all():
            raise SamplingError(
                'these weights give samples that are no numbers; they have been changed, or training failed'
            )
        return x

    def _seeded(self, seeds: list[int], trunc: float | None) -> np.ndarray:
        if trunc is not None and self._noise == 'uniform':
            raise SamplingError(
                'this run draws uniform noise, which has no tails; leave it out',
                setting='trunc',
                value=f'{trunc:g}',
            )
        return seeded(seeds, self._latent, self._noise, trunc)

    def _labelled(self, z: np.ndarray, name: str | None) -> np.ndarray:
        if name is None:
            return z
        if not self.classes:
            raise SamplingError(
                'this run is not conditional, its generator knows no classes; leave it out, or train '
                'with `conditional`',
                setting='class',
                value=name,
            )
        return np.concatenate(
            [z, one_hot(np.full(len(z), self._index(name)), len(self.classes))], axis=1
        )

    def _index(self, name: str) -> int:
        if name in self.classes:
            return self.classes.index(name)
        if name.isdecimal() and len(name) < 9 and int(name) < len(self.classes):
            return int(name)
        raise SamplingError(
            f'must be one of {", ".join(self.classes)}', setting='class', value=name
        )


def pixels(x: np.ndarray) -> np.ndarray:
    """Return images in [0, 1], or bytes as they are, as bytes."""
    return x if x.dtype == np.uint8 else (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)
