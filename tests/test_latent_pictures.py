"""Classes in the z of real pictures: against least squares, for a generator that is linear."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from tiny import begun, gluongan, refused

import gluongan as gg
from gluongan import build, figures, loading, runtime
from gluongan.data import Dataset
from gluongan.evaluation import classifier, latent_pictures
from gluongan.evaluation.class_directions import class_directions, in_turns
from gluongan.evaluation.classifier import Judgement
from gluongan.evaluation.latent_pictures import invert_pictures
from gluongan.gan import inversion
from gluongan.gan.sampling import Sampler, generate

LATENT = 3
PRIOR = 1e-3  # of an Inverter


@pytest.fixture(scope='module')
def linear():
    """A sampler of a linear G, and pictures that it made, of classes that one value of z tells."""
    runtime.seed(0)
    gen = gg.dense_generator([LATENT, 64], output='identity', batchnorm=False)
    layer = gen[0]
    layer.weight.set_data(layer.weight.data() / layer.weight.data().abs().mean() * 0.05)
    layer.bias.set_data(layer.bias.data() + 0.5)
    z = np.random.default_rng(1).standard_normal((300, LATENT)).astype(np.float32)
    x = np.rint(generate(gen, z).clip(0, 1) * 255).astype(np.uint8)
    labels = np.digitize(z[:, 1], [-0.5, 0.5])
    return Sampler(gen, 'normal', LATENT), Dataset('made', x, labels, ('low', 'middle', 'high'))


@pytest.fixture(scope='module')
def real(linear):
    """80 pictures of each class, inverted."""
    sampler, pictures = linear
    return invert_pictures(sampler, 'normal', pictures, 80)


@pytest.fixture
def few_steps(monkeypatch):
    """Inversions that are soon over, where nothing depends on how near they come."""
    monkeypatch.setattr(latent_pictures, 'STEPS', 5)


def least_squares(gen, x):
    """The z whose G(z) is nearest to x, with the pull of the prior, in closed form."""
    weight, bias = (
        each.data().asnumpy().astype(np.float64) for each in (gen[0].weight, gen[0].bias)
    )
    values = len(bias)
    pull = PRIOR * values / LATENT * np.eye(LATENT)
    right = (x.reshape(len(x), -1) - bias) @ weight
    return np.linalg.solve(weight.T @ weight + pull, right.T).T


def test_the_z_of_pictures_of_a_linear_generator_are_those_of_least_squares(linear, real):
    sampler, pictures = linear
    chosen = in_turns(pictures.labels, 80)
    x = pictures.floats(chosen)
    away = abs(real.z - least_squares(sampler.gen, x))
    assert np.median(away) < 0.002 and away.max() < 0.2
    np.testing.assert_array_equal(real.labels, pictures.labels[chosen])
    np.testing.assert_allclose(real.x, generate(sampler.gen, real.z), atol=1e-6)
    np.testing.assert_allclose(real.error, ((real.x - x) ** 2).mean(axis=(1, 2, 3)), rtol=1e-3)
    assert len(real.z) == real.wanted == 240


def test_the_classes_of_real_pictures_are_told_along_the_value_of_z_that_makes_them(linear, real):
    sampler, pictures = linear
    found = class_directions(real.z, real.labels, 3)
    exact = least_squares(sampler.gen, pictures.floats(in_turns(pictures.labels, 80)))
    oracle = class_directions(exact, real.labels, 3)
    assert found.accuracy == pytest.approx(oracle.accuracy, abs=0.05) and found.accuracy > 0.85
    assert found.vectors[2, 1] > 0.98 and found.vectors[0, 1] < -0.98


def test_labels_that_have_nothing_to_do_with_the_pictures_are_not_told(real):
    labels = np.random.default_rng(0).permutation(real.labels)
    assert class_directions(real.z, labels, 3).accuracy < 0.6


def test_the_first_of_each_class_take_turns():
    labels = np.array([2, 0, 0, 2, 1, 2, 0])
    assert in_turns(labels, 2).tolist() == [1, 4, 0, 2, 3]
    assert sorted(in_turns(labels, 9)) == list(range(7))


def test_when_the_time_is_over_the_first_pictures_are_those_of_a_run_without_a_limit(
    linear, monkeypatch, few_steps
):
    sampler, pictures = linear
    monkeypatch.setattr(inversion, 'GUESSES_PER_PASS', 8)
    whole = invert_pictures(sampler, 'normal', pictures, 5)
    short = invert_pictures(sampler, 'normal', pictures, 5, seconds=0)
    assert len(whole.z) == 15 and len(short.z) == len(short.labels) == 8 and short.wanted == 15
    np.testing.assert_array_equal(short.z, whole.z[:8])
    np.testing.assert_array_equal(short.error, whole.error[:8])


# The command


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """Runs of labelled pictures: plain, conditional; and one whose data has no labels."""
    folder = tmp_path_factory.mktemp('runs')
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    np.savez(folder / 'bare.npz', images=x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        plain = begun(folder / '1', iterations=2).folder
        conditional = begun(folder / '2', iterations=2, conditional=True).folder
        settings = {'data': str(folder / 'bare.npz'), 'image_size': None}
        bare = begun(folder / '3', iterations=2, **settings).folder
    return SimpleNamespace(plain=plain, conditional=conditional, bare=bare)


def test_without_a_judge_the_command_finds_the_classes_in_the_z_of_real_pictures(
    runs, tmp_path, few_steps
):
    result = gluongan('directions', runs.plain, '--invert', 6, '--out', tmp_path)
    assert result.exit_code == 0, result.stderr
    found = json.loads((tmp_path / 'directions.json').read_text())['real pictures']
    classes = len(found['classes'])
    z, vectors = np.load(tmp_path / 'pictures.npy'), np.load(tmp_path / 'inverted.npy')
    count = 6 * classes
    assert z.shape == (count, 5) and len(found['labels']) == len(found['errors']) == count
    assert np.bincount(found['labels']).tolist() == [6] * classes
    expected = class_directions(z, np.array(found['labels']), classes)
    np.testing.assert_allclose(vectors, expected.vectors, atol=1e-6)
    assert found['accuracy from z'] == expected.accuracy
    assert (tmp_path / 'inverted.png').is_file() and 'judge agrees' not in found
    assert f'of {expected.held_out} z that it has not seen' in result.stdout
    said = f'{count} test pictures of synthetic; mean squared error'
    assert (
        said in result.stdout and f'{np.median(found["errors"]):.4f} in the middle' in result.stdout
    )


class Naming:
    """A judge that takes every picture for the first class."""

    def __init__(self, classes):
        self.about = SimpleNamespace(classes=classes, has_classes=True)

    def __call__(self, x):
        return Judgement(
            x.reshape(len(x), -1), np.eye(len(self.about.classes))[np.arange(len(x)) % 2]
        )

    def check(self, shape):
        assert shape == (1, 8, 8)


def test_a_judge_of_the_same_classes_says_what_becomes_of_z_that_are_moved(
    runs, tmp_path, monkeypatch, few_steps
):
    classes = gg.data.load('synthetic', image_size=8).classes
    monkeypatch.setattr(classifier, 'read_given', lambda path, device: Naming(classes))
    words = ['--judge', 'my.judge', '--samples', 200, '--invert', 5, '--out', tmp_path]
    result = gluongan('directions', runs.plain, *words)
    assert result.exit_code == 0, result.stderr
    found = json.loads((tmp_path / 'directions.json').read_text())['real pictures']
    named = np.arange(len(found['labels'])) % 2
    assert found['judge agrees'] == (named == np.array(found['labels'])).mean()
    assert found['share after moving']['4.0'] == [0.5, 0.5, *[0] * (len(classes) - 2)]
    assert f'the true class of {found["judge agrees"]:.1%} of what G makes' in result.stdout


def test_what_has_no_labels_or_classes_of_its_own_is_refused(runs, tmp_path):
    out = ['--out', tmp_path / 'x']
    message = refused('directions', runs.conditional, '--invert', 5, *out)
    assert message.startswith('--invert: the class is an input of this generator')
    message = refused('directions', runs.bare, '--invert', 5, *out)
    assert message.startswith('--invert: the data of') and 'has no labels' in message
    for option in (['--minutes', 1], ['--data', 'x'], ['--changed-data']):
        message = refused('directions', runs.plain, *option)
        assert message == f'{option[0]}: must be given together with --invert'


def test_data_that_has_moved_or_changed_is_used_where_that_is_asked_for(
    tmp_path, undrawn, few_steps
):
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    np.savez(tmp_path / 'a.npz', images=x, labels=np.arange(40) % 2)
    settings = {'data': str(tmp_path / 'a.npz'), 'image_size': None}
    run = begun(tmp_path / 'runs', iterations=2, **settings).folder
    (tmp_path / 'a.npz').unlink()
    np.savez(tmp_path / 'b.npz', images=255 - x, labels=np.arange(40) % 2)
    words = ['directions', run, '--invert', 5, '--out', tmp_path / 'd']
    assert 'is no longer at' in refused(*words)
    words += ['--data', tmp_path / 'b.npz']
    assert '--changed-data' in refused(*words)
    result = gluongan(*words, '--changed-data', '--minutes', 1)
    assert result.exit_code == 0 and '10 training pictures of b' in result.stdout, result.output


def test_pictures_of_one_class_are_refused(tmp_path, monkeypatch):
    x = np.zeros((6, 1, 4, 4), np.uint8)
    one = Dataset('one', x, np.zeros(6, np.int64), ('only',))
    monkeypatch.setattr(loading, 'settle', lambda *_, **__: None)
    monkeypatch.setattr(loading, 'check_data', lambda *_, **__: False)
    monkeypatch.setattr(build, 'load_data', lambda *_: one)
    monkeypatch.setattr(build, 'require_test', lambda *_: one)
    with pytest.raises(ValueError, match='of one class; must be left out'):
        latent_pictures.labelled_pictures(tmp_path)
