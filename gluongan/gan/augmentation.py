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

from .. import native
from ..errors import InputError
from ..nn.graph import VARIABLE, Graph, Node
from ..runtime import mx
from .losses import Array

AUGMENTATIONS = ('color', 'shift', 'cutout', 'mirror')
GREY = 0.5  # where something was cut out or shifted away: the paper's 0, in [-1, 1]
COLORS, MOVES, EDGES = 3, 3, 4  # numbers of a picture: its colour, its place, its hole
FARTHEST = 0.125  # shift, as a share of each side
HOLE = 0.5  # side of what is cut out, as a share of each side


class _Columns:
    """Hands out the columns of numbers (N, ...), an array or a symbol, from left to right."""

    def __init__(self, F: Any, numbers: Any) -> None:
        self._F = F
        self._numbers = numbers
        self._taken = 0

    def take(self, count: int) -> Any:
        start = self._taken
        self._taken += count
        if self._F is np:
            return self._numbers[:, start : self._taken]
        return self._F.slice_axis(self._numbers, axis=1, begin=start, end=self._taken)


class Augment(mx.gluon.HybridBlock):
    """(x, numbers) -> x augmented, of the same shape; differentiable in x.

    names: of AUGMENTATIONS. shape: of a picture, (C, H, W); x may be flat. Its last `classes`
    channels, or values if `flat_labels`, are labels and stay as they are.
    numbers: (N, ...) from `Augmentation.draw`.

    It is gluongan's own operator where that can be used, see `native`. Otherwise it is products of
    matrices. They are exact where a picture is moved, and they compute no gradient but that of x;
    MXNet's broadcasting operators compute all, which takes ten times as long as the pass itself.
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
        self.shifts = 'shift' in names
        self.moves = self.shifts or 'mirror' in names
        self.cuts = 'cutout' in names
        self._operator: mx.nd.CachedOp | None = None
        self.hybridize(static_alloc=True)

    def forward(self, x: Any, numbers: Any) -> Any:
        if not isinstance(numbers, np.ndarray):  # what `prepared` returned, or a symbol
            return super().forward(x, numbers)
        if not self._has_operator_for(x):
            return super().forward(x, mx.nd.array(self.prepared(numbers), ctx=x.ctx))
        if self._operator is None:
            self._operator = self._make_operator()
        return self._operator(x, mx.nd.array(numbers, ctx=x.ctx, dtype=np.float32))

    def _has_operator_for(self, x: Array) -> bool:
        if not self._active or not native.is_available('augment'):
            return False
        is_plain = x.ctx.device_type == 'cpu' and x.dtype == np.float32
        return is_plain and native.computes_at_once()

    def _make_operator(self) -> mx.nd.CachedOp:
        attributes = {'shape': ','.join(map(str, self._shape))}
        flags = {'color': self.recolours, 'moves': self.moves, 'cuts': self.cuts}
        attributes.update((name, str(int(is_on))) for name, is_on in flags.items())
        inputs = Node(VARIABLE, 'x', {}, ()), Node(VARIABLE, 'numbers', {}, ())
        graph = Graph((*inputs, Node('gluongan_augment', 'augment', attributes, (0, 1))), output=2)
        return mx.nd.CachedOp(mx.sym.load_json(graph.json()), [('static_alloc', True)])

    def prepared(self, numbers: np.ndarray) -> np.ndarray:
        """Return numbers as the products of matrices take them, float32."""
        channels = self._shape[0]
        split = _Columns(np, numbers)
        parts = []
        if self.recolours:
            parts += self._colour_matrices(split.take(COLORS))
        if self.moves:
            rows, columns = self._sources(split.take(MOVES))
            parts += [columns, np.tile(rows, channels)] if self.shifts else [columns]
        if self.cuts:
            rows, columns = self._holes(split.take(EDGES))
            parts += [np.tile(rows, channels), columns]
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def _sources(self, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which row and which column each one is taken from, (N, H) and (N, W)."""
        down, right, is_mirrored = np.split(moves, MOVES, axis=1)
        _, height, width = self._shape
        rows, columns = np.arange(height), np.arange(width)
        columns = np.where(is_mirrored, columns[::-1], columns)
        return rows - down, columns - right

    def _holes(self, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return in which rows and in which columns the holes are, (N, H) and (N, W)."""
        top, bottom, left, right = np.split(edges, EDGES, axis=1)
        rows, columns = (np.arange(side) for side in self._shape[1:])
        return (top <= rows) & (rows < bottom), (left <= columns) & (columns < right)

    def _colour_matrices(self, colours: np.ndarray) -> list[np.ndarray]:
        """Return the matrix of each picture's channels, the weight of its sum, and what is added.

        With s and c for saturation and contrast, M for the mean of a picture and m for the mean of
        a pixel's channels, the result is c (s x + (1 - s) m) + (1 - c) M + brightness.
        """
        channels = self._shape[0]
        brightness, saturation, contrast = np.split(colours, COLORS, axis=1)
        own = (contrast * saturation)[..., None] * np.eye(channels)
        mixed = (contrast * (1 - saturation) / channels)[..., None]
        matrices = (own + mixed).reshape(len(colours), -1)
        return [matrices, (1 - contrast) / prod(self._shape), brightness]

    def hybrid_forward(self, F: Any, x: Any, numbers: Any) -> Any:
        if not self._classes:
            return F.reshape_like(self._augmented(F, x, numbers), x)
        size = prod(self._shape) if self._flat_labels else self._shape[0]
        labels = F.slice_axis(x, axis=1, begin=size, end=None)
        pictures = self._augmented(F, F.slice_axis(x, axis=1, begin=0, end=size), numbers)
        if self._flat_labels:
            pictures = F.reshape(pictures, shape=(-1, size))
        else:
            pictures = F.reshape(pictures, shape=(-1, *self._shape))
        return F.concat(pictures, labels, dim=1)

    def _augmented(self, F: Any, x: Any, numbers: Any) -> Any:
        """Return pictures augmented, in any order of the same values."""
        split = _Columns(F, F.BlockGrad(numbers))
        if self.recolours:
            x = self._recoloured(F, x, split)
        if self.moves:
            x = self._moved(F, x - GREY, split)
        elif self.cuts:
            x = x - GREY
        if self.cuts:
            x = self._cut(F, x, split)
        return x + GREY if self.moves or self.cuts else x

    def _recoloured(self, F: Any, x: Any, split: _Columns) -> Any:
        channels, values = self._shape[0], prod(self._shape)
        matrices = F.reshape(split.take(channels**2), shape=(-1, channels, channels))
        weight, brightness = (F.reshape(split.take(1), shape=(-1, 1, 1)) for _ in range(2))
        row = F.reshape(x, shape=(-1, 1, values))
        ones = F.ones_like(F.BlockGrad(row))
        added = F.batch_dot(row, ones, transpose_b=True) * weight + brightness
        x = F.batch_dot(matrices, F.reshape(x, shape=(-1, channels, values // channels)))
        return F.reshape(x, shape=(-1, 1, values)) + F.batch_dot(added, ones)

    def _moved(self, F: Any, x: Any, split: _Columns) -> Any:
        """Return x with each row and column taken from another one, or made 0."""
        channels, height, width = self._shape
        x = F.reshape(x, shape=(-1, channels * height, width))
        x = F.batch_dot(x, F.one_hot(split.take(width), width), transpose_b=True)
        if self.shifts:
            rows = F.reshape(split.take(channels * height), shape=(-1, height))
            x = F.reshape(x, shape=(-1, height, width))
            x = F.batch_dot(F.one_hot(rows, height), x)
        return x

    def _cut(self, F: Any, x: Any, split: _Columns) -> Any:
        """Return x with 0 where the holes are."""
        channels, height, width = self._shape
        rows = F.reshape(split.take(channels * height), shape=(-1, channels * height, 1))
        columns = F.reshape(split.take(width), shape=(-1, 1, width))
        kept = 1 - F.batch_dot(rows, columns)
        return F.elemwise_mul(F.reshape(x, shape=(-1, channels * height, width)), kept)


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
    ) -> None:
        check_augmentation(names, shape, probability)
        self.names = tuple(names)
        self.probability = probability
        self.block = Augment(names, shape, classes=classes, flat_labels=flat_labels)
        self._sides = shape[1:]
        self.part = 0, 1  # which part of a batch it augments, of how many
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 3])))

    def __call__(self, x: Array) -> Array:
        """Return x (N, ...) augmented. Inside `record()`, gradients go through it."""
        part, parts = self.part
        start = part * len(x)
        # All ranks draw the numbers of the whole batch: one state is that of all.
        return self.block(x, self.draw(parts * len(x))[start : start + len(x)])

    def draw(self, count: int) -> np.ndarray:
        """Return the next numbers, (count, ...), float64: a row for each picture.

        Brightness, saturation and contrast; how far it is moved down and right, and 1 if it is
        mirrored then; the first row and the row behind the last of the hole, and its columns.
        """
        parts = []
        if self.block.recolours:
            parts.append(self._draw_colours(count))
        if self.block.moves:
            parts += self._draw_moves(count)
        if self.block.cuts:
            parts += self._draw_holes(count)
        return np.concatenate(parts, axis=1, dtype=np.float64)

    def _chosen(self, count: int) -> np.ndarray:
        """Return which pictures are changed, (count, 1)."""
        return self._generator.random((count, 1)) < self.probability

    def _draw_colours(self, count: int) -> np.ndarray:
        chosen = self._chosen(count)
        drawn = self._generator.random((count, COLORS)) * (0.5, 2, 1) + (-0.25, 0, 0.5)
        return np.where(chosen, drawn, (0, 1, 1))

    def _draw_moves(self, count: int) -> list[np.ndarray]:
        """Return how far down, how far right, and whether mirrored, (count, 1) each."""
        moves = np.zeros((3, count, 1))
        if 'shift' in self.names:
            chosen = self._chosen(count)
            moves[0] = chosen * self._offsets(count, self._sides[0])
            moves[1] = chosen * self._offsets(count, self._sides[1])
        if 'mirror' in self.names:
            moves[2] = self._chosen(count) & (self._generator.random((count, 1)) < 0.5)
        return list(moves)

    def _offsets(self, count: int, side: int) -> np.ndarray:
        farthest = int(FARTHEST * side + 0.5)
        return self._generator.integers(-farthest, farthest + 1, (count, 1))

    def _draw_holes(self, count: int) -> list[np.ndarray]:
        """Return the first row and the row behind the last of a hole, and its columns."""
        chosen = self._chosen(count)
        return [chosen * edge for side in self._sides for edge in self._edges(count, side)]

    def _edges(self, count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Return where spans of half a side begin and end, cut off at the edges, (count, 1)."""
        length = int(HOLE * side + 0.5)
        starts = self._generator.integers(0, side + 1 - length % 2, (count, 1)) - length // 2
        return np.maximum(starts, 0), np.minimum(starts + length, side)

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
            names=AUGMENTATIONS,
        )
    if len(shape) != 3:
        raise InputError(
            f'samples of shape {shape} are not pictures; must be left out', setting='augment'
        )
    if not 0 <= probability <= 1:
        raise InputError(
            'must be a number from 0 to 1', setting='augment_probability', value=probability
        )
