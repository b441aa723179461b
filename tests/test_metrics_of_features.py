"""Precision, recall, density and coverage in the features of judges, against prdc."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from prdc import compute_prdc

from gluongan import data
from gluongan.evaluation import Counts, Reference, Samples, evaluate, find_metric
from gluongan.evaluation.calibration import KNOWN_SETS
from gluongan.evaluation.classifier import load_shipped
from gluongan.evaluation.suite import (
    COUNTS,
    measure_manifold,
    measure_manifold_of_features,
    measurements,
)
from gluongan.evaluation.summary import summarize

STEMS = ('precision', 'recall', 'density', 'coverage')
COUNT = 500
FAULTS = ('shifted', 'one missing', 'one class', 'noise 0.3')


@pytest.fixture(scope='module')
def mnist():
    return data.load('mnist'), data.load('mnist', split='test')


@pytest.fixture(scope='module')
def digits(mnist):
    """The first test digits, with the shipped judge."""
    train, test = mnist
    few = data.Dataset('mnist', test.samples[:COUNT], test.labels[:COUNT], test.classes, 'test')
    return Reference(train, few, load_shipped('mnist'))


@pytest.fixture(scope='module')
def known(mnist, digits):
    """The metrics of known sets, by set and space."""
    return {name: both(known_set(name, mnist[0]), digits) for name in ('real', *FAULTS)}


def known_set(name, train):
    return Samples(name, KNOWN_SETS[name](train, COUNT, np.random.RandomState(0)))


def both(samples, reference):
    only = (measure_manifold, measure_manifold_of_features)
    values = evaluate(samples, reference, only=only)
    return {
        space: {stem: find_metric(values, stem, space) for stem in STEMS}
        for space in ('pixel', 'lenet')
    }


def test_they_are_prdcs_of_the_judges_features(mnist, digits):
    samples = known_set('one missing', mnist[0])
    values = measure_manifold_of_features(samples, digits, Counts(manifold=300))
    features = (digits.judge(x[:300]).features for x in (digits.images[:], samples.x))
    with contextlib.redirect_stdout(io.StringIO()):  # it prints the numbers of samples
        expected = compute_prdc(*features, nearest_k=5)
    assert values == pytest.approx(
        {f'lenet_{stem}300_k5_test': value for stem, value in expected.items()}, abs=2 / 300
    )


def test_a_shift_by_a_pixel_costs_far_less_in_features_than_in_pixels(known):
    for stem in ('precision', 'recall', 'coverage'):
        lost = {s: known['real'][s][stem] - known['shifted'][s][stem] for s in ('pixel', 'lenet')}
        assert lost['pixel'] > 2 * lost['lenet'], stem
    assert known['real']['pixel']['coverage'] - known['shifted']['pixel']['coverage'] > 0.15


def test_a_missing_class_costs_coverage_and_a_single_class_recall_and_neither_precision(known):
    real, missing, one = (known[name]['lenet'] for name in ('real', 'one missing', 'one class'))
    assert missing['coverage'] < real['coverage'] - 0.03
    assert one['recall'] < real['recall'] - 0.5
    assert min(missing['precision'], one['precision']) > real['precision'] - 0.02


def test_noise_costs_precision_of_pixels_and_recall_of_a_classifiers_features(known):
    lost = {
        space: {stem: known['real'][space][stem] - noisy[stem] for stem in STEMS}
        for space, noisy in known['noise 0.3'].items()
    }
    assert lost['pixel']['precision'] > 0.5
    assert lost['lenet']['recall'] > 0.2 > lost['lenet']['precision']
    assert lost['lenet']['coverage'] > 0.1


def test_they_are_there_exactly_where_features_can_be_compared(digits):
    def are_measured(reference, count):
        samples = Samples('x', reference.images[:count])
        return measure_manifold_of_features in measurements(samples, reference).values()

    assert are_measured(digits, 20)
    assert not are_measured(digits, 19)
    assert not are_measured(Reference(digits.train), 20)


def test_radii_of_pixels_and_of_features_are_kept_apart(digits):
    samples = Samples('x', digits.images[:100])
    first = both(samples, digits)
    assert both(samples, digits) == first
    assert not np.array_equal(
        digits.squared_radii(100, 5), digits.squared_radii(100, 5, of_features=True)
    )


def test_the_verdict_of_variety_is_about_pixels():
    of_pixels = {f'pixel_{stem}500_k5_test': 0.96 for stem in STEMS}
    of_features = {f'lenet_{stem}500_k5_test': 0.1 for stem in STEMS}
    assert summarize({**of_features, **of_pixels}) == 'good variety'


def test_a_picture_is_judged_once_for_all_metrics(digits, monkeypatch):
    calls = []
    call = type(digits.judge).__call__
    monkeypatch.setattr(
        type(digits.judge), '__call__', lambda judge, x: calls.append(len(x)) or call(judge, x)
    )
    _ = digits.judgement
    calls.clear()
    evaluate(Samples('x', digits.images[:60]), digits, counts=COUNTS)
    assert calls == [60]
