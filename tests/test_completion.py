"""Inpainting and super-resolution: only what is known is used, and G stands beside baselines."""

from __future__ import annotations

import json
import shutil
from importlib import import_module

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan import figures, runtime
from gluongan.errors import InputError
from gluongan.evaluation import completion
from gluongan.gan.inversion import Inverter
from gluongan.gan.noise import draw_noise
from gluongan.gan.partial import KnownPixels, SmallPicture, seen
from gluongan.gan.sampling import generate
from gluongan.nn.models import dense_generator
from gluongan.runtime import mx

LATENT = 4
HALF = np.arange(64).reshape(8, 8) % 8 < 5  # the left five columns
KNOWN = {'mask': KnownPixels(HALF), 'downsample': SmallPicture(2)}


@pytest.fixture(scope='module')
def gen():
    runtime.seed(0)
    return dense_generator([LATENT, 32, 64], batchnorm=False, init='he')


def draw(count, seed=5):
    return draw_noise(np.random.default_rng(seed), count, LATENT, 'normal')


def in_float64(name, x):
    if name == 'mask':
        return x[:, :, HALF]
    count, channels = x.shape[:2]
    return x.reshape(count, channels, 4, 2, 4, 2).mean(axis=(3, 5))


# What is known


@pytest.mark.parametrize('name', KNOWN)
def test_the_loss_and_its_gradient_are_those_of_float64(name):
    random = np.random.RandomState(0)
    x, target = random.rand(2, 2, 3, 8, 8)

    def loss(values):
        return ((in_float64(name, values) - in_float64(name, target)) ** 2).mean()

    array = mx.nd.array(x)
    array.attach_grad()
    with mx.autograd.record():
        known = KNOWN[name](array)
        value = mx.nd.square(known - KNOWN[name](mx.nd.array(target))).mean()
    value.backward()
    assert float(value.asscalar()) == pytest.approx(loss(x), rel=1e-5)
    for index in [(0, 0, 0, 0), (0, 1, 3, 2), (1, 2, 7, 4), (1, 2, 7, 7), (0, 0, 2, 5)]:
        step = np.zeros_like(x)
        step[index] = 1e-4
        slope = (loss(x + step) - loss(x - step)) / 2e-4
        assert array.grad.asnumpy()[index] == pytest.approx(slope, rel=1e-4, abs=1e-8)


def test_what_is_missing_changes_nothing(gen):
    x = generate(gen, draw(3))
    inverter = Inverter(gen, LATENT, steps=10, known=KNOWN['mask'])
    other = np.where(HALF, x, 1 - x)
    np.testing.assert_array_equal(inverter.invert(x).z, inverter.invert(other).z)
    changed = np.where(HALF, 1 - x, x)
    assert not np.array_equal(inverter.invert(x).z, inverter.invert(changed).z)


@pytest.mark.parametrize('name', KNOWN)
def test_generated_images_are_completed_from_what_is_known(gen, name):
    x = generate(gen, draw(8))
    found = Inverter(gen, LATENT, steps=200, prior=0, known=KNOWN[name]).invert(x)
    assert np.median(np.abs(found.x - x)) < 0.02
    error = ((in_float64(name, found.x) - in_float64(name, x)) ** 2).reshape(8, -1).mean(axis=1)
    np.testing.assert_allclose(found.error, error, rtol=1e-3, atol=1e-8)


def test_an_encoder_that_would_see_all_is_refused(gen):
    with pytest.raises(InputError, match='encoder: looks at whole images; must be absent'):
        Inverter(gen, LATENT, encoder=gen, known=KNOWN['mask'])


# The baselines


def test_the_nearest_training_image_is_that_of_what_is_known():
    random = np.random.RandomState(0)
    train, x = random.rand(40, 1, 8, 8), random.rand(6, 1, 8, 8)
    for name, known in KNOWN.items():
        of_train, of_x = (in_float64(name, each).reshape(len(each), -1) for each in (train, x))
        index = ((of_x[:, None] - of_train[None]) ** 2).sum(axis=2).argmin(axis=1)
        answer = completion.nearest_training(x, train, lambda rows: seen(known, rows))  # noqa: B023
        np.testing.assert_array_equal(answer, train[index])


def test_bicubic_is_pillows_for_each_channel():
    small = np.random.RandomState(0).rand(2, 3, 4, 5).astype(np.float32)
    large = completion.bicubic(small, 3)
    plane = Image.fromarray(small[1, 2]).resize((15, 12), Image.BICUBIC)
    np.testing.assert_array_equal(large[1, 2], np.asarray(plane).clip(0, 1))
    assert large.shape == (2, 3, 12, 15)
    np.testing.assert_allclose(completion.bicubic(np.full((1, 1, 2, 2), 0.3), 2), 0.3, atol=1e-6)


def test_errors_are_of_the_pixels_that_are_asked_for():
    x, answer = np.zeros((2, 1, 8, 8)), np.where(HALF, 5.0, 0.5)[None, None]
    np.testing.assert_allclose(completion.squared_error(x, answer, ~HALF), 0.25)
    np.testing.assert_allclose(completion.squared_error(x, answer, HALF), 25)


def test_the_verdict_needs_a_clear_difference_and_enough_pictures():
    error = np.linspace(0.1, 0.3, 9)
    noisy = error + np.tile([0.1, -0.11, 0.01], 3)
    words = completion.verdict({'G': error, 'a': error + 0.1, 'b': error - 0.05, 'c': noisy})
    assert words.startswith('G is better than a') and 'worse than b' in words
    assert 'not clearly different from c' in words
    assert 'too few' in completion.verdict({'G': error[:4], 'a': error[:4] + 0.1})


# The command


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    return tiny.begun(tmp_path_factory.mktemp('completion'), until=3).folder


@pytest.fixture
def mask(tmp_path):
    path = tmp_path / 'mask.png'
    Image.fromarray(np.where(HALF, 128, 127).astype(np.uint8)).save(path)
    return path


def completed(run, out, *words):
    settings = ['--steps', 3, '--starts', 1, '--out', out]
    result = tiny.gluongan('invert', run, *words, *settings)
    assert result.exit_code == 0, result.stderr
    return result.stdout, json.loads((out / 'errors.json').read_text())


def test_inpainting_prints_and_draws_what_is_missing(run, mask, tmp_path, monkeypatch):
    drawn = []
    draw = figures.completions
    monkeypatch.setattr(
        figures, 'completions', lambda rows, *a, **k: drawn.append((rows, k)) or draw(rows, *a, **k)
    )
    printed, content = completed(run, tmp_path / 'out', '--mask', mask, '--test', 6)
    names = ['G', 'the nearest training picture', 'the mean of the known pixels']
    assert list(content['errors']) == names
    assert all(len(error) == 6 and name in printed for name, error in content['errors'].items())
    assert content['words'] in printed and 'missing pixels' in content['error']
    ((rows, texts),) = drawn
    assert texts['title'] == 'dense on synthetic, iteration 3: missing pixels filled'
    composite, original, found = (rows[name] for name in ('composite', 'original', 'found by G'))
    np.testing.assert_array_equal(composite[:, :, HALF], original[:, :, HALF])
    np.testing.assert_array_equal(composite[:, :, ~HALF], found[:, :, ~HALF])
    difference = (found[:, :, ~HALF] / 255.0 - original[:, :, ~HALF] / 255.0) ** 2
    np.testing.assert_allclose(content['errors']['G'], difference.mean(axis=(1, 2)), atol=5e-3)
    assert (rows['given'][:, :, ~HALF] == np.array([[[230], [0], [150]]])).all()
    with Image.open(tmp_path / 'out' / 'inversion.png') as image:
        assert image.width > 400


def test_super_resolution_stands_beside_bicubic_also_for_given_images(run, tmp_path):
    Image.new('L', (8, 8), 77).save(tmp_path / 'x.png')
    words = ['--downsample', 4, '--images', tmp_path / 'x.png']
    printed, content = completed(run, tmp_path / 'out', *words)
    assert list(content['errors']) == ['G', 'the nearest training picture', 'bicubic']
    assert content['errors']['bicubic'][0] == pytest.approx(0, abs=1e-10)
    assert 'all pixels' in content['error'] and 'too few' in printed


def test_a_mask_of_another_size_is_resized_on_request(run, tmp_path):
    path = tmp_path / 'mask.png'
    Image.fromarray(np.where(HALF, 255, 0).astype(np.uint8)).resize((32, 32), 0).save(path)
    message = tiny.refused('invert', run, '--mask', path)
    assert '32 × 32 pixels; must be 8 × 8' in message and '--resize' in message
    read_mask = import_module('gluongan.cli.completing')._read_mask
    np.testing.assert_array_equal(read_mask(run, path, (1, 8, 8), True), HALF)


@pytest.mark.parametrize(('level', 'share'), [(0, 'no'), (255, 'all')])
def test_a_mask_without_a_hole_or_without_a_known_pixel_is_refused(run, tmp_path, level, share):
    Image.new('L', (8, 8), level).save(tmp_path / 'mask.png')
    message = tiny.refused('invert', run, '--mask', tmp_path / 'mask.png')
    assert f'mask.png: has {share} pixels known; must have some known and some missing' in message


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--downsample', 3], '--downsample 3: must divide the sides of pictures of 8 × 8'),
        (['--downsample', 1], '--downsample'),
        (
            ['--downsample', 2, '--mask', 'x.png'],
            '--mask and --downsample: are given together; must be only one',
        ),
        (
            ['--downsample', 2, '--encoder', 9],
            '--encoder and --downsample: are given together; must be only one',
        ),
        (['--mask', 'nowhere.png'], 'nowhere.png: does not exist; must be a picture'),
        (['--downsample', 2, '--resize'], '--resize: must be given together with'),
    ],
    ids=str,
)
def test_impossible_options_are_refused(run, words, message):
    assert message in tiny.refused('invert', run, *words)


def test_points_are_refused(tmp_path, monkeypatch):
    folder = tiny.begun(tmp_path, until=2, data='ring8', image_size=None).folder
    monkeypatch.chdir(tmp_path)
    for words in (['--downsample', 2], ['--mask', 'x.png']):
        assert 'points' in tiny.refused('invert', folder, *words)


def test_a_mask_is_read_as_pictures_of_the_run_are(run, tmp_path):
    """Where its data stands on white, what is transparent is white, and so it is known."""
    on_white = tmp_path / 'run'
    shutil.copytree(run, on_white)
    config = json.loads((on_white / 'config.json').read_text())
    (on_white / 'config.json').write_text(json.dumps({**config, 'background': 'white'}))
    levels = np.zeros((8, 8, 4), np.uint8)  # black, and transparent on the left
    levels[..., 3] = np.where(HALF, 0, 255)
    Image.fromarray(levels, 'RGBA').save(tmp_path / 'mask.png')
    read_mask = import_module('gluongan.cli.completing')._read_mask
    arguments = tmp_path / 'mask.png', (1, 8, 8), False
    np.testing.assert_array_equal(read_mask(on_white, *arguments), HALF)
    assert not read_mask(run, *arguments).any()
