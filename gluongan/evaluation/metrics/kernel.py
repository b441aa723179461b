"""The kernel distance between two sets of features: unbiased, and with its standard error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BLOCKS = 10


class KernelDistance(NamedTuple):
    """An estimate of the squared distance, 0 on average for two sets of one source (so it may be negative), and its error."""

    value: float
    error: float


def kernel_distance(a: np.ndarray, b: np.ndarray, *, blocks: int = BLOCKS) -> KernelDistance:
    """Return the squared maximum mean discrepancy of features (N, D) and (M, D) under k(x, y) = (x·y / D + 1)³.

    As KID (Bińkowski et al. 2018, arXiv 1801.01401): the mean over equal blocks that share no sample, and the standard error of
    that mean over them. Take features in random order. Raises ValueError for fewer than two samples a block.
    """
    size = min(len(a), len(b)) // blocks
    if size < 2:
        raise ValueError(
            f'{min(len(a), len(b))} samples: {blocks} blocks need {2 * blocks} or more'
        )
    a, b = a.astype(np.float64), b.astype(np.float64)
    values = [
        _unbiased(a[i * size : (i + 1) * size], b[i * size : (i + 1) * size]) for i in range(blocks)
    ]
    return KernelDistance(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(blocks)))


def _unbiased(x: np.ndarray, y: np.ndarray) -> float:
    within = sum(_off_diagonal(_kernel(z, z)) for z in (x, y))
    return within - 2 * float(_kernel(x, y).mean())


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _off_diagonal(k: np.ndarray) -> float:
    return float((k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)))
