"""A run read back: its settings, its trained networks, and a sampler that draws from them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from . import data, snapshot
from .build import Device, make_discriminator, make_generator, make_updater
from .config import Config, knobs
from .data.description import list_names
from .gan.sampling import Sampler
from .gan.updater import GANUpdater
from .nn.layers import Chain, weights
from .runs.folder import RunError, read_config
from .runs.reading import Facts, class_names, read_facts, sample_shape
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


def settle(run: str | Path, config: Config | None = None, *, data_at: str | None = None) -> Config:
    """Return the settings of a run with all that its data needs to be read as it was.

    config: settings to use instead of those in the run. data_at: where its data is, if it moved.
    Raises RunError where the data is not there, or is built in and cannot have moved.
    """
    run = Path(run)
    before = read_config(run).data
    config = config or read_config(run)
    if data_at is not None:
        if config.data in data.NAMES:
            raise RunError(
                f'must be left out: the data of {run} is {config.data}, which is built in',
                setting='data',
                value=data_at,
            )
        config = config.with_settings({'data': data_at})
    _check_place(run, before, config)
    facts = read_facts(run)
    if facts is None or facts.has_points or not data.has_shape_by_choice(config.data):
        return config
    # Older runs did not write down what was chosen.
    channels, side, width = facts.shape
    if side != width or not knobs()['image_size'].accepts(side):
        raise RunError(
            f'is read as square pictures; must be where the data of {run} is now, '
            f'whose pictures are {width} × {side}',
            setting='data',
            value=config.data,
        )
    return config.with_settings(
        {'image_size': config.image_size or side, 'channels': config.channels or channels}
    )


def _check_place(run: Path, before: str, config: Config) -> None:
    """Raise RunError where the data of a run cannot be what is at `config.data`.

    before: where it was when the run began.
    """
    now = config.data
    is_there = now in data.NAMES or os.path.exists(os.path.expanduser(now))
    if now == before:
        if not is_there:
            raise RunError(
                f'{run}: its data is no longer at {now}; must be there, or set `data` to where it '
                'is now'
            )
        return
    if not is_there:
        problem = 'does not exist'
    elif now in data.NAMES:
        problem = 'is built in'
    elif (config.image_size or config.channels) and not data.has_shape_by_choice(now):
        problem = 'is no folder of pictures'
    else:
        return
    raise RunError(
        f'{problem}; must be where the data of {run} is now, which was {before}',
        setting='data',
        value=now,
    )


def check_data(run: str | Path, dataset: data.Dataset, *, changed_data: bool = False) -> bool:
    """Return whether the training data of a run is another than when the run began.

    changed_data: allow that. Raises RunError where it is not allowed.
    """
    facts = read_facts(Path(run))
    changes = [] if facts is None else _changes(facts, dataset)
    if changes and not changed_data:
        raise RunError(
            f'{run}: its data has changed since it began ({"; ".join(changes)}); must be the same, '
            'or set `changed_data` to use it all the same'
        )
    return bool(changes)


def _changes(facts: Facts, dataset: data.Dataset) -> list[str]:
    """Return how a data set differs from what a run's facts say of it."""
    changes = []
    if facts.count not in (None, len(dataset)):
        changes.append(f'{len(dataset):,} samples, not {facts.count:,}')
    if facts.shape != dataset.shape:
        changes.append(f'samples of shape {dataset.shape}, not {facts.shape}')
    if facts.classes != dataset.classes:
        names = [list_names(each) or 'none' for each in (dataset.classes, facts.classes)]
        changes.append(f'classes {names[0]}, not {names[1]}')
    if changes:
        return changes
    if facts.fingerprint is not None:
        is_same = facts.fingerprint == data.fingerprint(dataset)
    else:  # a run of an older version
        is_same = facts.mean is None or np.allclose(dataset.moments(), (facts.mean, facts.std))
    return [] if is_same else ['other values or labels']


def load_updater(
    run: str | Path, dataset: data.Dataset, *, which: str = 'last', device: Device = 'cpu'
) -> GANUpdater:
    """Return the updater of a run with the weights of a snapshot, for sampling and scoring.

    dataset: the run's own, see `build.load_data`. which: see `load_net`.
    Raises RunError or SnapshotError.
    """
    run = Path(run)
    # float32, like everything that is drawn from a run
    config = replace(read_config(run), precision='float32')
    path = find_snapshot(run, which)
    arrays, meta = snapshot.read(path)
    updater = make_updater(config, dataset, device)
    snapshot.check(path, arrays, updater.state()[0])
    snapshot.check_counts(path, meta, 'iteration')
    updater.restore_weights(arrays, meta)
    return updater


def load_sampler(run: str | Path, *, which: str = 'last', device: Device = 'cpu') -> Sampler:
    """Return a sampler that draws from a run by seed and class; see `load_net`."""
    config, gen, iteration = load_net(run, which=which, device=device)
    classes = class_names(run) if config.conditional else []
    return Sampler(gen, config.noise, config.latent, classes, iteration)
