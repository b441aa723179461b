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
    return halves(real, fake).halves


class LeftOut(NamedTuple):
    """Both halves, and each without each group of fakes, (groups,); None without groups."""

    halves: Halves
    real_without: np.ndarray | None = None
    fake_without: np.ndarray | None = None


def halves(real: np.ndarray, fake: np.ndarray, group: np.ndarray | None = None) -> LeftOut:
    """Return `nearest_neighbour_accuracy`, and the same without each group of fakes.

    group: that of each fake, (M,).
    """
    both = flat(np.concatenate([real, fake]))
    is_real = np.arange(len(both)) < len(real)
    correct = np.empty(len(both), dtype=bool)
    fake_is_nearer = []
    for rows, squared in squared_distances(both, both):
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf  # itself
        correct[rows] = is_real[squared.argmin(axis=1)] == is_real[rows]
        if group is not None:
            nearest_real = squared[:, is_real].min(axis=1, keepdims=True)
            fake_is_nearer.append(_without_each(squared[:, ~is_real], group) < nearest_real)
    found = Halves(float(correct[is_real].mean()), float(correct[~is_real].mean()))
    if group is None:
        return LeftOut(found)
    nearer = np.concatenate(fake_is_nearer)
    counted = group[:, None] != np.arange(nearer.shape[1])
    of_fakes = (nearer[~is_real] & counted).sum(axis=0) / counted.sum(axis=0)
    return LeftOut(found, 1 - nearer[is_real].mean(axis=0), of_fakes)


def _without_each(squared: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the least of each row of squared (N, M) outside of each group of columns, (N, groups).

    A single group leaves nothing: infinity.
    """
    order = np.argsort(group, kind='stable')
    starts = np.searchsorted(group[order], np.arange(group.max() + 1))
    least = np.minimum.reduceat(squared[:, order], starts, axis=1)
    first = least.argmin(axis=1)
    rows = np.arange(len(least))
    others = np.repeat(least[rows, first][:, None], least.shape[1], axis=1)
    least[rows, first] = np.inf
    others[rows, first] = least.min(axis=1)
    return others


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
        return float(self.is_copy.mean())

    @property
    def is_copy(self) -> np.ndarray:
        """Whether each sample is a copy, (N,)."""
        return self.closeness < COPY


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
