"""Fidelity and variety, told apart: how many samples lie where the data lie, and how much of the data the samples reach."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .distances import flat, reach, squared_distances


class Manifold(NamedTuple):
    """Four shares of one picture: of samples among the data (precision, density), of the data among samples (recall, coverage).

    Density alone may pass 1. Two equal sets of the same source have precision and recall near 0.95, density 1, and coverage
    1 - 2^-k, 0.97 for k = 5.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(
    real: np.ndarray, fake: np.ndarray, *, k: int = 5, radii: np.ndarray | None = None
) -> Manifold:
    """Return precision, recall (Kynkäänniemi et al. 2019, arXiv 1904.06991), density, coverage (Naeem et al. 2020, 2002.09797).

    real, fake: (N, ...) and (M, ...), more than k each. A ball around each real sample reaches to its k-th nearest real one:
    precision is the share of fakes in a ball or more, density the mean number of balls around a fake over k, coverage the share
    of balls that hold a fake; recall is precision with the parts exchanged. radii: `reach(real, k)`, where it is known already.
    """
    real, fake = flat(real), flat(fake)
    if min(len(real), len(fake)) <= k:
        raise ValueError(
            f'sets of {len(real)} and {len(fake)} samples: each needs more than k = {k}'
        )
    reals = reach(real, k) if radii is None else radii
    fakes = reach(fake, k)
    balls, recalled, covered = np.zeros(len(fake), dtype=np.int64), 0, 0
    for rows, squared in squared_distances(real, fake):
        inside = squared < reals[rows, None]
        balls += inside.sum(axis=0)
        covered += int(inside.any(axis=1).sum())
        recalled += int((squared < fakes).any(axis=1).sum())
    return Manifold(
        float((balls > 0).mean()),
        recalled / len(real),
        float(balls.mean() / k),
        covered / len(real),
    )
