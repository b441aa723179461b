"""The recipes: named systems, each a Config.

A docstring gives the source and the deviations from it; `gluongan recipes NAME` prints it.
"""

from __future__ import annotations

from collections.abc import Callable

from .config import Config, ConfigError


def dense() -> Config:
    """Fully connected GAN with BatchNorm in the generator; the default.

    Source: system A, the fully connected GAN on MNIST and Fashion-MNIST. The generator has
    100-256-512-1024-784 units, with LeakyReLU and then BatchNorm; the discriminator has
    784-512-256-1. They have 1,493,520 and 533,505 parameters. 15,000 iterations.
    Deviations: the write-up names the minimax game with binary cross entropy. Here the generator
    minimises -log D(G(z)), as such code does when it labels generated samples 1;
    `--loss minimax` is the literal game. The write-up does not give z ~ N(0, 1), batch 128, Adam
    with 2e-4 and beta1 0.5, slope 0.2, BatchNorm momentum 0.8, and weights N(0, 0.02); these are
    ours. With Glorot weights the discriminator wins at once, and digits appear twice as late.
    Samples are drawn from the moving average of the generator (0.999), which covers more of the
    data (`--ema 0` turns it off).
    """
    return Config(recipe='dense', ema=0.999)


def vanilla() -> Config:
    """Two hidden ReLU layers in each network, uniform noise, half a million iterations.

    Source: system B, networks given as lists of sizes: generator 100-200-500-784, discriminator
    784-500-200-1. Weights N(0, 1/sqrt(fan_in/2)), biases 0; z ~ U(-1, 1); batch 128; Adam. The
    discriminator is updated first, then the generator on the same z. 500,000 iterations; see
    `--iterations`.
    Deviations: beta1 is 0.5, where the write-up has Adam's default of 0.9 (`--beta1 0.9`). With
    0.9 the discriminator is certain after 400 iterations, and the generator makes the same blot
    for every z: on seeds 0, 1 and 2, after 2,000 and after 8,000 iterations, and no better with a
    learning rate of 2e-4, with Glorot weights or with N(0, 0.02). Adam's other defaults (1e-3,
    0.999) are kept.
    """
    return Config(
        recipe='vanilla',
        gen_hidden=(200, 500),
        dis_hidden=(500, 200),
        gen_activation='relu',
        dis_activation='relu',
        gen_batchnorm=False,
        init='he',
        noise='uniform',
        lr=1e-3,
        iterations=500_000,
        sample_every=5_000,
        eval_every=5_000,
        snapshot_every=10_000,
    )


def binarized() -> Config:
    """Black-and-white digits, tanh, and a two-unit softmax head, as in the Julia/Flux tutorial.

    Source: system D. MNIST > 0.5; batch 200; z ~ N(0, I) with 28 values. Generator 28-500-784 with
    tanh and sigmoid; discriminator 784-500-2, both layers tanh, then a softmax whose second unit
    is ignored. The generator minimises -log D(G(z)). Adam with its defaults; the same z for both
    updates.
    Deviations: the listing trains for 2 epochs, but its images show more training: 20 epochs (6,000
    iterations) here. Glorot weights, as in Flux.
    """
    return Config(
        recipe='binarized',
        binarize=True,
        latent=28,
        gen_hidden=(500,),
        dis_hidden=(500,),
        gen_activation='tanh',
        dis_activation='tanh',
        dis_head='softmax',
        gen_batchnorm=False,
        init='glorot',
        lr=1e-3,
        beta1=0.9,
        batch=200,
        iterations=6_000,
        sample_every=300,
        eval_every=600,
        snapshot_every=1_500,
    )


def goodfellow() -> Config:
    """Algorithm 1 of the first GAN paper: fresh noise for each update, and SGD with momentum.

    Source: system E, Goodfellow et al. 2014 (arXiv 1406.2661), Algorithm 1 with k = 1 and momentum.
    One hidden ReLU layer of 128 units in each network; the discriminator has no final sigmoid.
    Deviations: the generator maximises log D(G(z)) (section 3 of the paper); use `--loss minimax`
    for the other objective. Ours: learning rate 0.1, momentum 0.5 as in the paper's MNIST
    configuration, batch 100, z ~ U(-1, 1), 20,000 iterations instead of 10^6.
    """
    return Config(
        recipe='goodfellow',
        gen_hidden=(128,),
        dis_hidden=(128,),
        gen_activation='relu',
        dis_activation='relu',
        gen_batchnorm=False,
        init='glorot',
        noise='uniform',
        shared_noise=False,
        optimizer='sgd',
        lr=0.1,
        momentum=0.5,
        batch=100,
        iterations=20_000,
    )


def wgan() -> Config:
    """Wasserstein critic with clipped weights and RMSProp.

    Source: system E. The discriminator maximises mean D(x) - mean D(G(z)). One hidden ReLU layer
    of 128 units in each network; RMSProp 1e-4; weights clipped to ±0.01 after each update of the
    critic (Arjovsky et al. 2017, arXiv 1701.07875, Algorithm 1).
    Deviations: 5 critic updates per iteration as in Algorithm 1 of that paper; 20,000 iterations
    instead of 10^6 (ours).
    """
    return Config(
        recipe='wgan',
        gen_hidden=(128,),
        dis_hidden=(128,),
        gen_activation='relu',
        dis_activation='relu',
        gen_batchnorm=False,
        init='glorot',
        loss='wasserstein',
        optimizer='rmsprop',
        lr=1e-4,
        clip=0.01,
        dis_steps=5,
        shared_noise=False,
        iterations=20_000,
    )


def conditional() -> Config:
    """Both networks are given the class, so one can ask for it: `gluongan sample RUN --class 3`.

    Source: system E, class-specific: the one-hot label is concatenated with the input of the
    generator and of the discriminator (Mirza and Osindero 2014, arXiv 1411.1784).
    Deviations: the layers and settings of `dense`, which the write-up does not give.
    """
    return recipe('dense').with_settings({'recipe': 'conditional', 'conditional': True})


def dcgan() -> Config:
    """Strided convolutions, and BatchNorm in both networks.

    Source: system F, Radford et al. 2015 (arXiv 1511.06434), scaled to 28×28, 32×32 and larger.
    ReLU in the generator, with a final tanh (scaled to [0, 1]); LeakyReLU 0.2 in the
    discriminator; no BatchNorm at the generator's output or after the discriminator's first layer;
    weights N(0, 0.02); Adam 2e-4 with beta1 0.5; batch 128.
    Deviations: 64 and 128 filters, for a CPU, of 4×4 instead of 5×5; 2,500 iterations; the
    generator minimises -log D(G(z)). Samples are drawn from the moving average of the generator
    (0.99).
    """
    return Config(
        recipe='dcgan',
        network='conv',
        gen_activation='relu',
        gen_output='tanh',
        dis_batchnorm=True,
        batchnorm_momentum=0.9,
        ema=0.99,
        iterations=2_500,
        sample_every=100,
        eval_every=250,
        snapshot_every=250,
    )


def wgan_gp() -> Config:
    """Wasserstein critic with a gradient penalty instead of clipped weights.

    Source: Gulrajani et al. 2017 (arXiv 1704.00028): weight 10, five critic updates, Adam 1e-4 with
    beta1 0.5 and beta2 0.9.
    Deviations: the layers of `dense`, batch 64, 10,000 iterations. Use
    `--network conv --gen-activation relu` for convolutions.
    """
    return Config(
        recipe='wgan_gp',
        loss='wasserstein',
        penalty='gp',
        penalty_weight=10.0,
        dis_steps=5,
        shared_noise=False,
        lr=1e-4,
        beta2=0.9,
        batch=64,
        iterations=10_000,
    )


def lsgan() -> Config:
    """Least squares instead of cross entropy, convolutional.

    Source: Mao et al. 2017 (arXiv 1611.04076), targets 1 and 0, Adam 2e-4 with beta1 0.5.
    Deviations: the networks of `dcgan`.
    """
    return recipe('dcgan').with_settings({'recipe': 'lsgan', 'loss': 'least_squares'})


def dragan() -> Config:
    """Cross entropy with a gradient penalty around the data, convolutional.

    Source: Kodali et al. 2017 (arXiv 1705.07215): weight 10, Adam with beta1 0.5.
    Deviations: the networks of `dcgan` without BatchNorm in the discriminator, which does not work
    with such a penalty.
    """
    return recipe('dcgan').with_settings(
        {'recipe': 'dragan', 'penalty': 'dragan', 'dis_batchnorm': False}
    )


def sngan() -> Config:
    """Spectral normalisation in the discriminator and the hinge loss, convolutional.

    Source: Miyato et al. 2018 (arXiv 1802.05957): hinge loss, one power iteration per update, Adam
    2e-4 with beta1 0.5.
    Deviations: the networks of `dcgan` without BatchNorm in the discriminator.
    """
    return recipe('dcgan').with_settings(
        {'recipe': 'sngan', 'loss': 'hinge', 'dis_spectral': True, 'dis_batchnorm': False}
    )


def projection() -> Config:
    """Class-conditional and fully connected: `conditional` with label projection and dropout.

    Source: Miyato and Koyama 2018 (arXiv 1802.05637), equation 3: the discriminator's logit is
    that of the image plus the product of the label with the discriminator's features. The label is
    an input of the generator. Everything else is `dense` (system A).
    Deviations: fully connected layers with LeakyReLU (paper: residual blocks with ReLU, spectral
    normalisation, hinge loss); the generator minimises -log D(G(z)); the discriminator
    drops 0.3 of its hidden units, because otherwise it memorises the training images. Samples are
    drawn from the moving average of the generator (0.999). docs/search.md tells how it was found.
    """
    return recipe('conditional').with_settings(
        {
            'recipe': 'projection',
            'dis_projection': True,
            'dis_dropout': 0.3,
            'iterations': 30_000,
            'sample_every': 500,
            'eval_every': 1_000,
            'snapshot_every': 2_500,
        }
    )


def sn_projection() -> Config:
    """Class-conditional convolutions: label projection, spectral normalisation, hinge loss.

    Source: Miyato and Koyama 2018 (arXiv 1802.05637): the discriminator of `projection` with the
    hinge loss, and spectral normalisation of every weight, in convolutional networks.
    Deviations: the networks of `sngan` with 32 filters, for a CPU (paper: residual blocks, ReLU in
    both networks); the label is an input of the generator (paper: conditional BatchNorm); 1 update
    of the discriminator per iteration (paper: 5), Adam with beta1 0.5 and beta2 0.999 (paper: 0 and
    0.9), batch 128, 12,000 iterations. Samples are drawn from the moving average of the generator
    (0.999). docs/search.md tells how it was found.
    """
    return recipe('sngan').with_settings(
        {
            'recipe': 'sn_projection',
            'conditional': True,
            'dis_projection': True,
            'conv_width': 32,
            'ema': 0.999,
            'iterations': 12_000,
            'sample_every': 500,
            'eval_every': 500,
            'snapshot_every': 1_000,
        }
    )


def modulated() -> Config:
    """Convolutions that the noise modulates, and a discriminator that sees where things are.

    Source: `sngan` (Miyato et al. 2018, arXiv 1802.05957), with self-modulation in the generator:
    the noise sets scale and shift behind each BatchNorm (Chen et al. 2019, arXiv 1810.01365).
    Deviations: 32 filters; scale and shift are linear in the noise (paper: a hidden layer);
    512 fully connected units beside the discriminator's convolutions, which overlook that digits
    are centred; Adam 3e-4 with beta1 0.5 (paper: 2e-4), 12,000 iterations. Samples are drawn from
    the moving average of the generator (0.999). docs/search.md tells how it was found.
    """
    return recipe('sngan').with_settings(
        {
            'recipe': 'modulated',
            'conv_width': 32,
            'gen_modulated': True,
            'dis_beside': (512,),
            'lr': 3e-4,
            'ema': 0.999,
            'iterations': 12_000,
            'sample_every': 500,
            'eval_every': 500,
            'snapshot_every': 1_000,
        }
    )


def modulated_projection() -> Config:
    """Class-conditional `modulated`, the best here: noise and label modulate the generator.

    Source: Miyato and Koyama 2018 (arXiv 1802.05637): the label is projected in the discriminator,
    and sets scale and shift behind the generator's BatchNorm.
    Deviations: those of `modulated`, whose noise does so together with the label; a classifier of
    weight 0.05 in both losses, from the scores that the projection has anyway, so that samples are
    of the class asked for (Odena et al. 2017, arXiv 1610.09585, have one apart, of weight 1).
    """
    return recipe('modulated').with_settings(
        {
            'recipe': 'modulated_projection',
            'conditional': True,
            'dis_projection': True,
            'class_weight': 0.05,
        }
    )


def mixture() -> Config:
    """Points that cover every mode of a 2-D mixture, thanks to instance noise that fades to 0.

    Source: the mixtures and their evaluation follow PacGAN (Lin et al. 2018, arXiv 1712.04086):
    grid25, or `--data ring8`. Instance noise follows Sønderby et al. 2017 (arXiv 1610.04490) and
    Arjovsky and Bottou 2017 (arXiv 1701.04862): noise with a standard deviation of 1 turns the
    modes into one cloud, which the generator covers, and it follows the modes as they separate.
    Deviations: ours are three layers of 128 units without BatchNorm (PacGAN: generator 4 × 400
    with BatchNorm, discriminator 3 × 200 maxout), He weights (with N(0, 0.02) half of the modes
    were never found), z ~ N(0, 1) with 2 values, batch 256, Adam 1e-3 that falls to a fifth, and
    20,000 iterations (PacGAN: 400,000). Samples are drawn from the moving average of the generator
    (0.999). Without instance noise (`--instance-noise 0`) it is the plain GAN of docs/mixtures.md.
    """
    return Config(
        recipe='mixture',
        data='grid25',
        latent=2,
        gen_hidden=(128, 128, 128),
        dis_hidden=(128, 128, 128),
        gen_activation='relu',
        gen_batchnorm=False,
        init='he',
        batch=256,
        lr=1e-3,
        schedule='linear',
        schedule_iterations=25_000,
        instance_noise=1.0,
        noise_until=10_000,
        ema=0.999,
        iterations=20_000,
        sample_every=500,
        eval_every=500,
        snapshot_every=2_000,
    )


MAKERS = (
    dense,
    vanilla,
    binarized,
    goodfellow,
    wgan,
    conditional,
    dcgan,
    wgan_gp,
    lsgan,
    dragan,
    sngan,
    projection,
    sn_projection,
    modulated,
    modulated_projection,
    mixture,
)
RECIPES: dict[str, Callable[[], Config]] = {make.__name__: make for make in MAKERS}


def recipe(name: str) -> Config:
    """Return the Config of a recipe. Raises ConfigError for an unknown name.

    >>> config = recipe('wgan')
    >>> config.loss, config.clip, config.dis_steps
    ('wasserstein', 0.01, 5)
    >>> config.with_settings({'iterations': 100}).iterations
    100
    """
    if not isinstance(name, str) or name not in RECIPES:
        allowed = f'must be one of {", ".join(RECIPES)}'
        raise ConfigError(allowed, setting='recipe', value=name, names=RECIPES)
    return RECIPES[name]()
