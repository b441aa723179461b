"""Generators and discriminators, each of them a list of layers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt, prod
from typing import NamedTuple

from ..errors import InputError
from ..runtime import device as context
from ..runtime import mx
from .layers import (
    Activation,
    BatchNorm,
    Centre,
    Chain,
    Conv,
    Deconv,
    Dense,
    MinibatchDiscrimination,
    MinibatchStdDev,
    Pack,
    Projection,
    Reshape,
    TwoUnitSoftmax,
    power_iteration,
)

nn = mx.gluon.nn
Layers = list[mx.gluon.HybridBlock]

INITIALIZERS = {
    # U(±sqrt(6 / (in + out)))
    'glorot': lambda: mx.init.Xavier(),
    # N(0, sd = 1 / sqrt(in / 2))
    'he': lambda: mx.init.Xavier(rnd_type='gaussian', factor_type='in', magnitude=2),
    # N(0, sd = 0.02)
    'normal': lambda: mx.init.Normal(0.02),
}

HEAD_UNITS = {'logit': 1, 'softmax': 2}


def dense_generator(
    sizes: Sequence[int],
    activation: str = 'leaky_relu',
    output: str = 'sigmoid',
    *,
    shape: tuple[int, ...] | None = None,
    slope: float = 0.2,
    batchnorm: bool = True,
    momentum: float = 0.8,
    dropout: float = 0.0,
    init: str = 'normal',
    device: str | mx.Context = 'cpu',
) -> Chain:
    """Return a fully connected generator: latent (N, sizes[0]) -> (N, *shape), pictures in [0, 1].

    sizes: two or more; the latent size first, the number of values of a sample last.
    output: `sigmoid`, `tanh` (scaled to [0, 1]) or `identity` (for points).
    shape: of one sample; by default the square grey or colour picture of sizes[-1] values.
    momentum: BatchNorm's, the share of the old running statistics that is kept at each update.
    device: where its weights are, initialised by `init`.

    Raises InputError for sizes that do not make a network.

    >>> gen = dense_generator([100, 256, 784])
    >>> gen(mx.nd.zeros((16, 100))).shape
    (16, 1, 28, 28)
    """
    _check_sizes(sizes)
    sample_shape = _sample_shape(shape, sizes[-1])
    hidden = _Hidden(activation, slope, batchnorm, momentum, dropout)
    net = Chain(
        *hidden.dense_layers(sizes[:-1]),
        Dense(sizes[-1], _output_activation(output), in_units=sizes[-2]),  # (N, sizes[-1])
        Reshape(sample_shape),  # (N, *shape)
        shape_in=(sizes[0],),
    )
    return initialize(net, init, device)


def dense_discriminator(
    sizes: Sequence[int],
    activation: str = 'leaky_relu',
    head: str = 'logit',
    *,
    shape: tuple[int, ...] | None = None,
    slope: float = 0.2,
    batchnorm: bool = False,
    momentum: float = 0.8,
    dropout: float = 0.0,
    spectral: bool = False,
    kernels: int = 0,
    stddev: bool = False,
    pack: int = 1,
    projected: int = 0,
    init: str = 'normal',
    device: str | mx.Context = 'cpu',
) -> Chain:
    """Return a fully connected discriminator: samples (N, ...) -> (N / pack,) logits.

    sizes: two or more; the number of values of a sample first. The last is 1 for the head `logit`
    (no activation: sigmoid(logit) is the probability of `real`) and 2 for the head `softmax` (two
    tanh units, whose softmax's first unit is returned as a logit in (-2, 2)).
    shape: of one sample; by default the square grey or colour picture of sizes[0] values.
    spectral: normalise every weight by its largest singular value.
    kernels, stddev: mini-batch discrimination with this many kernels, and mini-batch standard
    deviation, on the last hidden layer.
    pack: the number of samples that make one input (PacGAN).
    projected: the last `projected` values of a sample are a label; it is projected on the last
    hidden layer (see `Projection`).

    Raises InputError for sizes that do not make a network.

    >>> dis = dense_discriminator([784, 512, 256, 1])
    >>> dis(mx.nd.zeros((16, 1, 28, 28))).shape
    (16,)
    """
    _check_sizes(sizes)
    sample_shape = _sample_shape(shape, sizes[0])
    _check_head(head, sizes[-1])
    inputs = (sizes[0] - projected) * pack
    widths = [inputs, *sizes[1:-1]]
    hidden = _Hidden(activation, slope, batchnorm, momentum, dropout)
    body = [nn.Flatten(), *hidden.dense_layers(widths, spectral=spectral)]
    last = _Head(head, kernels, stddev, spectral, projected)
    net = Chain(
        *_pack_layers(pack, sample_shape),  # (N / pack, pack * channels, ...)
        *last.on_top_of(body, widths[-1]),  # (N / pack,)
        shape_in=sample_shape,
    )
    return initialize(net, init, device)


def conv_generator(
    latent: int,
    shape: tuple[int, int, int],
    output: str = 'tanh',
    *,
    width: int = 64,
    depth: int | None = None,
    activation: str = 'relu',
    slope: float = 0.2,
    batchnorm: bool = True,
    momentum: float = 0.9,
    dropout: float = 0.0,
    init: str = 'normal',
    device: str | mx.Context = 'cpu',
) -> Chain:
    """Return DCGAN's generator: latent (N, latent) -> (N, *shape), pictures in [0, 1].

    Radford et al. 2015 (arXiv 1511.06434). The output has no BatchNorm.

    width: channels of the largest hidden layer; each smaller one has twice as many as the next.
    depth: how often the sides double. By default it starts from sides of 4 to 7 pixels. Raises
    InputError where the sides of `shape` cannot be halved so often.

    >>> gen = conv_generator(100, (1, 28, 28), width=16)
    >>> gen(mx.nd.zeros((8, 100))).shape
    (8, 1, 28, 28)
    """
    depth, smallest = halvings(shape, depth)
    channels = [width * 2**i for i in reversed(range(depth))]
    hidden = _Hidden(activation, slope, batchnorm, momentum, dropout)
    layers = [
        Dense(channels[0] * prod(smallest), in_units=latent),
        # Before BatchNorm: behind a reshape, MXNet's deconvolution fails in the backward pass.
        Reshape((channels[0], *smallest)),
        *hidden.after_convolution(channels[0]),
    ]
    for inputs, outputs in zip(channels, channels[1:]):
        layers.append(Deconv(outputs, in_channels=inputs, bias=not batchnorm))
        layers += hidden.after_convolution(outputs)
    layers.append(Deconv(shape[0], _output_activation(output), in_channels=channels[-1]))
    return initialize(Chain(*layers, shape_in=(latent,)), init, device)


def conv_discriminator(
    shape: tuple[int, int, int],
    *,
    width: int = 64,
    depth: int | None = None,
    activation: str = 'leaky_relu',
    slope: float = 0.2,
    batchnorm: bool = True,
    momentum: float = 0.9,
    dropout: float = 0.0,
    spectral: bool = False,
    kernels: int = 0,
    stddev: bool = False,
    pack: int = 1,
    projected: int = 0,
    init: str = 'normal',
    device: str | mx.Context = 'cpu',
) -> Chain:
    """Return DCGAN's discriminator: pictures (N, *shape) in [0, 1] -> (N / pack,) logits.

    It mirrors `conv_generator`, with no BatchNorm behind the first convolution. The options that
    `conv_generator` does not have are those of `dense_discriminator`; the last `projected` channels
    of a picture are planes of its label.

    >>> dis = conv_discriminator((3, 32, 32), width=16, spectral=True)
    >>> dis(mx.nd.zeros((8, 3, 32, 32))).shape
    (8,)
    """
    depth, smallest = halvings(shape, depth)
    channels = [(shape[0] - projected) * pack, *(width * 2**i for i in range(depth))]
    body: Layers = [Centre()]
    for i, (inputs, outputs) in enumerate(zip(channels, channels[1:])):
        hidden = _Hidden(activation, slope, batchnorm and i > 0, momentum, dropout)
        bias = not hidden.batchnorm
        body.append(Conv(outputs, in_channels=inputs, bias=bias, spectral=spectral))
        body += hidden.after_convolution(outputs)
    body.append(nn.Flatten())
    last = _Head('logit', kernels, stddev, spectral, projected, planes=True)
    net = Chain(
        *_pack_layers(pack, shape),
        *last.on_top_of(body, channels[-1] * prod(smallest)),
        shape_in=tuple(shape),
    )
    return initialize(net, init, device)


def halvings(shape: tuple[int, ...], depth: int | None) -> tuple[int, tuple[int, int]]:
    """Return how often the sides of a picture (C, H, W) are halved, and the sides that remain.

    depth: how often; by default as long as 4 pixels remain. Raises InputError where the sides
    cannot be halved so often, or `shape` is not that of a picture.

    >>> halvings((3, 32, 32), None), halvings((1, 28, 28), 1)
    ((3, (4, 4)), (1, (14, 14)))
    """
    if len(shape) != 3:
        raise InputError('must be (channels, height, width)', setting='shape', value=tuple(shape))
    sides = shape[1:]
    most = _most_halvings(sides, 4 if depth is None else 1)
    if most == 0:
        raise InputError(
            f'{_pixels(sides)}: the sides of the pictures cannot be halved; '
            'must be even and at least 8, such as 28, 32 or 64'
        )
    if depth is None:
        depth = most
    if depth < 1:
        raise InputError('must be at least 1', setting='depth', value=depth)
    if depth > most:
        message = f'{_pixels(sides)} cannot be halved {depth} times; must be at most {most}'
        raise InputError(message, setting='depth', value=depth)
    return depth, tuple(side // 2**depth for side in sides)


def _most_halvings(sides: tuple[int, ...], least: int) -> int:
    """Return how many times all sides can be halved while `least` pixels or more remain."""
    depth = 0
    while all(side % 2 == 0 and side >= 2 * least for side in sides):
        sides = tuple(side // 2 for side in sides)
        depth += 1
    return depth


def _pixels(sides: tuple[int, ...]) -> str:
    return f'{" × ".join(map(str, sides))} pixels'


def initialize(net: Chain, init: str, device: str | mx.Context) -> Chain:
    """Initialise `net` on `device` and hybridize it; return it.

    init: `glorot`, `he` or `normal`. The random numbers are those of `runtime.seed`.
    """
    if init not in INITIALIZERS:
        raise InputError(f'must be one of {", ".join(INITIALIZERS)}', setting='init', value=init)
    net.initialize(INITIALIZERS[init](), ctx=context(device))
    power_iteration(net, steps=20)
    # Never static_shape: MXNet 1.9.1 then keeps the write/add request of the first backward pass,
    # and later gradients are silently wrong.
    net.hybridize(static_alloc=True)
    return net


class _Hidden(NamedTuple):
    """How the hidden layers of a network are activated, normalised and regularised."""

    activation: str
    slope: float
    batchnorm: bool
    momentum: float
    dropout: float

    def dense_layers(self, sizes: Sequence[int], *, spectral: bool = False) -> Layers:
        """Return the fully connected layers from sizes[0] to sizes[-1] values."""
        layers: Layers = []
        for inputs, outputs in zip(sizes, sizes[1:]):
            dense = Dense(
                outputs, self.activation, in_units=inputs, slope=self.slope, spectral=spectral
            )
            layers.append(dense)
            if self.batchnorm:
                layers.append(BatchNorm(outputs, momentum=self.momentum))
            layers += self._dropout_layers()
        return layers

    def after_convolution(self, channels: int) -> Layers:
        """Return the layers that follow a convolution without an activation."""
        layers: Layers = []
        if self.batchnorm:
            layers.append(nn.BatchNorm(momentum=self.momentum, in_channels=channels))
        layers.append(Activation(self.activation, slope=self.slope))
        return layers + self._dropout_layers()

    def _dropout_layers(self) -> Layers:
        return [nn.Dropout(self.dropout)] if self.dropout else []


class _Head(NamedTuple):
    """How a discriminator ends, by the options of `dense_discriminator` and `Projection`."""

    head: str
    kernels: int
    stddev: bool
    spectral: bool
    projected: int
    planes: bool = False

    def on_top_of(self, body: Layers, units: int) -> Layers:
        """Return the layers from `body`, which gives (N, units) features, to (N,) logits."""
        layers = list(body)
        if self.kernels:
            layers.append(MinibatchDiscrimination(units, self.kernels))
            units += self.kernels
        if self.stddev:
            layers.append(MinibatchStdDev())
            units += 1
        if self.projected:
            return [self._projection(Chain(*layers), units), Reshape(())]
        return [*layers, *self._logit_layers(units), Reshape(())]

    def _projection(self, body: Chain, units: int) -> Projection:
        return Projection(body, units, self.projected, planes=self.planes, spectral=self.spectral)

    def _logit_layers(self, units: int) -> Layers:
        if self.head == 'softmax':
            dense = Dense(2, 'tanh', in_units=units, spectral=self.spectral)
            return [dense, TwoUnitSoftmax()]
        return [Dense(1, in_units=units, spectral=self.spectral)]


def _pack_layers(pack: int, shape: tuple[int, ...]) -> Layers:
    return [Pack(pack, shape)] if pack > 1 else []


def _output_activation(name: str) -> str:
    return 'unit_tanh' if name == 'tanh' else name


def _check_sizes(sizes: Sequence[int]) -> None:
    sizes = list(sizes)
    if len(sizes) < 2:
        raise InputError(
            'must be two or more numbers, those of the input and the output among them',
            setting='sizes',
            value=sizes,
        )
    if any(int(size) != size or size < 1 for size in sizes):
        raise InputError(
            'each size must be a whole number of at least 1', setting='sizes', value=sizes
        )


def _check_head(head: str, last: int) -> None:
    if head not in HEAD_UNITS:
        raise InputError(f'must be one of {", ".join(HEAD_UNITS)}', setting='head', value=head)
    if last != HEAD_UNITS[head]:
        raise InputError(
            f'the last size is {last}; must be {HEAD_UNITS[head]} for head {head}', setting='sizes'
        )


def _sample_shape(shape: tuple[int, ...] | None, values: int) -> tuple[int, ...]:
    """Return the shape of one sample of `values` values; by default that of a square picture.

    784 values are 1×28×28, 3,072 are 3×32×32; a number that makes no square stays a vector.
    """
    if shape is not None:
        if prod(shape) != values:
            raise InputError(
                f'has {prod(shape)} values, but `sizes` gives a sample {values}; '
                'must have the same number',
                setting='shape',
                value=tuple(shape),
            )
        return tuple(shape)
    for channels in (1, 3):
        side = isqrt(values // channels)
        if side > 1 and channels * side * side == values:
            return (channels, side, side)
    return (values,)
