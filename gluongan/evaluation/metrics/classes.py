"""What a classifier's probabilities tell of a set of samples: how sure it is, and which classes are there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SURE = 0.9  # probability from which on a sample counts for its class: noise is given classes too, but seldom surely
THERE = 0.1  # of the class's even share, from which on it counts as covered: a classifier's errors alone make some of each


def classifier_score(probabilities: np.ndarray) -> float:
    """Return exp of the mean KL of each sample's probabilities (N, K) from their mean: 1, the worst, to K, the best.

    The inception score (Salimans et al. 2016, arXiv 1606.03498) by another classifier, over all samples at once: high where
    each sample is surely of one class, and all classes come equally often. Copies of a few good samples score well too.
    """
    p = probabilities.astype(np.float64)
    return float(np.exp(_kl(p, p.mean(axis=0)).mean()))


def _kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return (p * np.log(np.maximum(p, 1e-300) / np.maximum(q, 1e-300))).sum(axis=-1)


class Classes(NamedTuple):
    """Which of K classes are there: the share of samples surely of each (K,), those missing, the KL from even shares (nats)."""

    shares: np.ndarray
    missing: list[int]
    kl: float


def classes(probabilities: np.ndarray, *, sure: float = SURE, there: float = THERE) -> Classes:
    """Return the classes that samples cover, by a classifier's probabilities (N, K).

    A class is missing where samples surely of it (probability >= sure) are fewer than `there` of an even share, N / K. The KL
    counts every sample: 0 for even shares to log K for a single class.
    """
    count, k = probabilities.shape
    label, is_sure = probabilities.argmax(axis=1), probabilities.max(axis=1) >= sure
    shares = np.bincount(label[is_sure], minlength=k) / count
    return Classes(shares, absent(shares, there), uniform_kl(np.bincount(label, minlength=k)))


def absent(shares: np.ndarray, there: float = THERE) -> list[int]:
    """Return the classes whose share (K,) is less than `there` of an even one."""
    return [int(i) for i in np.flatnonzero(shares < there / len(shares))]


def uniform_kl(counts: np.ndarray) -> float:
    """Return the KL of counts (K,) from even ones, in nats: 0 to log K."""
    shares = counts / counts.sum()
    return float(_kl(shares, np.full(len(shares), 1 / len(shares))))


def chance_above(a: np.ndarray, b: np.ndarray) -> float:
    """Return the chance that a value of a (N,) is above one of b (M,), ties counted half: the area under the ROC curve."""
    b = np.sort(b)
    return float(
        (np.searchsorted(b, a, side='left') + np.searchsorted(b, a, side='right')).mean()
        / (2 * len(b))
    )
