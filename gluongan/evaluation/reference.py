"""Reference: the data that samples are compared with. What metrics need of it is computed once."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..data.dataset import Floats
from ..data.description import digests
from ..metric_names import judge_space
from . import metrics
from .metrics.distances import flat, in_blocks, squared_radii

if TYPE_CHECKING:
    from ..data import Dataset
    from .classifier import Judge, Judgement

MOST = 30_000  # images of the data that samples are compared with, at most
PAIRS = 2_000  # images whose pairs measure the diversity of the data


class Reference:
    """The data that samples are compared with, in random order.

    That is the test images, or the training images if there are no test images. `split` says
    which, and the names of metrics contain it; `is_held_out` says whether there are test images.
    (The order is random because the first half of the
    MNIST test set is cleaner than the second, and no part of it is like the whole.)

    judge: what computes features, and classes if it has any; None where there is none.
    images: at most 30,000 of them, converted to floats only when they are read.

    >>> from gluongan import data
    >>> train = data.load('synthetic', image_size=8)
    >>> reference = Reference(train, data.load('synthetic', split='test', image_size=8))
    >>> reference.split, reference.images.shape == (len(reference.labels), 1, 8, 8)
    ('test', True)
    >>> Reference(train).split
    'train'
    """

    def __init__(
        self, train: Dataset, test: Dataset | None = None, judge: Judge | None = None
    ) -> None:
        compared = test or train
        if judge is not None:
            judge.check(compared.shape)
        self.train = train
        self.judge = judge
        self.split = compared.split
        self.is_held_out = test is not None
        order = np.random.RandomState(0).permutation(len(compared))[:MOST]
        self.images = Floats(compared, order)
        self.labels = None if compared.labels is None else compared.labels[order]
        self._radii: dict[tuple[int, int, bool], np.ndarray] = {}

    @cached_property
    def space(self) -> str:
        """What the metrics of the judge's features begin with, see `metric_names.judge_space`."""
        from .classifier import is_shipped_for  # here, because it imports MXNet

        is_shipped = is_shipped_for(self.judge, self.train)
        return judge_space(self.judge.about.net, None if is_shipped else self.judge.sha256)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes that metrics count: those of the judge, if it has any."""
        if self.judge is None or not self.judge.about.has_classes:
            return self.train.classes
        return self.judge.about.classes

    @property
    def judge_of(self) -> str | None:
        """The data whose classes metrics count where it is other data than this, else None."""
        return self.judge.about.data if self.classes != self.train.classes else None

    @cached_property
    def class_shares(self) -> np.ndarray | None:
        """The share of each class that metrics count in the data (K,); None where nobody knows.

        Classes of a judge of other data are those that it sees in the images: the share of those
        that it hardly ever sees is 0.
        """
        if self.judge_of is not None:
            shares = metrics.classes(self.judgement.probabilities).shares
            return np.where(shares < metrics.COVERED / len(shares), 0, shares)
        if self.train.labels is None:
            return None
        return np.bincount(self.train.labels, minlength=len(self.classes)) / len(self.train)

    @cached_property
    def sha256(self) -> str:
        """The hash of the images, which says which data they are."""
        digest = hashlib.sha256()
        for _, block in in_blocks(self.images):
            digest.update(block)
        return digest.hexdigest()

    @cached_property
    def judgement(self) -> Judgement:
        """Features of the images by the judge, and class probabilities if it has classes."""
        return self.judge(self.images)

    @cached_property
    def moments(self) -> metrics.Moments:
        """Mean and covariance of the images' features."""
        return metrics.moments(self.judgement.features)

    @cached_property
    def distinct(self) -> int:
        """How many different training images there are."""
        return len(digests(self.train.samples))

    @cached_property
    def bins(self) -> metrics.Bins:
        """The training images, divided into bins."""
        return metrics.Bins(Floats(self.train))

    @cached_property
    def pairs(self) -> metrics.Pairs:
        """The distances between 2,000 of the images."""
        return metrics.pairs(self.images[:PAIRS])

    @cached_property
    def sharpness(self) -> float:
        """The sharpness of the images."""
        return metrics.sharpness(self.images)

    def squared_radii(self, count: int, k: int, *, of_features: bool = False) -> np.ndarray:
        """Return the squared distance from each of the first `count` images to its k-th neighbour.

        Neighbours are those among the same `count` images. Distances are of pixels, or of the
        judge's features.
        """
        key = count, k, of_features
        if key not in self._radii:
            x = self.judgement.features if of_features else self.images
            self._radii[key] = squared_radii(flat(x[:count]), k)
        return self._radii[key]
