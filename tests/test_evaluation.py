"""From samples to named numbers and a sentence: what is measured, against which images, and what it is called."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gluongan import data
from gluongan.evaluation import (
    MEANINGS,
    Calibration,
    CalibrationError,
    Counts,
    Reference,
    Report,
    Samples,
    calibrate,
    closest,
    evaluate,
    find,
    meaning,
    metrics,
    named,
    read_calibration,
    read_metrics,
    sentence,
    stem,
)
from gluongan.evaluation import classifier as judge
from gluongan.evaluation.calibration import KNOWN, sets
from gluongan.evaluation.suite import discriminator, judged


@pytest.fixture(scope='module')
def reference():
    """The drawn shapes, with a judge of them."""
    train, test = (
        data.load('synthetic', image_size=12),
        data.load('synthetic', split='test', image_size=12),
    )
    return Reference(train, test, judge.train(train, test, epochs=40, lr=4e-3))


def real(reference, count=400):
    return Samples('real', reference.train.floats(slice(count)))


# Names


def test_names_carry_their_protocol_and_can_be_read_back():
    assert named('lenet', 'fd', 10_000, 'test') == 'lenet_fd10k_test'
    assert named('pixel', 'nn_real', 512, 'train') == 'pixel_nn_real512_train'
    assert named('pixel', 'precision', 2_500, 'k5', 'test') == 'pixel_precision2500_k5_test'
    for word in MEANINGS:
        assert (
            stem(named('resnet20', word, 10_000, 'k5', 'test'))
            == stem(named('lenet', word, 500))
            == word
        )
    assert (stem('samples/swd'), stem('dis/loss'), stem('iteration'), stem('lenet_fd')) == (
        'swd',
        None,
        None,
        None,
    )
    assert (
        meaning('lenet_fd2k_test').better == 'low'
        and find({'a': 1, 'lenet_fd2k_test': 3.5}, 'fd') == 3.5
    )


# What is measured


def test_every_measurement_is_the_metric_of_its_name(reference):
    samples = real(reference)
    values = evaluate(
        samples, reference, counts=Counts(manifold=300, neighbours=100, diversity=200, memory=50)
    )
    x, held = samples.x, reference.images
    seen = reference.judge(x)
    assert values['lenet_fd400_test'] == pytest.approx(
        metrics.frechet_distance(
            metrics.moments(seen.features), metrics.moments(reference.judge(held).features)
        )
    )
    assert values['lenet_score400'] == pytest.approx(metrics.classifier_score(seen.probabilities))
    assert values['pixel_coverage300_k5_test'] == metrics.manifold(held[:300], x[:300]).coverage
    assert (
        values['pixel_nn_fake100_test']
        == metrics.nearest_neighbour_accuracy(held[:100], x[:100]).fake
    )
    assert (
        values['pixel_ndb400_k100_train']
        == metrics.Bins(reference.train.floats()).compare(x).different
    )
    assert values['pixel_copies50_train'] == 1 and values['pixel_mean400'] == pytest.approx(
        x.mean(), rel=1e-5
    )
    assert values['pixel_spread200_test'] == pytest.approx(
        metrics.diversity(x[:200], metrics.pairs(held)).spread
    )
    assert all(stem(name) for name in values) and all(np.isfinite(list(values.values())))


def test_data_without_test_images_is_its_own_reference_and_the_names_say_so():
    train = data.load('synthetic', image_size=12)
    values = evaluate(Samples('x', train.floats()), Reference(train))
    assert 'pixel_coverage512_k5_train' in values and not any(
        'lenet' in name or 'test' in name for name in values
    )


def test_images_of_the_reference_are_in_random_order_and_all_there(reference):
    test = data.load('synthetic', split='test', image_size=12)
    ours, theirs = ({x.tobytes() for x in images} for images in (reference.images, test.floats()))
    assert ours == theirs and not np.array_equal(reference.images, test.floats())
    place = {x.tobytes(): label for x, label in zip(test.floats(), test.labels)}
    assert all(place[x.tobytes()] == label for x, label in zip(reference.images, reference.labels))


def test_judge_of_other_pictures_is_refused():
    with pytest.raises(judge.JudgeError, match='1 × 28 × 28'):
        Reference(data.load('synthetic', image_size=12), None, judge.bundled('mnist'))


def test_missing_class_and_agreement_with_the_class_asked_for(reference):
    train = reference.train
    there = np.flatnonzero(train.labels != 2)[:300]
    samples = Samples('x', train.floats(there), asked=train.labels[there])
    values = evaluate(samples, reference, only=(judged,))
    assert (
        values['lenet_classes300'] == 3
        and values['lenet_share300_2'] < 0.025
        and values['lenet_asked300'] > 0.85
    )
    assert sentence(values, train.classes).startswith('covers 3 of 4 classes; square is missing')


def test_discriminator_is_asked_about_samples_test_and_training_images(reference):
    bright = Samples(
        'x',
        real(reference).x / 2,
        critic=lambda x, labels: x.mean(axis=(1, 2, 3)) - 0.15,
        decides=True,
    )
    values = evaluate(bright, reference, only=(discriminator,))
    held, fake = (
        reference.images[:400].mean(axis=(1, 2, 3)) > 0.15,
        bright.x.mean(axis=(1, 2, 3)) < 0.15,
    )
    assert values['dis_accuracy400_test'] == pytest.approx((held.mean() + fake.mean()) / 2)
    assert abs(values['dis_gap400_train_test']) < 0.1

    known = {x.tobytes() for x in reference.train.floats()}
    by_heart = Samples(
        'x',
        bright.x,
        critic=lambda x, labels: np.array([float(one.tobytes() in known) for one in x]),
    )
    values = evaluate(by_heart, reference, only=(discriminator,))
    assert values == {'dis_gap400_train_test': 0.5}


def test_points_are_measured_by_their_modes():
    points = data.load('ring8', split='test').samples[:2_500]
    values = evaluate(Samples('x', points), Reference(data.load('ring8')))
    assert values['points_caught2500'] == 8 and values['points_good2500'] > 0.98
    assert sentence(values) == 'catches 8 modes; 99% of its points lie near one'


def test_samples_nearest_to_training_images_come_with_those(reference):
    x = np.concatenate(
        [real(reference, 150).x[::-1] * 0.5, reference.train.floats(slice(3)) * 0.999]
    )
    found, originals = closest(Samples('x', x), reference, 3)
    assert {one.tobytes() for one in originals} == {
        one.tobytes() for one in reference.train.floats(slice(3))
    }
    assert np.abs(found - originals).max() < 0.01


# In words

GOOD = {
    'lenet_share100_0': 0.5,
    'lenet_share100_1': 0.48,
    'pixel_sharpness100': 1.02,
    'pixel_coverage100_k5_test': 0.95,
    'pixel_recall100_k5_test': 0.9,
    'pixel_nn_real100_test': 0.6,
    'pixel_nn_fake100_test': 0.7,
    'pixel_support100_test': 9_000,
    'pixel_copies100_train': 0.0,
}


@pytest.mark.parametrize(
    'change, words',
    [
        ({}, 'covers all 2 classes; sharpness good; variety good; copies nothing'),
        ({'lenet_share100_1': 0.04}, 'covers 1 of 2 classes; b is missing;'),
        ({'lenet_share100_1': 0.0, 'lenet_share100_0': 0.0}, 'covers none of 2 classes;'),
        ({'pixel_sharpness100': 0.5}, "blurred (0.50 of the data's sharpness)"),
        ({'pixel_sharpness100': 3.0}, "too hard or noisy (3.00 of the data's sharpness)"),
        ({'pixel_coverage100_k5_test': 0.4}, 'reaches 41% of what real pictures reach'),
        ({'pixel_recall100_k5_test': 0.4}, 'reaches 43% of what real pictures reach'),
        (
            {'pixel_nn_real100_test': 0.92},
            'easily told from the data (1-NN is right 92% of the time)',
        ),
        (
            {'pixel_nn_fake100_test': 0.85},
            'easily told from the data (1-NN is right 85% of the time)',
        ),
        ({'pixel_support100_test': 20.0}, 'as if it knew 20 pictures'),
        ({'pixel_copies100_train': 0.3}, 'copies training images (30% of its samples)'),
        ({'lenet_asked100': 0.987}, '98.7% are of the class asked for'),
    ],
)
def test_numbers_are_told_in_words(change, words):
    assert words in sentence({**GOOD, **change}, ('a', 'b'))


def test_variety_is_held_against_what_real_pictures_reach():
    real = {'pixel_coverage100_k5_test': 0.95, 'pixel_recall100_k5_test': 0.5}
    poor = {**GOOD, 'pixel_recall100_k5_test': 0.48}
    assert 'variety good' in sentence(poor, 'ab', real) and 'reaches 51% of' in sentence(poor, 'ab')


def test_several_missing_classes_are_listed():
    shares = {f'lenet_share100_{i}': 0.3 * (i == 1) for i in range(4)}
    assert sentence(shares, 'abcd').startswith('covers 1 of 4 classes; a, c and d are missing')


# Known sets, and the report


def test_known_sets_are_what_their_names_say(reference):
    train = reference.train
    originals = {x.tobytes(): label for x, label in zip(train.floats(), train.labels)}
    made = {name: maker(train, 300, np.random.RandomState(0)) for name, maker in KNOWN.items()}
    assert all(
        x.shape == (300, 1, 12, 12) and x.dtype == np.float32 and 0 <= x.min() < x.max() <= 1
        for x in made.values()
    )
    labels = {
        name: {originals[one.tobytes()] for one in made[name]}
        for name in ('real', 'one missing', 'one class')
    }
    assert labels == {'real': {0, 1, 2, 3}, 'one missing': {0, 1, 2}, 'one class': {1}}
    assert len(np.unique(made['100 repeated'].reshape(300, -1), axis=0)) <= 100
    assert set(np.unique(made['binarized'])) == {0, 1}
    assert np.array_equal(
        np.roll(made['real'][0], 1, axis=-1)[..., 1:], made['shifted'][0][..., 1:]
    )
    assert 'one class' not in sets(data.Dataset('x', train.samples))


def test_calibration_has_mean_and_deviation_of_every_set_and_is_read_back(reference, tmp_path):
    told = []
    found = calibrate(reference, 300, draws=2, tell=lambda name, values: told.append(name))
    assert told == list(KNOWN) == list(found.rows) and found.fits(reference)
    assert found.value('one missing', 'lenet_classes300') == 3
    assert found.value('uniform noise', 'pixel_precision300_k5_test') == 0
    assert (
        found.rows['100 repeated']['lenet_fd300_test'][1] > 0
        and found.value('nothing', 'x') is None
    )
    found.write(tmp_path / 'c.json')
    again = read_calibration(tmp_path / 'c.json')
    assert again.of == found.of and list(again.rows) == list(found.rows)
    for name, row in found.rows.items():
        for key, pair in row.items():
            assert again.rows[name][key] == pytest.approx(pair, rel=1e-5)
    other = Reference(reference.train, None, reference.judge)
    assert not found.fits(other) and not Calibration({**found.of, 'judge': 'x'}, found.rows).fits(
        reference
    )


@pytest.mark.parametrize(
    'text', ['', '[]', '{}', '{"of": {}, "sets": {"real": {"fd": 3}}}', '{"of": 3, "sets": {}}']
)
def test_file_that_is_no_calibration_or_no_report_is_refused_by_name(tmp_path, text):
    (tmp_path / 'c.json').write_text(text)
    with pytest.raises(CalibrationError, match=r'c\.json: is no calibration'):
        read_calibration(tmp_path / 'c.json')
    with pytest.raises(ValueError, match=r'c\.json: is no report'):
        read_metrics(tmp_path / 'c.json')


def test_report_is_json_and_a_table_with_the_known_sets_beside(tmp_path):
    values = {'lenet_fd10k_test': 9.1234567, 'lenet_classes10k': 9, 'lenet_share10k_0': 0.1}
    known = {'real': {'lenet_fd10k_test': 0.45}, 'noise 0.3': {}}
    report = Report('runs/x', 'mnist', 10_000, None, values, 'good', 1.234, known)
    report.write(tmp_path / 'r.json')
    assert read_metrics(tmp_path / 'r.json') == pytest.approx(values, rel=1e-5)
    assert json.loads((tmp_path / 'r.json').read_text())['words'] == 'good'
    lines = report.table().splitlines()
    assert (
        lines[0].split() == ['noise']
        and lines[1].split() == ['this', 'real', '0.3']
        and len(lines) == 4
    )
    assert (
        lines[2].split()[:4] == ['lenet_fd10k_test', '9.123', '0.4500', '-']
        and lines[3].split()[1] == '9'
    )
