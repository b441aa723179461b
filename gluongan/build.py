"""From a Config to a run: the only place where names become objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, Union

from . import __version__, beside, data, runtime, snapshot
from .config import Config, ConfigError, flag, show
from .extensions.judging import Judging
from .extensions.snapshots import best_of
from .layers import Chain, use_precision, weights
from .losses import named
from .nets import conv_discriminator, conv_generator, dense_discriminator, dense_generator, halvings
from .runs import RunError, next_folder, read_config, run_name, write_json
from .sampling import Sampler
from .trainer import Trainer
from .updater import GANUpdater

Device = Union[str, runtime.mx.Context]

# Beyond this a network and its optimiser would not fit into 8 GB.
MOST_WEIGHTS = 500_000_000


def load_data(config: Config, split: str = 'train') -> data.Dataset:
    """Return the data of a run, or with `test` what was held back. Raises DataError; it names the flag that is at fault."""
    options = {
        name: getattr(config, name) for name in ('data_dir', 'binarize', 'image_size', 'channels')
    }
    try:
        return data.load(config.data, split=split, **options)
    except data.DataError as error:
        subject, _, fault = str(error).partition(': ')
        if subject == config.data:
            raise data.DataError(f'--data {subject}: {fault}') from None
        if subject in options:
            raise data.DataError(f'{flag(subject)} {show(options[subject])}: {fault}') from None
        raise


def sizes(config: Config, shape: tuple[int, ...], classes: int) -> tuple[list[int], list[int]]:
    """Return the layer sizes of G and of D for samples of `shape`. Raises ConfigError where they would fill the memory."""
    values, head = prod(shape), 2 if config.dis_head == 'softmax' else 1
    nets = {
        'gen_hidden': [config.latent + classes, *config.gen_hidden, values],
        'dis_hidden': [values + classes, *config.dis_hidden, head],
    }
    for name, net in nets.items():
        count = sum(a * b for a, b in zip(net, net[1:]))
        if count > MOST_WEIGHTS:
            raise ConfigError(
                f'{flag(name)} {show(getattr(config, name))}: makes {count:,} weights with inputs and outputs of '
                f'{net[0]:,} and {net[-1]:,}; must be at most {MOST_WEIGHTS:,}'
            )
    return nets['gen_hidden'], nets['dis_hidden']


def generator(config: Config, shape: tuple[int, ...], classes: int, device: Device) -> Chain:
    """Return G of a run for samples of `shape`; a conditional one of `classes` takes (N, latent + classes)."""
    shared = {
        'slope': config.leaky_slope,
        'batchnorm': config.gen_batchnorm,
        'momentum': config.batchnorm_momentum,
        'dropout': config.gen_dropout,
        'init': config.init,
        'device': device,
    }
    output = config.gen_output or ('identity' if len(shape) == 1 else 'sigmoid')
    if config.network == 'conv':
        return conv_generator(
            config.latent + classes,
            shape,
            output,
            width=config.conv_width,
            depth=config.conv_depth,
            activation=config.gen_activation,
            **shared,
        )
    return dense_generator(
        sizes(config, shape, classes)[0], config.gen_activation, output, shape=shape, **shared
    )


def discriminator(config: Config, shape: tuple[int, ...], classes: int, device: Device) -> Chain:
    """Return D of a run for samples of `shape`; a conditional one takes their labels too, as planes or numbers."""
    shared = {
        'slope': config.leaky_slope,
        'batchnorm': config.dis_batchnorm,
        'momentum': config.batchnorm_momentum,
        'dropout': config.dis_dropout,
        'spectral': config.dis_spectral,
        'kernels': config.dis_kernels,
        'stddev': config.dis_stddev,
        'pack': config.pack,
        'projected': classes if config.dis_projection else 0,
        'init': config.init,
        'device': device,
    }
    if config.network == 'conv':
        return conv_discriminator(
            (shape[0] + classes, *shape[1:]),
            width=config.conv_width,
            depth=config.conv_depth,
            activation=config.dis_activation,
            **shared,
        )
    values = sizes(config, shape, classes)[1]
    return dense_discriminator(
        values,
        config.dis_activation,
        config.dis_head,
        **shared,
        shape=(values[0],) if classes else shape,
    )


def load_test(config: Config) -> data.Dataset | None:
    """Return the test data of a run, None where its data has none."""
    try:
        return load_data(config, 'test')
    except data.DataError:
        return None


def updater(config: Config, dataset: data.Dataset) -> GANUpdater:
    """Return the algorithm of a run on its device, everything initialised from `seed`. Raises ConfigError, DeviceError."""
    _check_fit(config, dataset)
    device = runtime.device(config.device)
    _check_precision(config.precision, device)
    runtime.seed(config.seed)
    parts = (config, dataset.shape, len(dataset.classes) if config.conditional else 0, device)
    loss = named(config.loss, real_target=config.real_target, fake_target=config.fake_target)
    same = (
        'optimizer',
        'lr',
        'gen_lr',
        'dis_lr',
        'beta1',
        'beta2',
        'decay',
        'momentum',
        'clip',
        'penalty',
        'penalty_weight',
        'dis_steps',
        'gen_steps',
        'shared_noise',
        'noise',
        'ema',
        'instance_noise',
        'noise_until',
        'conditional',
        'schedule',
        'schedule_iterations',
        'seed',
    )
    gen, dis = generator(*parts), discriminator(*parts)
    for net in (gen, dis):
        use_precision(net, config.precision)
    return GANUpdater(
        gen,
        dis,
        dataset.batches(config.batch, seed=config.seed, device=device),
        loss=loss,
        **{name: getattr(config, name) for name in same},
    )


def _check_precision(precision: str, device: runtime.mx.Context) -> None:
    if precision == 'bfloat16' and not (runtime.HAS_AMX and device.device_type == 'cpu'):
        raise runtime.DeviceError(
            '--precision bfloat16: needs --device cpu, a processor with matrix units (amx_bf16 in '
            '/proc/cpuinfo) and Linux 5.16 or later; must be float32 here'
        )


def _check_fit(config: Config, dataset: data.Dataset) -> None:
    if config.batch > len(dataset):
        raise ConfigError(
            f'--batch {config.batch}: must be at most {len(dataset):,}, the number of samples in {config.data}'
        )
    if config.conditional and not dataset.classes:
        raise ConfigError(f'--conditional: {config.data} has no labels; must be data with classes')
    if config.network == 'conv':
        if not dataset.is_image:
            raise ConfigError(f'--network conv: {config.data} is made of points; must be dense')
        try:
            halvings(dataset.shape, config.conv_depth)
        except ValueError as error:
            raise ConfigError(
                f'--network conv --conv-depth {show(config.conv_depth)}: {error}'
            ) from None


def ready(config: Config) -> tuple[GANUpdater, Judging | None]:
    """Return the algorithm of a run, and what judges it if anything does; every fault of the settings is raised here."""
    dataset = load_data(config)
    return updater(config, dataset), beside.judging(config, dataset, load_test)


def new_run(config: Config, out: Path, command: list[str]) -> Trainer:
    """Return a run that has not begun, in a new folder under `out`; every fault is raised before that folder is made."""
    algorithm, judged = ready(config)
    folder = next_folder(out, run_name(config))
    data_path = Path(
        config.data
    ).expanduser()  # whole, so that it is found again from wherever the run is resumed
    found = {} if config.data in data.NAMES else {'data': str(data_path.resolve())}
    write_json(folder / 'config.json', {**config.to_dict(), **found})
    write_json(
        folder / 'environment.json',
        {'gluongan': __version__, **runtime.facts(), 'command': command},
    )
    return beside.trainer(config, algorithm, folder, judged)


def resumed_run(folder: Path, config: Config, warn: Callable[[str], None]) -> Trainer:
    """Return the run in `folder` as its newest intact snapshot left it, to go on under `config`.

    Raises RunError, SnapshotError, and ConfigError where `config` changes anything but what may change on the way.
    """
    own = read_config(folder)
    algorithm, judged = ready(config)
    path, (arrays, meta) = snapshot.newest(folder, warn)
    snapshot.check(path, arrays, algorithm.state()[0])
    if config.iterations < meta['iteration']:
        raise ConfigError(
            f'--iterations {config.iterations}: must be at least {meta["iteration"]}, where {folder} is already'
        )
    try:
        algorithm.restore(arrays, meta)
    except (KeyError, TypeError, ValueError):
        raise snapshot.SnapshotError(
            f'{path}: is of another version of gluongan, which kept its noise and its place in the '
            'data otherwise; `sample` and `evaluate` take it, resuming does not'
        ) from None
    if own != config:
        write_json(folder / 'config.json', config.to_dict())
    return beside.trainer(config, algorithm, folder, judged)


def load_run(
    run: str | Path, *, which: str = 'last', device: Device = 'cpu'
) -> tuple[Config, Chain]:
    """Return the Config of a run and its trained G, on `device`; see `load_net`."""
    return load_net(run, which=which, device=device)[:2]


def load_net(
    run: str | Path, network: str = 'gen', *, which: str = 'last', device: Device = 'cpu'
) -> tuple[Config, Chain, int]:
    """Return the Config of a run, its trained G or D, on `device`, and after how many iterations it is that.

    network: `gen`, which is G's moving average where the run has one, or `dis`. which: `last`, `best` (by the samples' distance
    to the data), or the iteration of a snapshot that was kept. Raises RunError or SnapshotError.
    """
    run = Path(run)
    config = read_config(run)
    path = _chosen(run, which)
    arrays, _ = snapshot.read(path)
    make = {'gen': generator, 'dis': discriminator}[network]
    net = make(
        config, sample_shape(run), len(class_names(run)) if config.conditional else 0, device
    )
    part, own = 'ema' if config.ema and network == 'gen' else network, weights(net)
    snapshot.check(path, arrays, {f'{part}/{name}': value.asnumpy() for name, value in own.items()})
    for name, value in own.items():
        value[:] = arrays[f'{part}/{name}']
    return config, net, int(path.stem)


def load_updater(
    run: str | Path, dataset: data.Dataset, *, which: str = 'last', device: Device = 'cpu'
) -> GANUpdater:
    """Return G and D of a run with all that judges them, their weights as a snapshot left them; see `load_run`."""
    run = Path(run)
    config = replace(
        read_config(run), device=str(device), precision='float32'
    )  # as whatever is drawn from a run
    path = _chosen(run, which)
    arrays, meta = snapshot.read(path)
    algorithm = updater(config, dataset)
    snapshot.check(path, arrays, algorithm.state()[0])
    algorithm.restore_weights(arrays, meta)
    return algorithm


def _chosen(run: Path, which: str) -> Path:
    files = dict(snapshot.listed(run))
    if not files:
        raise RunError(f'{run}: has no snapshot yet')
    number = int(which) if which.isdecimal() and len(which) < 12 else None
    iteration = {'last': max(files), 'best': best_of(run)}.get(which, number)
    if iteration not in files:
        raise RunError(
            f'--snapshot {which}: must be last, best or one of {", ".join(map(str, files))}'
        )
    return files[iteration]


def load_sampler(run: str | Path, *, which: str = 'last', device: Device = 'cpu') -> Sampler:
    """Return what draws samples of a run by seed and class; see `load_run`."""
    config, gen = load_run(run, which=which, device=device)
    return Sampler(gen, config.noise, config.latent, class_names(run) if config.conditional else [])


def sample_shape(run: str | Path) -> tuple[int, ...]:
    """Return the shape of one sample of a run, from its run.json. Raises RunError."""
    shape = _fact(Path(run), 'shape')
    if (
        isinstance(shape, list)
        and len(shape) in (1, 3)
        and all(type(side) is int and 1 <= side <= 4096 for side in shape)
    ):
        return tuple(shape)
    raise RunError(f'{Path(run) / "run.json"}: does not tell the shape of the samples')


def class_names(run: str | Path) -> list[str]:
    """Return the names of the classes of a run's data, from its run.json. Raises RunError."""
    names = _fact(Path(run), 'classes')
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    raise RunError(f'{Path(run) / "run.json"}: does not tell the names of the classes')


def _fact(run: Path, name: str) -> Any:
    try:
        return json.loads((run / 'run.json').read_text(encoding='utf-8')).get(name)
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
