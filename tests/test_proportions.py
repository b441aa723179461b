"""A conditional GAN is measured on classes in the proportions of its data.

The oracle is a perfect generator, which answers with a real picture of the class that it is asked
for: its numbers must be those of the data.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny

from gluongan import data, figures, loading
from gluongan.evaluation import density, sources
from gluongan.evaluation.from_updater import draw_samples
from gluongan.gan.labels import labels_in_proportion
from gluongan.gan.sampling import Sampler
from gluongan.gan.updater import GANUpdater

DARK, BRIGHT = 20, 220


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


@pytest.fixture(scope='module')
def imbalanced(tmp_path_factory):
    """450 dark pictures of class 0 and 50 bright ones of class 1."""
    labels = np.repeat([0, 1], [450, 50])
    noise = np.random.RandomState(0).randint(-15, 16, (500, 8, 8))
    pictures = np.where(labels == 0, DARK, BRIGHT)[:, None, None] + noise
    path = tmp_path_factory.mktemp('data') / 'imbalanced.npz'
    np.savez(path, x=pictures.astype(np.uint8), y=labels)
    return path


@pytest.fixture
def settings(imbalanced):
    return {'data': str(imbalanced), 'image_size': None, 'conditional': True, 'iterations': 2}


def perfect(self, inputs):
    """Real pictures of the classes in the inputs of a generator."""
    dataset = self.real.dataset
    asked = inputs[:, -self.classes :].argmax(axis=1)
    random = np.random.RandomState(1)
    return dataset.floats([random.choice(np.flatnonzero(dataset.labels == k)) for k in asked])


# The labels


@pytest.mark.parametrize('sizes', [(450, 50), (5, 5, 5), (1, 0, 99), (7,), (300, 200, 100, 1)])
def test_labels_have_the_shares_of_the_data_from_the_first_to_any_number_of_them(sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    shares = np.array(sizes) / sum(sizes)
    for count in (0, 1, 10, 333, 1_000):
        chosen = labels_in_proportion(labels, count)
        numbers = np.bincount(chosen, minlength=len(sizes))
        assert len(chosen) == count
        assert np.abs(numbers - count * shares).max() < 1
        for n in range(1, count + 1, 7):
            prefix = np.bincount(chosen[:n], minlength=len(sizes))
            assert np.abs(prefix - n * shares).max() <= len(sizes) / 2 + 1
        assert not numbers[shares == 0].any()


@pytest.mark.parametrize('count', [1, 9, 10, 25, 1_000])
def test_classes_of_equal_size_take_turns(count):
    labels = np.random.RandomState(0).permutation(np.arange(60) % 10)
    assert labels_in_proportion(labels, count).tolist() == [i % 10 for i in range(count)]


# Measurements


def test_a_perfect_generator_has_the_numbers_of_the_data_while_it_trains(
    settings, tmp_path, monkeypatch
):
    monkeypatch.setattr(GANUpdater, 'samples', perfect)
    run = tiny.begun(tmp_path, **settings, eval_every=1)
    mean, deviation = run.updater.real.dataset.moments()
    assert mean == pytest.approx(0.157, abs=0.001)
    for row in tiny.rows(run.folder / 'metrics.jsonl'):
        assert row['pixels/mean'] == pytest.approx(mean, abs=0.002)
        assert row['pixels/std'] == pytest.approx(deviation, abs=0.002)
        assert row['samples/swd'] < 0.005


def test_a_perfect_generator_has_the_numbers_of_the_data_when_it_is_evaluated(
    settings, tmp_path, monkeypatch
):
    run = tiny.begun(tmp_path, **settings)
    monkeypatch.setattr(GANUpdater, 'samples', perfect)
    mean, _ = run.updater.real.dataset.moments()
    for count in (100, 500):
        values = sources.evaluate_source(run.folder, count=count).values
        assert values[f'pixel_mean{count}'] == pytest.approx(mean, abs=0.002)
        assert values[f'pixel_coverage{count}_k5_train'] > 0.5
    samples = draw_samples(run.updater, 1_000, seed=3)
    assert np.bincount(samples.labels).tolist() == [900, 100]
    assert np.array_equal(samples.labels, (samples.x.mean(axis=(1, 2, 3)) > 0.5).astype(int))


def test_the_discriminator_is_told_the_class_that_the_generator_was_asked_for(
    settings, tmp_path, monkeypatch
):
    """A discriminator that says `real` where the picture is of the class in its input."""

    def matches(updater, x, labels):
        is_match = (x.mean(axis=(1, 2, 3)) > 0.5) == (labels == 1)
        return np.where(is_match, 1.0, -1.0)

    monkeypatch.setattr(GANUpdater, 'samples', perfect)
    monkeypatch.setattr('gluongan.extensions.quick_metrics.discriminator_logits', matches)
    run = tiny.begun(tmp_path, **settings, eval_every=1)
    accuracies = [row['dis/accuracy'] for row in tiny.rows(run.folder / 'metrics.jsonl')]
    assert accuracies == [0.5] * 3  # right on everything real, wrong on everything generated
    over_the_data = tiny.rows(run.folder / 'accuracy.csv')
    assert [(row['real'], row['fake']) for row in over_the_data] == [(1, 0)] * 2


def test_an_export_is_asked_for_the_same_classes_as_its_run(
    settings, imbalanced, tmp_path, unverified
):
    run = tiny.begun(tmp_path, **settings).folder
    assert tiny.gluongan('export', run, '--out', tmp_path / 'export').exit_code == 0
    reports = []
    for words in ([run], [tmp_path / 'export', '--data', imbalanced]):
        words = ['evaluate', *words, '--samples', 300, '--json', tmp_path / 'r.json']
        assert tiny.gluongan(*words).exit_code == 0
        reports.append(json.loads((tmp_path / 'r.json').read_text())['metrics'])
    of_run, of_export = reports
    assert of_export == {name: of_run[name] for name in of_run if not name.startswith('dis_')}


def test_an_export_of_other_classes_is_refused(settings, tmp_path, unverified):
    run = tiny.begun(tmp_path, **settings).folder
    assert tiny.gluongan('export', run, '--out', tmp_path / 'export').exit_code == 0
    words = ['--data', 'synthetic', '--image-size', 8, '--samples', 100]
    message = tiny.refused('evaluate', tmp_path / 'export', *words)
    assert 'export: its classes are 0, 1; must be ' in message
    assert message.endswith('as those of synthetic')


def test_the_density_of_a_conditional_run_asks_for_classes_as_in_the_data(
    settings, imbalanced, tmp_path, monkeypatch
):
    asked = []

    def sample(self, count, seed, labels=None):
        asked.append(np.bincount(labels).tolist())
        return np.full((count, 1, 8, 8), 0.5, np.float32), labels

    run = tiny.begun(tmp_path, **settings).folder
    train = data.load(imbalanced)
    monkeypatch.setattr(density, 'load_data', lambda config, split: train)
    monkeypatch.setattr(density, 'require_test', lambda *_: train)
    for name, value in {'TRAIN': 1, 'TEST': 1, 'VALID': slice(9), 'SAMPLES': 100}.items():
        monkeypatch.setattr(density, name, value)
    monkeypatch.setattr(Sampler, 'sample', sample)
    assert density.measure_density(run).samples == 100
    assert asked == [[90, 10]]


def test_a_sampler_makes_the_classes_that_it_is_given(tmp_path, settings):
    run = tiny.begun(tmp_path, **settings).folder
    sampler = loading.load_sampler(run)
    labels = np.array([1, 1, 0])
    x, returned = sampler.sample(3, 0, labels)
    assert returned is labels
    turns, _ = sampler.sample(3, 0)
    assert [np.array_equal(a, b) for a, b in zip(x, turns)] == [False, True, True]
