"""What is in a data set, as plain values: counts, sizes, range, copies, problems."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from . import mapped
from .dataset import Dataset
from .description import describe, oddities

MOST_COMPARED = 5_000  # pictures of which each is compared with each other
GRID = 8  # each picture is compared as so many means of blocks across and down
ALIKE = 0.02  # root mean square difference of these means, in [0, 1]
SHARE = 0.1  # of the median distance between two pictures, where that is less
BLOCK = 500  # pictures that are compared with all others at once


def inspect(dataset: Dataset) -> dict[str, Any]:
    """Return what was understood of a data set, in values that JSON can hold.

    `left_out` counts files by their ending and names folders and arrays; `copies` are pictures that
    are in the data before, to the last bit; `nearly_alike` are further ones that differ in a way
    that is hardly seen, None where there are too many pictures to look for them.

    >>> facts = inspect(Dataset('black', np.zeros((6, 1, 28, 28), np.uint8)))
    >>> facts['count'], facts['copies'], facts['values']
    (6, 5, {'lowest': 0, 'highest': 0, 'mean': 0.0})
    """
    facts: dict[str, Any] = {
        'name': dataset.name,
        'split': dataset.split,
        'summary': describe(dataset),
        'count': len(dataset),
        'shape': list(dataset.shape),
        'classes': _class_counts(dataset),
        'sizes': _sizes(dataset),
        'values': _values(dataset),
        'left_out': _left_out(dataset),
        'copies': None,
        'nearly_alike': None,
        'problems': oddities(dataset),
    }
    if dataset.is_image:
        facts['copies'] = len(dataset) - len(_first_of_each(dataset))
        facts['nearly_alike'] = count_nearly_alike(dataset)
    return facts


def _class_counts(dataset: Dataset) -> dict[str, int]:
    if dataset.labels is None:
        return {}
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
    return dict(zip(dataset.classes, counts.tolist()))


def _sizes(dataset: Dataset) -> dict[str, int]:
    """Return how many pictures were stored in which size, the commonest first."""
    if not dataset.is_image:
        return {}
    if dataset.origin is None or dataset.origin.sizes is None:
        _, height, width = dataset.shape
        return {f'{width} × {height}': len(dataset)}
    sizes = Counter(map(tuple, dataset.origin.sizes.tolist()))
    return {f'{width} × {height}': count for (width, height), count in sizes.most_common()}


def _values(dataset: Dataset) -> dict[str, float]:
    mean, _ = dataset.moments()
    return {
        'lowest': dataset.samples.min().item(),
        'highest': dataset.samples.max().item(),
        'mean': mean,
    }


def _left_out(dataset: Dataset) -> dict[str, Any]:
    if dataset.origin is None:
        return {}
    origin = dataset.origin
    found = {
        'files': {ending or 'no ending': count for ending, count in origin.ignored.items()},
        'folders': list(origin.left_out),
        'arrays': list(origin.unused),
    }
    return {kind: names for kind, names in found.items() if names}


def _first_of_each(dataset: Dataset) -> list[int]:
    """Return the indices of the pictures that no picture before them equals."""
    first: dict[bytes, int] = {}
    for index, sample in enumerate(dataset.samples):
        first.setdefault(sample.tobytes(), index)
    return list(first.values())


def count_nearly_alike(dataset: Dataset) -> int | None:
    """Return how many different pictures have one before them that is nearly alike.

    None where there are too many pictures to compare each with each.
    """
    first = _first_of_each(dataset)
    if len(first) > MOST_COMPARED:
        return None
    step = max(1, mapped.BLOCK // (4 * dataset.samples[:1].nbytes))  # as floats
    starts = range(0, len(first), step)
    means = [_block_means(dataset.samples[first[start : start + step]]) for start in starts]
    means = np.concatenate(means)
    limit = min(ALIKE, SHARE * _median_distance(means))
    count = 0
    for start in range(0, len(means), BLOCK):
        block = slice(start, start + BLOCK)
        is_alike = _distances(means[block], means) < limit
        is_before = np.arange(len(means)) < np.arange(len(means))[block, None]
        count += int((is_alike & is_before).any(axis=1).sum())
    return count


def _block_means(samples: np.ndarray) -> np.ndarray:
    """Return pictures (N, C, H, W) as a few means in [0, 1] each (N, C × GRID × GRID)."""
    means = samples.astype(np.float32) / 255
    for axis in (2, 3):
        side = samples.shape[axis]
        edges = np.linspace(0, side, min(GRID, side) + 1).astype(int)
        widths = np.diff(edges).astype(np.float32)
        shape = [1, 1, 1, 1]
        shape[axis] = -1
        means = np.add.reduceat(means, edges[:-1], axis=axis) / widths.reshape(shape)
    return means.reshape(len(samples), -1)


def _distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the root mean square difference of each of some from each of the others."""
    some, others = some.astype(np.float64), others.astype(np.float64)
    squares = (some**2).sum(1)[:, None] + (others**2).sum(1) - 2 * some @ others.T
    return np.sqrt(np.maximum(squares, 0) / some.shape[1])


def _median_distance(means: np.ndarray) -> float:
    """Return the median distance between neighbours in an order of chance."""
    if len(means) < 2:
        return 0.0
    order = np.random.RandomState(0).permutation(len(means))
    differences = means[order] - means[np.roll(order, 1)]
    return float(np.median(np.sqrt((differences**2).mean(axis=1))))
