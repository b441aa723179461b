"""Nearest neighbours: do they tell samples from data, and are samples copies of training data?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .distances import Rows, flat, nearest, squared_distances

COPY = 0.5  # below this closeness a sample counts as a copy


class Halves(NamedTuple):
    """1-NN accuracy on each half, 0.5 if the sets cannot be told apart.

    Their mean alone would hide a set of noise, whose halves are (0.998, 0.064).
    """

    real: float
    fake: float


def nearest_neighbour_accuracy(real: np.ndarray, fake: np.ndarray) -> Halves:
    """Return the share of real, and of fake, samples whose nearest other sample is of their kind.

    It is the two-sample test of Lopez-Paz and Oquab 2017 (arXiv 1610.06545), leave-one-out. Both
    sets (N, ...) must be equally large.

    >>> real = np.array([[0.0], [2.0], [4.0]])
    >>> nearest_neighbour_accuracy(real, real + 0.1)
    Halves(real=0.0, fake=0.0)
    >>> nearest_neighbour_accuracy(real, real + 99)
    Halves(real=1.0, fake=1.0)
    """
    both = flat(np.concatenate([real, fake]))
    is_real = np.arange(len(both)) < len(real)
    correct = np.empty(len(both), dtype=bool)
    for rows, squared in squared_distances(both, both):
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf  # itself
        correct[rows] = is_real[squared.argmin(axis=1)] == is_real[rows]
    return Halves(float(correct[is_real].mean()), float(correct[~is_real].mean()))


class Memory(NamedTuple):
    """The training sample nearest to each sample, (N,) each.

    index: which one it is. distance: how far away it is. closeness: that distance divided by the
    training sample's distance to its own nearest neighbour; an exact copy has 0.
    """

    index: np.ndarray
    distance: np.ndarray
    closeness: np.ndarray

    @property
    def copies(self) -> float:
        """The share of samples whose closeness is below 0.5, in [0, 1]."""
        return float((self.closeness < COPY).mean())


def memory(samples: np.ndarray, train: Rows) -> Memory:
    """Return the training sample (M, ...) nearest to each sample (N, ...), and how near it is.

    Distances are relative to local ones, as in Alaa et al. 2022 (arXiv 2102.08921): handwritten
    ones are all close to each other, and that alone does not make them copies.

    >>> train = np.array([[0.0], [1.0], [5.0]])
    >>> result = memory(np.array([[0.1], [3.0]]), train)
    >>> result.index, result.copies
    (array([0, 1]), 0.5)
    """
    index, distance = nearest(samples, train)
    originals, position = np.unique(index, return_inverse=True)
    _, apart = nearest(train[originals], train, other_than=originals)
    return Memory(index, distance, distance / np.maximum(apart[position], 1e-6))
