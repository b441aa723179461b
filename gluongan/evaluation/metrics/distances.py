"""Distances between all pairs of two sets, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

BLOCK = 1024  # rows at a time: against 10,000 others, 40 MB of float32


class Rows(Protocol):
    """Samples that are taken by slices or indices: an array (N, ...), or what makes one only when asked."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: Any) -> np.ndarray: ...


def flat(x: np.ndarray) -> np.ndarray:
    """Return samples (N, ...) as rows (N, values), float32."""
    return np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)


def squared_distances(a: Rows, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (rows, squared Euclidean distances of a[rows] to every b): blocks (≤ BLOCK, len(b)) of float32, >= 0.

    By |a - b|² = |a|² + |b|² - 2 a·b, one matrix product a block. Both sets are centred first, which leaves distances as they
    are and keeps what cancels small. `a` may be larger than memory.
    """
    b = flat(b)
    centre = b.mean(axis=0)
    b = b - centre
    squares = np.einsum('ij,ij->i', b, b)
    for start in range(0, len(a), BLOCK):
        rows = slice(start, min(start + BLOCK, len(a)))
        part = flat(a[rows]) - centre
        block = part @ b.T
        block *= -2
        block += squares
        block += np.einsum('ij,ij->i', part, part)[:, None]
        yield rows, np.maximum(block, 0, out=block)


def nearest(
    few: np.ndarray, many: Rows, *, other_than: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return for each of `few` (N, ...) which of `many` (M, ...) is nearest, and how far: int (N,), float32 (N,).

    other_than: for each of few the one of many that does not count, such as itself.
    """
    index, squared = np.zeros(len(few), dtype=np.int64), np.full(len(few), np.inf, dtype=np.float32)
    for rows, block in squared_distances(many, few):
        if other_than is not None:
            here = np.flatnonzero((other_than >= rows.start) & (other_than < rows.stop))
            block[other_than[here] - rows.start, here] = np.inf
        least = block.argmin(axis=0)
        closer = np.flatnonzero(block[least, np.arange(len(few))] < squared)
        index[closer], squared[closer] = rows.start + least[closer], block[least[closer], closer]
    return index, np.sqrt(squared)


def reach(x: np.ndarray, k: int) -> np.ndarray:
    """Return for each row of x (N, values) the squared distance to its k-th nearest other row, (N,)."""
    radii = np.empty(len(x), dtype=np.float32)
    for rows, squared in squared_distances(x, x):
        radii[rows] = np.partition(squared, k, axis=1)[:, k]  # number 0 is the row itself
    return radii
