"""Nearest neighbours: can samples be told from data by them, and are they copies of what G was trained on?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .distances import Rows, flat, nearest, squared_distances


class Halves(NamedTuple):
    """1-NN accuracy on each half, 0.5 where the sets cannot be told apart; their mean hides a set of noise (0.998, 0.064)."""

    real: float
    fake: float


def nearest_neighbour_accuracy(real: np.ndarray, fake: np.ndarray) -> Halves:
    """Return the share of real, and of fake, samples whose nearest other sample is of their own kind.

    A two-sample test (Lopez-Paz and Oquab 2017, arXiv 1610.06545) by leave-one-out; equally large sets (N, ...).
    """
    both = flat(np.concatenate([real, fake]))
    is_real = np.arange(len(both)) < len(real)
    right = np.empty(len(both), dtype=bool)
    for rows, squared in squared_distances(both, both):
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf  # itself
        right[rows] = is_real[squared.argmin(axis=1)] == is_real[rows]
    return Halves(float(right[is_real].mean()), float(right[~is_real].mean()))


class Memory(NamedTuple):
    """For each sample the nearest training sample, its distance, and that over the nearest one's own: (N,) each. A copy has 0.

    copies: the share of samples whose closeness is below 0.5.
    """

    index: np.ndarray
    distance: np.ndarray
    closeness: np.ndarray

    @property
    def copies(self) -> float:
        """The share of samples less than half as far from a training sample as that is from its nearest fellow, in [0, 1]."""
        return float((self.closeness < 0.5).mean())


def memory(samples: np.ndarray, train: Rows) -> Memory:
    """Return which training sample (M, ...) each sample (N, ...) is nearest to, and how near.

    The yardstick is local, as in Alaa et al. 2022 (arXiv 2102.08921): ones lie close to each other, and are no copies for that.
    """
    index, distance = nearest(samples, train)
    met, place = np.unique(index, return_inverse=True)
    _, apart = nearest(train[met], train, other_than=met)
    return Memory(index, distance, distance / np.maximum(apart[place], 1e-6))
