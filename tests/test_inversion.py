"""What G made is found again, what it cannot make is not, and the way there follows the true gradient."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan import runtime
from gluongan.gan.inversion import FOUND, Inverter, train_encoder
from gluongan.gan.labels import one_hot
from gluongan.gan.noise import sample
from gluongan.gan.sampling import generate
from gluongan.nn import models as nets
from gluongan.nn.layers import frozen
from gluongan.runtime import mx

LATENT, CLASSES = 6, 3


def grown(make, shape_in, seed=0):
    """A G whose running statistics have moved, as training moves them."""
    runtime.seed(seed)
    net = make()
    for _ in range(3):
        with mx.autograd.record():
            y = net(mx.nd.random.normal(0.5, 2, (48, shape_in)))
        y.backward()
    return net


@pytest.fixture(scope='module')
def gen():
    return grown(lambda: nets.dense_generator([LATENT, 32, 64, 64], init='he'), LATENT)


@pytest.fixture(scope='module')
def classy():
    return grown(
        lambda: nets.dense_generator([LATENT + CLASSES, 32, 64], init='he'),
        LATENT + CLASSES,
        seed=1,
    )


def drawn(count, noise='normal', size=LATENT, seed=5):
    return sample(np.random.default_rng(seed), count, size, noise)


# The gradient


@pytest.mark.parametrize(
    'make',
    [
        lambda: nets.dense_generator([LATENT, 16, 16], 'tanh', init='he'),
        lambda: nets.conv_generator(LATENT, (1, 8, 8), width=4, activation='tanh', init='he'),
    ],
    ids=['dense', 'conv'],
)
def test_gradient_by_z_is_the_finite_difference_of_what_is_sampled(make):
    """Of MXNet 1.9.1's BatchNorm in prediction it is not: its backward pass is that of training."""
    net = grown(make, LATENT)
    view, z = frozen(net, use_running_stats=True), mx.nd.array(drawn(4))
    target = np.random.RandomState(0).rand(*net(z).shape)

    def loss(values):
        return ((net(mx.nd.array(values)).asnumpy().astype(np.float64) - target) ** 2).sum()

    z.attach_grad()
    with mx.autograd.record(train_mode=False):
        made = view(z)
        mx.nd.square(made - mx.nd.array(target)).sum().backward()
    np.testing.assert_array_equal(made.asnumpy(), net(z).asnumpy())
    for place in np.ndindex(4, LATENT):
        step = np.zeros((4, LATENT), np.float32)
        step[place] = 1e-2
        slope = (loss(z.asnumpy() + step) - loss(z.asnumpy() - step)) / 2e-2
        assert z.grad.asnumpy()[place] == pytest.approx(slope, rel=0.02, abs=2e-3)


# What is found


def test_what_the_generator_made_is_found_again_and_noise_is_not(gen):
    inverter = Inverter(gen, LATENT, steps=200)
    z = drawn(20)
    found = inverter.invert(generate(gen, z))
    assert found.found() >= 0.9 and np.median(found.error) < FOUND / 10
    assert found.z.shape == (20, LATENT) and found.x.shape == (20, 1, 8, 8)
    np.testing.assert_array_equal(found.x, generate(gen, found.z))
    noise = np.random.RandomState(0).rand(20, 1, 8, 8)
    assert inverter.invert(noise).found() == 0


def test_error_is_the_mean_square_of_what_is_left(gen):
    x = np.random.RandomState(0).rand(3, 1, 8, 8).astype(np.float32)
    found = Inverter(gen, LATENT, steps=5).invert(x)
    np.testing.assert_allclose(found.error, ((found.x - x) ** 2).mean(axis=(1, 2, 3)), rtol=1e-5)


def test_more_starts_and_more_steps_find_no_worse(gen):
    x = generate(gen, drawn(12))
    few, many, long = (
        np.median(Inverter(gen, LATENT, starts=starts, steps=steps).invert(x).error)
        for starts, steps in ((1, 20), (6, 20), (6, 200))
    )
    assert long < many < few


def test_an_image_finds_the_same_in_any_company(gen):
    x = generate(gen, drawn(80))  # more than one pass of guesses
    together, alone = (
        Inverter(gen, LATENT, steps=30).invert(x),
        Inverter(gen, LATENT, steps=30).invert(x[70:72]),
    )
    np.testing.assert_allclose(alone.error, together.error[70:72], rtol=1e-2, atol=1e-6)


def test_the_pull_keeps_z_where_the_noise_is(gen):
    x = np.random.RandomState(0).rand(6, 1, 8, 8)
    free, pulled = (
        np.square(Inverter(gen, LATENT, steps=150, prior=prior).invert(x).z).mean()
        for prior in (0, 0.1)
    )
    assert pulled < 0.7 * free


@pytest.mark.parametrize('noise, bound', [('uniform', 1), ('truncated', 2)])
def test_bounded_noise_stays_in_its_bounds(gen, noise, bound):
    inverter = Inverter(gen, LATENT, noise, steps=150)
    assert np.abs(inverter.invert(np.random.RandomState(0).rand(6, 1, 8, 8)).z).max() <= bound
    assert inverter.invert(generate(gen, drawn(12, noise))).found() >= 0.75


def test_the_class_of_an_image_is_found_too(classy):
    labels = np.arange(12) % CLASSES
    x = generate(classy, np.concatenate([drawn(12), one_hot(labels, CLASSES)], axis=1))
    found = Inverter(classy, LATENT, classes=CLASSES, steps=200).invert(x)
    assert found.z.shape == (12, LATENT + CLASSES) and found.found() >= 0.75
    assert (found.z[:, LATENT:].argmax(axis=1) == labels).mean() >= 0.75
    assert set(np.unique(found.z[:, LATENT:])) == {0, 1}


def test_a_walk_begins_and_ends_at_the_images(gen, classy):
    z = drawn(3)
    walk = Inverter(gen, LATENT).walk(z, 4)
    assert len(walk) == 9
    np.testing.assert_allclose(walk[[0, 4, 8]], generate(gen, z), atol=1e-6)
    both = np.concatenate([z, one_hot(np.array([0, 2, 1]), CLASSES)], axis=1)
    ends = Inverter(classy, LATENT, classes=CLASSES).walk(both, 4)[[0, 4, 8]]
    np.testing.assert_allclose(ends, generate(classy, both), atol=1e-6)


# The encoder


def test_a_trained_encoder_starts_nearer_than_chance(gen):
    told = []
    encoder = train_encoder(
        gen, LATENT, 'normal', 200, shape=(1, 8, 8), told=lambda *row: told.append(row)
    )
    assert [iteration for iteration, _ in told] == [100, 200] and told[-1][1] < told[0][1] < 1
    z = drawn(50, seed=9)
    guess = encoder(mx.nd.array(generate(gen, z))).asnumpy()
    assert ((guess - z) ** 2).mean() < 0.5 * (z**2).mean()
    x = generate(gen, z)
    blind, guided = (
        np.median(Inverter(gen, LATENT, starts=1, steps=1, encoder=each).invert(x).error)
        for each in (None, encoder)
    )
    assert guided < 0.5 * blind


# The command


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    return tiny.begun(tmp_path_factory.mktemp('invert'), until=3, conditional=True).folder


def test_command_writes_sheets_and_numbers_and_prints_the_three_sets(run, tmp_path):
    result = tiny.gluongan(
        'invert', run, '--test', '5', '--steps', '20', '--encoder', '100', '--out', tmp_path / 'x'
    )
    assert result.exit_code == 0, result.stderr
    assert all(word in result.stdout for word in ('images', 'generated', 'noise', 'found again'))
    assert sorted(path.name for path in (tmp_path / 'x').iterdir()) == [
        'errors.json',
        'inversion.png',
        'walk.gif',
        'walk.png',
        'z.npy',
    ]
    errors = json.loads((tmp_path / 'x' / 'errors.json').read_text())
    assert {name: len(each) for name, each in errors.items()} == {
        'images': 5,
        'generated': 16,
        'noise': 16,
    }
    assert (
        np.load(tmp_path / 'x' / 'z.npy').shape == (5, 9)
        and 'encoder, iteration 100' in result.stderr
    )
    with Image.open(tmp_path / 'x' / 'walk.gif') as clip:
        assert clip.n_frames > 48


def test_own_pictures_are_inverted_from_a_file_or_a_folder(run, tmp_path):
    for number in range(2):
        Image.fromarray(np.random.RandomState(number).randint(0, 256, (20, 30), np.uint8)).save(
            tmp_path / f'{number}.png'
        )
    for place, count in ((tmp_path / '0.png', 1), (tmp_path, 2)):
        result = tiny.gluongan(
            'invert', run, '--images', place, '--steps', '2', '--out', run / f'{count}'
        )
        assert result.exit_code == 0 and np.load(run / f'{count}' / 'z.npy').shape == (count, 9), (
            result.stderr
        )


@pytest.mark.parametrize(
    'words, named',
    [
        (['--images', 'x.png', '--test', '3'], '--images and --test'),
        (['--test', '0'], '--test'),
        (['--images', 'nowhere.png'], 'nowhere.png'),
    ],
    ids=str,
)
def test_impossible_images_are_refused(run, words, named):
    assert named in tiny.refused('invert', run, *words)


def test_points_are_refused(tmp_path, monkeypatch):
    folder = tiny.begun(tmp_path, until=2, data='ring8', image_size=None).folder
    monkeypatch.chdir(tmp_path)
    assert 'points' in tiny.refused('invert', folder)
