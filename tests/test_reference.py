"""What samples are compared with is converted to floats in parts, and gives the same numbers."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from gluongan.data import Dataset
from gluongan.evaluation import Reference, classifier, metrics
from gluongan.evaluation import reference as reference_module
from gluongan.evaluation.metrics import distances

BLOCK, COUNT = 200, 450
SHAPE = (1, 12, 12)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(distances, 'BLOCK', BLOCK)


def pictures(name='test', count=COUNT):
    random = np.random.default_rng(0)
    samples = random.integers(0, 256, (count, *SHAPE), np.uint8)
    return Dataset(name, samples, np.arange(count) % 2, ('a', 'b'), split=name)


@pytest.fixture(scope='module')
def judge():
    about = classifier.About('lenet', 'test', SHAPE, ('a', 'b'))
    return classifier.Judge(about, classifier.initialised('lenet', SHAPE, 2, 'cpu'))


@pytest.fixture
def converted(monkeypatch):
    """How many samples were converted at once, each time."""
    counts, original = [], Dataset.floats

    def floats(self, index=slice(None)):
        x = original(self, index)
        counts.append(len(x))
        return x

    monkeypatch.setattr(Dataset, 'floats', floats)
    return counts


@pytest.mark.parametrize('what', ['sha256', 'sharpness', 'judgement', 'moments'])
def test_a_large_test_split_is_never_converted_at_once(what, judge, converted):
    reference = Reference(pictures('train', 10), pictures(), judge)
    assert converted == []
    getattr(reference, what)
    assert sum(converted) == COUNT and max(converted) <= BLOCK


def test_the_accuracy_of_a_new_judge_is_measured_in_parts(converted):
    judge = classifier.train(pictures('train', 128), pictures(), epochs=1)
    assert 0 <= judge.about.accuracy <= 1
    assert sum(converted) == COUNT and max(converted) <= BLOCK


def test_parts_give_the_numbers_of_the_whole(judge):
    test = pictures()
    reference = Reference(pictures('train', 10), test, judge)
    order = np.random.RandomState(0).permutation(COUNT)
    x = test.floats(order)
    assert reference.images.shape == x.shape
    np.testing.assert_array_equal(reference.images[:], x)
    np.testing.assert_array_equal(reference.labels, test.labels[order])
    assert reference.sha256 == hashlib.sha256(x.tobytes()).hexdigest()
    edges = np.abs(np.diff(x, axis=2)).mean(dtype='d') + np.abs(np.diff(x, axis=3)).mean(dtype='d')
    contrast = np.abs(x - x.mean(axis=(1, 2, 3), keepdims=True)).mean(dtype='d')
    assert reference.sharpness == pytest.approx(edges / contrast, rel=1e-12)
    np.testing.assert_array_equal(reference.judgement.features, judge(x).features)
    assert reference.pairs == metrics.pairs(x[: reference_module.PAIRS])


def test_no_more_than_the_most_images_are_compared_with(monkeypatch):
    monkeypatch.setattr(reference_module, 'MOST', 50)
    reference = Reference(pictures('train', 10), pictures())
    assert reference.images.shape == (50, *SHAPE) and len(reference.labels) == 50
