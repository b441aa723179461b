"""A judge of data without labels: its network, its training, its file, and what it ranks."""

from __future__ import annotations

import json
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import tiny

# Last, so that the installed gluongan is the one that is tested.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks.judged import FAULTS, REAL, faulty_sets, halves, row
from gluongan import data, evaluation, figures, launch, runtime, snapshot
from gluongan.config import ConfigError
from gluongan.evaluation import Reference, Samples, classifier, comparison, find_metric
from gluongan.evaluation.classifier import autoencoding, training
from gluongan.evaluation.classifier.networks import initialised
from gluongan.evaluation.suite import left_out, measure_by_judge
from gluongan.runs.folder import SCORES
from gluongan.runtime import mx

SIDE = 12


@pytest.fixture(scope='module')
def digits():
    """2,000 digits of 12 × 12 pixels, with their classes."""
    whole = data.load('mnist', split='test')
    pixels = whole.samples[:2_000, :, 2:-2:2, 2:-2:2].copy()
    return data.Dataset('digits', pixels, whole.labels[:2_000], whole.classes)


@pytest.fixture(scope='module')
def nameless(digits):
    """The same digits without labels."""
    return data.Dataset('nameless', digits.samples)


@pytest.fixture(scope='module')
def trained(nameless):
    """A judge of the digits that has seen no label, in about a second."""
    return classifier.train(nameless, epochs=2, lr=3e-3, command='pytest')


# The network


@pytest.mark.parametrize('shape', [(1, 28, 28), (3, 32, 32), (3, 13, 31), (2, 12, 40), (3, 64, 64)])
def test_pictures_of_any_shape_become_features_and_pictures_of_that_shape_again(shape):
    net = initialised('autoencoder', shape, 0)
    features = net.body(mx.nd.ones((2, *shape)))
    assert features.shape == (2, 64)
    assert net.head(features).shape == (2, *shape)


# Training


def test_data_without_two_classes_gets_an_autoencoder(digits, nameless):
    one_class = data.Dataset('ones', digits.samples, np.zeros(len(digits), np.int64), ('1',))
    chosen = [classifier.default_net(each) for each in (digits, nameless, one_class)]
    assert chosen == ['lenet', 'autoencoder', 'autoencoder']


def test_it_learns_and_what_it_explains_is_the_variance_that_restored_pictures_have(
    trained, nameless
):
    about = trained.about
    assert (about.net, about.data, about.classes) == ('autoencoder', 'nameless', ())
    assert (about.split, about.epochs, about.has_classes) == ('train', 2, False)
    x = nameless.floats().astype(np.float64)
    restored = trained.net.head(trained.net.body(mx.nd.array(x))).asnumpy()
    expected = 1 - ((restored - x) ** 2).sum() / ((x - x.mean(axis=0)) ** 2).sum()
    assert about.accuracy == pytest.approx(expected, abs=1e-4)
    assert about.accuracy > 0.4 > autoencoding.explained(untrained(nameless), nameless)


def untrained(dataset):
    runtime.seed(0)
    return initialised('autoencoder', dataset.shape, 0)


def test_features_have_mean_0_and_mean_variance_1_and_restore_the_same_pictures(nameless):
    few = data.Dataset('few', nameless.samples[:200])
    net = untrained(few)
    x = mx.nd.array(few.floats())
    before = net.head(net.body(x)).asnumpy()
    autoencoding.standardise(net, few)
    features = net.body(x).asnumpy().astype(np.float64)
    assert features.mean(axis=0) == pytest.approx(np.zeros(64), abs=1e-5)
    assert features.var(axis=0).mean() == pytest.approx(1, abs=1e-4)
    assert net.head(net.body(x)).asnumpy() == pytest.approx(before, abs=1e-5)


@pytest.mark.same_bits
def test_the_same_seed_makes_the_same_judge(nameless):
    few = data.Dataset('few', nameless.samples[:128])
    x = few.floats()
    first, second, other = (
        classifier.train(few, epochs=2, seed=seed)(x).features for seed in (5, 5, 6)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_no_more_pictures_are_measured_than_fit_into_memory(nameless, monkeypatch):
    seen = []
    monkeypatch.setattr(autoencoding, 'in_passes', lambda run, x: seen.append(len(x)) or [x])
    monkeypatch.setattr(autoencoding, 'MOST_VALUES', 50 * SIDE**2)
    autoencoding.explained(None, nameless)
    monkeypatch.setattr(autoencoding, 'MEASURED', 20)
    autoencoding.explained(None, nameless)
    assert seen == [50, 20]


def test_training_takes_1000_steps_where_nothing_is_said(nameless, monkeypatch):
    monkeypatch.setattr(training, 'STEPS', 5)
    few = data.Dataset('few', nameless.samples[:200])  # three batches of 64
    steps = []
    judge = classifier.train(few, on_step=lambda step, *_: steps.append(step))
    assert (judge.about.epochs, steps) == (2, [6])


@pytest.mark.parametrize(
    'make, message',
    [
        (lambda x: x[:63], 'has 63 pictures; must be at least 64'),
        (lambda x: x[:, :, :8], 'must be at least 12 × 12'),
        (lambda x: np.repeat(x[:1], 99, axis=0), 'its pictures are all alike; must differ'),
    ],
)
def test_pictures_that_it_cannot_be_trained_on_are_refused(nameless, make, message):
    with pytest.raises(classifier.JudgeError, match=message):
        classifier.train(data.Dataset('bad', make(nameless.samples)))


# Its file


def test_it_is_read_as_it_was_written(trained, nameless, tmp_path):
    trained.write(tmp_path / 'x.judge')
    restored = classifier.read(tmp_path / 'x.judge')
    x = nameless.floats(slice(20))
    assert np.array_equal(restored(x).features, trained(x).features)
    assert restored(x).probabilities is None
    assert (restored.about, restored.sha256) == (trained.about, trained.sha256)


@pytest.mark.parametrize(
    'change, problem',
    [
        ({'version': 2}, 'is a judge of version 2; must be of version 1'),
        ({'version': None}, 'is a judge of version None; must be of version 1'),
        ({'classes': ['a', 'b']}, 'is not a judge; must be a file made by `gluongan judge train`'),
        ({'shape': [1, 8, 8]}, 'is not a judge; must be a file made by `gluongan judge train`'),
        ({'other': 1}, 'is not a judge; must be a file made by `gluongan judge train`'),
        ({'net': 'lenet'}, 'is not a judge; must be a file made by `gluongan judge train`'),
    ],
)
def test_a_file_that_says_something_else_is_refused_by_its_setting(
    trained, nameless, tmp_path, change, problem
):
    path = tmp_path / 'x.judge'
    arrays, meta = trained._state()
    snapshot.write(path, arrays, {**meta, **change})
    with pytest.raises(classifier.JudgeError) as caught:
        classifier.find_judge(nameless, path)
    assert str(caught.value) == f'judge {path}: {problem}'


def test_a_classifiers_file_says_no_version(digits):
    assert 'version' not in classifier.load_shipped('mnist')._state()[1]


# Judgement


@pytest.mark.same_bits
def test_a_picture_gets_the_same_bits_in_any_company(trained, nameless):
    x = nameless.floats(slice(100))
    assert np.array_equal(trained(x[97:]).features, trained(x).features[97:])


def test_it_has_no_accuracy_of_classes(trained, digits):
    with pytest.raises(classifier.JudgeError, match='was trained without labels'):
        trained.accuracy(digits.floats(slice(10)), digits.labels[:10])


def test_its_metrics_are_distances_of_features_and_a_line_says_which_are_left_out(trained, digits):
    reference = Reference(digits, None, trained)
    samples = Samples('noise', np.random.RandomState(0).random_sample((100, 1, SIDE, SIDE)), None)
    values = evaluation.evaluate(samples, reference, only=[measure_by_judge])
    space = f'autoencoder-{trained.sha256[:8]}'
    assert list(values) == [f'{space}_{stem}100_train' for stem in ('fd', 'kd', 'kd_error')]
    moments = [
        evaluation.metrics.moments(trained(x).features) for x in (samples.x, digits.floats())
    ]
    assert values[f'{space}_fd100_train'] == pytest.approx(
        evaluation.metrics.frechet_distance(*moments), rel=1e-6
    )
    assert reference.classes == digits.classes
    assert left_out(reference)[0] == (
        'no `score`, `classes`, `kl`, `sure`, `modes`, `share` or `asked`: '
        'the judge was trained without labels'
    )
    assert not any('without labels' in line for line in left_out(Reference(digits)))


# What it ranks: each fault more than its absence, and more of it more


@pytest.fixture(scope='module')
def distances(trained, digits):
    """The Fréchet distance of each set, by fault and strength."""
    reference = Reference(digits, None, trained)
    found = {}
    for fault, _, x in faulty_sets(digits, 600):
        values = measure_by_judge(Samples(fault, x), reference, None)
        found.setdefault(fault, []).append(find_metric(values, 'fd'))
    return found


@pytest.mark.parametrize('fault', FAULTS)
def test_the_distance_grows_with_each_fault(distances, fault):
    assert len(distances[fault]) == len(FAULTS[fault][1])
    ladder = [*distances[REAL], *distances[fault]]
    assert all(low < high for low, high in pairwise(ladder)), ladder


def test_the_table_of_faults_makes_what_is_in_the_wrong_order_bold():
    assert row({0.1: 2.0, 0.2: 1.5, 0.3: 3.0}, least=1.0) == '2, **1.5**, 3'
    assert row({0.1: 0.5, 0.2: 0.9}, least=1.0) == '**0.5**, **0.9**'


def test_halves_share_no_picture():
    numbered = data.Dataset('numbered', np.arange(8, dtype=np.uint8).reshape(8, 1, 1, 1))
    parts = [part.samples.ravel().tolist() for part in halves(numbered)]
    assert sorted(parts[0] + parts[1]) == list(range(8))
    assert len(parts[0]) == len(parts[1]) == 4


# The commands


@pytest.fixture(scope='module')
def files(trained, nameless, tmp_path_factory):
    """A folder with the judge, its data, and samples."""
    folder = tmp_path_factory.mktemp('files')
    trained.write(folder / 'x.judge')
    np.savez(folder / 'nameless.npz', x=nameless.samples[:300])
    np.savez(folder / 'samples.npz', x=nameless.samples[:100])
    return folder


def test_data_without_classes_gets_such_a_judge_and_a_line_says_so(files, tmp_path):
    words = ['judge', 'train', '--data', files / 'nameless.npz', '--epochs', 1]
    result = tiny.gluongan(*words, '--out', tmp_path / 'a.judge')
    line = 'nameless has no classes: the judge is trained without labels, net autoencoder'
    assert line in result.stderr.splitlines()
    about = classifier.read(tmp_path / 'a.judge').about
    share = f'{about.accuracy:.1%}'
    expected = f'a.judge: restores {share} of the variance of the train pictures'
    assert result.stdout.endswith(f'{expected}\n')
    asked = tiny.gluongan(*words, '--net', 'autoencoder', '--out', tmp_path / 'b.judge')
    assert line not in asked.stderr
    assert (tmp_path / 'b.judge').exists()


def test_data_of_one_class_gets_such_a_judge_too(digits, tmp_path):
    np.savez(tmp_path / 'ones.npz', x=digits.samples[:64], y=np.ones(64, np.int64))
    words = ['--data', tmp_path / 'ones.npz', '--epochs', 1, '--out', tmp_path / 'a.judge']
    result = tiny.gluongan('judge', 'train', *words)
    line = 'ones has only one class: the judge is trained without labels, net autoencoder'
    assert line in result.stderr.splitlines()


def test_a_report_by_it_has_distances_and_says_nothing_of_classes(files, trained, tmp_path):
    words = [files / 'samples.npz', '--data', files / 'nameless.npz', '--judge', files / 'x.judge']
    result = tiny.gluongan('evaluate', *words, '--json', tmp_path / 'r.json')
    assert result.exit_code == 0
    report = json.loads((tmp_path / 'r.json').read_text())
    space = f'autoencoder-{trained.sha256[:8]}'
    of_judge = [name for name in report['metrics'] if name.startswith('autoencoder')]
    near = ('precision', 'recall', 'density', 'coverage')
    assert of_judge == [
        *(f'{space}_{stem}100_train' for stem in ('fd', 'kd', 'kd_error')),
        *(f'{space}_{stem}100_k5_train' for stem in near),
    ]
    assert report['judge']['net'] == 'autoencoder'
    assert 'class' not in report['words']
    faults = report['faults']  # of samples that are noise
    assert faults and set(faults) <= set(report['words'].split('; '))
    assert any('trained without labels' in line for line in result.stdout.splitlines())
    assert f'judge autoencoder of nameless ({trained.sha256[:8]})' in result.stdout


@pytest.fixture(scope='module')
def shapes_judge(files):
    """A judge without labels of the drawn shapes, which have classes and a test split."""
    path = files / 'shapes.judge'
    words = ['--data', 'synthetic', '--image-size', SIDE, '--net', 'autoencoder', '--epochs', 2]
    assert tiny.gluongan('judge', 'train', *words, '--out', path).exit_code == 0
    return path


def test_known_sets_are_calibrated_with_it_and_stand_beside_samples(shapes_judge, tmp_path):
    words = ['--data', 'synthetic', '--image-size', SIDE, '--judge', shapes_judge]
    path = tmp_path / 'c.json'
    few = ['--samples', 100, '--draws', 1, '--out', path]
    assert tiny.gluongan('judge', 'calibrate', *words, *few).exit_code == 0
    known = evaluation.read_calibration(path).means()
    space = f'autoencoder-{classifier.read(shapes_judge).sha256[:8]}'
    assert known['real'][f'{space}_fd100_test'] < known['one class'][f'{space}_fd100_test']
    shapes = data.load('synthetic', image_size=SIDE).samples[:100]
    np.savez(tmp_path / 's.npz', x=shapes)
    result = tiny.gluongan('evaluate', tmp_path / 's.npz', *words, '--calibration', path)
    assert result.exit_code == 0
    assert {'real', 'missing', 'binarized'} <= set(' '.join(result.stdout.splitlines()[:2]).split())


def test_a_run_is_evaluated_by_it_and_has_a_best_snapshot_and_is_compared(
    shapes_judge, tmp_path, monkeypatch
):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    metric = f'autoencoder-{classifier.read(shapes_judge).sha256[:8]}_fd100_test'
    settings = {'image_size': SIDE, 'judge': str(shapes_judge), 'judge_every': 5}
    settings |= {'judge_samples': 100, 'iterations': 5}
    run = tiny.begun(tmp_path, **settings, best=metric).folder
    rows = tiny.rows(run / 'judge.jsonl')
    assert [row['iteration'] for row in rows] == [0, 5]
    assert not any('classes' in name or 'share' in name for name in rows[0])
    assert json.loads((run / SCORES).read_text())['metric'] == metric
    runs = [run, Path(shutil.copytree(run, tmp_path / 'copy'))]
    table = comparison.make_table(comparison.compare(runs))
    assert metric in table and 'classes' not in table


def test_a_best_snapshot_by_classes_is_refused_with_what_it_can_be(shapes_judge):
    space = f'autoencoder-{classifier.read(shapes_judge).sha256[:8]}'
    settings = {'image_size': SIDE, 'judge': str(shapes_judge), 'judge_every': 5}
    config = tiny.tiny(**settings, judge_samples=100, best=f'{space}_classes100')
    with pytest.raises(ConfigError, match=f'must be one of samples/swd, {space}_fd100_test'):
        launch.make_evaluation(config, data.load('synthetic', image_size=SIDE))
