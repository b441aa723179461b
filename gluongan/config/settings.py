"""The settings of a run, each with its default, range, unit and help; `Config` checks them."""

from __future__ import annotations

from dataclasses import dataclass

from ..knob import declare_group

_data = declare_group('data')
_nets = declare_group('networks')
_game = declare_group('game')
_rates = declare_group('optimisation')
_run = declare_group('run')

# fmt: off
_ACTIVATIONS = (
    'leaky_relu', 'relu', 'tanh', 'sigmoid', 'elu', 'selu', 'gelu', 'swish', 'softplus', 'identity',
)
# fmt: on


@dataclass(frozen=True)
class Settings:
    """What a `Config` holds."""

    # fmt: off
    recipe: str = _run(
        'dense', 'str', 'Name of the recipe that the other settings started from.')

    data: str = _data(
        'mnist', 'str',
        'Data: mnist, fashion-mnist, stacked-mnist, ring8, grid25, synthetic, or the path of a '
        'folder, .zip or .tar of pictures (sub-folder = class) or CIFAR, idx files, .npz or .csv.')
    data_dir: str | None = _data(
        None, 'str', 'Folder to search for Fashion-MNIST first.', optional=True, free=True)
    binarize: bool = _data(False, 'bool', 'Turn each pixel on or off at 0.5.')
    image_size: int | None = _data(
        None, 'int', 'Crop and resize pictures to squares of this side. Default: the median side, '
        'at most 64.', low=8, high=1024, unit='pixels', optional=True)
    channels: int | None = _data(
        None, 'int', 'Read pictures as grey (1) or colour (3). Default: as they are stored.',
        choices=(1, 3), optional=True)
    fit: str | None = _data(
        None, 'str', 'Make pictures of other aspects square: crop at the centre, pad with the '
        'background, or stretch. Default: crop.', choices=('crop', 'pad', 'stretch'), optional=True)
    background: str | None = _data(
        None, 'str', 'Colour behind transparent pixels and around padded pictures: a name such as '
        'white, or #rrggbb. Default: black.', optional=True)
    frames: str | None = _data(
        None, 'str', 'Of files with several frames, read the first one or all, each as a picture. '
        'Default: first.', choices=('first', 'all'), optional=True)
    mirror: bool = _data(
        False, 'bool', 'Mirror each picture left to right, or not, at random whenever it is drawn.')

    conditional: bool = _data(
        False, 'bool', 'Give both networks the class of each sample; the data must have labels.')
    clusters: int = _data(
        0, 'int', 'Conditional: divide the pictures into so many clusters of similar ones, which '
        'take the place of labels; 0 turns it off.', low=0, high=1000)

    dis_projection: bool = _nets(
        False, 'bool', 'Conditional: the discriminator multiplies the label with its features '
        '(projection) instead of taking it as an input.')
    network: str = _nets(
        'dense', 'str', 'Fully connected layers, or strided convolutions as in DCGAN.',
        choices=('dense', 'conv'))
    latent: int = _nets(100, 'int', 'Size of the latent vector z.', low=1, high=65536)
    gen_hidden: tuple[int, ...] = _nets(
        (256, 512, 1024), 'sizes', "Dense: the generator's hidden layers.", low=1, high=65536,
        unit='neurons')
    dis_hidden: tuple[int, ...] = _nets(
        (512, 256), 'sizes', "Dense: the discriminator's hidden layers.", low=1, high=65536,
        unit='neurons')
    conv_width: int = _nets(
        64, 'int', 'Conv: filters of the layer at full size; each halving doubles them.',
        low=1, high=4096, unit='filters')
    conv_depth: int | None = _nets(
        None, 'int', 'Conv: how many times the sides are halved. Default: until fewer than 4 '
        'pixels would remain.', low=1, high=10, optional=True)
    conv_extra: int = _nets(
        0, 'int', 'Conv: 3 × 3 convolutions at each size, beside those that halve or double the '
        'sides.', low=0, high=8, unit='convolutions')
    dis_beside: tuple[int, ...] = _nets(
        (), 'sizes', 'Conv: hidden fully connected layers of the discriminator, beside its '
        'convolutions.', low=1, high=65536, unit='neurons')
    gen_activation: str = _nets(
        'leaky_relu', 'str', "Between the generator's layers.", choices=_ACTIVATIONS)
    dis_activation: str = _nets(
        'leaky_relu', 'str', "Between the discriminator's layers.", choices=_ACTIVATIONS)
    leaky_slope: float = _nets(0.2, 'float', 'Slope of leaky_relu below zero.', low=0.0, high=1.0)
    gen_output: str | None = _nets(
        None, 'str', "The generator's last activation; tanh is scaled to [0, 1]. Default: sigmoid "
        'for images, identity for points.', choices=('sigmoid', 'tanh', 'identity'), optional=True)
    dis_head: str = _nets(
        'logit', 'str',
        "The discriminator's last layer: one logit, or two tanh units and a softmax.",
        choices=('logit', 'softmax'))
    gen_batchnorm: bool = _nets(True, 'bool', 'BatchNorm after each hidden layer of the generator.')
    gen_modulated: bool = _nets(
        False, 'bool', "Conv: the generator's noise, and the label, set scale and shift behind its "
        'BatchNorm.')
    dis_batchnorm: bool = _nets(
        False, 'bool', 'BatchNorm after each hidden layer of the discriminator.')
    batchnorm_momentum: float = _nets(
        0.8, 'float', 'Share of the running statistics that an update keeps.', low=0.0, high=0.9999)
    gen_dropout: float = _nets(
        0.0, 'float', "Dropout rate of the generator's hidden units.", low=0.0, high=0.95)
    dis_dropout: float = _nets(
        0.0, 'float', "Dropout rate of the discriminator's hidden units.", low=0.0, high=0.95)
    dis_spectral: bool = _nets(
        False, 'bool', "Spectral normalisation of the discriminator's weights.")
    dis_kernels: int = _nets(
        0, 'int', 'Kernels of mini-batch discrimination; 0 turns it off.', low=0, high=1024)
    dis_stddev: bool = _nets(
        False, 'bool', "Show the discriminator the standard deviation of its mini-batch.")
    pack: int = _nets(
        1, 'int', 'Samples that the discriminator judges together (PacGAN).', low=1, high=64,
        unit='samples')
    init: str = _nets(
        'normal', 'str', 'Initial weights: glorot U(±sqrt(6/(in+out))), he N(0, 1/sqrt(in/2)), '
        'normal N(0, 0.02).', choices=('glorot', 'he', 'normal'))

    noise: str = _game(
        'normal', 'str', 'Distribution of z: normal N(0, 1), uniform U(-1, 1), or truncated '
        'N(0, 1) within ±2.', choices=('normal', 'uniform', 'truncated'))
    loss: str = _game(
        'nonsaturating', 'str', 'Objective.', choices=(
            'minimax', 'nonsaturating', 'least_squares', 'wasserstein', 'hinge', 'relativistic'))
    dis_steps: int = _game(
        1, 'int', 'Updates of the discriminator per iteration.', low=1, high=100)
    gen_steps: int = _game(1, 'int', 'Updates of the generator per iteration.', low=1, high=100)
    penalty: str | None = _game(
        None, 'str', 'Gradient penalty on the discriminator: gp (WGAN-GP), dragan, r1 or r2.',
        choices=('gp', 'dragan', 'r1', 'r2'), optional=True)
    penalty_weight: float | None = _game(
        None, 'float', 'Weight of the gradient penalty. Default: 10.', low=0.0, high=1e6,
        optional=True)
    penalty_every: int = _game(
        1, 'int', 'Apply the gradient penalty in one of so many updates of the discriminator, as '
        'many times as strong.', low=1, high=1000, unit='updates')
    class_weight: float = _game(
        0.0, 'float', 'Weight of the classes, where the label is projected: the discriminator '
        'learns those of real samples, and the generator to have its own recognised.',
        low=0.0, high=1000.0)
    real_target: float = _game(
        1.0, 'float',
        "The discriminator's target for real samples; 0.9 is one-sided label smoothing.",
        low=0.5, high=1.0)
    fake_target: float = _game(
        0.0, 'float', "The discriminator's target for generated samples.", low=0.0, high=0.5)
    instance_noise: float = _game(
        0.0, 'float', 'Standard deviation, at the start, of noise added to everything that the '
        'discriminator sees.', low=0.0, high=10.0)
    noise_until: int = _game(
        10_000, 'int', 'Iteration at which the instance noise reaches 0.', low=1, high=10**9,
        unit='iterations')
    augment: tuple[str, ...] = _game(
        (), 'names', 'Change what the discriminator sees, real and generated, at random: color, '
        'shift, cutout, mirror.', choices=('color', 'shift', 'cutout', 'mirror'))
    augment_probability: float = _game(
        1.0, 'float', 'How likely each of `augment` changes a picture.', low=0.0, high=1.0)
    augment_target: float | None = _game(
        None, 'float', 'Let that probability rise from 0 while the mean sign of the scores of real '
        'samples is above this (ADA: 0.6), and fall while below. Default: it stays as it is.',
        low=-1.0, high=1.0, optional=True)
    augment_span: int = _game(
        500_000, 'int', 'With `augment_target`, real samples in which the probability can rise '
        'from 0 to 1.', low=1, high=10**9, unit='samples')
    ema: float = _game(
        0.0, 'float', "Decay of the moving average of the generator's weights, from which samples "
        'are drawn; 0 turns it off.', low=0.0, high=0.99999)
    shared_noise: bool = _game(
        True, 'bool',
        'Use one z for both updates of an iteration (faster); otherwise each draws its own.')
    clip: float | None = _game(
        None, 'float', "Clip the discriminator's weights to [-CLIP, CLIP] after each update.",
        low=1e-6, high=100.0, optional=True)

    optimizer: str = _rates(
        'adam', 'str', 'Update rule of both networks.', choices=('adam', 'rmsprop', 'sgd'))
    lr: float = _rates(2e-4, 'float', 'Learning rate of both networks.', low=1e-8, high=10.0)
    gen_lr: float | None = _rates(
        None, 'float', "The generator's learning rate, where it differs.", low=1e-8, high=10.0,
        optional=True)
    dis_lr: float | None = _rates(
        None, 'float', "The discriminator's learning rate, where it differs.", low=1e-8, high=10.0,
        optional=True)
    beta1: float = _rates(0.5, 'float', 'Adam: decay of the mean gradient.', low=0.0, high=0.9999)
    beta2: float = _rates(
        0.999, 'float', 'Adam: decay of the mean squared gradient.', low=0.0, high=0.999999)
    decay: float = _rates(
        0.9, 'float', 'RMSProp: decay of the mean squared gradient.', low=0.0, high=0.9999)
    momentum: float = _rates(0.9, 'float', 'SGD: momentum.', low=0.0, high=0.9999)
    schedule: str = _rates(
        'constant', 'str', 'Keep the learning rates constant, or let them fall to 0 over '
        '`schedule_iterations`.', choices=('constant', 'linear', 'cosine'))
    schedule_iterations: int = _rates(
        15_000, 'int', 'Iteration at which the learning rates reach 0.', low=1, high=10**9,
        unit='iterations')
    precision: str = _rates(
        'float32', 'str', 'Precision of products in training: bfloat16 is faster for large batches '
        'of dense networks, on processors with AMX; float16 is for GPUs, from capability 7.0 on.',
        choices=('float32', 'bfloat16', 'float16'))
    batch: int = _rates(
        128, 'int', 'Real samples, and as many generated ones, per update.', low=1, high=65536,
        unit='samples')

    iterations: int = _run(
        15_000, 'int', 'When to stop; one iteration is `dis_steps` updates of the discriminator '
        'and `gen_steps` of the generator.', low=1, high=10**9, free=True)
    seed: int = _run(
        0, 'int', 'Seed of initial weights, data order, noise and dropout.', low=0, high=2**31 - 1)
    device: str = _run('auto', 'str', 'auto, cpu, gpu or gpu(i).', free=True)
    log_every: int = _run(
        100, 'int', 'How often to log and show the losses.', low=1, high=10**9, unit='iterations',
        free=True)
    sample_every: int = _run(
        250, 'int', 'How often to write samples of the fixed noise; they are also written at the '
        'end of an epoch that is not short.', low=1, high=10**9, unit='iterations', free=True)
    eval_every: int = _run(
        500, 'int',
        "How often to measure pixel statistics, distance to the data and the discriminator's "
        'accuracy.', low=1, high=10**9, unit='iterations', free=True)
    snapshot_every: int = _run(
        1_000, 'int', 'How often to write a snapshot to resume from.', low=1, high=10**9,
        unit='iterations', free=True)
    keep: int = _run(
        2, 'int', 'Keep this many of the newest snapshots, and the best one.', low=1, high=10_000,
        unit='snapshots', free=True)
    judge_every: int | None = _run(
        None, 'int', 'How often to evaluate samples with the judge; each evaluation takes a few '
        'seconds. Default: never.', low=1, high=10**9, unit='iterations', optional=True, free=True)
    judge_samples: int = _run(
        2_000, 'int', 'Samples per evaluation, which the names of its metrics carry; with 10000 '
        'they are those of `gluongan evaluate`.', low=100, high=100_000, unit='samples', free=True)
    judge: str | None = _run(
        None, 'str',
        'File of the judge. Default: the one that ships with the package for this data.',
        optional=True, free=True)
    best: str = _run(
        'samples/swd', 'str', 'Metric of the best snapshot: samples/swd, or with `judge_every` one '
        'such as lenet_fd2k_test (lenet_fd10k_test with `judge_samples` 10000).', free=True)
    patience: int | None = _run(
        None, 'int', 'Stop after this many measurements in a row without a better `best`. Default: '
        'never.', low=1, high=10**6, unit='measurements', optional=True, free=True)
    samples: int = _run(64, 'int', 'Samples in each picture.', low=1, high=1024, free=False)
    # fmt: on
