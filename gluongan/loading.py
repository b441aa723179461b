"""A run read back: its settings, its trained networks, and a sampler that draws from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from . import data, snapshot
from .build import Device, make_discriminator, make_generator, make_updater
from .config import Config
from .gan.sampling import Sampler
from .gan.updater import GANUpdater
from .nn.layers import Chain, weights
from .runs.folder import read_config
from .runs.reading import class_names, sample_shape
from .runs.snapshots import find_snapshot

MAKERS = {'gen': make_generator, 'dis': make_discriminator}


def load_run(
    run: str | Path, *, which: str = 'last', device: Device = 'cpu'
) -> tuple[Config, Chain]:
    """Return the Config of a run and its trained generator on `device`; see `load_net`."""
    config, net, _ = load_net(run, which=which, device=device)
    return config, net


def load_net(
    run: str | Path, network: str = 'gen', *, which: str = 'last', device: Device = 'cpu'
) -> tuple[Config, Chain, int]:
    """Return the Config of a run, one of its trained networks, and the iteration of its snapshot.

    network: `gen`, which is the generator's moving average where the run has one, or `dis`.
    which: `last`, `best` by the run's `best` metric, or the iteration of a snapshot that was kept.
    Raises RunError or SnapshotError.
    """
    run = Path(run)
    config = read_config(run)
    path = find_snapshot(run, which)
    arrays, _ = snapshot.read(path)
    classes = len(class_names(run)) if config.conditional else 0
    net = MAKERS[network](config, sample_shape(run), classes, device)
    part = 'ema' if config.ema and network == 'gen' else network
    _restore_weights(net, path, arrays, part)
    return config, net, int(path.stem)


def _restore_weights(net: Chain, path: Path, arrays: dict[str, np.ndarray], part: str) -> None:
    """Give a network the weights that a snapshot has for `part`."""
    live = weights(net)
    expected = {f'{part}/{name}': value.asnumpy() for name, value in live.items()}
    snapshot.check(path, arrays, expected)
    for name, value in live.items():
        value[:] = arrays[f'{part}/{name}']


def load_updater(
    run: str | Path, dataset: data.Dataset, *, which: str = 'last', device: Device = 'cpu'
) -> GANUpdater:
    """Return the updater of a run with the weights of a snapshot, for sampling and scoring.

    dataset: the run's own, see `build.load_data`. which: see `load_net`.
    Raises RunError or SnapshotError.
    """
    run = Path(run)
    # float32, like everything that is drawn from a run
    config = replace(read_config(run), device=str(device), precision='float32')
    path = find_snapshot(run, which)
    arrays, meta = snapshot.read(path)
    updater = make_updater(config, dataset)
    snapshot.check(path, arrays, updater.state()[0])
    updater.restore_weights(arrays, meta)
    return updater


def load_sampler(run: str | Path, *, which: str = 'last', device: Device = 'cpu') -> Sampler:
    """Return a sampler that draws from a run by seed and class; see `load_net`."""
    config, gen = load_run(run, which=which, device=device)
    classes = class_names(run) if config.conditional else []
    return Sampler(gen, config.noise, config.latent, classes)
