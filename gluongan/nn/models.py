"""Generators and discriminators, read as lists of layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import isqrt, prod
from typing import Any

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
    'glorot': lambda: mx.init.Xavier(),  # U(±sqrt(6 / (in + out)))
    'he': lambda: mx.init.Xavier(
        rnd_type='gaussian', factor_type='in', magnitude=2
    ),  # N(0, sd = 1/sqrt(in / 2))
    'normal': lambda: mx.init.Normal(0.02),  # N(0, sd = 0.02)
}


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
    """Return a fully connected G: latent (N, sizes[0]) -> (N, *shape), pictures in [0, 1], ready to use on `device`.

    sizes: two or more, latent first, values of a sample last. output: `sigmoid`, `tanh` (then scaled to [0, 1]) or
    `identity` (points). shape: of one sample; by default the square grey or colour image of sizes[-1] values.
    momentum: BatchNorm's, the share of the old running statistics that is kept. Raises ValueError for sizes that make no net.
    """
    _check(sizes)
    shape = _image_shape(sizes[-1]) if shape is None else tuple(shape)
    _check_shape(shape, sizes[-1])
    hidden = [
        _block(a, b, activation, slope, batchnorm, momentum, dropout) for a, b in _pairs(sizes[:-1])
    ]
    net = Chain(
        *chain.from_iterable(hidden),
        Dense(sizes[-1], _output(output), in_units=sizes[-2]),  # (N, sizes[-1])
        Reshape(shape),  # (N, *shape)
        shape_in=(sizes[0],),
    )
    return ready(net, init, device)


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
    """Return a fully connected D: samples (N, ...) of sizes[0] values -> (N / pack,) logits, ready to use on `device`.

    sizes: two or more, values of a sample first, and last 1 for head `logit` (no activation: sigmoid(logit) is the
    probability of `real`) or 2 for head `softmax` (two tanh units, the softmax's first one as a logit in (-2, 2)).
    spectral: normalise every weight; kernels, stddev: mini-batch discrimination and standard deviation on the last hidden
    layer; pack: so many samples make one input; projected: the last so many values are a label, which is projected on the
    last hidden layer (see Projection). Raises ValueError for sizes that make no net.
    """
    _check(sizes)
    shape = _image_shape(sizes[0]) if shape is None else tuple(shape)
    _check_shape(shape, sizes[0])
    ends = {'logit': 1, 'softmax': 2}
    if head not in ends:
        raise ValueError(f'head {head!r}: must be logit or softmax')
    if sizes[-1] != ends[head]:
        raise ValueError(
            f'sizes end in {sizes[-1]}: a discriminator with head {head!r} ends in {ends[head]}'
        )
    widths = [(sizes[0] - projected) * pack, *sizes[1:-1]]
    hidden = [
        _block(a, b, activation, slope, batchnorm, momentum, dropout, spectral)
        for a, b in _pairs(widths)
    ]
    body = [
        *([Pack(pack, shape)] if pack > 1 else []),  # (N / pack, pack * channels, ...)
        nn.Flatten(),  # (N, sizes[0])
        *chain.from_iterable(hidden),
    ]
    net = Chain(
        *_headed(body, widths[-1], head, kernels, stddev, spectral, projected), shape_in=shape
    )  # (N,)
    return ready(net, init, device)


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
    """Return DCGAN's G (Radford et al. 2015, arXiv 1511.06434): latent (N, latent) -> (N, *shape) in [0, 1].

    The sides double `depth` times from a map of width · 2^(depth-1) channels; by default so often that it starts from 4 to 7
    pixels. No BatchNorm at the output. Raises ValueError for sides that do not halve so often.
    """
    depth, start = halvings(shape, depth)
    channels = [width * 2**i for i in reversed(range(depth))]

    def after(n: int) -> Layers:
        return [
            *([nn.BatchNorm(momentum=momentum, in_channels=n)] if batchnorm else []),
            Activation(activation, slope=slope),
            *([nn.Dropout(dropout)] if dropout else []),
        ]

    net = Chain(
        Dense(channels[0] * prod(start), in_units=latent),
        Reshape(
            (channels[0], *start)
        ),  # before BatchNorm: MXNet's deconvolution fails backward behind a reshape
        *after(channels[0]),
        *chain.from_iterable(
            (Deconv(b, in_channels=a, bias=not batchnorm), *after(b)) for a, b in _pairs(channels)
        ),
        Deconv(shape[0], _output(output), in_channels=channels[-1]),  # (N, *shape)
        shape_in=(latent,),
    )
    return ready(net, init, device)


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
    """Return DCGAN's D: (N, *shape) in [0, 1] -> (N / pack,) logits; the mirror of `conv_generator`.

    No BatchNorm behind the first convolution. The other options are those of `dense_discriminator`.
    """
    depth, end = halvings(shape, depth)
    channels = [(shape[0] - projected) * pack, *(width * 2**i for i in range(depth))]

    def block(i: int, a: int, b: int) -> Layers:
        norm = batchnorm and i > 0
        return [
            Conv(b, in_channels=a, bias=not norm, spectral=spectral),
            *([nn.BatchNorm(momentum=momentum, in_channels=b)] if norm else []),
            Activation(activation, slope=slope),
            *([nn.Dropout(dropout)] if dropout else []),
        ]

    body = [
        *([Pack(pack, shape)] if pack > 1 else []),
        Centre(),
        *chain.from_iterable(block(i, a, b) for i, (a, b) in enumerate(_pairs(channels))),
        nn.Flatten(),
    ]
    units = channels[-1] * prod(end)
    layers = _headed(body, units, 'logit', kernels, stddev, spectral, projected, planes=True)
    net = Chain(*layers, shape_in=tuple(shape))  # (N,)
    return ready(net, init, device)


def halvings(shape: tuple[int, ...], depth: int | None) -> tuple[int, tuple[int, int]]:
    """Return how often an image's sides halve, and what is left: `depth` times, else while 4 pixels or more remain."""
    sides, most = shape[1:], 0
    while all(side % 2 ** (most + 1) == 0 and side // 2 ** (most + 1) >= 4 for side in sides):
        most += 1
    depth = most if depth is None else depth
    if depth < 1 or any(side % 2**depth for side in sides):
        raise ValueError(
            f'sides of {" × ".join(map(str, sides))} pixels do not halve {depth or 1} times; '
            'must be sides such as 28, 32 or 64'
        )
    return depth, tuple(side // 2**depth for side in sides)


def ready(net: Chain, init: str, device: str | mx.Context) -> Chain:
    """Initialise `net` on `device` and hybridize it; the random numbers are those of `runtime.seed`."""
    if init not in INITIALIZERS:
        raise ValueError(f'init {init!r}: must be one of {", ".join(INITIALIZERS)}')
    net.initialize(INITIALIZERS[init](), ctx=context(device))
    power_iteration(net, steps=20)
    # Never static_shape: MXNet 1.9.1 then keeps the first backward's write/add request and later gradients are silently wrong.
    net.hybridize(static_alloc=True)
    return net


def _block(
    inside: int,
    outside: int,
    activation: str,
    slope: float,
    batchnorm: bool,
    momentum: float,
    dropout: float,
    spectral: bool = False,
) -> Layers:
    layers: Layers = [Dense(outside, activation, in_units=inside, slope=slope, spectral=spectral)]
    if batchnorm:
        layers.append(BatchNorm(outside, momentum=momentum))
    if dropout:
        layers.append(nn.Dropout(dropout))
    return layers


def _headed(
    body: Layers,
    units: int,
    head: str,
    kernels: int,
    stddev: bool,
    spectral: bool,
    projected: int,
    planes: bool = False,
) -> Layers:
    """Return D's layers from its input to (N,) logits, for a body that gives `units` features."""
    layers = list(body)
    if kernels:
        layers.append(MinibatchDiscrimination(units, kernels))
        units += kernels
    if stddev:
        layers.append(MinibatchStdDev())
        units += 1
    if projected:
        return [
            Projection(Chain(*layers), units, projected, planes=planes, spectral=spectral),
            Reshape(()),
        ]
    softmax = head == 'softmax'
    last = Dense(
        2 if softmax else 1, 'tanh' if softmax else 'identity', in_units=units, spectral=spectral
    )
    return [*layers, last, *([TwoUnitSoftmax()] if softmax else []), Reshape(())]


def _output(name: str) -> str:
    return 'unit_tanh' if name == 'tanh' else name


def _pairs(sizes: Sequence[int]) -> Any:
    return zip(sizes[:-1], sizes[1:])


def _check(sizes: Sequence[int]) -> None:
    if len(sizes) < 2:
        raise ValueError(
            f'sizes {list(sizes)}: a network needs two or more, its input and its output'
        )
    if any(int(size) != size or size < 1 for size in sizes):
        raise ValueError(f'sizes {list(sizes)}: each must be a whole number of at least 1')


def _check_shape(shape: tuple[int, ...], values: int) -> None:
    if prod(shape) != values:
        raise ValueError(
            f'sizes give a sample {values} values, but shape {shape} has {prod(shape)}'
        )


def _image_shape(values: int) -> tuple[int, ...]:
    """Take 784 for 1×28×28 and 3072 for 3×32×32; what is no square stays a plain vector."""
    for channels in (1, 3):
        side = isqrt(values // channels)
        if side > 1 and channels * side * side == values:
            return (channels, side, side)
    return (values,)
