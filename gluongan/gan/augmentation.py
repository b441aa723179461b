"""Augmentation of everything that the discriminator sees, real and generated alike.

Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training" (arXiv 2006.10738).
The discriminator judges T(x) and T(G(z)) and never x itself, and the generator learns through T. So
it learns the distribution whose augmented pictures look like augmented data: that of the data,
where T does not hide which one it was. Where each change is made with a probability below 1, it
does not (Karras et al. 2020, arXiv 2006.06676, section 2.2 and appendix C).

T is linear in the picture, up to a constant. What is random comes in as numbers, drawn with NumPy
from a generator whose state can be saved.
"""

from __future__ import annotations

from collections.abc import Collection
from math import prod
from typing import Any

import numpy as np

from ..errors import InputError
from ..runtime import mx
from .losses import Array

AUGMENTATIONS = ('color', 'shift', 'cutout', 'mirror')
GREY = 0.5  # where something was cut out or shifted away: the paper's 0, in [-1, 1]
COLORS = 3  # numbers that change the colour of a picture
FARTHEST = 0.125  # shift, as a share of each side
HOLE = 0.5  # side of what is cut out, as a share of each side


class Augment(mx.gluon.HybridBlock):
    """(x, numbers) -> x augmented, of the same shape; differentiable in x.

    names: of AUGMENTATIONS. shape: of a picture, (C, H, W); x may be flat. Its last `classes`
    channels, or values if `flat_labels`, are labels and stay as they are.
    numbers: (N, `width`), from `Augmentation.draw`: brightness, saturation and contrast; for each
    row and each column of the result the one that it is taken from, none where that is outside;
    for each row and each column 1 if the hole is there.
    """

    def __init__(
        self,
        names: Collection[str],
        shape: tuple[int, ...],
        *,
        classes: int = 0,
        flat_labels: bool = False,
    ) -> None:
        super().__init__(prefix='')
        self._shape = shape
        self._classes = classes
        self._flat_labels = flat_labels
        self.recolours = 'color' in names
        self.moves = 'shift' in names or 'mirror' in names
        self.cuts = 'cutout' in names
        sides = sum(shape[1:])
        self.width = COLORS * self.recolours + sides * self.moves + sides * self.cuts
        self.hybridize(static_alloc=True)

    def hybrid_forward(self, F: Any, x: Any, numbers: Any) -> Any:
        if not self._classes:
            pictures = F.reshape(x, shape=(-1, *self._shape))
            return F.reshape_like(self._augmented(F, pictures, numbers), x)
        size = prod(self._shape) if self._flat_labels else self._shape[0]
        labels = F.slice_axis(x, axis=1, begin=size, end=None)
        pictures = F.slice_axis(x, axis=1, begin=0, end=size)
        pictures = F.reshape(pictures, shape=(-1, *self._shape))
        pictures = self._augmented(F, pictures, numbers)
        if self._flat_labels:
            pictures = F.reshape(pictures, shape=(0, -1))
        return F.concat(pictures, labels, dim=1)

    def _augmented(self, F: Any, x: Any, numbers: Any) -> Any:
        _, height, width = self._shape
        split = _Columns(F, F.BlockGrad(numbers))
        if self.recolours:
            x = self._recoloured(F, x, split.take(COLORS))
        if not (self.moves or self.cuts):
            return x
        x = x - GREY
        if self.moves:
            x = self._moved(F, x, split.take(height), split.take(width))
        if self.cuts:
            rows = F.reshape(split.take(height), shape=(0, 1, height, 1))
            columns = F.reshape(split.take(width), shape=(0, 1, 1, width))
            x = F.broadcast_mul(x, 1 - F.broadcast_mul(rows, columns))
        return x + GREY

    def _recoloured(self, F: Any, x: Any, colours: Any) -> Any:
        brightness, saturation, contrast = (
            F.reshape(F.slice_axis(colours, axis=1, begin=i, end=i + 1), shape=(0, 1, 1, 1))
            for i in range(COLORS)
        )
        x = F.broadcast_add(x, brightness)
        if self._shape[0] > 1:
            x = _stretched(F, x, saturation, around=F.mean(x, axis=1, keepdims=True))
        return _stretched(F, x, contrast, around=F.mean(x, axis=(1, 2, 3), keepdims=True))

    def _moved(self, F: Any, x: Any, rows: Any, columns: Any) -> Any:
        """Return x (N, C, H, W) with each row and column taken from another one, or made 0."""
        channels, height, width = self._shape
        # Products with matrices of 0 and 1: exact, and so are their gradients.
        x = F.reshape(x, shape=(-1, channels * height, width))
        x = F.batch_dot(x, F.one_hot(columns, width), transpose_b=True)
        chosen = F.repeat(F.one_hot(rows, height), repeats=channels, axis=0)
        x = F.batch_dot(chosen, F.reshape(x, shape=(-1, height, width)))
        return F.reshape(x, shape=(-1, channels, height, width))


def _stretched(F: Any, x: Any, factor: Any, around: Any) -> Any:
    return F.broadcast_add(around, F.broadcast_mul(F.broadcast_sub(x, around), factor))


class _Columns:
    """Hands out the columns of numbers (N, width), from left to right."""

    def __init__(self, F: Any, numbers: Any) -> None:
        self._slice = F.slice_axis
        self._numbers = numbers
        self._taken = 0

    def take(self, count: int) -> Any:
        start = self._taken
        self._taken += count
        return self._slice(self._numbers, axis=1, begin=start, end=self._taken)


class Augmentation:
    """Augments batches, each with new random numbers; call it with samples as D sees them.

    names: of AUGMENTATIONS. `color` changes brightness by up to ±0.25, saturation 0 to 2 times and
    contrast 0.5 to 1.5 times; `shift` moves by up to an eighth of each side; `cutout` cuts out a
    rectangle of half the sides, around any pixel; `mirror` exchanges left and right in half of the
    cases. The first three are those of DiffAugment.
    probability: that each of them changes a picture, independently. It may be assigned; the random
    numbers that are drawn do not depend on it.
    shape, classes, flat_labels: see `Augment`.

    Raises InputError for other names, another probability, and samples that are not pictures.

    >>> augmentation = Augmentation(['shift', 'cutout'], (1, 28, 28), seed=0)
    >>> augmentation(mx.nd.ones((16, 1, 28, 28))).shape
    (16, 1, 28, 28)
    >>> augmentation.probability = 0
    >>> augmentation(mx.nd.ones((16, 1, 28, 28))).min().asscalar().item()
    1.0
    """

    def __init__(
        self,
        names: Collection[str],
        shape: tuple[int, ...],
        *,
        probability: float = 1.0,
        classes: int = 0,
        flat_labels: bool = False,
        seed: int = 0,
        device: mx.Context | None = None,
    ) -> None:
        check_augmentation(names, shape, probability)
        self.names = tuple(names)
        self.probability = probability
        self.block = Augment(names, shape, classes=classes, flat_labels=flat_labels)
        self._sides = shape[1:]
        self._device = device or mx.cpu()
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 3])))

    def __call__(self, x: Array) -> Array:
        """Return x (N, ...) augmented. Inside `record()`, gradients go through it."""
        return self.block(x, mx.nd.array(self.draw(len(x)), ctx=self._device))

    def draw(self, count: int) -> np.ndarray:
        """Return the next numbers for `Augment`, (count, width), float32."""
        parts = []
        if self.block.recolours:
            parts.append(self._draw_colours(count))
        if self.block.moves:
            parts += self._draw_moves(count)
        if self.block.cuts:
            parts += self._draw_holes(count)
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def _chosen(self, count: int) -> np.ndarray:
        """Return which pictures are changed, (count, 1)."""
        return self._generator.random((count, 1)) < self.probability

    def _draw_colours(self, count: int) -> np.ndarray:
        chosen = self._chosen(count)
        drawn = self._generator.random((count, COLORS)) * (0.5, 2, 1) + (-0.25, 0, 0.5)
        return np.where(chosen, drawn, (0, 1, 1))

    def _draw_moves(self, count: int) -> list[np.ndarray]:
        """Return which row and which column each one is taken from, (count, H) and (count, W)."""
        height, width = self._sides
        rows, columns = (np.tile(np.arange(side), (count, 1)) for side in self._sides)
        if 'shift' in self.names:
            chosen = self._chosen(count)
            rows = rows - np.where(chosen, self._offsets(count, height), 0)
            columns = columns - np.where(chosen, self._offsets(count, width), 0)
        if 'mirror' in self.names:
            chosen = self._chosen(count) & (self._generator.random((count, 1)) < 0.5)
            columns = np.where(chosen, width - 1 - columns, columns)
        return [rows, columns]

    def _offsets(self, count: int, side: int) -> np.ndarray:
        farthest = int(FARTHEST * side + 0.5)
        return self._generator.integers(-farthest, farthest + 1, (count, 1))

    def _draw_holes(self, count: int) -> list[np.ndarray]:
        """Return in which rows and in which columns the holes are, (count, H) and (count, W)."""
        chosen = self._chosen(count)
        return [chosen & self._spans(count, side) for side in self._sides]

    def _spans(self, count: int, side: int) -> np.ndarray:
        """Return spans of half a side, cut off at the edges, as (count, side) of True and False."""
        length = int(HOLE * side + 0.5)
        starts = self._generator.integers(0, side + 1 - length % 2, (count, 1)) - length // 2
        places = np.arange(side)
        return (places >= starts) & (places < starts + length)

    def state(self) -> dict[str, Any]:
        """Return the generator's state, which JSON can hold and `restore` takes."""
        return {'generator': self._generator.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken."""
        self._generator.bit_generator.state = state['generator']


def check_augmentation(
    names: Collection[str], shape: tuple[int, ...], probability: float = 1.0
) -> None:
    """Raise InputError for an augmentation that cannot be, or cannot be of samples of a shape."""
    wrong = [name for name in names if name not in AUGMENTATIONS]
    if isinstance(names, str) or wrong or not names or len(set(names)) < len(names):
        raise InputError(
            f'must be one or more of {", ".join(AUGMENTATIONS)}, each once',
            setting='augment',
            value=names,
        )
    if len(shape) != 3:
        raise InputError(
            f'samples of shape {shape} are not pictures; must be left out', setting='augment'
        )
    if not 0 <= probability <= 1:
        raise InputError(
            'must be a number from 0 to 1', setting='augment_probability', value=probability
        )
