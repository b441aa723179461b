"""Fidelity and variety as separate numbers: precision and density, recall and coverage."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import InputError
from .distances import flat, nearest_rows, squared_distances, squared_radii
from .leaving_out import one_hot

# Neighbours beyond the k-th that are looked at for one that is not left out.
SPARE = 16


class Manifold(NamedTuple):
    """How samples and data overlap: precision and density for fidelity, the others for variety.

    Density may exceed 1, the others may not. Two sets of equal size and of the same source have a
    precision and a recall near 0.95, density 1, and coverage 1 - 2^-k, 0.97 for k = 5.
    """

    precision: float
    recall: float
    density: float
    coverage: float


class Overlap(NamedTuple):
    """What the numbers of a Manifold are made of.

    balls: how many balls of the data each fake lies in, (M,). k: the neighbours of a radius.
    recall, coverage: the shares of the data.
    recall_without, coverage_without: the same without each group of fakes, (groups,); None where
    fakes have no groups.
    """

    balls: np.ndarray
    k: int
    recall: float
    coverage: float
    recall_without: np.ndarray | None = None
    coverage_without: np.ndarray | None = None

    def manifold(self) -> Manifold:
        """Return the four numbers."""
        precision = float((self.balls > 0).mean())
        return Manifold(precision, self.recall, float(self.balls.mean() / self.k), self.coverage)


def manifold(
    real: np.ndarray, fake: np.ndarray, *, k: int = 5, radii: np.ndarray | None = None
) -> Manifold:
    """Return precision, recall, density and coverage of fake (M, ...) against real (N, ...).

    A ball around each real sample reaches to its k-th nearest real neighbour. Precision is the
    share of fakes that lie in at least one ball, density the mean number of balls around a fake
    divided by k, and coverage the share of balls that hold a fake. Recall is precision with the
    roles exchanged. Precision, recall: Kynkäänniemi et al. 2019, arXiv 1904.06991. Density,
    coverage: Naeem et al. 2020, arXiv 2002.09797.

    radii: `squared_radii(real, k)`, if it is known already.
    Raises InputError for sets of k samples or fewer.

    >>> real = np.arange(20.0)[:, None]
    >>> manifold(real, real[:10], k=1)  # samples like the data, but of one half of it
    Manifold(precision=1.0, recall=0.5, density=1.0, coverage=0.5)
    """
    return overlap(real, fake, k=k, radii=radii).manifold()


def overlap(
    real: np.ndarray,
    fake: np.ndarray,
    *,
    k: int = 5,
    radii: np.ndarray | None = None,
    group: np.ndarray | None = None,
) -> Overlap:
    """Return what `manifold` is made of.

    group: the group of each fake (M,), to compute recall and coverage without each of them as well.
    Raises InputError for sets of k samples or fewer.
    """
    real, fake = flat(real), flat(fake)
    if min(len(real), len(fake)) <= k:
        raise InputError(
            f'{len(real)} and {len(fake)} samples: are too few for {k} neighbours each; '
            f'must be at least {k + 1} of both'
        )
    real_radii = squared_radii(real, k) if radii is None else radii
    leaving_out = None if group is None else _LeavingOut(fake, k, group)
    fake_radii = squared_radii(fake, k) if leaving_out is None else leaving_out.radii
    balls = np.zeros(len(fake), dtype=np.int64)
    recalled = covered = 0
    for rows, squared in squared_distances(real, fake):
        inside = squared < real_radii[rows, None]
        reached = squared < fake_radii
        balls += inside.sum(axis=0)
        covered += int(inside.any(axis=1).sum())
        recalled += int(reached.any(axis=1).sum())
        if leaving_out is not None:
            leaving_out.count(squared, inside, reached)
    n = len(real)
    if leaving_out is None:
        return Overlap(balls, k, recalled / n, covered / n)
    without = leaving_out.recalled / n, leaving_out.covered / n
    return Overlap(balls, k, recalled / n, covered / n, *without)


class _LeavingOut:
    """Counts how much of the data fakes recall and cover without each of their groups.

    radii: the squared distance from each fake to its k-th nearest other fake, (M,).
    recalled, covered: how many of the real samples so far, (groups,).
    """

    def __init__(self, fake: np.ndarray, k: int, group: np.ndarray) -> None:
        squared, index = nearest_rows(fake, min(len(fake), k + 1 + SPARE))
        self.radii = squared[:, k]  # number 0 is the fake itself
        self._in_group = one_hot(group)
        self._wider = []  # for each group: fakes outside of it that it is a near neighbour of
        for number in range(group.max() + 1):
            remaining = (group[index] != number).cumsum(axis=1)
            columns = np.flatnonzero((remaining[:, k] <= k) & (group != number))
            position = (remaining[columns] <= k).sum(axis=1)
            position = np.minimum(position, squared.shape[1] - 1)
            self._wider.append((columns, squared[columns, position]))
        self.recalled = np.zeros(len(self._wider))
        self.covered = np.zeros(len(self._wider))

    def count(self, squared: np.ndarray, inside: np.ndarray, reached: np.ndarray) -> None:
        """Count a block of real samples (rows, M).

        squared: distances to fakes. inside: whether a fake is in the ball of a real sample;
        reached: whether the real sample is in the ball of a fake.
        """
        self.covered += self._by_others(inside).sum(axis=0)
        by_others = self._by_others(reached)
        self.recalled += by_others.sum(axis=0)
        for number, (columns, radii) in enumerate(self._wider):
            rest = np.flatnonzero(~by_others[:, number])
            gained = squared[np.ix_(rest, columns)] < radii
            self.recalled[number] += gained.any(axis=1).sum()

    def _by_others(self, near: np.ndarray) -> np.ndarray:
        """Return for each real sample and each group whether a fake of another group is near."""
        groups_near = near.astype(np.float32) @ self._in_group > 0
        return groups_near.sum(axis=1, keepdims=True) - groups_near > 0
