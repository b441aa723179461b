"""Class labels: how they enter both networks, what G learns of them, and that a stored conditional run is the live one."""

from __future__ import annotations

import numpy as np
import pytest
import tiny

from gluongan import build, figures, loading
from gluongan.config import ConfigError
from gluongan.data import Dataset
from gluongan.data.toys import SHAPES
from gluongan.gan.labels import one_hot, with_label
from gluongan.gan.penalties import PENALTIES
from gluongan.gan.sampling import generate
from gluongan.runs import reading
from gluongan.runtime import mx

NETWORKS = {'dense': {}, 'conv': {'network': 'conv', 'conv_width': 4}}


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


def grow(dataset=None, **changes):
    """The updater of a tiny conditional run."""
    config = tiny.tiny(**{'conditional': True, 'batch': 16, **changes})
    return build.make_updater(config, dataset or build.load_data(config))


def shades(classes=2):
    """96 pictures of 1×8×8 pixels whose brightness, a little uneven, is their class: black 0 ... white classes - 1."""
    labels = np.random.RandomState(0).randint(classes, size=96)
    light = (labels * 235 // (classes - 1))[:, None, None, None] + np.random.RandomState(1).randint(
        0, 20, (96, 1, 8, 8)
    )
    return Dataset(
        'shades',
        light.astype(np.uint8),
        labels.astype(np.int64),
        tuple(f'shade {k}' for k in range(classes)),
    )


# The input


def test_one_hot_has_a_single_1_at_each_label():
    found = one_hot(np.array([2, 0, 2]), 4)
    assert found.dtype == np.float32 and found.tolist() == [
        [0, 0, 1, 0],
        [1, 0, 0, 0],
        [0, 0, 1, 0],
    ]
    assert one_hot(np.array([], dtype=np.int64), 4).shape == (0, 4)
    with pytest.raises(IndexError):
        one_hot(np.array([4]), 4)


def test_label_is_appended_to_z_and_to_flat_samples_as_numbers():
    x, label = (
        np.random.RandomState(0).randn(3, 5).astype(np.float32),
        one_hot(np.array([1, 0, 2]), 3),
    )
    found = with_label(mx.nd.array(x), mx.nd.array(label)).asnumpy()
    np.testing.assert_array_equal(found, np.concatenate([x, label], axis=1))


@pytest.mark.parametrize('channels', [1, 3])
def test_label_is_appended_to_pictures_as_planes(channels):
    x, label = (
        np.random.RandomState(0).rand(4, channels, 5, 6).astype(np.float32),
        one_hot(np.array([1, 0, 2, 1]), 3),
    )
    planes = np.broadcast_to(label[:, :, None, None], (4, 3, 5, 6))
    found = with_label(mx.nd.array(x), mx.nd.array(label)).asnumpy()
    np.testing.assert_array_equal(found, np.concatenate([x, planes], axis=1))


def test_without_label_nothing_is_appended():
    x = mx.nd.ones((2, 3))
    assert with_label(x, None) is x


def test_label_of_a_batch_lets_the_gradient_through_to_the_sample():
    x, label = mx.nd.ones((2, 1, 2, 2)), mx.nd.array(one_hot(np.array([0, 1]), 2))
    x.attach_grad()
    with mx.autograd.record():
        y = (with_label(x, label) * mx.nd.arange(24).reshape((2, 3, 2, 2))).sum()
    y.backward()
    np.testing.assert_array_equal(x.grad.asnumpy().ravel(), [0, 1, 2, 3, 12, 13, 14, 15])


# What both networks get


def inputs(net):
    """The inputs of each forward pass that the network runs from now on."""
    found = []
    net.register_forward_hook(lambda block, given, output: found.append(given[0].asnumpy()))
    return found


@pytest.mark.parametrize('shared', [True, False])
@pytest.mark.parametrize('network', NETWORKS)
def test_gen_and_dis_get_the_labels_of_the_batch(monkeypatch, network, shared):
    updater = grow(shared_noise=shared, **NETWORKS[network])
    gen, dis, drawn = inputs(updater.gen), inputs(updater.dis), []
    labels = updater.real.labels
    monkeypatch.setattr(updater.real, 'labels', lambda: drawn.append(labels()) or drawn[-1])
    for _ in range(3):
        updater.update()
    data, twice = updater.real.dataset, not shared
    for step, label in enumerate(label.asnumpy() for label in drawn):
        for z in gen[step * (1 + twice) : (step + 1) * (1 + twice)]:
            assert z.shape == (16, 5 + 4)
            np.testing.assert_array_equal(z[:, 5:], label)
        x = dis[step].reshape(32, -1, 64) if network == 'conv' else dis[step]
        appended = x[:, 1:].mean(axis=2) if network == 'conv' else x[:, 64:]
        np.testing.assert_array_equal(appended, np.concatenate([label, label]))
        pictures = (x[:16, 0] if network == 'conv' else x[:16, :64]) * 255
        for picture, k in zip(
            np.rint(pictures).astype(np.uint8), label.argmax(axis=1)
        ):  # it is that picture's own label
            assert k in data.labels[(data.samples.reshape(512, 64) == picture).all(axis=1)]
    assert len(drawn) == len(dis) == 3 and len({label.asnumpy().tobytes() for label in drawn}) == 3


def test_fixed_inputs_take_the_classes_in_turns_or_those_that_are_asked_for():
    updater = grow()
    z = updater.fixed_inputs(6)
    assert (
        z.shape == (6, 9)
        and z.dtype == np.float32
        and z[:, 5:].argmax(axis=1).tolist() == [0, 1, 2, 3, 0, 1]
    )
    asked = updater.fixed_inputs(6, labels=np.array([3, 3, 0, 1, 2, 2]))
    np.testing.assert_array_equal(asked[:, 5:], one_hot(np.array([3, 3, 0, 1, 2, 2]), 4))
    np.testing.assert_array_equal(asked[:, :5], z[:, :5])  # the noise is the seed's alone
    assert (updater.fixed_inputs(6, 1)[:, :5] != z[:, :5]).all()
    assert grow(conditional=False).fixed_inputs(6).shape == (6, 5)


@pytest.mark.parametrize('steps', [1, 2])
@pytest.mark.parametrize('kind', PENALTIES)
@pytest.mark.parametrize('network', NETWORKS)
def test_penalty_is_on_the_gradient_by_the_sample_alone_at_points_with_whole_labels(
    monkeypatch, network, kind, steps
):
    updater, points = grow(penalty=kind, dis_steps=steps, **NETWORKS[network]), []
    at = updater.penalty.at
    monkeypatch.setattr(
        updater.penalty,
        'at',
        lambda *given, **named: points.append(at(*given, **named)) or points[-1],
    )
    updater.update()
    for point in points:
        x, direction = (
            (part[:, 1:] if network == 'conv' else part[:, 64:]).asnumpy()
            for part in (point.x, point.direction)
        )
        assert set(np.unique(x)) == {0, 1} and not direction.any()
        whole = (point.direction**2).asnumpy().reshape(16, -1).sum(axis=1)
        np.testing.assert_allclose(whole, 1, rtol=1e-4)  # all of it is on the sample
    assert len(points) == steps


# What G learns


@pytest.mark.parametrize('network', NETWORKS)
def test_gen_makes_the_class_that_it_is_asked_for(network):
    updater = grow(shades(), **NETWORKS[network], lr=0.005, init='glorot')
    for _ in range(300):
        updater.update()
    black, white = (
        generate(updater.gen, updater.fixed_inputs(64, labels=np.full(64, k))).mean()
        for k in (0, 1)
    )
    assert black < 0.3 and white > 0.7, (black, white)


def test_gen_without_labels_cannot_be_asked():
    updater = grow(shades(), conditional=False)
    one, two = (updater.fixed_inputs(8, labels=np.full(8, k)) for k in (0, 1))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize('network', NETWORKS)
def test_data_without_labels_is_refused(tmp_path, monkeypatch, network):
    monkeypatch.chdir(tmp_path)
    np.savez('plain.npz', images=np.zeros((64, 8, 8), np.uint8))
    changes = {**NETWORKS[network], 'data': 'plain.npz', 'image_size': None}
    config = tiny.tiny(**changes, conditional=True)
    with pytest.raises(ConfigError, match=r'^--conditional: .*has no labels'):
        build.make_updater(config, build.load_data(config))
    assert tiny.refused(
        'train', *tiny.flags(**changes, conditional=True), '--out', 'runs'
    ).startswith('--conditional: ')
    assert build.make_updater(tiny.tiny(**changes), build.load_data(config)).classes == 0


def test_updater_of_data_without_labels_is_refused(tiny_updater):
    with pytest.raises(ValueError, match='labels'):
        tiny_updater(conditional=True)


# What is kept

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
def test_stored_generator_makes_the_live_samplers_pictures_bit_for_bit(tmp_path, name):
    trainer = tiny.begun(tmp_path, **STORED[name], iterations=7, lr=0.01)
    config, gen = loading.load_run(trainer.folder)
    z = trainer.updater.fixed_inputs(9, seed=5)
    x = generate(gen, z)
    np.testing.assert_array_equal(x, generate(trainer.updater.sampler, z))
    assert config.ema == 0 or (x != generate(trainer.updater.gen, z)).any()
    assert reading.sample_shape(trainer.folder) == x.shape[1:]


def test_run_knows_the_names_of_its_classes(tmp_path):
    assert (
        tuple(reading.class_names(tiny.begun(tmp_path, conditional=True, until=1).folder)) == SHAPES
    )
    assert (
        tuple(reading.class_names(tiny.begun(tmp_path, until=1).folder)) == SHAPES
    )  # the data's, whether G knows them or not
