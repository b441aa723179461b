"""From samples to named metrics: what is measured, and against which images."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gluongan import data
from gluongan.evaluation import (
    KNOWN_SETS,
    Calibration,
    CalibrationError,
    Counts,
    Reference,
    Report,
    Samples,
    calibrate,
    closest_to_training,
    evaluate,
    find_metric,
    metric_stem,
    metrics,
    read_calibration,
    read_metrics,
    real_samples,
    summarize,
)
from gluongan.evaluation import classifier as judge
from gluongan.evaluation.calibration import known_sets
from gluongan.evaluation.suite import measure_by_judge, measure_discriminator


def shapes(split='train'):
    return data.load('synthetic', split=split, image_size=12)


@pytest.fixture(scope='module')
def reference():
    """The drawn shapes, with a judge of them."""
    train, test = shapes(), shapes('test')
    return Reference(train, test, judge.train(train, test, epochs=40, lr=4e-3))


def real(reference, count=400):
    return Samples('real', reference.train.floats(slice(count)))


# What is measured


def test_every_measurement_is_the_metric_of_its_name(reference):
    samples = real(reference)
    counts = Counts(manifold=300, neighbours=100, diversity=200, memory=50)
    values = evaluate(samples, reference, counts=counts)
    assert all(metric_stem(name) for name in values)
    assert all(np.isfinite(list(values.values())))

    x, test = samples.x, reference.images[:]
    features, probabilities = reference.judge(x)
    moments = metrics.moments(features), metrics.moments(reference.judge(test).features)
    manifold = metrics.manifold(test[:300], x[:300])
    halves = metrics.nearest_neighbour_accuracy(test[:100], x[:100])
    bins = metrics.Bins(reference.train.floats()).compare(x)
    diversity = metrics.diversity(x[:200], metrics.pairs(test))
    space = reference.space
    assert values[f'{space}_fd400_test'] == pytest.approx(metrics.frechet_distance(*moments))
    kernel = metrics.kernel_distance(features, reference.judgement.features)
    assert values[f'{space}_kd400_test'] == pytest.approx(kernel.value)
    assert values[f'{space}_kd_error400_test'] == pytest.approx(kernel.error)
    assert kernel.value != pytest.approx(kernel.error)
    assert values[f'{space}_score400'] == pytest.approx(metrics.classifier_score(probabilities))
    assert values['pixel_coverage300_k5_test'] == manifold.coverage
    assert values['pixel_nn_fake100_test'] == halves.fake
    assert values['pixel_ndb400_k100_train'] == bins.different
    assert values['pixel_copies50_train'] == 1
    assert values['pixel_mean400'] == pytest.approx(x.mean(), rel=1e-5)
    assert values['pixel_spread200_test'] == pytest.approx(diversity.spread)


def test_the_judge_that_ships_for_the_data_alone_is_called_by_its_network(reference, tmp_path):
    digits, clothes = judge.load_shipped('mnist'), judge.load_shipped('fashion-mnist')
    mnist = data.load('mnist', split='test')
    few = data.Dataset('own', mnist.samples[:100])
    part = data.Dataset('mnist', mnist.samples[:200], mnist.labels[:200], mnist.classes)
    other = judge.train(part, epochs=1)
    assert Reference(mnist, None, digits).space == 'lenet'
    assert Reference(mnist, None, clothes).space == f'lenet-{clothes.sha256[:8]}'
    assert Reference(few, None, digits).space == f'lenet-{digits.sha256[:8]}'
    assert Reference(mnist, None, other).space == f'lenet-{other.sha256[:8]}'
    reference.judge.write(tmp_path / 'x.judge')
    assert judge.read(tmp_path / 'x.judge').sha256 == reference.judge.sha256
    assert reference.space == f'lenet-{reference.judge.sha256[:8]}'


def test_the_classes_that_are_counted_are_those_of_the_judge(reference):
    train = reference.train
    renamed = data.Dataset('x', train.samples, train.labels, ('a', 'b', 'c', 'd'))
    by_judge = Reference(renamed, None, reference.judge)
    samples = Samples('x', train.floats(slice(100)), labels=train.labels[:100])
    values = evaluate(samples, by_judge, only=(measure_by_judge,))
    assert by_judge.classes == train.classes != renamed.classes
    assert find_metric(values, 'classes') == 4
    assert find_metric(values, 'asked') is None
    assert find_metric(evaluate(samples, reference, only=(measure_by_judge,)), 'asked') > 0.8


def test_a_sample_is_sure_from_a_probability_of_nine_tenths_on(reference, monkeypatch):
    highest = np.array([0.5, 0.89, 0.901, 0.95, 1])
    rest = (1 - highest) / 3
    probabilities = np.stack([highest, rest, rest, rest], axis=1)
    features = np.random.default_rng(0).normal(size=(5, 84)).repeat(20, axis=0)
    answer = features, probabilities.repeat(20, axis=0)
    monkeypatch.setattr(type(reference.judge), '__call__', lambda judge, x: answer)
    values = measure_by_judge(real(reference, 100), reference, Counts())
    assert values[f'{reference.space}_sure100'] == pytest.approx(0.6)


def test_progress_is_reported_after_each_measurement(reference):
    steps = []
    evaluate(
        real(reference, 60),
        reference,
        only=[measure_by_judge],
        on_step=lambda name, seconds: steps.append((name, seconds)),
    )
    ((name, seconds),) = steps
    assert name == 'features and classes'
    assert seconds > 0


def test_data_without_test_images_is_its_own_reference_and_the_names_say_so():
    train = shapes()
    values = evaluate(Samples('x', train.floats()), Reference(train))
    assert 'pixel_coverage512_k5_train' in values
    assert not any('lenet' in name or 'test' in name for name in values)


def test_images_of_the_reference_are_all_test_images_in_random_order_with_their_labels(reference):
    test = shapes('test')
    assert {x.tobytes() for x in reference.images} == {x.tobytes() for x in test.floats()}
    assert not np.array_equal(reference.images[:], test.floats())
    label_of = {x.tobytes(): label for x, label in zip(test.floats(), test.labels)}
    assert [label_of[x.tobytes()] for x in reference.images] == list(reference.labels)


def test_a_judge_of_other_pictures_is_refused():
    with pytest.raises(judge.JudgeError, match='must be 1 × 28 × 28'):
        Reference(shapes(), None, judge.load_shipped('mnist'))


def test_a_missing_class_and_the_share_of_the_requested_class_are_measured(reference):
    train = reference.train
    indices = np.flatnonzero(train.labels != 2)[:300]
    samples = Samples('x', train.floats(indices), labels=train.labels[indices])
    values = evaluate(samples, reference, only=(measure_by_judge,))
    assert values[f'{reference.space}_classes300'] == 3
    assert values[f'{reference.space}_share300_2'] < 0.025
    assert values[f'{reference.space}_asked300'] > 0.85
    assert summarize(values, train.classes).startswith('covers 3 of 4 classes (square is missing)')


def test_the_discriminator_scores_samples_and_test_images(reference):
    def critic(x, labels):
        return x.mean(axis=(1, 2, 3)) - 0.15

    samples = Samples('x', real(reference).x / 2, critic=critic, is_classifier=True)
    values = evaluate(samples, reference, only=(measure_discriminator,))
    real_share = (reference.images[:400].mean(axis=(1, 2, 3)) > 0.15).mean()
    fake_share = (samples.x.mean(axis=(1, 2, 3)) < 0.15).mean()
    assert values['dis_accuracy400_test'] == pytest.approx((real_share + fake_share) / 2)
    assert abs(values['dis_gap400_train_test']) < 0.1


def test_a_discriminator_that_memorised_its_training_images_has_the_largest_gap(reference):
    train = {x.tobytes() for x in reference.train.floats()}

    def critic(x, labels):
        return np.array([float(image.tobytes() in train) for image in x])

    samples = Samples('x', real(reference).x / 2, critic=critic)
    values = evaluate(samples, reference, only=(measure_discriminator,))
    assert values == {'dis_gap400_train_test': 0.5}


def test_points_are_measured_by_their_modes():
    points = data.load('ring8', split='test').samples[:2_500]
    values = evaluate(Samples('x', points), Reference(data.load('ring8')))
    assert values['points_caught2500'] == 8
    assert values['points_good2500'] > 0.98
    assert summarize(values) == 'catches 8 modes; 99% of the points are near a mode'
    assert summarize(values, modes=8).startswith('catches 8 of 8 modes; ')


def test_the_samples_nearest_to_training_images_come_with_those_images(reference):
    copied = reference.train.floats(slice(3))
    x = np.concatenate([real(reference, 150).x[::-1] * 0.5, copied * 0.999])
    nearest, originals = closest_to_training(Samples('x', x), reference, 3)
    assert {image.tobytes() for image in originals} == {image.tobytes() for image in copied}
    assert np.abs(nearest - originals).max() < 0.01


# The summary

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
    'change, clause',
    [
        ({}, 'covers all 2 classes; good sharpness; good variety; no copies'),
        ({'lenet_share100_1': 0.04}, 'covers 1 of 2 classes (b is missing);'),
        ({'lenet_share100_1': 0.0, 'lenet_share100_0': 0.0}, 'covers none of the 2 classes;'),
        ({'pixel_sharpness100': 0.5}, "blurred (0.50 of the data's sharpness)"),
        ({'pixel_sharpness100': 3.0}, "too sharp or noisy (3.00 times the data's sharpness)"),
        ({'pixel_coverage100_k5_test': 0.4}, 'covers 41% of the variety of real images'),
        ({'pixel_recall100_k5_test': 0.4}, 'covers 43% of the variety of real images'),
        (
            {'pixel_nn_real100_test': 0.92},
            'easy to tell from the data (a nearest-neighbour test is 92% accurate)',
        ),
        (
            {'pixel_nn_fake100_test': 0.85},
            'easy to tell from the data (a nearest-neighbour test is 85% accurate)',
        ),
        ({'pixel_support100_test': 20.0}, 'about 20 distinct images'),
        ({'pixel_copies100_train': 0.3}, '30% of the samples are copies of training images'),
        ({'lenet_asked100': 0.987}, '98.7% of the samples are of the requested class'),
    ],
)
def test_metrics_are_summarized_in_a_sentence(change, clause):
    assert clause in summarize({**GOOD, **change}, ('a', 'b'))


def test_variety_is_relative_to_that_of_real_images():
    real = {'pixel_coverage100_k5_test': 0.95, 'pixel_recall100_k5_test': 0.5}
    values = {**GOOD, 'pixel_recall100_k5_test': 0.48}
    assert 'good variety' in summarize(values, 'ab', real)
    assert '51% of the variety' in summarize(values, 'ab')


def test_several_missing_classes_are_listed():
    shares = {f'lenet_share100_{i}': 0.3 * (i == 1) for i in range(4)}
    expected = 'covers 1 of 4 classes (a, c and d are missing)'
    assert summarize(shares, 'abcd').startswith(expected)


# Known sets


@pytest.fixture(scope='module')
def sets(reference):
    """300 images of each known set."""
    return {
        name: make(reference.train, 300, np.random.RandomState(0))
        for name, make in KNOWN_SETS.items()
    }


@pytest.mark.parametrize('name', KNOWN_SETS)
def test_a_known_set_is_pictures(sets, name):
    x = sets[name]
    assert x.shape == (300, 1, 12, 12)
    assert x.dtype == np.float32
    assert 0 <= x.min() < x.max() <= 1


@pytest.mark.parametrize(
    'name, classes', [('real', {0, 1, 2, 3}), ('one missing', {0, 1, 2}), ('one class', {1})]
)
def test_a_known_set_of_training_images_has_these_classes(reference, sets, name, classes):
    train = reference.train
    label_of = {x.tobytes(): label for x, label in zip(train.floats(), train.labels)}
    assert {label_of[x.tobytes()] for x in sets[name]} == classes


def test_known_sets_have_the_fault_of_their_name(sets):
    assert len(np.unique(sets['100 repeated'].reshape(300, -1), axis=0)) <= 100
    assert set(np.unique(sets['binarized'])) == {0, 1}
    moved = np.roll(sets['real'][0], 1, axis=-1)
    assert np.array_equal(moved[..., 1:], sets['shifted'][0][..., 1:])


def test_data_without_classes_has_fewer_known_sets(reference):
    unlabelled = data.Dataset('x', reference.train.samples)
    assert set(known_sets(reference.train)) - set(known_sets(unlabelled)) == {
        'one missing',
        'one class',
    }


def test_real_samples_are_the_same_ones_every_time(reference):
    assert np.array_equal(real_samples(reference, 50).x, real_samples(reference, 50).x)


# Calibration


@pytest.fixture(scope='module')
def calibration(reference):
    names = []
    result = calibrate(reference, 300, draws=2, on_set=lambda name, means: names.append(name))
    assert names == list(KNOWN_SETS)
    return result


def test_a_calibration_has_mean_and_deviation_of_every_known_set(reference, calibration):
    assert list(calibration.sets) == list(KNOWN_SETS)
    assert calibration.fits(reference)
    assert calibration.sets['100 repeated'][f'{reference.space}_fd300_test'][1] > 0
    means = calibration.means()
    assert means['one missing'][f'{reference.space}_classes300'] == 3
    assert means['uniform noise']['pixel_precision300_k5_test'] == 0


def test_a_calibration_is_read_as_it_was_written(calibration, tmp_path):
    calibration.write(tmp_path / 'c.json')
    restored = read_calibration(tmp_path / 'c.json')
    assert restored.identity == calibration.identity
    assert list(restored.sets) == list(calibration.sets)
    for name, values in calibration.sets.items():
        for metric, pair in values.items():
            assert restored.sets[name][metric] == pytest.approx(pair, rel=1e-5)


def test_a_calibration_fits_its_own_data_and_judge_alone(reference, calibration):
    other_images = Reference(reference.train, None, reference.judge)
    other_judge = Calibration({**calibration.identity, 'judge': 'x'}, calibration.sets)
    other_name = Calibration({**calibration.identity, 'data': 'x'}, calibration.sets)
    assert other_name.fits(reference)
    assert not calibration.fits(other_images)
    assert not other_judge.fits(reference)


@pytest.mark.parametrize(
    'text', ['', '[]', '{}', '{"of": {}, "sets": {"real": {"fd": 3}}}', '{"of": 3, "sets": {}}']
)
def test_a_file_that_is_not_a_calibration_or_a_report_is_refused_by_name(tmp_path, text):
    (tmp_path / 'c.json').write_text(text)
    with pytest.raises(CalibrationError, match=r'c\.json: is not a calibration'):
        read_calibration(tmp_path / 'c.json')
    with pytest.raises(ValueError, match=r'c\.json: is not a report'):
        read_metrics(tmp_path / 'c.json')


# The report


@pytest.fixture
def report():
    values = {'lenet_fd10k_test': 9.1234567, 'lenet_classes10k': 9, 'lenet_share10k_0': 0.1}
    known = {'real': {'lenet_fd10k_test': 0.45}, 'noise 0.3': {}}
    return Report('runs/x', 'mnist', 10_000, None, values, 'good', 1.234, known)


def test_a_report_is_written_as_json(report, tmp_path):
    report.write(tmp_path / 'r.json')
    assert read_metrics(tmp_path / 'r.json') == pytest.approx(report.values, rel=1e-5)
    assert json.loads((tmp_path / 'r.json').read_text())['words'] == 'good'


def test_the_table_of_a_report_has_a_column_for_each_known_set(report):
    first, second, distance, classes = report.table().splitlines()
    assert first.split() == ['noise']
    assert second.split() == ['this', 'real', '0.3']
    assert distance.split()[:4] == ['lenet_fd10k_test', '9.123', '0.4500', '-']
    assert distance.endswith('Fréchet distance of features')
    assert classes.split()[1] == '9'
