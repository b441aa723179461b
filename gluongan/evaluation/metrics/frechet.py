"""The Fréchet distance between two sets of features, each taken for a Gaussian."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
    """Mean (D,) and covariance (D, D) of a set of features, float64."""

    mean: np.ndarray
    covariance: np.ndarray


def moments(features: np.ndarray) -> Moments:
    """Return the moments of features (N, D), N of 2 or more."""
    features = features.astype(np.float64)
    return Moments(features.mean(axis=0), np.cov(features, rowvar=False))


def frechet_distance(a: Moments, b: Moments) -> float:
    """Return |μa - μb|² + tr(A + B - 2 (A B)^½), >= 0 (Heusel et al. 2017, arXiv 1706.08500, there called FID).

    The trace of (A B)^½ is the sum of the square roots of the eigenvalues of A^½ B A^½, which is symmetric: no root of a matrix
    that is none is taken, and nothing comes out complex. It falls with the number of samples: compare equal numbers only.
    """
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.linalg.eigvalsh(root @ b.covariance @ root)
    apart = float(np.square(a.mean - b.mean).sum())
    spread = (
        np.trace(a.covariance) + np.trace(b.covariance) - 2 * np.sqrt(np.maximum(shared, 0)).sum()
    )
    return max(0.0, apart + float(spread))
