"""Fidelity and variety as separate numbers: precision and density, recall and coverage."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import InputError
from .distances import flat, squared_distances, squared_radii


class Manifold(NamedTuple):
    """How samples and data overlap: precision and density for fidelity, the others for variety.

    Density may exceed 1, the others may not. Two sets of equal size and of the same source have a
    precision and a recall near 0.95, density 1, and coverage 1 - 2^-k, 0.97 for k = 5.
    """

    precision: float
    recall: float
    density: float
    coverage: float


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
    real, fake = flat(real), flat(fake)
    if min(len(real), len(fake)) <= k:
        raise InputError(
            f'{len(real)} and {len(fake)} samples: are too few for {k} neighbours each; '
            f'must be at least {k + 1} of both'
        )
    real_radii = squared_radii(real, k) if radii is None else radii
    fake_radii = squared_radii(fake, k)
    balls = np.zeros(len(fake), dtype=np.int64)
    recalled = covered = 0
    for rows, squared in squared_distances(real, fake):
        inside = squared < real_radii[rows, None]
        balls += inside.sum(axis=0)
        covered += int(inside.any(axis=1).sum())
        recalled += int((squared < fake_radii).any(axis=1).sum())
    precision = float((balls > 0).mean())
    density = float(balls.mean() / k)
    return Manifold(precision, recalled / len(real), density, covered / len(real))
