"""Statistically different bins: does each region of the data get its share of the samples?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .distances import Rows, flat, squared_distances

DIFFERENT = 3.0  # standard errors
ROUNDS = 10  # of k-means: later ones move little
LEARNED = 20_000  # samples of the data that the centres are found by; all of it is then counted


class Difference(NamedTuple):
    """How samples fill the bins of the data: number of bins that differ, 0 to K, and Jensen-Shannon divergence, 0 to log 2."""

    different: int
    divergence: float


class Bins:
    """The data (N, ...) cut into K regions, each nearest to one centre of k-means, with the data's share in each."""

    def __init__(self, data: Rows, k: int = 100, *, seed: int = 0) -> None:
        self._counts_from = len(data)
        self.centres = centres(data, k, seed=seed)
        self.shares = self._shares(data)

    def _shares(self, x: Rows) -> np.ndarray:
        places = [squared.argmin(axis=1) for _, squared in squared_distances(x, self.centres)]
        return np.bincount(np.concatenate(places), minlength=len(self.centres)) / len(x)

    def compare(self, samples: np.ndarray) -> Difference:
        """Return how samples (M, ...) differ from the data in their shares (Richardson and Weiss 2018, arXiv 1805.12462).

        A bin differs where the two shares are more than 3 standard errors apart, by the test of two proportions.
        """
        p, q = self.shares, self._shares(samples)
        pooled = (self._counts_from * p + len(samples) * q) / (self._counts_from + len(samples))
        error = np.sqrt(pooled * (1 - pooled) * (1 / self._counts_from + 1 / len(samples)))
        return Difference(int((np.abs(p - q) > DIFFERENT * error).sum()), jensen_shannon(p, q))


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """Return the Jensen-Shannon divergence of two distributions (K,), in nats, 0 to log 2."""
    middle = (p + q) / 2
    return float(sum((x[x > 0] * np.log(x[x > 0] / middle[x > 0])).sum() for x in (p, q)) / 2)


def centres(data: Rows, k: int, *, seed: int = 0) -> np.ndarray:
    """Return the k centres (k, values) of k-means on up to 20,000 random samples of the data, seeded by k-means++."""
    from scipy.cluster.vq import kmeans2  # here, because it takes a second to import

    draw = np.random.RandomState(seed)  # its stream is promised to stay, that of default_rng is not
    chosen = flat(data[np.sort(draw.permutation(len(data))[:LEARNED])])
    return kmeans2(chosen, _spread_out(chosen, k, draw), iter=ROUNDS, minit='matrix')[0]


def _spread_out(x: np.ndarray, k: int, draw: np.random.RandomState) -> np.ndarray:
    """Return k rows of x, each drawn with a chance as its squared distance to those before (Arthur and Vassilvitskii 2007)."""
    chosen = [int(draw.randint(len(x)))]
    far = np.full(len(x), np.inf)
    while len(chosen) < k:
        newest = np.concatenate(
            [squared[:, 0] for _, squared in squared_distances(x, x[chosen[-1:]])]
        )
        far = np.minimum(far, newest)
        chosen.append(int(draw.choice(len(x), p=far / far.sum())))
    return x[chosen]
