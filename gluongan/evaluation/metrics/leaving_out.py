"""How far metrics spread over draws of samples: each is computed again without some of them.

The usual bootstrap draws samples with replacement, so that some occur twice. A copy is its own
nearest neighbour at distance 0 and adds no variety: precision, recall, coverage, nearest-neighbour
tests, distinct images and Fréchet distances of such draws are all biased. Here no sample ever
occurs twice. Samples are divided into groups, and each group is left out in turn: the jackknife of
groups (Quenouille 1949; Tukey 1958; Shao and Wu 1989 for statistics that are not smooth).
For any metric of independent samples in no order the mean of its squared error is at least the
variance of the metric (Efron and Stein 1981, Annals of Statistics 9): intervals are on average too
wide rather than too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...errors import InputError

GROUPS = 50
REDRAWN = 200  # draws of the bootstrap
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """From where to where a number may be expected."""

    low: float
    high: float


def groups(count: int, labels: np.ndarray | None = None, *, most: int = GROUPS) -> np.ndarray:
    """Return the group of each of `count` samples, (N,): random groups of equal size within one.

    labels: the class that was asked for (N,); each group gets its share of every class, because
    another draw would have as many samples of each as this one. There are at most N groups.

    >>> np.bincount(groups(7, most=3))
    array([3, 2, 2])
    """
    order = np.random.RandomState(0).permutation(count)
    if labels is not None:
        order = order[np.argsort(labels[order], kind='stable')]
    group = np.empty(count, dtype=np.int64)
    group[order] = np.arange(count) % min(most, count)
    return group


def one_hot(group: np.ndarray) -> np.ndarray:
    """Return which group each sample is in as zeros and ones (N, groups), float32."""
    return np.eye(group.max() + 1, dtype=np.float32)[group]


def without_each(group: np.ndarray) -> Iterator[np.ndarray]:
    """Yield for each group which samples remain if it is left out, (N,) of booleans."""
    for number in range(group.max() + 1):
        yield group != number


def sums_without(values: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sums of values (N, ...) without each group (groups, ...), and how many remain.

    >>> sums, counts = sums_without(np.array([1.0, 2.0, 4.0]), np.array([0, 1, 1]))
    >>> sums, counts
    (array([6., 1.]), array([2, 1]))
    """
    order = np.argsort(group, kind='stable')
    sizes = np.bincount(group)
    starts = np.cumsum(sizes) - sizes
    sums = np.add.reduceat(values[order].astype(np.float64), starts, axis=0)
    return sums.sum(axis=0) - sums, len(group) - sizes


def jackknife_interval(value: float, replicates: np.ndarray) -> Interval:
    """Return the interval around a metric, by its values without each of the groups (groups,).

    >>> x = np.random.RandomState(0).standard_normal(1_000)
    >>> sums, counts = sums_without(x, groups(len(x)))
    >>> low, high = jackknife_interval(x.mean(), sums / counts)
    >>> 1.7 < (high - low) / 2 * len(x)**0.5 < 2.3  # about 1.96 standard deviations of a mean
    True
    """
    count = len(replicates)
    squares = np.square(replicates - np.mean(replicates)).sum()
    error = float(np.sqrt((count - 1) / count * squares))
    return _around(value, error, count - 1)


def bootstrap_interval(value: float, redrawn: np.ndarray) -> Interval:
    """Return the interval around a metric, by its values for redrawn samples (draws,).

    Only their spread counts: their mean has a bias, because what was drawn is drawn from again.
    """
    return _around(value, float(np.std(redrawn, ddof=1)), len(redrawn) - 1)


def mean_interval(value: float, parts: np.ndarray) -> Interval:
    """Return the interval around a metric that changes like the mean of one part (N,) a sample."""
    error = float(np.std(parts, ddof=1, dtype=np.float64) / np.sqrt(len(parts)))
    return _around(value, error, len(parts) - 1)


def _around(value: float, error: float, freedom: int) -> Interval:
    from scipy.special import stdtrit  # here, because the import takes a while

    reach = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return Interval(value - reach, value + reach)


def share_interval(hits: np.ndarray) -> Interval:
    """Return the interval around the share of samples that are hits (N,) of booleans.

    Raises InputError for no samples.

    >>> low, high = share_interval(np.zeros(100, dtype=bool))
    >>> low, round(high, 3)
    (0.0, 0.037)
    """
    if not len(hits):
        raise InputError('0 samples: must be at least 1 for a share to have an interval')
    return wilson_interval(float(np.mean(hits)), len(hits))


def wilson_interval(share: float, count: int) -> Interval:
    """Return the interval around a share of `count` independent things.

    It is Wilson's (1927, Journal of the American Statistical Association 22), which is right at the
    ends as well: no hit among 100 does not mean that there are none.
    """
    from scipy.special import ndtri

    z = float(ndtri((1 + CONFIDENCE) / 2))
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    low = 0.0 if share == 0 else float(middle - reach)
    high = 1.0 if share == 1 else float(middle + reach)
    return Interval(low, high)


def pair_share_interval(parts: np.ndarray) -> Interval:
    """Return the interval around the share of all pairs of samples that have a property.

    parts: for each sample the share of the others that it makes such a pair with, (N,). Each pair
    is of two samples, so that both move the share. Where hardly any pair has it, it is as uncertain
    as for independent pairs, at least.
    """
    share = float(parts.mean())
    low, high = mean_interval(share, 2 * parts)
    pairs = len(parts) * (len(parts) - 1) // 2
    least = wilson_interval(share, pairs)
    return Interval(min(low, least.low), max(high, least.high))
