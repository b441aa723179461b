"""How well samples cover a mixture of Gaussians whose modes are known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import InputError

# Standard deviations within which a point is good: 1 - exp(-9/2) = 98.9 % of a 2-D Gaussian.
NEAR = 3.0


class Coverage(NamedTuple):
    """How samples cover a mixture: modes caught, share of good points, KL of the mode shares.

    N points of the true mixture of M modes catch all, with good = 0.989 and a KL near (M - 1) / 2N.
    """

    caught: int
    good: float
    reverse_kl: float


def coverage(points: np.ndarray, centres: np.ndarray, deviation: float) -> Coverage:
    """Return how points (N, 2) cover the modes at `centres` (M, 2), each of one deviation.

    The protocol is that of PacGAN (Lin et al. 2018, section 4.1), which counts 2,500 points. good:
    the share of points within 3 deviations of the nearest mode, in [0, 1]. caught: the number of
    modes with at least one good point. reverse_kl: the KL of the shares of points nearest to each
    mode from uniform shares, in nats, 0 to log M. Raises InputError for no points.

    >>> centres = np.array([[0.0, 0.0], [1.0, 0.0]])
    >>> points = np.array([[0.01, 0.0], [0.0, 0.02], [0.5, 0.5], [0.0, 0.01]])
    >>> caught, good, _ = coverage(points, centres, deviation=0.05)
    >>> caught, good  # nothing near the second mode, one point far from both
    (1, 0.75)
    """
    if not len(points):
        raise InputError('0 points: must be at least 1')
    distance = np.linalg.norm(points[:, None] - centres[None], axis=2)
    nearest = distance.argmin(axis=1)
    good = distance.min(axis=1) <= NEAR * deviation
    caught = np.unique(nearest[good]).size
    shares = np.bincount(nearest, minlength=len(centres)) / len(points)
    positive = shares[shares > 0]
    reverse_kl = float((positive * np.log(positive * len(centres))).sum())
    return Coverage(caught, float(good.mean()), reverse_kl)
