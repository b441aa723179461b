"""Distances between all pairs of two sets, one block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from ...errors import InputError

BLOCK = 1024  # rows at a time: against 10,000 others, 40 MB of float32


class Rows(Protocol):
    """Samples that are read by slices or indices.

    An array (N, ...), or an object that converts samples to floats only when they are read.
    """

    def __len__(self) -> int: ...
    def __getitem__(self, index: Any) -> np.ndarray: ...


def flat(x: np.ndarray) -> np.ndarray:
    """Return samples (N, ...) as rows (N, values), float32."""
    return np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)


def in_blocks(x: Rows) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (rows, x[rows]) for all of x, at most BLOCK rows at a time.

    >>> [len(part) for _, part in in_blocks(np.zeros(2100))]
    [1024, 1024, 52]
    """
    for start in range(0, len(x), BLOCK):
        rows = slice(start, min(start + BLOCK, len(x)))
        yield rows, x[rows]


def squared_distances(a: Rows, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (rows, squared Euclidean distances from a[rows] to every b), block by block.

    A block is (at most BLOCK, len(b)), float32, >= 0. |a - b|² = |a|² + |b|² - 2 a·b takes one
    matrix product per block. Both sets are centred first: distances stay the same, and the terms
    that cancel stay small. `a` may be larger than memory.
    """
    b = flat(b)
    centre = b.mean(axis=0)
    b = b - centre
    squares = np.einsum('ij,ij->i', b, b)
    for rows, part in in_blocks(a):
        part = flat(part) - centre
        block = part @ b.T
        block *= -2
        block += squares
        block += np.einsum('ij,ij->i', part, part)[:, None]
        yield rows, np.maximum(block, 0, out=block)


def nearest(
    few: np.ndarray, many: Rows, *, other_than: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest of `many` (M, ...) for each of `few` (N, ...): index and distance, (N,).

    other_than: for each of few, the one of many that does not count, for example itself.

    >>> nearest(np.array([[0.1], [9.0]]), np.array([[0.0], [5.0], [8.0]]))[0]
    array([0, 2])
    """
    index = np.zeros(len(few), dtype=np.int64)
    squared = np.full(len(few), np.inf, dtype=np.float32)
    columns = np.arange(len(few))
    for rows, block in squared_distances(many, few):
        if other_than is not None:
            excluded = np.flatnonzero((other_than >= rows.start) & (other_than < rows.stop))
            block[other_than[excluded] - rows.start, excluded] = np.inf
        row = block.argmin(axis=0)
        least = block[row, columns]
        closer = least < squared
        index[closer] = rows.start + row[closer]
        squared[closer] = least[closer]
    return index, np.sqrt(squared)


def squared_radii(x: np.ndarray, k: int) -> np.ndarray:
    """Return the squared distance from each row of x (N, values) to its k-th nearest other row.

    Raises InputError for k rows or fewer.

    >>> squared_radii(flat(np.array([0.0, 1.0, 3.0])), k=1)
    array([1., 1., 4.], dtype=float32)
    """
    if len(x) <= k:
        raise InputError(
            f'{len(x)} samples: are too few for {k} neighbours each; must be at least {k + 1}'
        )
    radii = np.empty(len(x), dtype=np.float32)
    for rows, squared in squared_distances(x, x):
        radii[rows] = np.partition(squared, k, axis=1)[:, k]  # number 0 is the row itself
    return radii


def nearest_rows(x: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each row of x (N, values) the nearest `count` rows, itself among them.

    Squared distances, in ascending order, and indices: both (N, count).

    >>> squared, index = nearest_rows(flat(np.array([0.0, 1.0, 3.0])), 2)
    >>> squared[2], index[2]
    (array([0., 4.], dtype=float32), array([2, 1]))
    """
    distances = np.empty((len(x), count), dtype=np.float32)
    indices = np.empty((len(x), count), dtype=np.int64)
    for rows, squared in squared_distances(x, x):
        index = np.argpartition(squared, count - 1, axis=1)[:, :count]
        found = np.take_along_axis(squared, index, axis=1)
        order = np.argsort(found, axis=1, kind='stable')
        distances[rows] = np.take_along_axis(found, order, axis=1)
        indices[rows] = np.take_along_axis(index, order, axis=1)
    return distances, indices
