"""How different samples are from each other: what sinks first when a generator collapses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .distances import flat, squared_distances

ALIKE = 1e-4  # of the data's own pairs are at most this near


class Pairs(NamedTuple):
    """Distances within a set: their mean, and the squared distance that only the share ALIKE of all pairs lies below."""

    mean: float
    alike: float


def pairs(data: np.ndarray) -> Pairs:
    """Return the distances within a set of the data (N, ...)."""
    squared = _squared(data)
    return Pairs(float(np.sqrt(squared).mean()), float(np.quantile(squared, ALIKE)))


def _squared(x: np.ndarray) -> np.ndarray:
    x, upper = flat(x), []
    for rows, squared in squared_distances(x, x):
        upper += [squared[i, start + 1 :] for i, start in enumerate(range(rows.start, rows.stop))]
    return np.concatenate(upper)


class Diversity(NamedTuple):
    """How different samples are: spread, their mean distance over the data's, 1 is ideal; support, of how many pictures."""

    spread: float
    support: float


def diversity(samples: np.ndarray, data: Pairs) -> Diversity:
    """Return how different samples (N, ...) are from each other, measured by the data's own pairs.

    Support is by the birthday paradox (Arora and Zhang 2017, arXiv 1706.08224): S equally likely pictures make 1 / S of all
    pairs alike. Alike are pairs as near as 1 in 10,000 pairs of the data: it has a support of 10,000 itself, the most there is.
    """
    squared = _squared(samples)
    alike = max(float((squared <= data.alike).mean()), ALIKE)
    return Diversity(float(np.sqrt(squared).mean()) / max(data.mean, 1e-12), 1 / alike)
