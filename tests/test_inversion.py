"""Inversion: generated images are recovered, others are not, and the gradient is the true one."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan import runtime
from gluongan.gan import inversion
from gluongan.gan.inversion import RECOVERED_ERROR, Inverter, train_encoder
from gluongan.gan.labels import one_hot
from gluongan.gan.noise import draw_noise, noise_from_seeds
from gluongan.gan.sampling import generate
from gluongan.nn.layers import frozen
from gluongan.nn.models import conv_generator, dense_generator
from gluongan.runtime import mx

LATENT, CLASSES = 6, 3


def with_moved_statistics(make, size_in, seed=0):
    """A G whose running statistics have moved, as training moves them."""
    runtime.seed(seed)
    gen = make()
    for _ in range(3):
        with mx.autograd.record():
            y = gen(mx.nd.random.normal(0.5, 2, (48, size_in)))
        y.backward()
    return gen


@pytest.fixture(scope='module')
def gen():
    return with_moved_statistics(lambda: dense_generator([LATENT, 32, 64, 64], init='he'), LATENT)


@pytest.fixture(scope='module')
def conditional():
    size_in = LATENT + CLASSES
    return with_moved_statistics(
        lambda: dense_generator([size_in, 32, 64], init='he'), size_in, seed=1
    )


def draw(count, noise='normal', seed=5):
    return draw_noise(np.random.default_rng(seed), count, LATENT, noise)


# The gradient


@pytest.mark.parametrize(
    'make',
    [
        lambda: dense_generator([LATENT, 16, 16], 'tanh', init='he'),
        lambda: conv_generator(LATENT, (1, 8, 8), width=4, activation='tanh', init='he'),
    ],
    ids=['dense', 'conv'],
)
def test_gradient_by_z_is_the_finite_difference_of_what_is_sampled(make):
    """With MXNet 1.9.1's own BatchNorm it is not: its backward pass is always that of training."""
    net = with_moved_statistics(make, LATENT)
    view, z = frozen(net, use_running_stats=True), mx.nd.array(draw(4))
    target = np.random.RandomState(0).rand(*net(z).shape)

    def loss(values):
        return ((net(mx.nd.array(values)).asnumpy().astype(np.float64) - target) ** 2).sum()

    z.attach_grad()
    with mx.autograd.record(train_mode=False):
        x = view(z)
        mx.nd.square(x - mx.nd.array(target)).sum().backward()
    np.testing.assert_array_equal(x.asnumpy(), net(z).asnumpy())
    for index in np.ndindex(4, LATENT):
        step = np.zeros((4, LATENT), np.float32)
        step[index] = 1e-2
        slope = (loss(z.asnumpy() + step) - loss(z.asnumpy() - step)) / 2e-2
        assert z.grad.asnumpy()[index] == pytest.approx(slope, rel=0.02, abs=2e-3)


# The result


def test_generated_images_are_recovered_and_noise_is_not(gen):
    inverter = Inverter(gen, LATENT, steps=200)
    inversion = inverter.invert(generate(gen, draw(20)))
    assert inversion.share_recovered() >= 0.9
    assert np.median(inversion.error) < RECOVERED_ERROR / 10
    assert inversion.z.shape == (20, LATENT)
    assert inversion.x.shape == (20, 1, 8, 8)
    np.testing.assert_array_equal(inversion.x, generate(gen, inversion.z))
    noise = np.random.RandomState(0).rand(20, 1, 8, 8)
    assert inverter.invert(noise).share_recovered() == 0


def test_error_is_the_mean_squared_difference(gen):
    x = np.random.RandomState(0).rand(3, 1, 8, 8).astype(np.float32)
    inversion = Inverter(gen, LATENT, steps=5).invert(x)
    error = ((inversion.x - x) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(inversion.error, error, rtol=1e-5)


def test_more_starts_and_more_steps_reduce_the_error(gen):
    x = generate(gen, draw(12))

    def error(starts, steps):
        inverter = Inverter(gen, LATENT, starts=starts, steps=steps)
        return np.median(inverter.invert(x).error)

    assert error(6, 200) < error(6, 20) < error(1, 20)


def test_the_result_of_an_image_does_not_depend_on_the_others(gen):
    x = generate(gen, draw(80))  # more than one pass of guesses
    together = Inverter(gen, LATENT, steps=30).invert(x)
    alone = Inverter(gen, LATENT, steps=30).invert(x[70:72])
    np.testing.assert_allclose(alone.error, together.error[70:72], rtol=1e-2, atol=1e-6)


def test_the_prior_keeps_z_near_the_noise(gen):
    x = np.random.RandomState(0).rand(6, 1, 8, 8)
    free = Inverter(gen, LATENT, steps=150, prior=0).invert(x)
    pulled = Inverter(gen, LATENT, steps=150, prior=0.1).invert(x)
    assert np.square(pulled.z).mean() < 0.7 * np.square(free.z).mean()


@pytest.mark.parametrize('noise, bound', [('uniform', 1), ('truncated', 2)])
def test_bounded_noise_stays_in_its_bounds(gen, noise, bound):
    inverter = Inverter(gen, LATENT, noise, steps=150)
    assert np.abs(inverter.invert(np.random.RandomState(0).rand(6, 1, 8, 8)).z).max() <= bound
    assert inverter.invert(generate(gen, draw(12, noise))).share_recovered() >= 0.75


def test_the_class_of_an_image_is_recovered_too(conditional):
    labels = np.arange(12) % CLASSES
    x = generate(conditional, np.concatenate([draw(12), one_hot(labels, CLASSES)], axis=1))
    inversion = Inverter(conditional, LATENT, classes=CLASSES, steps=200).invert(x)
    assert inversion.z.shape == (12, LATENT + CLASSES)
    assert inversion.share_recovered() >= 0.75
    assert (inversion.z[:, LATENT:].argmax(axis=1) == labels).mean() >= 0.75
    assert set(np.unique(inversion.z[:, LATENT:])) == {0, 1}


@pytest.mark.parametrize(('count', 'controls'), [(1, 16), (20, 20), (200, 64)])
def test_controls_are_generated_images_and_noise_as_many_as_images_within_limits(
    gen, conditional, count, controls
):
    sets = Inverter(gen, LATENT).make_controls(count)
    assert list(sets) == ['generated', 'noise']
    assert sets['generated'].shape == sets['noise'].shape == (controls, 1, 8, 8)
    z = noise_from_seeds([*range(controls)], LATENT, 'normal')
    np.testing.assert_array_equal(sets['generated'], generate(gen, z))
    assert abs(sets['noise'].mean() - 0.5) < 0.03
    per_class = -(-controls // CLASSES)
    labels = one_hot(np.repeat(np.arange(CLASSES), per_class), CLASSES)
    z = np.tile(noise_from_seeds([*range(per_class)], LATENT, 'normal'), (CLASSES, 1))
    x = generate(conditional, np.concatenate([z, labels], axis=1))
    sets = Inverter(conditional, LATENT, classes=CLASSES).make_controls(count)
    np.testing.assert_array_equal(sets['generated'], x[:controls])


def test_a_walk_begins_and_ends_at_the_images(gen, conditional):
    z = draw(3)
    walk = Inverter(gen, LATENT).walk(z, 4)
    assert len(walk) == 9
    np.testing.assert_allclose(walk[[0, 4, 8]], generate(gen, z), atol=1e-6)
    both = np.concatenate([z, one_hot(np.array([0, 2, 1]), CLASSES)], axis=1)
    ends = Inverter(conditional, LATENT, classes=CLASSES).walk(both, 4)[[0, 4, 8]]
    np.testing.assert_allclose(ends, generate(conditional, both), atol=1e-6)


@pytest.mark.filterwarnings('error::RuntimeWarning')
def test_a_walk_between_opposite_points_or_from_zero_stays_near_its_ends(gen, monkeypatch):
    seen = []
    monkeypatch.setattr(inversion, 'generate', lambda gen, z: seen.append(z) or generate(gen, z))
    z = draw(1, seed=3)
    points = np.concatenate([z, -z, 0 * z])
    assert np.isfinite(Inverter(gen, LATENT).walk(points, 4)).all()
    lengths = np.linalg.norm(seen[-1], axis=1) / np.linalg.norm(z)
    np.testing.assert_allclose(lengths, [1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0], atol=1e-5)


# The encoder


def test_a_trained_encoder_starts_nearer_than_chance(gen):
    iterations, losses = [], []

    def report_progress(iteration, loss):
        iterations.append(iteration)
        losses.append(loss)

    encoder = train_encoder(
        gen, LATENT, 'normal', 200, shape=(1, 8, 8), report_progress=report_progress
    )
    assert iterations == [100, 200]
    assert losses[1] < losses[0] < 1
    z = draw(50, seed=9)
    x = generate(gen, z)
    guess = encoder(mx.nd.array(x)).asnumpy()
    assert ((guess - z) ** 2).mean() < 0.5 * (z**2).mean()
    blind = Inverter(gen, LATENT, starts=1, steps=1).invert(x)
    guided = Inverter(gen, LATENT, starts=1, steps=1, encoder=encoder).invert(x)
    assert np.median(guided.error) < 0.5 * np.median(blind.error)


def test_what_the_encoder_says_is_tried_with_each_class():
    gen = dense_generator([LATENT + CLASSES, 16, 64], batchnorm=False, init='he')
    z = np.repeat(draw(20, seed=9), CLASSES, axis=0)
    labels = np.tile(np.arange(CLASSES), 20)
    x = generate(gen, np.concatenate([z, one_hot(labels, CLASSES)], axis=1))

    def encoder(images):
        return mx.nd.array(z)

    inverter = Inverter(gen, LATENT, classes=CLASSES, starts=3, steps=1, lr=0, encoder=encoder)
    found = inverter.invert(x)
    assert np.array_equal(found.z[:, :LATENT], z) and found.error.max() < 1e-12
    assert np.array_equal(found.z[:, LATENT:].argmax(axis=1), labels)


# The command


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    return tiny.begun(tmp_path_factory.mktemp('invert'), until=3, conditional=True).folder


def test_command_writes_sheets_and_numbers_and_prints_the_three_sets(run, tmp_path):
    out = tmp_path / 'inversion'
    result = tiny.gluongan(
        *('invert', run, '--test', '5', '--steps', '20', '--encoder', '100', '--out', out)
    )
    assert result.exit_code == 0, result.stderr
    for word in ('images', 'generated', 'noise', 'found again'):
        assert word in result.stdout
    assert 'encoder, iteration 100' in result.stderr
    names = ['errors.json', 'inversion.png', 'walk.gif', 'walk.png', 'z.npy']
    assert sorted(path.name for path in out.iterdir()) == names
    errors = json.loads((out / 'errors.json').read_text())
    assert errors.pop('iteration') == 3
    counts = {name: len(each) for name, each in errors.items()}
    assert counts == {'images': 5, 'generated': 16, 'noise': 16}
    assert np.load(out / 'z.npy').shape == (5, 9)
    with Image.open(out / 'walk.gif') as animation:
        assert animation.n_frames > 48


@pytest.mark.parametrize(('name', 'count'), [('images/0.png', 1), ('images', 2)])
def test_given_images_are_inverted_from_a_file_or_a_folder(run, tmp_path, name, count):
    (tmp_path / 'images').mkdir()
    for number in range(2):
        image = np.random.RandomState(number).randint(0, 256, (20, 30), np.uint8)
        Image.fromarray(image).save(tmp_path / 'images' / f'{number}.png')
    out = tmp_path / 'inversion'
    words = ['invert', run, '--images', tmp_path / name, '--steps', 2, '--out', out]
    message = tiny.refused(*words)
    assert '0.png: has 30 × 20 pixels; must be 8 × 8' in message and '--resize' in message
    result = tiny.gluongan(*words, '--resize')
    assert result.exit_code == 0, result.stderr
    assert np.load(out / 'z.npy').shape == (count, 9)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--images', 'x.png', '--test', '3'], '--images and --test'),
        (['--test', '0'], '--test'),
        (['--resize'], '--resize: must be given together with --images'),
        (['--images', 'nowhere.png'], 'nowhere.png'),
    ],
    ids=str,
)
def test_impossible_images_are_refused(run, arguments, message):
    assert message in tiny.refused('invert', run, *arguments)


def test_points_are_refused(tmp_path, monkeypatch):
    folder = tiny.begun(tmp_path, until=2, data='ring8', image_size=None).folder
    monkeypatch.chdir(tmp_path)
    assert 'points' in tiny.refused('invert', folder)
