"""The kernel distance between two sets of features: unbiased, and with its standard error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import InputError

BLOCKS = 10


class KernelDistance(NamedTuple):
    """An estimate of the squared distance, and its standard error.

    The estimate is 0 on average for two sets of the same source, so it may be negative.
    """

    value: float
    error: float


def kernel_distance(a: np.ndarray, b: np.ndarray, *, blocks: int = BLOCKS) -> KernelDistance:
    """Return the squared maximum mean discrepancy of features (N, D) and (M, D).

    The kernel is k(x, y) = (x·y / D + 1)³, as in KID (Bińkowski et al. 2018, arXiv 1801.01401). The
    value is the mean over equal blocks that share no sample; the error is the standard error of
    that mean. Features must be in random order.
    Raises InputError for fewer than two samples per block.

    >>> random = np.random.RandomState(0)
    >>> a, b, c = random.standard_normal((3, 500, 8))
    >>> value, error = kernel_distance(a, b)
    >>> abs(value) < 3 * error  # two sets of the same source
    True
    >>> kernel_distance(a, c + 1).value > 10 * error
    True
    """
    return kernel_blocks(a, b, blocks=blocks).distance()


class KernelBlocks(NamedTuple):
    """The distance in each block (blocks,), and what each of `a` adds to their mean (N,).

    Another sample in its place changes the distance by the difference of the two, over N.
    """

    values: np.ndarray
    parts: np.ndarray

    def distance(self) -> KernelDistance:
        """Return the mean over the blocks, and its standard error."""
        error = np.std(self.values, ddof=1) / np.sqrt(len(self.values))
        return KernelDistance(float(np.mean(self.values)), float(error))


def kernel_blocks(a: np.ndarray, b: np.ndarray, *, blocks: int = BLOCKS) -> KernelBlocks:
    """Return what `kernel_distance` is made of."""
    least = min(len(a), len(b))
    size = least // blocks
    if size < 2:
        raise InputError(
            f'{least} samples: are too few for the kernel distance; must be at least {2 * blocks}'
        )
    a, b = a.astype(np.float64), b.astype(np.float64)
    values, parts = [], []
    for start in range(0, blocks * size, size):
        value, of_samples = _unbiased(a[start : start + size], b[start : start + size])
        values.append(value)
        parts.append(of_samples)
    return KernelBlocks(np.array(values), np.concatenate(parts))


def _unbiased(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the squared distance, and what each of x (N, D) adds to it."""
    of_x, between = _kernel(x, x), _kernel(x, y)
    within = _off_diagonal_mean(of_x) + _off_diagonal_mean(_kernel(y, y))
    to_x = (of_x.sum(axis=1) - np.diagonal(of_x)) / (len(x) - 1)
    return within - 2 * float(between.mean()), 2 * (to_x - between.mean(axis=1))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _off_diagonal_mean(k: np.ndarray) -> float:
    return float((k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)))
