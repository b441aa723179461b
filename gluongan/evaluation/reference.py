"""Reference: the data's side of every measurement, each part of it computed once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from . import metrics
from .metrics.distances import flat, reach

if TYPE_CHECKING:
    from ..data import Dataset
    from .classifier import Judge, Judgement

MOST = 30_000  # pictures of the data that samples are held against


class Floats:
    """Pictures of a data set in [0, 1], made only when they are asked for: as floats, not all may fit into the memory."""

    def __init__(self, data: Dataset) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: Any) -> np.ndarray:
        return self._data.floats(index)


class Reference:
    """What samples of a data set are held against: its test images where it has some, else the training ones, in random order.

    `split` says which: metrics carry it in their names. (The first half of MNIST's test set is cleaner than the second, so no
    part of it may stand for all.) judge: what their features and classes are seen by, if there is one.
    """

    def __init__(
        self, train: Dataset, test: Dataset | None = None, judge: Judge | None = None
    ) -> None:
        held = test or train
        if judge is not None:
            judge.check(held.shape)
        self.train, self.judge, self.split = train, judge, held.split
        order = np.random.RandomState(0).permutation(len(held))[:MOST]
        self.images = held.floats(order)
        self.labels = None if held.labels is None else held.labels[order]
        self._radii: dict[tuple[int, int], np.ndarray] = {}

    @property
    def net(self) -> str:
        """The name of the judge's network, which the names of its metrics begin with."""
        return self.judge.about.net

    @cached_property
    def judged(self) -> Judgement:
        """What the judge makes of the images."""
        return self.judge(self.images)

    @cached_property
    def moments(self) -> metrics.Moments:
        """Mean and covariance of the images' features."""
        return metrics.moments(self.judged.features)

    @cached_property
    def bins(self) -> metrics.Bins:
        """The training images, cut into bins."""
        return metrics.Bins(Floats(self.train))

    @cached_property
    def pairs(self) -> metrics.Pairs:
        """The distances between 2,000 of the images."""
        return metrics.pairs(self.images[:2_000])

    @cached_property
    def sharpness(self) -> float:
        """That of the images."""
        return metrics.sharpness(self.images)

    def radii(self, count: int, k: int) -> np.ndarray:
        """Return the squared distance from each of the first `count` images to its k-th neighbour among them."""
        if (count, k) not in self._radii:
            self._radii[count, k] = reach(flat(self.images[:count]), k)
        return self._radii[count, k]
