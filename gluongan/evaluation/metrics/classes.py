"""What a classifier says about samples: which classes they cover, and how confident it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .leaving_out import REDRAWN, sums_without

# From this probability on a sample counts for its class. Noise is assigned to classes as well, but
# rarely with confidence.
SURE = 0.9
# A class is covered from this fraction of its share in the data on: the classifier's own errors put
# some samples in every class.
COVERED = 0.1


def classifier_score(probabilities: np.ndarray) -> float:
    """Return exp of the mean KL of each sample's probabilities (N, K) from their mean, 1 to K.

    This is the inception score (Salimans et al. 2016, arXiv 1606.03498) with another classifier and
    over all samples at once. It is high if each sample clearly belongs to one class and all classes
    are equally frequent. Copies of a few good samples score well too.

    >>> round(classifier_score(np.eye(4)), 6)  # four samples, each clearly of another class
    4.0
    >>> round(classifier_score(np.full((4, 4), 0.25)), 6)  # the classifier cannot decide
    1.0
    """
    p = probabilities.astype(np.float64)
    return float(np.exp(_kl(p, p.mean(axis=0)).mean()))


def _kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return (p * np.log(np.maximum(p, 1e-300) / np.maximum(q, 1e-300))).sum(axis=-1)


class Classes(NamedTuple):
    """Which of K classes a set of samples covers.

    shares: the share of samples that are confidently of each class, (K,).
    missing: the classes that are not covered. kl: KL of the class shares from uniform ones, nats.
    """

    shares: np.ndarray
    missing: list[int]
    kl: float


def classes(
    probabilities: np.ndarray,
    expected: np.ndarray | None = None,
    *,
    sure: float = SURE,
    covered: float = COVERED,
) -> Classes:
    """Return the classes that samples cover, by a classifier's probabilities (N, K).

    A class is missing if fewer samples than `covered` times its `expected` share (K,), by default
    1 / K, are confidently of it (probability >= sure). The KL counts every sample: from 0 for
    uniform shares to log K for a single class.

    >>> classes(np.eye(3)[[0, 0, 0, 1]]).missing
    [2]
    """
    count, k = probabilities.shape
    label = probabilities.argmax(axis=1)
    is_sure = probabilities.max(axis=1) >= sure
    shares = np.bincount(label[is_sure], minlength=k) / count
    kl = uniform_kl(np.bincount(label, minlength=k))
    return Classes(shares, missing_classes(shares, expected, covered), kl)


class ClassesWithout(NamedTuple):
    """What a classifier says of samples without each of their groups, (groups,) each.

    score: `classifier_score`. kl: that of Classes. seen: classes with at least one sample.
    """

    score: np.ndarray
    kl: np.ndarray
    seen: np.ndarray


def classes_without(probabilities: np.ndarray, group: np.ndarray) -> ClassesWithout:
    """Return numbers of `classes` and `classifier_score` without each group of samples (N,)."""
    p = probabilities.astype(np.float64)
    k, total = p.shape[1], group.max() + 1
    sums, left = sums_without(p, group)
    purities, _ = sums_without((p * np.log(np.maximum(p, 1e-300))).sum(axis=1), group)
    middle = sums / left[:, None]
    score = np.exp(purities / left - (middle * np.log(np.maximum(middle, 1e-300))).sum(axis=1))
    counts = np.bincount(group * k + p.argmax(axis=1), minlength=total * k).reshape(total, k)
    rest = counts.sum(axis=0) - counts
    return ClassesWithout(score, np.array([uniform_kl(of) for of in rest]), (rest > 0).sum(axis=1))


def redrawn_missing(
    shares: np.ndarray, count: int, expected: np.ndarray | None = None, *, draws: int = REDRAWN
) -> np.ndarray:
    """Return how many classes would be missing in other draws of `count` samples, (draws,).

    shares: of the samples that are confidently of each class, (K,). This is the bootstrap, which
    suits counts; without a few of the samples, the same classes are missing.
    """
    unsure = max(0.0, 1 - shares.sum())
    counts = np.random.RandomState(0).multinomial(count, [*shares, unsure], size=draws)
    return np.array([len(missing_classes(of[:-1] / count, expected)) for of in counts])


def missing_classes(
    shares: np.ndarray, expected: np.ndarray | None = None, covered: float = COVERED
) -> list[int]:
    """Return the classes whose share (K,) is less than `covered` times the expected one, or 1 / K.

    A class that is not expected, with a share of 0, is never missing.

    >>> missing_classes(np.array([0.96, 0.04])), missing_classes(np.array([0.96, 0.04, 0.0]))
    ([1], [2])
    >>> missing_classes(np.array([0.96, 0.04]), expected=np.array([0.9, 0.1]))
    []
    """
    if expected is None:
        expected = np.full(len(shares), 1 / len(shares))
    return [int(i) for i in np.flatnonzero(shares < covered * expected)]


def uniform_kl(counts: np.ndarray) -> float:
    """Return the KL of counts (K,) from uniform ones, in nats: 0 to log K.

    >>> uniform_kl(np.array([5, 5, 5]))
    0.0
    """
    shares = counts / counts.sum()
    return float(_kl(shares, np.full(len(shares), 1 / len(shares))))


def chance_above(a: np.ndarray, b: np.ndarray) -> float:
    """Return the probability that a value of a (N,) is above one of b (M,); ties count half.

    It is the area under the ROC curve.

    >>> chance_above(np.array([1.0, 3.0]), np.array([2.0]))
    0.5
    """
    b = np.sort(b)
    below = np.searchsorted(b, a, side='left')
    not_above = np.searchsorted(b, a, side='right')
    return float((below + not_above).mean() / (2 * len(b)))
