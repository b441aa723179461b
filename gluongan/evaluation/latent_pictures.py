"""Real pictures as z: those that a generator's pictures are nearest to, with the true classes."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import build, loading
from ..data import Dataset, NoSplit
from ..errors import InputError
from ..gan.inversion import Inverter
from ..gan.sampling import Sampler
from .class_directions import in_turns

MOST = 10_000  # pictures in all, as all of them are in memory
# Many pictures tell more of the classes than a few that are met better: with 4 starts of 400 steps,
# five times the work, the error is an eighth smaller.
STARTS, STEPS = 1, 200


class InvertedPictures(NamedTuple):
    """Real pictures, the classes taking turns, and the z of the nearest that G makes to them.

    z: (N, latent). x: G(z), (N, C, H, W). labels: the classes of the real pictures, (N,). error:
    mean squared errors, (N,). wanted: how many there were to be; more than N where time was short.
    """

    z: np.ndarray
    x: np.ndarray
    labels: np.ndarray
    error: np.ndarray
    wanted: int


def labelled_pictures(
    run: Path, *, data_at: str | None = None, changed_data: bool = False
) -> Dataset:
    """Return the test pictures of a run's data, or where it has none, those of its training.

    data_at, changed_data: see `loading.settle` and `loading.check_data`. Raises InputError for data
    without labels, or of one class.
    """
    config = loading.settle(run, data_at=data_at)
    train = build.load_data(config)
    loading.check_data(run, train, changed_data=changed_data)
    try:
        pictures = build.require_test(config, train)
    except NoSplit:
        pictures = train
    if pictures.labels is None:
        pictures = train
    if pictures.labels is None:
        raise InputError(
            f'the data of {run} has no labels, which tell the classes; must be left out',
            setting='invert',
        )
    if len(np.unique(pictures.labels)) < 2:
        problem = f'all pictures of {pictures.name} are of one class; must be left out'
        raise InputError(problem, setting='invert')
    return pictures


def invert_pictures(
    sampler: Sampler, noise: str, pictures: Dataset, count: int, *, seconds: float = inf
) -> InvertedPictures:
    """Return z for the first `count` pictures of each class, by gradient descent; at most MOST.

    noise: the distribution that the generator, which has no classes, was trained on. seconds: after
    them, no further pictures are begun.
    """
    chosen = in_turns(pictures.labels, count)[:MOST]
    gen, latent = sampler.gen, sampler.latent
    inverter = Inverter(gen, latent, noise, starts=STARTS, steps=STEPS)
    found = inverter.invert(pictures.floats(chosen), title='real pictures', seconds=seconds)
    labels = pictures.labels[chosen[: len(found.z)]]
    return InvertedPictures(found.z, found.x, labels, found.error, len(chosen))
