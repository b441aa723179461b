"""95 % intervals of metrics: how far another draw of as many samples would move each number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..metric_names import metric_stem
from . import metrics
from .metrics import Interval

if TYPE_CHECKING:
    from .samples import Samples

# Stems of shares, which lie in [0, 1]; other metrics are at least 0, but for those in LEAST.
SHARES = (
    *('precision', 'recall', 'coverage', 'nn_real', 'nn_fake', 'copies'),
    *('asked', 'sure', 'share', 'good', 'accuracy'),
)
LEAST = {'kd': -np.inf, 'score': 1.0}


class Intervals:
    """The intervals of metrics by name, collected while the metrics are measured.

    An interval holds the mean of its metric over all draws of as many samples from the same
    generator, beside the same data and judge, for 95 % of draws. It says nothing of another
    generator, such as one of another seed of training.

    >>> intervals = Intervals()
    >>> intervals.of_share('pixel_copies100_train', np.arange(100) < 50)
    >>> [round(end, 2) for end in intervals.found['pixel_copies100_train']]
    [0.4, 0.6]
    """

    def __init__(self) -> None:
        self.found: dict[str, Interval] = {}

    def add(self, name: str, interval: Interval, *, most: float = np.inf) -> None:
        """Add an interval, cut to what the metric can be. most: its highest value, if not 1."""
        stem = metric_stem(name)
        low, high = LEAST.get(stem, 0.0), 1.0 if stem in SHARES else most
        self.found[name] = Interval(*(float(min(max(end, low), high)) for end in interval))

    def of_share(self, name: str, hits: np.ndarray) -> None:
        """Add the interval of the share of independent samples that are hits, (N,) of booleans."""
        self.add(name, metrics.share_interval(hits))

    def of_mean(self, name: str, value: float, parts: np.ndarray) -> None:
        """Add the interval of a metric that changes like the mean of one part (N,) a sample."""
        self.add(name, metrics.mean_interval(value, parts))

    def of_groups(
        self, name: str, value: float, without: np.ndarray, *, most: float = np.inf
    ) -> None:
        """Add the interval of a metric, by its values without each group of samples, (groups,)."""
        self.add(name, metrics.jackknife_interval(value, without), most=most)

    def of_redraws(
        self, name: str, value: float, redrawn: np.ndarray, *, most: float = np.inf
    ) -> None:
        """Add the interval of a metric, by its values for redrawn samples (draws,)."""
        self.add(name, metrics.bootstrap_interval(value, redrawn), most=most)


def groups_of(samples: Samples, count: int) -> np.ndarray:
    """Return the group of each of the first `count` samples, (count,)."""
    labels = None if samples.labels is None else samples.labels[:count]
    return metrics.groups(count, labels)
