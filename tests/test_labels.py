"""Class labels: how they enter both networks, what G learns, and what is stored of a run."""

from __future__ import annotations

import numpy as np
import pytest
import tiny

from gluongan import build, figures, loading
from gluongan.config import ConfigError
from gluongan.data import Dataset
from gluongan.data.toys import SHAPES
from gluongan.gan.labels import append_labels, one_hot
from gluongan.gan.penalties import PENALTIES
from gluongan.gan.sampling import generate
from gluongan.runs import reading
from gluongan.runtime import mx

NETWORKS = {'dense': {}, 'conv': {'network': 'conv', 'conv_width': 4}}


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


def make_updater(dataset=None, **changes):
    """The updater of a tiny conditional run."""
    config = tiny.tiny(**{'conditional': True, 'batch': 16, **changes})
    return build.make_updater(config, dataset or build.load_data(config))


def shades(classes=2):
    """96 noisy images of 1×8×8 pixels, whose brightness is their class: class 0 is black."""
    labels = np.random.RandomState(0).randint(classes, size=96)
    brightness = (labels * 235 // (classes - 1))[:, None, None, None]
    noise = np.random.RandomState(1).randint(0, 20, (96, 1, 8, 8))
    images = (brightness + noise).astype(np.uint8)
    names = tuple(f'shade {k}' for k in range(classes))
    return Dataset('shades', images, labels.astype(np.int64), names)


# The input


def test_one_hot_has_a_single_1_at_each_label():
    labels = one_hot(np.array([2, 0, 2]), 4)
    assert labels.dtype == np.float32
    assert labels.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]]
    assert one_hot(np.array([], dtype=np.int64), 4).shape == (0, 4)
    with pytest.raises(IndexError):
        one_hot(np.array([4]), 4)


def test_labels_are_appended_to_z_and_to_flat_samples_as_numbers():
    x = np.random.RandomState(0).randn(3, 5).astype(np.float32)
    labels = one_hot(np.array([1, 0, 2]), 3)
    appended = append_labels(mx.nd.array(x), mx.nd.array(labels)).asnumpy()
    np.testing.assert_array_equal(appended, np.concatenate([x, labels], axis=1))


@pytest.mark.parametrize('channels', [1, 3])
def test_labels_are_appended_to_images_as_planes(channels):
    x = np.random.RandomState(0).rand(4, channels, 5, 6).astype(np.float32)
    labels = one_hot(np.array([1, 0, 2, 1]), 3)
    planes = np.broadcast_to(labels[:, :, None, None], (4, 3, 5, 6))
    appended = append_labels(mx.nd.array(x), mx.nd.array(labels)).asnumpy()
    np.testing.assert_array_equal(appended, np.concatenate([x, planes], axis=1))


def test_without_labels_nothing_is_appended():
    x = mx.nd.ones((2, 3))
    assert append_labels(x, None) is x


def test_the_gradient_of_samples_with_labels_reaches_the_samples():
    x, labels = mx.nd.ones((2, 1, 2, 2)), mx.nd.array(one_hot(np.array([0, 1]), 2))
    x.attach_grad()
    with mx.autograd.record():
        y = (append_labels(x, labels) * mx.nd.arange(24).reshape((2, 3, 2, 2))).sum()
    y.backward()
    np.testing.assert_array_equal(x.grad.asnumpy().ravel(), [0, 1, 2, 3, 12, 13, 14, 15])


# What both networks get


def inputs(block, axis=0):
    """A list of the inputs of each pass that a block runs from now on, side by side."""
    arrays = []

    def append(block, args, output):
        arrays.append(np.concatenate([array.asnumpy() for array in args], axis))

    block.register_forward_hook(append)
    return arrays


@pytest.mark.parametrize('shared', [True, False])
@pytest.mark.parametrize('network', NETWORKS)
def test_gen_and_dis_get_the_labels_of_the_batch(monkeypatch, network, shared):
    updater = make_updater(shared_noise=shared, **NETWORKS[network])
    z, x = inputs(updater.fused_gen, axis=1), inputs(updater.dis_objective)
    labels, draw_labels = [], updater.real.labels

    def recorded_labels():
        drawn = draw_labels()
        labels.append(drawn.asnumpy())
        return drawn

    monkeypatch.setattr(updater.real, 'labels', recorded_labels)
    for _ in range(3):
        updater.update()
    assert len(labels) == len(x) == 3
    assert len({each.tobytes() for each in labels}) == 3
    passes = 1 if shared else 2  # of G in an iteration
    assert len(z) == 3 * passes
    for z_pass, z_labels in zip(z, np.repeat(labels, passes, axis=0)):
        assert z_pass.shape == (16, 5 + 4)
        np.testing.assert_array_equal(z_pass[:, 5:], z_labels)
    for x_pass, x_labels in zip(x, labels):
        images, appended = split(x_pass, network)
        np.testing.assert_array_equal(appended, np.concatenate([x_labels, x_labels]))
        for image, k in zip(images[:16], x_labels.argmax(axis=1)):
            assert k in labels_of(image, updater.real.dataset)


def split(x, network):
    """Images (N, 64) as bytes, and labels (N, 4), of what D got."""
    if network == 'conv':
        x = x.reshape(len(x), -1, 64)
        images, labels = x[:, 0], x[:, 1:].mean(axis=2)
    else:
        images, labels = x[:, :64], x[:, 64:]
    return np.rint(images * 255).astype(np.uint8), labels


def labels_of(image, dataset):
    """The labels in the data set of an image (64,)."""
    is_it = (dataset.samples.reshape(len(dataset), 64) == image).all(axis=1)
    return dataset.labels[is_it]


def test_fixed_inputs_take_classes_of_equal_size_in_turns_or_as_given():
    updater = make_updater()
    z = updater.fixed_inputs(6)
    assert z.shape == (6, 9)
    assert z.dtype == np.float32
    assert z[:, 5:].argmax(axis=1).tolist() == [0, 1, 2, 3, 0, 1]
    labels = np.array([3, 3, 0, 1, 2, 2])
    with_labels = updater.fixed_inputs(6, labels=labels)
    np.testing.assert_array_equal(with_labels[:, 5:], one_hot(labels, 4))
    np.testing.assert_array_equal(with_labels[:, :5], z[:, :5])  # noise depends on the seed alone
    assert (updater.fixed_inputs(6, 1)[:, :5] != z[:, :5]).all()
    assert make_updater(conditional=False).fixed_inputs(6).shape == (6, 5)


@pytest.mark.parametrize('steps', [1, 2])
@pytest.mark.parametrize('kind', PENALTIES)
@pytest.mark.parametrize('network', NETWORKS)
def test_penalty_is_on_the_gradient_by_the_sample_alone_at_points_with_whole_labels(
    monkeypatch, network, kind, steps
):
    updater, points = make_updater(penalty=kind, dis_steps=steps, **NETWORKS[network]), []
    at = updater.penalty.at

    def recorded_at(x_real, x_fake):
        points.append(at(x_real, x_fake))
        return points[-1]

    monkeypatch.setattr(updater.penalty, 'at', recorded_at)
    updater.update()
    assert len(points) == steps
    values = 1 if network == 'conv' else 64  # channels or values of a sample before its label
    for point in points:
        assert set(np.unique(point.x[:, values:].asnumpy())) == {0, 1}
        direction = point.direction.asnumpy()
        assert not direction[:, values:].any()
        norm = np.linalg.norm(direction[:, :values].reshape(16, -1), axis=1)
        np.testing.assert_allclose(norm, 1, rtol=1e-4)


# What G learns


@pytest.mark.parametrize('network', NETWORKS)
def test_gen_makes_the_class_of_its_input(network):
    updater = make_updater(shades(), **NETWORKS[network], lr=0.005, init='glorot')
    for _ in range(300):
        updater.update()
    black = generate(updater.gen, updater.fixed_inputs(64, labels=np.full(64, 0)))
    white = generate(updater.gen, updater.fixed_inputs(64, labels=np.full(64, 1)))
    assert black.mean() < 0.3
    assert white.mean() > 0.7


def test_labels_do_not_matter_to_an_unconditional_gen():
    updater = make_updater(shades(), conditional=False)
    first, second = (updater.fixed_inputs(8, labels=np.full(8, k)) for k in (0, 1))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize('network', NETWORKS)
def test_data_without_labels_is_refused(tmp_path, monkeypatch, network):
    monkeypatch.chdir(tmp_path)
    np.savez('plain.npz', images=np.zeros((64, 8, 8), np.uint8))
    changes = {**NETWORKS[network], 'data': 'plain.npz', 'image_size': None}
    config = tiny.tiny(**changes, conditional=True)
    with pytest.raises(ConfigError, match=r'^conditional: .*has no labels'):
        build.make_updater(config, build.load_data(config))
    flags = tiny.flags(**changes, conditional=True)
    assert tiny.refused('train', *flags, '--out', 'runs').startswith('--conditional: ')
    assert build.make_updater(tiny.tiny(**changes), build.load_data(config)).classes == 0


def test_updater_of_data_without_labels_is_refused(tiny_updater):
    with pytest.raises(ValueError, match='labels'):
        tiny_updater(conditional=True)


# What is stored

STORED = {
    'conditional': {'conditional': True},
    'ema': {'ema': 0.8},
    'conv': NETWORKS['conv'],
    'conv, tanh, colour': {
        **NETWORKS['conv'],
        'channels': 3,
        'gen_output': 'tanh',
        'conv_depth': 1,
    },
    'conditional, conv, ema': {
        **NETWORKS['conv'],
        'conditional': True,
        'ema': 0.8,
        'gen_dropout': 0.3,
    },
    'points': {'data': 'ring8', 'image_size': None, 'conditional': True, 'ema': 0.5},
}


@pytest.mark.same_bits
@pytest.mark.parametrize('name', STORED)
def test_stored_generator_makes_the_live_samplers_images_bit_for_bit(tmp_path, no_accuracy, name):
    trainer = tiny.begun(tmp_path, **STORED[name], iterations=7, lr=0.01)
    config, gen = loading.load_run(trainer.folder)
    z = trainer.updater.fixed_inputs(9, seed=5)
    x = generate(gen, z)
    np.testing.assert_array_equal(x, generate(trainer.updater.sampler, z))
    if config.ema:
        assert (x != generate(trainer.updater.gen, z)).any()
    assert reading.sample_shape(trainer.folder) == x.shape[1:]


@pytest.mark.parametrize('conditional', [True, False])
def test_run_knows_the_class_names_of_its_data(tmp_path, conditional):
    folder = tiny.begun(tmp_path, conditional=conditional, until=1).folder
    assert tuple(reading.class_names(folder)) == SHAPES
