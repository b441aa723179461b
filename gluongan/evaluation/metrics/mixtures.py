"""How well samples cover a mixture of Gaussians whose modes are known: modes caught, share of good points, reverse KL."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FAR = 3.0  # standard deviations; of two normal coordinates 1 - exp(-9/2) = 98.9 % lie nearer


class Coverage(NamedTuple):
    """What of a mixture a set of samples covers; the true mixture has every mode, good = 0.989 and a KL near (M - 1) / 2N."""

    caught: int
    good: float
    reverse_kl: float


def coverage(points: np.ndarray, centres: np.ndarray, deviation: float) -> Coverage:
    """Return how points (N, 2) cover the modes at `centres` (M, 2), by PacGAN's protocol (Lin et al. 2018, section 4.1).

    good: share of points within 3 deviations of the nearest mode, in [0, 1]. caught: modes with one good point or more, of M.
    reverse_kl: KL of the share of points nearest to each mode from the even share, in nats, 0 to log M. The protocol counts
    2,500 points. Raises ValueError where there is no point.
    """
    if not len(points):
        raise ValueError('coverage needs one point or more')
    distance = np.linalg.norm(points[:, None] - centres[None], axis=2)
    nearest, good = distance.argmin(axis=1), distance.min(axis=1) <= FAR * deviation
    share = np.bincount(nearest, minlength=len(centres)) / len(points)
    there = share[share > 0]
    caught = np.unique(nearest[good]).size
    return Coverage(caught, float(good.mean()), float((there * np.log(there * len(centres))).sum()))
