"""Number of statistically different bins: does each region of the data get its share of samples?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .distances import Rows, flat, squared_distances
from .leaving_out import REDRAWN, sums_without

BINS = 100
DIFFERENT = 3.0  # standard errors between two shares that count as different
ROUNDS = 10  # of k-means; more rounds change little
LEARNED = 20_000  # samples of the data that k-means learns from; all of the data is then counted
SEEDED = 1_000  # samples that k-means++ chooses from: SciPy's takes time quadratic in k


class Difference(NamedTuple):
    """How samples fill the bins of the data.

    different: the number of bins whose shares differ, 0 to K.
    divergence: the Jensen-Shannon divergence of the shares in nats, 0 to log 2.
    """

    different: int
    divergence: float


class Bins:
    """The data (N, ...) divided into k bins: each sample belongs to its nearest k-means centre.

    >>> data = np.repeat([0.0, 1.0], 500)[:, None]
    >>> bins = Bins(data, k=2)
    >>> bins.shares
    array([0.5, 0.5])
    >>> bins.compare(np.zeros((100, 1))).different  # every sample in one of the two bins
    2
    """

    def __init__(self, data: Rows, k: int = BINS, *, seed: int = 0) -> None:
        self._count = len(data)
        self.centres = centres(data, k, seed=seed)
        self.shares = self._shares(data)

    def _shares(self, x: Rows) -> np.ndarray:
        return np.bincount(self._bins(x), minlength=len(self.centres)) / len(x)

    def _bins(self, x: Rows) -> np.ndarray:
        """Return the bin of each of x, (N,)."""
        nearest = [squared.argmin(axis=1) for _, squared in squared_distances(x, self.centres)]
        return np.concatenate(nearest)

    def compare(self, samples: np.ndarray) -> Difference:
        """Return how the shares of samples (M, ...) differ from those of the data.

        A bin differs if the two shares are more than 3 standard errors apart in a test of two
        proportions (Richardson and Weiss 2018, arXiv 1805.12462).
        """
        return self._difference(self._shares(samples), len(samples))

    def divergences_without(self, samples: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Return the divergence without each group of samples, (groups,); group is (M,)."""
        in_bin = np.eye(len(self.centres))[self._bins(samples)]
        sums, counts = sums_without(in_bin, group)
        return np.array([jensen_shannon(self.shares, q) for q in sums / counts[:, None]])

    def redrawn_different(self, samples: np.ndarray, *, draws: int = REDRAWN) -> np.ndarray:
        """Return how many bins would differ in other draws of samples (M, ...), (draws,).

        This is the bootstrap, which suits counts: a sample that occurs twice is in its bin twice,
        and nothing else. Without a few of the samples, no bin would differ that does not already.
        """
        m = len(samples)
        counts = np.random.RandomState(0).multinomial(m, self._shares(samples), size=draws)
        return np.array([self._difference(q, m).different for q in counts / m])

    def _difference(self, q: np.ndarray, m: int) -> Difference:
        """Return how the shares q (K,) of m samples differ from those of the data."""
        n, p = self._count, self.shares
        pooled = (n * p + m * q) / (n + m)
        error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        differs = np.abs(p - q) > DIFFERENT * error
        return Difference(int(differs.sum()), jensen_shannon(p, q))


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """Return the Jensen-Shannon divergence of two distributions (K,), in nats, 0 to log 2.

    >>> jensen_shannon(np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    0.0
    >>> round(jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])), 4)  # log 2
    0.6931
    """
    middle = (p + q) / 2
    return (_kl(p, middle) + _kl(q, middle)) / 2


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    positive = p > 0
    return float((p[positive] * np.log(p[positive] / q[positive])).sum())


def centres(data: Rows, k: int, *, seed: int = 0) -> np.ndarray:
    """Return the k centres (k, values) of k-means on up to 20,000 random samples of the data.

    k-means++ (Arthur and Vassilvitskii 2007) chooses the initial centres from 1,000 of them.
    """
    from scipy.cluster.vq import kmeans2  # here, because the import takes a second

    # NumPy guarantees the stream of RandomState across its versions, but not that of default_rng.
    random = np.random.RandomState(seed)
    learned = flat(data[np.sort(random.permutation(len(data))[:LEARNED])])
    few = learned[random.permutation(len(learned))[:SEEDED]]
    initial, _ = kmeans2(few, k, iter=1, minit='++', seed=random)
    final, _ = kmeans2(learned, initial, iter=ROUNDS, minit='matrix')
    return final
