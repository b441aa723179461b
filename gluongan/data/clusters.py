"""Clusters of pictures, as classes for data that has none: k-means on small copies of them.

A generator that is told the cluster of each sample, and is asked for clusters in the proportions of
the data, needs no labels and misses fewer kinds of pictures (Sage et al. 2018, arXiv 1712.04407;
Liu et al. 2020, arXiv 2006.10728, who find the clusters from the discriminator's features).

All arithmetic is on whole numbers, so that every machine finds the same clusters: a resumed run,
and an evaluation elsewhere, must have the classes of the training. SciPy's k-means, whose sums
depend on the library and the number of threads, does not promise that.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from .dataset import DataError, Dataset
from .mapped import blocks

log = logging.getLogger(__name__)

SIDE = 16  # of the small copies, at most
LEARNED = 20_000  # pictures that the centres are learned from
ROUNDS = 20  # of k-means, at most
BLOCK = 2**22  # bytes of pictures that are compared with the centres at a time


def small_copies(samples: np.ndarray) -> np.ndarray:
    """Return pictures (N, C, H, W) shrunk to sides of 16 or less, flat, as whole numbers 0 to 255.

    Each value is the mean of a square of pixels, rounded down.

    >>> picture = np.arange(32 * 32, dtype=np.uint16).reshape(1, 1, 32, 32) % 250
    >>> small_copies(picture.astype(np.uint8)).shape
    (1, 256)
    """
    sums = samples.astype(np.int64)
    pixels = 1
    for axis in (2, 3):
        side = samples.shape[axis]
        step = -(-side // SIDE)
        starts = np.arange(0, side, step)
        lengths = np.diff(starts, append=side)
        sums = np.add.reduceat(sums, starts, axis=axis)
        pixels = pixels * (lengths[:, None] if axis == 2 else lengths)
    return (sums // pixels).reshape(len(samples), -1).astype(np.float64)


def find_centres(dataset: Dataset, count: int, *, seed: int = 0) -> np.ndarray:
    """Return the centres (count or fewer, values) of clusters of up to 20,000 random pictures.

    k-means++ (Arthur and Vassilvitskii 2007) chooses the initial ones. Centres that are nearest to
    no picture are left out. Raises DataError for points, and for fewer different pictures.
    """
    if not dataset.is_image:
        raise DataError(
            f'{dataset.name} is made of points; must be pictures', setting='clusters', value=count
        )
    random = np.random.RandomState(seed)
    chosen = np.sort(random.permutation(len(dataset))[:LEARNED])
    x = small_copies(dataset.samples[chosen])
    centres = _initial_centres(x, count, random, dataset.name)
    for _ in range(ROUNDS):
        is_in = np.eye(len(centres))[_nearest(x, centres)]
        sizes = is_in.sum(axis=0)[:, None]
        moved = np.floor((is_in.T @ x)[sizes[:, 0] > 0] / sizes[sizes[:, 0] > 0] + 0.5)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def _initial_centres(
    x: np.ndarray, count: int, random: np.random.RandomState, name: str
) -> np.ndarray:
    centres = x[[random.randint(len(x))]]
    distances = _squared_distances(x, centres)[:, 0]
    while len(centres) < count:
        reached = np.cumsum(distances)
        if reached[-1] == 0:
            raise DataError(
                f'{name} has {len(centres)} different pictures at {SIDE} × {SIDE} pixels; '
                'must be as many or fewer',
                setting='clusters',
                value=count,
            )
        place = np.searchsorted(reached, random.random_sample() * reached[-1], side='right')
        centres = np.concatenate([centres, x[[place]]])
        distances = np.minimum(distances, _squared_distances(x, centres[-1:])[:, 0])
    return centres


def _squared_distances(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return (N, K), exact: every product and sum is a whole number below 2^53."""
    return (x**2).sum(axis=1)[:, None] - 2 * (x @ centres.T) + (centres**2).sum(axis=1)


def _nearest(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return _squared_distances(x, centres).argmin(axis=1)


def clustered(dataset: Dataset, centres: np.ndarray) -> Dataset:
    """Return a data set whose classes are clusters: of each picture the nearest of the centres.

    >>> dark_and_light = np.array([0, 9, 250], np.uint8).reshape(3, 1, 1, 1)
    >>> dataset = clustered(Dataset('x', dark_and_light), np.array([[5.0], [255.0]]))
    >>> dataset.labels, dataset.classes
    (array([0, 0, 1]), ('cluster 1', 'cluster 2'))
    """
    nearest = [_nearest(small_copies(block), centres) for block in blocks(dataset.samples, BLOCK)]
    labels = np.concatenate(nearest).astype(np.int64)
    sizes = np.bincount(labels, minlength=len(centres))
    instead = f' in place of its {len(dataset.classes)} classes' if dataset.classes else ''
    log.info(
        '%s: %s clusters of %s to %s pictures%s',
        *(dataset.name, f'{len(centres):,}', f'{sizes.min():,}', f'{sizes.max():,}', instead),
    )
    return replace(dataset, labels=labels, classes=_names(len(centres)))


def _names(count: int) -> tuple[str, ...]:
    return tuple(f'cluster {number}' for number in range(1, count + 1))


def has_clusters(dataset: Dataset) -> bool:
    """Return whether the classes of a data set are clusters, by what they are called."""
    return bool(dataset.classes) and dataset.classes == _names(len(dataset.classes))
