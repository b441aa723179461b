"""The known sets have the fault that their name says, in the amount that it says."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
from test_cli_options import ALL

from gluongan.data import Dataset
from gluongan.evaluation import calibration
from gluongan.evaluation.calibration import KNOWN_SETS, real_samples


@pytest.fixture
def greys():
    """160 pictures, grey all over: two of each level from 60 to 139. The class is the level's."""
    levels = np.repeat(np.arange(60, 140, dtype=np.uint8), 2)
    pixels = np.broadcast_to(levels[:, None, None, None], (160, 1, 12, 12)).copy()
    labels = levels.astype(np.int64) % 4
    return Dataset('greys', pixels, labels=labels, classes=('a', 'b', 'c', 'd'))


def made(name, dataset, count):
    return KNOWN_SETS[name](dataset, count, np.random.RandomState(0))


def test_a_set_without_repetition_has_each_picture_once_where_there_are_enough(greys):
    assert len(np.unique(made('real', greys, 160)[:, 0, 0, 0])) == 80
    assert len(np.unique(made('one missing', greys, 120)[:, 0, 0, 0])) == 60
    counts = np.unique(made('one class', greys, 40)[:, 0, 0, 0], return_counts=True)[1]
    assert counts.tolist() == [2] * 20


def test_more_pictures_than_there_are_is_some_of_them_twice(greys):
    for name, levels in [('real', 80), ('one missing', 60), ('one class', 20)]:
        x = made(name, greys, 2000)
        assert len(x) == 2000 and len(np.unique(x[:, 0, 0, 0])) == levels


def test_a_hundred_pictures_are_repeated():
    distinct = Dataset('x', np.random.RandomState(1).randint(0, 256, (150, 1, 4, 4), np.uint8))
    x = made('100 repeated', distinct, 3000).reshape(3000, -1)
    assert len(np.unique(x, axis=0)) == 100


@pytest.mark.parametrize('deviation', [0.1, 0.3])
def test_noise_has_the_deviation_of_its_name(deviation):
    grey = Dataset('grey', np.full((50, 1, 12, 12), 128, np.uint8))
    noise = made(f'noise {deviation}', grey, 50) - 128 / 255
    assert np.quantile(noise, 0.8413) == pytest.approx(deviation, rel=0.05)
    assert np.quantile(noise, 0.1587) == pytest.approx(-deviation, rel=0.05)


def test_binarized_pictures_are_white_above_half(greys):
    levels = made('real', greys, 160)[:, 0, 0, 0]
    assert np.array_equal(made('binarized', greys, 160)[:, 0, 0, 0], levels > 127.5 / 255)


def test_uniform_noise_is_uniform(greys):
    x = made('uniform noise', greys, 100)
    assert x.mean() == pytest.approx(1 / 2, abs=0.02)
    assert x.std() == pytest.approx(1 / 12**0.5, rel=0.03)


def test_real_samples_are_a_random_draw_that_is_the_same_every_time(greys):
    reference = SimpleNamespace(train=greys)
    x = real_samples(reference, 40).x[:, 0, 0, 0]
    assert np.array_equal(x, real_samples(reference, 40).x[:, 0, 0, 0])
    assert len(x) == 40 and not np.array_equal(x, np.sort(x))


def test_the_command_draws_as_often_as_the_function():
    draws = inspect.signature(calibration.calibrate).parameters['draws'].default
    (option,) = [each for each in ALL['judge calibrate'].params if each.name == 'draws']
    assert draws == option.default == 3
