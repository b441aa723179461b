"""Distances between all pairs of two sets, a block of rows at a time."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK = 1024    # rows at a time: against 60,000 others, 250 MB of float32


def flat(x: np.ndarray) -> np.ndarray:
    """Return samples (N, ...) as rows (N, values), float32."""
    return np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32)


def squared_distances(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (rows, squared Euclidean distances of a[rows] to every b): blocks (≤ BLOCK, len(b)) of float32, >= 0.

    By |a - b|² = |a|² + |b|² - 2 a·b, one matrix product a block. Both sets are centred first, which leaves distances as they
    are and keeps what cancels small.
    """
    centre = b.mean(axis=0)
    a, b = a - centre, b - centre
    squares = np.einsum('ij,ij->i', b, b)
    for start in range(0, len(a), BLOCK):
        rows = slice(start, min(start + BLOCK, len(a)))
        block = a[rows] @ b.T
        block *= -2
        block += squares
        block += np.einsum('ij,ij->i', a[rows], a[rows])[:, None]
        yield rows, np.maximum(block, 0, out=block)


def nearest(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each of a (N, ...) which of b (M, ...) is nearest, and how far: int (N,), float32 (N,)."""
    index, distance = np.empty(len(a), dtype=np.int64), np.empty(len(a), dtype=np.float32)
    for rows, squared in squared_distances(flat(a), flat(b)):
        index[rows] = squared.argmin(axis=1)
        distance[rows] = np.sqrt(squared.min(axis=1))
    return index, distance


def reach(x: np.ndarray, k: int) -> np.ndarray:
    """Return for each row of x (N, values) the squared distance to its k-th nearest other row, (N,)."""
    radii = np.empty(len(x), dtype=np.float32)
    for rows, squared in squared_distances(x, x):
        radii[rows] = np.partition(squared, k, axis=1)[:, k]    # number 0 is the row itself
    return radii
