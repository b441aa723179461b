"""How different samples are from each other. This falls first when a generator collapses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import InputError
from .distances import flat, squared_distances

ALIKE = 1e-4  # the share of the data's own pairs that count as alike


class Pairs(NamedTuple):
    """Distances between the samples of one set.

    mean: their mean. alike: the squared distance below which the share ALIKE of all pairs lies.
    """

    mean: float
    alike: float


def pairs(data: np.ndarray) -> Pairs:
    """Return the distances between the samples of a set (N, ...).

    Raises InputError for fewer than 2 samples.
    """
    squared = _squared(data)
    return Pairs(float(np.sqrt(squared).mean()), float(np.quantile(squared, ALIKE)))


def _squared(x: np.ndarray) -> np.ndarray:
    """Return the squared distances of all pairs of x, each pair once."""
    if len(x) < 2:
        raise InputError(f'{len(x)} samples: must be at least 2 to have distances')
    x = flat(x)
    parts = []
    for rows, squared in squared_distances(x, x):
        for number, distances in zip(range(rows.start, rows.stop), squared):
            parts.append(distances[number + 1 :])
    return np.concatenate(parts)


class Diversity(NamedTuple):
    """How different samples are from each other.

    spread: their mean distance divided by that of the data; 1 is ideal.
    support: an estimate of the number of distinct images, at most 1 / ALIKE.
    """

    spread: float
    support: float


def diversity(samples: np.ndarray, data: Pairs) -> Diversity:
    """Return how different samples (N, ...) are from each other, relative to pairs of the data.

    Support uses the birthday paradox (Arora and Zhang 2017, arXiv 1706.08224): if all samples are
    one of S equally likely images, a share of 1 / S of all pairs is alike. Two samples are alike if
    they are as close as the closest 1 in 10,000 pairs of the data, so that 10,000 is the maximum.

    >>> data = pairs(np.arange(200.0)[:, None])
    >>> samples = np.repeat([0.0, 100.0], 50)[:, None]  # two distinct values
    >>> round(diversity(samples, data).support)
    2
    """
    squared = _squared(samples)
    alike = max(float((squared <= data.alike).mean()), ALIKE)
    spread = float(np.sqrt(squared).mean()) / max(data.mean, 1e-12)
    return Diversity(spread, 1 / alike)


class DiversityParts(NamedTuple):
    """What each sample adds to the numbers of a Diversity, (N,): means over its own pairs.

    distance: its mean distance to the others. alike: the share of the others that are alike.
    """

    distance: np.ndarray
    alike: np.ndarray


def diversity_parts(samples: np.ndarray, data: Pairs) -> DiversityParts:
    """Return what each of the samples (N, ...) adds to `diversity`."""
    x = flat(samples)
    distance, alike = np.empty(len(x)), np.empty(len(x))
    for rows, squared in squared_distances(x, x):
        itself = np.arange(len(squared)), np.arange(rows.start, rows.stop)
        squared[itself] = 0
        is_alike = squared <= data.alike
        is_alike[itself] = False
        distance[rows] = np.sqrt(squared, out=squared).sum(axis=1)
        alike[rows] = is_alike.sum(axis=1)
    return DiversityParts(distance / (len(x) - 1), alike / (len(x) - 1))
