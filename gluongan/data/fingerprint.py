"""A fingerprint of a data set: whether it is still what a run was trained on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .dataset import Dataset

SAMPLES = 1_000  # that are hashed, evenly spaced


def fingerprint(dataset: Dataset) -> str:
    """Return 64 hexadecimal digits that depend on the shape, the labels and 1,000 of the samples.

    What the data is called, where it is and what its classes are called make no difference.

    >>> from gluongan.data import Dataset, load
    >>> shapes = load('synthetic', image_size=8)
    >>> renamed = Dataset('x', shapes.samples, shapes.labels, shapes.classes)
    >>> fingerprint(renamed) == fingerprint(shapes)
    True
    >>> fingerprint(Dataset('x', shapes.samples[::-1])) == fingerprint(shapes)
    False
    """
    samples = dataset.samples
    digest = hashlib.sha256(f'{samples.dtype.str} {samples.shape}'.encode())
    chosen = np.linspace(0, len(samples) - 1, min(len(samples), SAMPLES)).astype(int)
    digest.update(np.ascontiguousarray(samples[chosen]).tobytes())
    if dataset.labels is not None:
        digest.update(dataset.labels.astype('<i8').tobytes())
    return digest.hexdigest()
