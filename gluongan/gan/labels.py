"""Class labels as part of a network's input: the one-hot vector is concatenated (Mirza and Osindero 2014, arXiv 1411.1784)."""

from __future__ import annotations

import numpy as np

from ..runtime import mx
from .losses import Array


def with_label(x: Array, label: Array | None) -> Array:
    """Append one-hot labels (N, K): z (N, L) -> (N, L + K), flat samples the same, pictures (N, C, H, W) -> (N, C + K, H, W).

    A picture gets a plane of ones for its class and planes of zeros for the others. Without labels x is returned as it is.
    """
    if label is None:
        return x
    if x.ndim == 4:
        label = mx.nd.broadcast_to(label.reshape((0, 0, 1, 1)), shape=(*label.shape, *x.shape[2:]))
    return mx.nd.concat(x, label, dim=1)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return (N, classes) float32 with a 1 at each label."""
    return np.eye(classes, dtype=np.float32)[labels]
