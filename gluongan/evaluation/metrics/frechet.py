"""The Fréchet distance between two sets of features, each modelled as a Gaussian."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .leaving_out import sums_without


class Moments(NamedTuple):
    """Mean (D,) and covariance (D, D) of a set of features, float64."""

    mean: np.ndarray
    covariance: np.ndarray


def moments(features: np.ndarray) -> Moments:
    """Return the moments of features (N, D), where N is at least 2."""
    features = features.astype(np.float64)
    return Moments(features.mean(axis=0), np.cov(features, rowvar=False))


def moments_without(features: np.ndarray, group: np.ndarray) -> list[Moments]:
    """Return the moments of features (N, D) without each group of them; group is (N,)."""
    x = features.astype(np.float64)
    centre = x.mean(axis=0)
    x -= centre
    sums, counts = sums_without(x, group)
    parts = [x[group == number] for number in range(len(counts))]
    squares = np.stack([part.T @ part for part in parts])
    total = squares.sum(axis=0)
    result = []
    for square, mean, count in zip(squares, sums / counts[:, None], counts):
        covariance = (total - square - count * np.outer(mean, mean)) / (count - 1)
        result.append(Moments(mean + centre, covariance))
    return result


def frechet_distance(a: Moments, b: Moments) -> float:
    """Return |μa - μb|² + tr(A + B - 2 (A B)^½), >= 0 (Heusel et al. 2017, arXiv 1706.08500).

    The paper calls it FID. The trace of (A B)^½ is computed as the sum of the square roots of the
    eigenvalues of A^½ B A^½, which is symmetric: the result is never complex, even if A or B is
    singular. The distance falls with the number of samples: compare equal numbers only.

    >>> a = moments(np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]]))
    >>> moved = a._replace(mean=a.mean + 3)
    >>> round(frechet_distance(a, a), 6), round(frechet_distance(a, moved), 6)
    (0.0, 18.0)
    """
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.linalg.eigvalsh(root @ b.covariance @ root)
    means = float(np.square(a.mean - b.mean).sum())
    traces = np.trace(a.covariance) + np.trace(b.covariance)
    covariances = traces - 2 * np.sqrt(np.maximum(shared, 0)).sum()
    return max(0.0, means + float(covariances))
