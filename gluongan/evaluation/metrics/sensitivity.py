"""Sensitivity: how much a small step of the latent vector changes a sample, and how evenly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Sensitivity(NamedTuple):
    """Path length per unit of latent step, and the spread of its logarithm."""

    path: float
    path_spread: float


def sensitivity(slopes: np.ndarray) -> Sensitivity:
    """Return the root mean square of slopes (N,), and the standard deviation of their logarithms.

    A slope is the distance between two samples divided by that between their latent vectors, in a
    random direction. The path is the square root of a path length as in Karras et al. 2019 (arXiv
    1812.04948), of pixels; for a linear G = Wz it is ‖W‖ (Frobenius) / √latent, whatever z. The
    spread is 0 where all slopes are equal, as for a W with orthogonal columns of one length; Odena
    et al. 2018 (arXiv 1802.08768) ask for such conditioning.

    >>> sensitivity(np.array([2.0, 2.0]))
    Sensitivity(path=2.0, path_spread=0.0)
    """
    logarithms = np.log(np.maximum(slopes, 1e-12))
    return Sensitivity(float(np.sqrt(np.mean(slopes**2))), float(logarithms.std()))
