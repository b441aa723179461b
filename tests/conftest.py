"""What several test files share: a few small images, a GAN of a dozen neurons, a new process."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

# Networks of a dozen neurons gain nothing from threads, and lose much on a busy machine. This must
# come before MXNet is imported.
os.environ.setdefault('OMP_NUM_THREADS', '1')

# With `&` and `nohup` these are ignored, also by the commands that tests begin and then interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def tiny_data():
    """48 images of 1×4×4 pixels that all differ."""
    from gluongan.data import Dataset

    pixels = np.random.RandomState(0).randint(0, 256, (48, 1, 4, 4))
    return Dataset('tiny', pixels.astype(np.uint8))


@pytest.fixture
def tiny_nets():
    """A function that returns G 5-8-16 with BatchNorm and D 16-8-1.

    The same seed gives the same weights. gen, dis: further arguments of the two networks.
    """
    from gluongan import runtime
    from gluongan.nn.models import dense_discriminator, dense_generator

    def make(seed=0, *, gen=None, dis=None):
        runtime.seed(seed)
        generator = dense_generator([5, 8, 16], init='glorot', **(gen or {}))
        discriminator = dense_discriminator([16, 8, 1], init='glorot', **(dis or {}))
        return generator, discriminator

    return make


@pytest.fixture
def tiny_updater(tiny_data, tiny_nets):
    """A function that returns a GANUpdater of the tiny networks on the tiny data, batch 8.

    gen, dis, opt_gen, opt_dis: arguments of the two networks and of their optimisers.
    """
    from gluongan.gan.updater import GANUpdater
    from gluongan.nn.optimizer import Optimizer

    def make(*, seed=0, gen=None, dis=None, opt_gen=None, opt_dis=None, **settings):
        generator, discriminator = tiny_nets(seed, gen=gen, dis=dis)
        if opt_gen is not None:
            settings['opt_gen'] = Optimizer(generator, **opt_gen)
        if opt_dis is not None:
            settings['opt_dis'] = Optimizer(discriminator, **opt_dis)
        real = tiny_data.batches(8, seed=seed)
        return GANUpdater(generator, discriminator, real, seed=seed, **settings)

    return make


@pytest.fixture(scope='session', autouse=True)
def _bins_once():
    """Evaluations divide the same training images into bins once: k-means takes most of their time.

    That the same images give the same bins is tested in test_metrics_neighbours.py.
    """
    from gluongan.evaluation.metrics import bins

    find, found = bins.centres, {}

    def find_once(data, k, *, seed=0):
        images = data[:]
        key = hashlib.sha256(images).digest(), images.shape, k, seed
        if key not in found:
            found[key] = find(data, k, seed=seed)
        return found[key].copy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bins, 'centres', find_once)
        yield


@pytest.fixture(scope='session', autouse=True)
def _no_waiting_for_the_disk():
    """No test has a power failure, after which fsync matters. It waits 8 ms for each file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, 'fsync', lambda file: os.fstat(file) and None)
        yield


@pytest.fixture
def undrawn(monkeypatch):
    """Runs draw no figures at their end, which would take a second; test_figures*.py draw them."""
    from gluongan import figures

    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


@pytest.fixture
def unrendered(monkeypatch):
    """matplotlib's figures are made and not rendered, which takes most of the time."""
    from matplotlib.figure import Figure
    from PIL import Image

    def save(figure, path, **settings):
        Image.new('L', (1, 1)).save(path, format='png')

    monkeypatch.setattr(Figure, 'savefig', save)


@pytest.fixture
def no_accuracy(monkeypatch):
    """Runs leave out accuracy.csv, which takes seconds for the 100,000 points of a mixture."""
    from gluongan.extensions import QuickMetrics

    monkeypatch.setattr(QuickMetrics, '_over_the_data', lambda *_: None)


@pytest.fixture
def unverified(monkeypatch):
    """Exports are not computed once more in a new process, which others test."""
    from gluongan.exports import verify

    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)


# A new interpreter looks for modules where it starts. That must not be the checkout, whose gluongan
# is not the installed one and has no command line.
HERE = Path(__file__).parent


@pytest.fixture
def python():
    """A function that runs code in a new interpreter and returns what it prints.

    Its keyword arguments are added to the environment.
    """

    def run(code, **environment):
        result = subprocess.run(
            [sys.executable, '-c', code],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **environment},
            cwd=HERE,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    return run


@pytest.fixture
def texts(monkeypatch):
    """Collects (text, x, y) of every text that is written on a picture."""
    from PIL import ImageDraw

    collected = []
    write = ImageDraw.ImageDraw.text

    def keep(draw, place, text, *arguments, **settings):
        collected.append((text, *place))
        write(draw, place, text, *arguments, **settings)

    monkeypatch.setattr(ImageDraw.ImageDraw, 'text', keep)
    return collected
