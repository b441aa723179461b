"""Directions of z: against independent implementations, and the command that finds them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from tiny import begun, gluongan, refused

import gluongan as gg
from gluongan import figures, runtime
from gluongan.errors import InputError
from gluongan.evaluation import classifier
from gluongan.evaluation.class_directions import (
    class_directions,
    linear_classifier,
    share_of_class,
)
from gluongan.evaluation.classifier import Judgement
from gluongan.exports import export, export_run, load_export
from gluongan.gan.directions import (
    activation_directions,
    first_activations,
    latent_directions,
    moved,
    noise_weight,
    principal_directions,
)
from gluongan.gan.sampling import generate
from gluongan.nn.models import conv_generator
from gluongan.runtime import mx


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# Principal directions


def test_principal_directions_are_the_right_singular_vectors():
    weight = normal(20, 6)
    vectors, shares = principal_directions(weight)
    _, singular, right = np.linalg.svd(weight.astype(np.float64))
    assert abs((vectors * right).sum(axis=1)) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(shares, singular**2 / (singular**2).sum(), rtol=1e-6)
    assert (vectors[np.arange(6), abs(vectors).argmax(axis=1)] > 0).all()


def test_a_weight_of_fewer_units_than_z_has_directions_without_effect():
    vectors, shares = principal_directions(np.array([[0.0, 3.0, 0.0]]))
    assert shares.tolist() == [1, 0, 0] and vectors[0].tolist() == [0, 1, 0]
    assert principal_directions(np.zeros((2, 4))).shares.tolist() == [0.25] * 4


def test_activation_directions_are_those_of_sklearn():
    z = normal(400, 5)
    activations = np.tanh(z @ normal(5, 9, seed=1)).astype(np.float64) + 3
    vectors, shares = activation_directions(activations, z, 4)
    pca = PCA(4).fit(activations)
    np.testing.assert_allclose(shares, pca.explained_variance_ratio_, rtol=1e-5)
    coordinates = pca.transform(activations)
    expected = LinearRegression().fit(coordinates, z).coef_.T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(abs((vectors * expected).sum(axis=1)), 1, atol=1e-5)


@pytest.fixture(scope='module')
def nets():
    runtime.seed(0)
    return {
        'dense': gg.dense_generator([5 + 3, 16, 64], init='glorot'),
        'conv': conv_generator(5 + 3, (1, 8, 8), width=4, init='glorot'),
        'modulated': conv_generator(5 + 3, (1, 8, 8), width=4, modulated=True, init='glorot'),
    }


def test_the_weight_of_z_is_of_everything_that_reads_z_without_the_classes(nets):
    first = {name: net[0].weight.data().asnumpy()[:, :5] for name, net in nets.items()}
    np.testing.assert_array_equal(noise_weight(nets['dense'], 5), first['dense'])
    np.testing.assert_array_equal(noise_weight(nets['conv'], 5), first['conv'])
    stacked = noise_weight(nets['modulated'], 5)
    modulations = [
        layer.weight.data().asnumpy()[:, :5]
        for block in nets['modulated'][2:3]
        for layer in (block.scale, block.shift)
    ]
    expected = np.concatenate([first['modulated'], *modulations])
    np.testing.assert_array_equal(np.sort(stacked, axis=0), np.sort(expected, axis=0))


@pytest.mark.parametrize(('name', 'layers'), [('dense', 2), ('conv', 4), ('modulated', 4)])
def test_the_first_activations_are_what_the_second_product_multiplies(nets, name, layers):
    net, x = nets[name], normal(3, 8)
    value = mx.nd.array(x)
    for layer in list(net)[:layers]:
        value = layer(*net.inputs_of(layer, value, mx.nd.array(x)))
    expected = value.asnumpy().reshape(3, -1)
    np.testing.assert_allclose(first_activations(net, x), expected, atol=1e-5)


def test_an_export_has_the_directions_of_its_network(nets, tmp_path, unverified):
    export(nets['dense'], tmp_path / 'gen', classes='abc')
    loaded = load_export(tmp_path).network()
    for method in ('sefa', 'ganspace'):
        live, read = (
            latent_directions(net, normal(50, 8), 5, method, 3) for net in (nets['dense'], loaded)
        )
        np.testing.assert_array_equal(live.vectors, read.vectors)
        assert live.vectors.shape == (3, 5) and live.shares.shape == (3,)


# Classes in z


def test_the_linear_classifier_is_that_of_sklearn():
    z = normal(300, 4)
    labels = (z @ normal(4, 3, seed=1) + normal(300, 3, seed=2)).argmax(axis=1)
    weights = linear_classifier(z, labels, 3)
    sklearn = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(z, labels)
    np.testing.assert_allclose(weights[:, :-1], sklearn.coef_, atol=2e-3)
    intercepts = weights[:, -1] - weights[:, -1].mean()
    np.testing.assert_allclose(intercepts, sklearn.intercept_, atol=2e-3)


def test_classes_that_a_straight_cut_tells_are_told_and_others_not():
    z = normal(3000, 4)
    found = class_directions(z, (z[:, 2] > 0).astype(int), 2)
    assert found.accuracy > 0.98 and found.held_out == 600
    assert found.vectors[1][2] > 0.99 and found.vectors[0][2] < -0.99
    hidden = class_directions(z, (z[:, 2] * z[:, 1] > 0).astype(int), 2)  # no straight cut
    assert hidden.accuracy < 0.6
    assert hidden.accuracy == pytest.approx(hidden.largest, abs=0.07)


def test_a_class_without_samples_has_no_direction_of_nan():
    found = class_directions(normal(100, 3), np.arange(100) % 2, 3)
    assert np.isfinite(found.vectors).all() and found.vectors.shape == (3, 3)


@pytest.mark.parametrize('labels', [np.zeros(100, int), np.array([0, 1])])
def test_too_few_samples_or_classes_are_refused(labels):
    with pytest.raises(InputError, match='must be at least 5, of two classes'):
        class_directions(normal(len(labels), 3), labels, 2)


@pytest.mark.parametrize(('noise', 'bound'), [('normal', 9), ('truncated', 2), ('uniform', 1)])
def test_moved_noise_stays_within_its_bounds(noise, bound):
    z = moved(np.zeros((2, 3), np.float32), np.array([1.0, 0, -1]), 9, noise)
    np.testing.assert_array_equal(z, np.tile([bound, 0, -bound], (2, 1)))


class Brightness:
    """A judge whose class is the first row of pixels: dark or light."""

    about = SimpleNamespace(classes=('dark', 'light'), has_classes=True, shape=(1, 8, 8))

    def __call__(self, x):
        light = x[:, 0, 0].mean(axis=1)
        return Judgement(x.reshape(len(x), -1), np.stack([1 - light, light], axis=1))

    def check(self, shape):
        assert shape == (1, 8, 8)


def test_the_share_of_a_class_is_that_of_the_pictures():
    runtime.seed(0)
    gen = gg.dense_generator([5, 64], output='sigmoid', batchnorm=False, init='he')
    z = normal(200, 5)
    light = generate(gen, z)[:, 0, 0].mean(axis=1) > 0.5
    assert share_of_class(gen, Brightness(), z, 1) == light.mean()
    assert share_of_class(gen, Brightness(), z, 0) == pytest.approx(1 - light.mean())


# The command


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        plain = begun(folder / '1', iterations=2).folder
        conditional = begun(folder / '2', iterations=2, conditional=True).folder
    return plain, conditional


def test_the_command_writes_directions_figures_and_numbers(runs, tmp_path, monkeypatch):
    monkeypatch.setitem(classifier.SHIPPED, 'synthetic', None)
    monkeypatch.setattr(classifier, 'load_shipped', lambda *_: Brightness())
    result = gluongan('directions', runs[0], '--samples', 500, '--count', 3, '--out', tmp_path)
    assert result.exit_code == 0, result.stderr
    names = {'directions.json', 'principal.npy', 'principal.png', 'classes.npy', 'classes.png'}
    assert {path.name for path in tmp_path.iterdir()} == names
    numbers = json.loads((tmp_path / 'directions.json').read_text())
    principal, classes = (np.load(tmp_path / f'{name}.npy') for name in ('principal', 'classes'))
    assert principal.shape == (3, 5) and classes.shape == (2, 5)
    np.testing.assert_allclose(np.linalg.norm(classes, axis=1), 1, atol=1e-5)
    assert numbers['accuracy from z'] > 0.8 and numbers['held out'] == 100
    before, after = numbers['share of each class'], numbers['share after moving']
    assert list(after) == ['2.0', '4.0']
    assert all(there > here for here, there in zip(before, after['4.0']))
    text = f'names the class of {numbers["accuracy from z"]:.1%} of 100 z'
    assert text in result.stdout and '3 principal directions of 5 (sefa)' in result.stdout


@pytest.mark.parametrize('method', ['sefa', 'ganspace'])
@pytest.mark.parametrize('which', [0, 1], ids=['plain', 'conditional'])
def test_an_export_has_the_directions_of_its_run(runs, tmp_path, monkeypatch, which, method):
    monkeypatch.setitem(classifier.SHIPPED, 'synthetic', None)
    monkeypatch.setattr(classifier, 'load_shipped', lambda *_: Brightness())
    export_run(runs[which], tmp_path / 'generator')
    words = ['--method', method, '--samples', 500, '--count', 3]
    found = []
    for source in (runs[which], tmp_path / 'generator'):
        result = gluongan('directions', source, *words, '--out', tmp_path / f'of-{source.name}')
        assert result.exit_code == 0, result.stderr
        found.append(tmp_path / f'of-{source.name}')
    of_run, of_export = found
    assert {path.name for path in of_run.iterdir()} == {path.name for path in of_export.iterdir()}
    assert (of_run / 'principal.png').read_bytes() == (of_export / 'principal.png').read_bytes()
    for file in of_run.glob('*.npy'):
        np.testing.assert_allclose(np.load(of_export / file.name), np.load(file), atol=1e-5)
    mine, its = (json.loads((each / 'directions.json').read_text()) for each in found)
    assert its['iteration'] == mine['iteration'] == 2 and its['noise'] == mine['noise']


def test_an_export_without_data_is_never_inverted_and_has_no_snapshots(runs, tmp_path):
    export_run(runs[0], tmp_path / 'generator')
    message = refused('directions', tmp_path / 'generator', '--invert', 5)
    assert message.startswith('--invert: ') and 'an export, which comes without its data' in message
    message = refused('directions', tmp_path / 'generator', '--snapshot', 'best')
    assert message.startswith('--snapshot best: ')
    export_run(runs[0], tmp_path / 'discriminator', network='dis')
    assert 'export of a discriminator' in refused('directions', tmp_path / 'discriminator')


def test_a_generator_that_ships_has_directions_whose_files_go_to_the_current_folder(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    result = gluongan('directions', 'mnist', '--count', 2)
    assert result.exit_code == 0, result.stderr
    assert 'mnist: the generator that ships with gluongan' in result.stderr
    assert '2 principal directions of' in result.stdout
    assert 'the class is an input of this generator' in result.stdout
    (folder,) = tmp_path.iterdir()
    assert folder.name == 'mnist-directions-count-2'
    assert np.load(folder / 'principal.npy').shape[0] == 2


def test_a_generator_without_a_dense_layer_of_z_is_refused():
    z = mx.sym.var('data', dtype='float32')
    net = mx.gluon.SymbolBlock(2 * z, z)
    with pytest.raises(InputError, match='has no dense layer that z meets first'):
        noise_weight(net, 5)


def test_a_conditional_generator_has_principal_directions_alone(runs, tmp_path):
    out = tmp_path / 'd'
    result = gluongan('directions', runs[1], '--method', 'ganspace', '--class', '#1', '--out', out)
    assert {path.name for path in out.iterdir()} == {
        'directions.json',
        'principal.npy',
        'principal.png',
    }
    assert 'the class is an input of this generator' in result.stdout
    message = refused('directions', runs[1], '--judge', 'any', '--out', tmp_path / 'x')
    assert message.startswith('--judge: the class is an input of this generator')


def test_a_judge_in_a_file_names_the_classes(runs, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(classifier, 'read_given', lambda path, _: read.append(path) or Brightness())
    words = ['--judge', 'my.judge', '--samples', 200, '--out', tmp_path / 'd']
    result = gluongan('directions', runs[0], *words)
    assert 'of 40 z' in result.stdout and [str(path) for path in read] == ['my.judge']
    about = SimpleNamespace(has_classes=False)
    monkeypatch.setattr(classifier, 'read_given', lambda *_: SimpleNamespace(about=about))
    message = refused('directions', runs[0], *words)
    assert message == '--judge my.judge: names no classes; must be trained with labels'


def test_without_a_judge_the_command_says_so(runs, tmp_path):
    result = gluongan('directions', runs[0], '--out', tmp_path / 'd')
    assert (
        'no directions of classes: no judge ships for synthetic, and none is given' in result.stdout
    )
    assert not (tmp_path / 'd' / 'classes.png').exists()


@pytest.mark.usefixtures('no_accuracy', 'undrawn')
def test_directions_of_points_and_classes_that_are_not_there_are_refused(runs, tmp_path):
    points = begun(tmp_path, data='ring8', image_size=None, iterations=1).folder
    assert 'is a run of points' in refused('directions', points)
    assert 'must be one of' in refused('directions', runs[1], '--class', 'cat')
    assert 'is not conditional' in refused('directions', runs[0], '--class', '1')


def test_the_files_go_into_the_run_and_replace_nothing_of_another_command(runs):
    result = gluongan('directions', runs[0])
    folder = runs[0] / 'directions-at-2'
    assert result.exit_code == 0 and (folder / 'directions.json').is_file()
    assert 'directions' in refused('sample', runs[0], '--out', folder / 'x.png')
    assert 'samples' in refused('directions', runs[0], '--out', runs[0] / 'samples')
