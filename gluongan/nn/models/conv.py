"""Convolutional generators and discriminators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from ...errors import InputError
from ...runtime import mx
from ..layers import Beside, Centre, Chain, Conv, Deconv, Dense, ModulatedChain, Reshape
from .shared import Head, Hidden, Layers, initialize, output_activation, pack_layers

nn = mx.gluon.nn


def conv_generator(
    latent: int,
    shape: tuple[int, int, int],
    output: str = 'tanh',
    *,
    width: int = 64,
    depth: int | None = None,
    extra: int = 0,
    activation: str = 'relu',
    slope: float = 0.2,
    batchnorm: bool = True,
    momentum: float = 0.9,
    dropout: float = 0.0,
    modulated: bool = False,
    init: str = 'normal',
    device: str | mx.Context = 'cpu',
) -> Chain:
    """Return DCGAN's generator: latent (N, latent) -> (N, *shape), pictures in [0, 1].

    Radford et al. 2015 (arXiv 1511.06434). The output has no BatchNorm.

    width: channels of the largest hidden layer; each smaller one has twice as many as the next.
    depth: how often the sides double. By default it starts from sides of 4 to 7 pixels. Raises
    InputError where the sides of `shape` cannot be halved so often.
    extra: 3×3 convolutions at each size, beside the 4×4 ones that double the sides. With one, the
    largest hidden layer has the size of the picture, and a 3×3 convolution ends the network, as in
    Miyato et al. 2018 (arXiv 1802.05957, table 3).
    modulated: the latent vector sets scale and shift behind BatchNorm, see `ModulatedBatchNorm`.

    >>> gen = conv_generator(100, (1, 28, 28), width=16)
    >>> gen(mx.nd.zeros((8, 100))).shape
    (8, 1, 28, 28)
    """
    depth, smallest = halvings(shape, depth)
    if modulated and not batchnorm:
        raise InputError('modulates BatchNorm, which is off; must be off', setting='modulated')
    hidden = Hidden(activation, slope, batchnorm, momentum, dropout, latent if modulated else 0)
    channels = width * 2 ** (depth if extra else depth - 1)
    layers = [
        Dense(channels * prod(smallest), in_units=latent),
        # Before BatchNorm: behind a reshape, MXNet's deconvolution fails in the backward pass.
        Reshape((channels, *smallest)),
        *hidden.after_convolution(channels),
    ]
    for outputs, doubles in _steps_up(width, depth, extra):
        if doubles:
            layers.append(Deconv(outputs, in_channels=channels, bias=not batchnorm))
        else:
            layers.append(Conv(outputs, in_channels=channels, halves=False, bias=not batchnorm))
        layers += hidden.after_convolution(outputs)
        channels = outputs
    final = output_activation(output)
    if extra:
        layers.append(Conv(shape[0], final, in_channels=channels, halves=False))
    else:
        layers.append(Deconv(shape[0], final, in_channels=channels))
    kind = ModulatedChain if modulated else Chain
    return initialize(kind(*layers, shape_in=(latent,)), init, device)


def conv_discriminator(
    shape: tuple[int, int, int],
    *,
    width: int = 64,
    depth: int | None = None,
    extra: int = 0,
    beside: Sequence[int] = (),
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

    It mirrors `conv_generator`, with its `extra` convolutions, and with no BatchNorm behind the
    first convolution.

    beside: hidden fully connected layers beside the convolutions, with as many units each. They see
    where everything is, such as that digits are centred; convolutions see what it looks like. The
    logit is of the features of both.

    The options that `conv_generator` does not have are those of
    `dense_discriminator`; the last `projected` channels of a picture are planes of its label.

    >>> dis = conv_discriminator((3, 32, 32), width=16, spectral=True)
    >>> dis(mx.nd.zeros((8, 3, 32, 32))).shape
    (8,)
    """
    depth, smallest = halvings(shape, depth)
    inputs = (shape[0] - projected) * pack
    pixels = inputs * prod(shape[1:])
    body: Layers = []
    for i, (outputs, halves) in enumerate(_steps_down(width, depth, extra)):
        hidden = Hidden(activation, slope, batchnorm and i > 0, momentum, dropout)
        bias = not hidden.batchnorm
        body.append(Conv(outputs, in_channels=inputs, halves=halves, bias=bias, spectral=spectral))
        body += hidden.after_convolution(outputs)
        inputs = outputs
    body.append(nn.Flatten())
    units = inputs * prod(smallest)
    if beside:
        hidden = Hidden(activation, slope, False, momentum, dropout)
        dense = hidden.dense_layers([pixels, *beside], spectral=spectral)
        body = [Beside(Chain(*body), Chain(nn.Flatten(), *dense))]
        units += beside[-1]
    last = Head('logit', kernels, stddev, spectral, projected, planes=True)
    net = Chain(
        *pack_layers(pack, shape),
        *last.on_top_of([Centre(), *body], units),
        shape_in=tuple(shape),
    )
    return initialize(net, init, device)


def _steps_up(width: int, depth: int, extra: int) -> Iterator[tuple[int, bool]]:
    """Yield the channels behind each convolution of a generator but the last, and if it doubles.

    >>> list(_steps_up(16, 2, 0)), list(_steps_up(16, 2, 1))
    ([(16, True)], [(32, True), (32, False), (16, True)])
    """
    if not extra:
        yield from ((width * 2**halved, True) for halved in reversed(range(depth - 1)))
        return
    for halved in reversed(range(depth)):
        yield width * 2**halved, True
        is_last = halved == 0
        yield from [(width * 2**halved, False)] * (extra - is_last)


def _steps_down(width: int, depth: int, extra: int) -> Iterator[tuple[int, bool]]:
    """Yield the channels behind each convolution of a discriminator, and whether it halves.

    >>> list(_steps_down(16, 2, 0)), list(_steps_down(16, 1, 1))
    ([(16, True), (32, True)], [(16, False), (16, True), (32, False)])
    """
    for halved in range(depth):
        yield from [(width * 2**halved, False)] * extra
        yield width * 2**halved, True
    yield from [(width * 2**depth, False)] * extra


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
