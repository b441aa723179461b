"""What several test files share: a data set of a few small images, a GAN of a dozen neurons, a new process."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

# Before MXNet comes in: networks of a dozen neurons gain nothing from threads, and lose much on a busy machine.
os.environ.setdefault('OMP_NUM_THREADS', '1')


@pytest.fixture
def tiny_data():
    """48 images of 1×4×4 pixels that all differ."""
    from gluongan.data import Dataset

    return Dataset('tiny', np.random.RandomState(0).randint(0, 256, (48, 1, 4, 4)).astype(np.uint8))


@pytest.fixture
def tiny_nets():
    """Returns a function: G 5-8-16 with BatchNorm and D 16-8-1, the same weights for the same seed."""
    from gluongan import runtime
    from gluongan.nn import models as nets

    def make(seed=0, *, gen=None, dis=None):
        runtime.seed(seed)
        return (
            nets.dense_generator([5, 8, 16], init='glorot', **(gen or {})),
            nets.dense_discriminator([16, 8, 1], init='glorot', **(dis or {})),
        )

    return make


@pytest.fixture
def tiny_updater(tiny_data, tiny_nets):
    """Returns a function: a GANUpdater of the tiny networks on the tiny data, batch 8."""
    from gluongan.gan.updater import GANUpdater

    def make(*, seed=0, gen=None, dis=None, **settings):
        return GANUpdater(
            *tiny_nets(seed, gen=gen, dis=dis),
            tiny_data.batches(8, seed=seed),
            seed=seed,
            **settings,
        )

    return make


@pytest.fixture
def python():
    """Returns a function that runs code in a new interpreter, with more environment, and returns what it prints."""

    def run(code, **environment):
        result = subprocess.run(
            [sys.executable, '-c', code],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **environment},
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    return run
