"""The named systems, each a Config with its source, its settings and where it deviates. The docstrings are what
`gluongan recipes NAME` prints."""

from __future__ import annotations

from collections.abc import Callable

from .config import Config, ConfigError


def dense() -> Config:
    """Fully connected GAN with BatchNorm in G; the default.

    Source: system A, the fully connected MNIST/Fashion-MNIST GAN: G 100-256-512-1024-784 with LeakyReLU then BatchNorm,
    D 784-512-256-1; 1,493,520 and 533,505 parameters; 15,000 iterations.
    Deviations: the write-up names the minimax game with binary cross entropy; G minimises -log D(G(z)), as such code does by
    labelling fakes 1 (`--loss minimax` is the literal game). Ours, where it is silent: z ~ N(0, 1), batch 128, Adam 2e-4 with
    beta1 0.5, slope 0.2, BatchNorm momentum 0.8, weights N(0, 0.02): with Glorot's D wins at once and digits come twice as
    late.
    """
    return Config(recipe='dense')


def vanilla() -> Config:
    """Two hidden ReLU layers each, uniform noise, no tricks, for half a million iterations.

    Source: system B, networks as lists of sizes: G 100-200-500-784, D 784-500-200-1; weights N(0, 1/sqrt(fan_in/2)), biases
    0; z ~ U(-1, 1); batch 128; Adam; D's update first, then G's on the same z; 500,000 iterations (see `--iterations`).
    Deviations: beta1 is 0.5, where the write-up takes Adam's usual 0.9 (`--beta1 0.9`). With 0.9, D is certain after 400
    iterations and G stays at one and the same blot: so it was on seeds 0, 1 and 2, after 2,000 and after 8,000 iterations, and
    no better with a learning rate of 2e-4, Glorot weights or N(0, 0.02). The other defaults (1e-3, 0.999) are kept.
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

    Source: system D: MNIST > 0.5; batches of 200; z ~ N(0, I) of 28 values; G 28-500-784 tanh and sigmoid; D 784-500-2, both
    tanh, softmax, second unit dropped; -log D(G(z)) for G; Adam with its defaults; the same z for both.
    Deviations: the listing runs 2 epochs, its pictures show more: 20 epochs (6,000 iterations) here. Glorot weights, as Flux's.
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
    """Algorithm 1 of the first paper: fresh noise for each update and momentum SGD.

    Source: system E, Goodfellow et al. 2014 (arXiv 1406.2661), Algorithm 1 with k = 1 and momentum; one hidden ReLU layer of
    128 units in G and in D, D without a final sigmoid.
    Deviations: G maximises log D(G(z)) (section 3 of the paper; `--loss minimax` for the other). Ours: learning rate 0.1,
    momentum 0.5 as in the paper's own MNIST configuration, batch 100, z ~ U(-1, 1), 20,000 iterations instead of 10^6.
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

    Source: system E: D maximises mean D(x) - mean D(G(z)); one hidden ReLU layer of 128 units in each; RMSProp 1e-4; weights
    clipped to ±0.01 after each update of the critic (Arjovsky et al. 2017, arXiv 1701.07875, Algorithm 1).
    Deviations: 5 critic updates an iteration as in that paper's Algorithm 1; 20,000 iterations instead of 10^6 (ours).
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
    """The class goes into both networks, and G is then asked for one: `gluongan sample RUN --class 3`.

    Source: system E, class-specific: the one-hot label concatenated with the input of G and of D (Mirza and Osindero 2014,
    arXiv 1411.1784).
    Deviations: the layers and settings of `dense`, of which the write-up says nothing; the moving average of G is sampled.
    """
    return recipe('dense').with_settings(
        {'recipe': 'conditional', 'conditional': True, 'ema': 0.999}
    )


def dcgan() -> Config:
    """Strided convolutions, BatchNorm in both networks.

    Source: system F, Radford et al. 2015 (arXiv 1511.06434), scaled to 28×28, 32×32 and larger: ReLU in G and tanh at its end
    (scaled to [0, 1]), LeakyReLU 0.2 in D, no BatchNorm at G's output nor behind D's first layer, weights N(0, 0.02), Adam
    2e-4 with beta1 0.5, batch 128.
    Deviations: 64 and 128 filters, for a CPU, and 4×4 filters instead of 5×5; 2,500 iterations; -log D(G(z)) for G; the moving
    average of G (0.99) is sampled.
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
    """Wasserstein critic with a penalty on its gradient instead of clipped weights.

    Source: Gulrajani et al. 2017 (arXiv 1704.00028): weight 10, five critic updates, Adam 1e-4 with beta1 0.5 and beta2 0.9.
    Deviations: the layers of `dense`, batch 64, 10,000 iterations. `--network conv --gen-activation relu` for convolutions.
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
    Deviations: the networks of `dcgan` without BatchNorm in D, which such a penalty rules out.
    """
    return recipe('dcgan').with_settings(
        {'recipe': 'dragan', 'penalty': 'dragan', 'dis_batchnorm': False}
    )


def sngan() -> Config:
    """Spectral normalisation in D and the hinge loss, convolutional.

    Source: Miyato et al. 2018 (arXiv 1802.05957): hinge loss, one power iteration an update, Adam 2e-4 with beta1 0.5.
    Deviations: the networks of `dcgan` without BatchNorm in D.
    """
    return recipe('dcgan').with_settings(
        {'recipe': 'sngan', 'loss': 'hinge', 'dis_spectral': True, 'dis_batchnorm': False}
    )


def projection() -> Config:
    """The best pictures that we know how to make on a CPU: `conditional` with a D that projects the label, and drops out.

    Source: Miyato and Koyama 2018 (arXiv 1802.05637), equation 3: D's logit is that of the picture plus the label's product
    with D's features; the label is an input of G. The rest is `dense` (system A).
    Deviations: fully connected layers with LeakyReLU (they: residual blocks with ReLU, spectral normalisation, hinge loss);
    -log D(G(z)) for G; D drops 0.3 of its hidden units, or it learns the training images by heart; the moving average of G
    (0.999) is sampled. How it was found: docs/search.md.
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


def mixture() -> Config:
    """Points of a 2-D mixture, every mode of it: noise on all that D sees, which sinks to nothing.

    Source: the mixtures and their judging by PacGAN's protocol (Lin et al. 2018, arXiv 1712.04086), grid25, or `--data ring8`;
    instance noise of Sønderby et al. 2017 (arXiv 1610.04490) and Arjovsky and Bottou 2017 (arXiv 1701.04862): blurred by a
    deviation of 1 the modes are one cloud, which G covers, and it follows them as they come apart.
    Deviations: ours: three layers of 128 units, no BatchNorm (PacGAN: G 4 × 400 with it, D 3 × 200 maxout), He weights
    (with N(0, 0.02) half of the modes were never found), z ~ N(0, 1) of 2 values, batch 256, Adam 1e-3 that falls to a fifth,
    20,000 iterations (PacGAN: 400,000); the moving average of G (0.999) is sampled. Without the noise (`--instance-noise 0`)
    it is the plain GAN beside it in docs/mixtures.md.
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
    mixture,
)
RECIPES: dict[str, Callable[[], Config]] = {f.__name__: f for f in MAKERS}


def recipe(name: str) -> Config:
    """Return the Config of a named recipe; ConfigError for an unknown name."""
    if not isinstance(name, str) or name not in RECIPES:
        raise ConfigError(f'must be one of {", ".join(RECIPES)}', setting='recipe', value=name)
    return RECIPES[name]()
