"""From a Config to a run: the only place where names become objects."""
from __future__ import annotations

import json
from collections.abc import Callable
from math import isqrt, prod
from pathlib import Path
from typing import Union

from . import data, runtime, snapshot
from .config import Config, ConfigError, flag, show
from .extensions import Evaluation, FigureReport, LogReport, Progress, SampleGrid, Snapshot
from .extensions.snapshots import best_of, scores
from .layers import Chain
from .nets import dense_discriminator, dense_generator
from .runs import RunError, next_folder, read_config, run_name, write_json
from .trainer import AnyOf, Every, Trainer
from .update import GANUpdater, weights

Device = Union[str, runtime.mx.Context]

# Beyond this a network and its optimiser would not fit into 8 GB.
MOST_WEIGHTS = 500_000_000


def load_data(config: Config) -> data.Dataset:
    """Return the data of a run. Raises DataError; where a setting is at fault it names the flag."""
    options = {name: getattr(config, name) for name in ('data_dir', 'binarize', 'image_size', 'channels')}
    try:
        return data.load(config.data, **options)
    except data.DataError as error:
        subject, _, fault = str(error).partition(': ')
        if subject == config.data:
            raise data.DataError(f'--data {subject}: {fault}') from None
        if subject in options:
            raise data.DataError(f'{flag(subject)} {show(options[subject])}: {fault}') from None
        raise


def sizes(config: Config, shape: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """Return the layer sizes of G and of D for samples of `shape`. Raises ConfigError where they would fill the memory."""
    values, head = prod(shape), 2 if config.dis_head == 'softmax' else 1
    nets = {'gen_hidden': [config.latent, *config.gen_hidden, values], 'dis_hidden': [values, *config.dis_hidden, head]}
    for name, net in nets.items():
        count = sum(a * b for a, b in zip(net, net[1:]))
        if count > MOST_WEIGHTS:
            raise ConfigError(f'{flag(name)} {show(getattr(config, name))}: makes {count:,} weights with inputs and outputs of '
                              f'{net[0]:,} and {net[-1]:,}; must be at most {MOST_WEIGHTS:,}')
    return nets['gen_hidden'], nets['dis_hidden']


def generator(config: Config, shape: tuple[int, ...], device: Device) -> Chain:
    """Return G of a run for samples of `shape`."""
    output = config.gen_output or ('identity' if len(shape) == 1 else 'sigmoid')
    return dense_generator(sizes(config, shape)[0], config.gen_activation, output, shape=shape, slope=config.leaky_slope,
                           batchnorm=config.gen_batchnorm, momentum=config.batchnorm_momentum, dropout=config.gen_dropout,
                           init=config.init, device=device)


def discriminator(config: Config, shape: tuple[int, ...], device: Device) -> Chain:
    """Return D of a run for samples of `shape`."""
    return dense_discriminator(sizes(config, shape)[1], config.dis_activation, config.dis_head, shape=shape,
                               slope=config.leaky_slope, batchnorm=config.dis_batchnorm,
                               momentum=config.batchnorm_momentum, dropout=config.dis_dropout, init=config.init,
                               device=device)


def updater(config: Config, dataset: data.Dataset) -> GANUpdater:
    """Return the algorithm of a run on its device, everything initialised from `seed`. Raises ConfigError, DeviceError."""
    if config.batch > len(dataset):
        raise ConfigError(f'--batch {config.batch}: must be at most {len(dataset):,}, the number of samples in {config.data}')
    device = runtime.device(config.device)
    runtime.seed(config.seed)
    gen, dis = generator(config, dataset.shape, device), discriminator(config, dataset.shape, device)
    return GANUpdater(gen, dis, dataset.batches(config.batch, seed=config.seed, device=device), loss=config.loss,
                      optimizer=config.optimizer, lr=config.lr, gen_lr=config.gen_lr, dis_lr=config.dis_lr,
                      beta1=config.beta1, beta2=config.beta2, decay=config.decay, momentum=config.momentum,
                      clip=config.clip, dis_steps=config.dis_steps, shared_noise=config.shared_noise, noise=config.noise,
                      seed=config.seed)


def trainer(config: Config, algorithm: GANUpdater, folder: Path) -> Trainer:
    """Return the run: the algorithm and everything that happens beside it, in `folder`."""
    run = Trainer(algorithm, stop=(config.iterations, 'iteration'), folder=folder)
    cols = isqrt(config.samples - 1) + 1
    run.extend(LogReport(), trigger=(config.log_every, 'iteration'))
    run.extend(SampleGrid(count=config.samples, cols=cols), trigger=AnyOf((Every(config.sample_every), Every(1, 'epoch'))))
    run.extend(Evaluation(), trigger=(config.eval_every, 'iteration'))
    run.extend(Snapshot(config.keep), trigger=(config.snapshot_every, 'iteration'))
    run.extend(Progress(lines_every=config.log_every))
    run.extend(FigureReport({'recipe': config.recipe, 'loss': config.loss, 'binarize': config.binarize}))
    return run


def new_run(config: Config, out: Path, command: list[str]) -> Trainer:
    """Return a run that has not begun, in a new folder under `out`; every fault is raised before that folder is made."""
    algorithm = updater(config, load_data(config))
    folder = next_folder(out, run_name(config))
    write_json(folder / 'config.json', config.to_dict())
    write_json(folder / 'environment.json', {**runtime.facts(), 'command': command})
    return trainer(config, algorithm, folder)


def resumed_run(folder: Path, config: Config, warn: Callable[[str], None]) -> Trainer:
    """Return the run in `folder` as its newest intact snapshot left it, to go on under `config`.

    Raises RunError, SnapshotError, and ConfigError where `config` changes anything but what may change on the way.
    """
    own = read_config(folder)
    algorithm = updater(config, load_data(config))
    path, (arrays, meta) = snapshot.newest(folder, warn)
    snapshot.check(path, arrays, algorithm.state()[0])
    if config.iterations < meta['iteration']:
        raise ConfigError(f'--iterations {config.iterations}: must be at least {meta["iteration"]}, where {folder} is already')
    algorithm.restore(arrays, meta)
    if own != config:
        write_json(folder / 'config.json', config.to_dict())
    return trainer(config, algorithm, folder)


def load_run(run: str | Path, *, which: str = 'last', device: Device = 'cpu') -> tuple[Config, Chain]:
    """Return the Config of a run and its trained G, on `device`.

    which: `last`, `best` (by the samples' distance to the data), or the iteration of a snapshot that was kept.
    Raises RunError or SnapshotError.
    """
    run = Path(run)
    config = read_config(run)
    path = _chosen(run, which)
    arrays, _ = snapshot.read(path)
    gen = generator(config, sample_shape(run), device)
    own = weights(gen)
    snapshot.check(path, arrays, {f'gen/{name}': value.asnumpy() for name, value in own.items()})
    for name, value in own.items():
        value[:] = arrays[f'gen/{name}']
    return config, gen


def _chosen(run: Path, which: str) -> Path:
    files = dict(snapshot.listed(run))
    if not files:
        raise RunError(f'{run}: has no snapshot yet')
    number = int(which) if which.isdecimal() and len(which) < 12 else None
    iteration = {'last': max(files), 'best': best_of(run, scores(run))}.get(which, number)
    if iteration not in files:
        raise RunError(f'--snapshot {which}: must be last, best or one of {", ".join(map(str, files))}')
    return files[iteration]


def sample_shape(run: str | Path) -> tuple[int, ...]:
    """Return the shape of one sample of a run, from its run.json. Raises RunError."""
    path = Path(run) / 'run.json'
    try:
        shape = tuple(json.loads(path.read_text(encoding='utf-8'))['shape'])
        if all(isinstance(side, int) and 1 <= side <= 4096 for side in shape) and len(shape) in (1, 3):
            return shape
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise RunError(f'{path}: does not tell the shape of the samples')
