"""Cheap comparisons of samples and data in pixel space."""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from .distances import Rows, in_blocks
from .leaving_out import sums_without

PICTURE = (1, 2, 3)  # the axes of one picture


def sliced_wasserstein(
    a: np.ndarray, b: np.ndarray, *, projections: int = 128, seed: int = 0
) -> float:
    """Return the sliced Wasserstein-1 distance of two equally large sets (N, ...), >= 0.

    It is the mean of mean |sort(a·u) - sort(b·u)| over random unit directions u (Bonneel et al.
    2015, Journal of Mathematical Imaging and Vision 51). It is 0 only if the sets agree along every
    direction, so one good image that is repeated is far from the data. The unit is that of the
    samples: a difference of 0.1 in every pixel gives about 0.08.
    Raises InputError if the sets differ in size or shape.

    >>> a = np.random.RandomState(0).rand(50, 4)
    >>> sliced_wasserstein(a, a[::-1])  # the order of samples does not matter
    0.0
    """
    if a.shape != b.shape:
        raise InputError(f'shapes {a.shape} and {b.shape}: must be the same')
    a = a.reshape(len(a), -1).astype(np.float32)
    b = b.reshape(len(b), -1).astype(np.float32)
    random = np.random.default_rng(seed)
    directions = random.standard_normal((a.shape[1], projections), dtype=np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    difference = np.sort(a @ directions, axis=0) - np.sort(b @ directions, axis=0)
    return float(np.abs(difference).mean())


def sharpness(x: Rows) -> float:
    """Return the mean change from one pixel of x (N, C, H, W) to the next, relative to contrast.

    Contrast is the mean distance of pixels from the mean of their picture. Blurred pictures have a
    lower sharpness than the data, noisy ones a higher one. x may be larger than memory.

    >>> x = np.random.RandomState(0).rand(1, 1, 8, 8)
    >>> blurred = (x[..., 1:] + x[..., :-1]) / 2
    >>> sharpness(blurred) < sharpness(x)
    True
    >>> round(sharpness(3 * x) / sharpness(x), 6)  # contrast makes no difference
    1.0
    """
    edges, contrast = np.hstack([_edges_and_contrast(part) for _, part in in_blocks(x)]).mean(
        axis=1
    )
    return float(edges / max(contrast, 1e-12))


def _edges_and_contrast(x: np.ndarray) -> np.ndarray:
    """Return each picture's mean change from one pixel to the next, and its contrast, (2, N)."""
    down = np.abs(np.diff(x, axis=2)).mean(axis=PICTURE, dtype=np.float64)
    across = np.abs(np.diff(x, axis=3)).mean(axis=PICTURE, dtype=np.float64)
    contrast = np.abs(x - x.mean(axis=PICTURE, keepdims=True)).mean(axis=PICTURE, dtype=np.float64)
    return np.stack([down + across, contrast])


def pixels_without(x: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean and standard deviation of all pixels and `sharpness` without each group.

    x: pictures (N, C, H, W). group: that of each, (N,). Each result is (groups,).
    """
    parts = (x.mean(axis=PICTURE), np.square(x).mean(axis=PICTURE), *_edges_and_contrast(x))
    sums, counts = sums_without(np.stack(parts, axis=1), group)
    mean, square, edges, contrast = sums.T / counts
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    return mean, deviation, edges / np.maximum(contrast, 1e-12)
