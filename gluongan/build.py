"""From a Config to objects: the only place where names become data, networks and losses."""

from __future__ import annotations

import logging
from math import prod
from typing import Union

from . import data, runtime
from .config import Config, ConfigError
from .devices import driver
from .errors import InputError
from .gan.losses import make_loss
from .gan.together import join
from .gan.updater import GANUpdater
from .nn.layers import Chain, use_precision
from .nn.models import (
    conv_discriminator,
    conv_generator,
    dense_discriminator,
    dense_generator,
    halvings,
)
from .nn.optimizer import Optimizer
from .ranks.exchange import ALONE, Ranks

log = logging.getLogger(__name__)

Device = Union[str, runtime.mx.Context]

# Beyond this a network and its optimiser would not fit into 8 GB.
MOST_WEIGHTS = 500_000_000


def load_data(
    config: Config, split: str = 'train', train: data.Dataset | None = None
) -> data.Dataset:
    """Return the data of a run, or with `test` what was held back.

    With `clusters`, its classes are clusters of the training data. train: that data, where it has
    been loaded already. Raises DataError.
    """
    dataset = _load_split(config, split)
    if not (config.conditional and config.clusters):
        return dataset
    if train is None:
        train = dataset if split == 'train' else _load_split(config, 'train')
    return data.clustered(dataset, data.find_centres(train, config.clusters))


def _load_split(config: Config, split: str) -> data.Dataset:
    return data.load(
        config.data,
        split=split,
        data_dir=config.data_dir,
        binarize=config.binarize,
        image_size=config.image_size,
        channels=config.channels,
        fit=config.fit,
        background=config.background,
        frames=config.frames,
    )


def load_test(config: Config, train: data.Dataset) -> data.Dataset | None:
    """Return the test data of a run, None where its data has none; see `require_test`."""
    try:
        return require_test(config, train)
    except data.NoSplit:
        return None


def require_test(config: Config, train: data.Dataset) -> data.Dataset:
    """Return the test data of a run.

    train: its training data; pictures that are in both are warned of.
    Raises NoSplit where there is none, and DataError for test data that is damaged or does not fit
    the training data.
    """
    test = load_data(config, 'test', train)
    if test.shape != train.shape:
        raise data.DataError(
            f'{config.data}: its test samples have the shape {test.shape}; '
            f'must be {train.shape}, as in training'
        )
    if config.conditional and test.labels is None:
        raise data.DataError(
            f'{config.data}: its test split has no labels; must have them for a conditional run'
        )
    shared = 0 if train.built_in else data.count_shared(train, test)
    if shared:
        log.warning('%s: %s test pictures are training pictures too', train.name, f'{shared:,}')
    return test


def dense_sizes(
    config: Config, shape: tuple[int, ...], classes: int
) -> tuple[list[int], list[int]]:
    """Return the layer sizes of a dense generator and discriminator for samples of `shape`.

    Raises ConfigError where their weights would fill the memory.
    """
    values = prod(shape)
    head = 2 if config.dis_head == 'softmax' else 1
    gen_sizes = [config.latent + classes, *config.gen_hidden, values]
    dis_sizes = [values + classes, *config.dis_hidden, head]
    _check_weights('gen_hidden', config.gen_hidden, gen_sizes)
    _check_weights('dis_hidden', config.dis_hidden, dis_sizes)
    return gen_sizes, dis_sizes


def _check_weights(setting: str, hidden: tuple[int, ...], sizes: list[int]) -> None:
    count = sum(inputs * outputs for inputs, outputs in zip(sizes, sizes[1:]))
    if count > MOST_WEIGHTS:
        raise ConfigError(
            f'makes {count:,} weights with {sizes[0]:,} inputs and {sizes[-1]:,} outputs; '
            f'must be at most {MOST_WEIGHTS:,}',
            setting=setting,
            value=hidden,
        )


def make_generator(config: Config, shape: tuple[int, ...], classes: int, device: Device) -> Chain:
    """Return the generator of a run for samples of `shape`.

    classes: their number where the run is conditional, else 0. It takes (N, latent + classes).
    """
    output = config.gen_output or ('identity' if len(shape) == 1 else 'sigmoid')
    shared = {
        'slope': config.leaky_slope,
        'batchnorm': config.gen_batchnorm,
        'momentum': config.batchnorm_momentum,
        'dropout': config.gen_dropout,
        'init': config.init,
        'device': device,
    }
    if config.network == 'conv':
        return conv_generator(
            config.latent + classes,
            shape,
            output,
            width=config.conv_width,
            depth=config.conv_depth,
            extra=config.conv_extra,
            activation=config.gen_activation,
            modulated=config.gen_modulated and config.gen_batchnorm,
            **shared,
        )
    gen_sizes, _ = dense_sizes(config, shape, classes)
    return dense_generator(gen_sizes, config.gen_activation, output, shape=shape, **shared)


def make_discriminator(
    config: Config, shape: tuple[int, ...], classes: int, device: Device
) -> Chain:
    """Return the discriminator of a run for samples of `shape`.

    A conditional one takes their labels too: as further channels, or as numbers after the values.
    """
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
        sizes = [prod(shape) * config.pack, *config.dis_beside]
        _check_weights('dis_beside', config.dis_beside, sizes)
        return conv_discriminator(
            (shape[0] + classes, *shape[1:]),
            width=config.conv_width,
            depth=config.conv_depth,
            extra=config.conv_extra,
            beside=config.dis_beside,
            activation=config.dis_activation,
            **shared,
        )
    _, dis_sizes = dense_sizes(config, shape, classes)
    shape_in = (dis_sizes[0],) if classes else shape
    return dense_discriminator(
        dis_sizes, config.dis_activation, config.dis_head, shape=shape_in, **shared
    )


def make_updater(
    config: Config,
    dataset: data.Dataset,
    device: Device | None = None,
    ranks: Ranks = ALONE,
) -> GANUpdater:
    """Return the updater of a run on its device, all of it initialised from `seed`.

    device: by default that of the settings.
    ranks: those that train together; `batch` is that of all of them.
    Raises ConfigError where the settings do not fit the data, and DeviceError.
    """
    _check_fit(config, dataset)
    _check_ranks(config, ranks)
    device = runtime.device(config.device if device is None else device)
    _check_precision(config.precision, device)
    runtime.seed(config.seed)
    classes = len(dataset.classes) if config.conditional else 0
    gen = make_generator(config, dataset.shape, classes, device)
    dis = make_discriminator(config, dataset.shape, classes, device)
    for net in (gen, dis):
        use_precision(net, config.precision)
    opt_gen, opt_dis = make_optimizers(config, gen, dis)
    real = dataset.batches(
        config.batch // ranks.size,
        seed=config.seed,
        device=device,
        mirror=config.mirror,
        part=(ranks.rank, ranks.size),
    )
    updater = GANUpdater(
        gen,
        dis,
        real,
        loss=make_loss(config.loss, real_target=config.real_target, fake_target=config.fake_target),
        opt_gen=opt_gen,
        opt_dis=opt_dis,
        penalty=config.penalty,
        penalty_weight=config.penalty_weight if config.penalty else None,
        penalty_every=config.penalty_every if config.penalty else None,
        dis_steps=config.dis_steps,
        gen_steps=config.gen_steps,
        shared_noise=config.shared_noise,
        noise=config.noise,
        ema=config.ema,
        instance_noise=config.instance_noise,
        noise_until=config.noise_until if config.instance_noise else None,
        augment=config.augment,
        augment_probability=config.augment_probability,
        augment_target=config.augment_target if config.augment else None,
        augment_span=config.augment_span,
        conditional=config.conditional,
        class_weight=config.class_weight if config.dis_projection else 0.0,
        seed=config.seed,
    )
    join(updater, ranks)
    return updater


def make_optimizers(config: Config, gen: Chain, dis: Chain) -> tuple[Optimizer, Optimizer]:
    """Return the optimisers of a run's generator and discriminator."""
    gen_lr = config.lr if config.gen_lr is None else config.gen_lr
    dis_lr = config.lr if config.dis_lr is None else config.dis_lr
    opt_gen = _make_optimizer(config, gen, lr=gen_lr, steps_per_iteration=config.gen_steps)
    opt_dis = _make_optimizer(
        config, dis, lr=dis_lr, steps_per_iteration=config.dis_steps, clip=config.clip
    )
    return opt_gen, opt_dis


def _make_optimizer(
    config: Config,
    net: Chain,
    *,
    lr: float,
    steps_per_iteration: int,
    clip: float | None = None,
) -> Optimizer:
    schedule_steps = None
    if config.schedule != 'constant':
        schedule_steps = config.schedule_iterations * steps_per_iteration
    return Optimizer(
        net,
        config.optimizer,
        lr=lr,
        beta1=config.beta1,
        beta2=config.beta2,
        decay=config.decay,
        momentum=config.momentum,
        clip=clip,
        schedule=config.schedule,
        schedule_steps=schedule_steps,
        scales_loss=config.precision == 'float16',
    )


def _check_precision(precision: str, device: runtime.mx.Context) -> None:
    if precision == 'bfloat16' and not (runtime.HAS_AMX and device.device_type == 'cpu'):
        raise runtime.DeviceError(
            'needs a CPU with matrix units (amx_bf16 in /proc/cpuinfo) and Linux 5.16 or later; '
            'must be float32 here',
            setting='precision',
            value=precision,
        )
    if precision == 'float16':
        fault = _why_no_float16(device)
        if fault:
            allowed = f'needs a GPU of capability 7.0 or above{fault}; must be float32 here'
            raise runtime.DeviceError(allowed, setting='precision', value=precision)


def _why_no_float16(device: runtime.mx.Context) -> str | None:
    """Return why a device has no units that multiply in float16, None where it has them."""
    if device.device_type != 'gpu':
        return ', and this run is on the CPU'
    cards = driver.ask().cards
    if device.device_id < len(cards) and cards[device.device_id].capability < (7, 0):
        return f', and this is {cards[device.device_id]}'
    return None


def _check_ranks(config: Config, ranks: Ranks) -> None:
    """Raise ConfigError for what several ranks cannot do together."""
    if config.batch % ranks.size:
        raise ConfigError(
            f'must be a multiple of {ranks.size}, the number of ranks that share it',
            setting='batch',
            value=config.batch,
        )
    for name in ('patience', 'augment_target'):  # rank 0 alone measures, and D's logits are its own
        value = getattr(config, name)
        if ranks.size > 1 and value is not None and (name == 'patience' or config.augment):
            raise ConfigError(
                f'depends on what one of {ranks.size} ranks sees; must be left out with ranks',
                setting=name,
                value=value,
            )


def _check_fit(config: Config, dataset: data.Dataset) -> None:
    if config.batch > len(dataset):
        raise ConfigError(
            f'must be at most {len(dataset):,}, the number of samples in {config.data}',
            setting='batch',
            value=config.batch,
        )
    if config.conditional and not dataset.classes:
        raise ConfigError(
            f'{config.data} has no labels; must be data with classes, or have `clusters`',
            setting='conditional',
        )
    if config.network == 'conv':
        _check_conv(config, dataset)


def _check_conv(config: Config, dataset: data.Dataset) -> None:
    if not dataset.is_image:
        raise ConfigError(
            f'{config.data} is made of points; must be dense',
            setting='network',
            value=config.network,
        )
    try:
        halvings(dataset.shape, config.conv_depth)
    except InputError as error:
        setting = 'conv_depth' if error.setting == 'depth' else 'network'
        value = getattr(config, setting)
        raise ConfigError(error.message, setting=setting, value=value) from None
