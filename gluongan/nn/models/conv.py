"""Convolutional generators and discriminators."""

from __future__ import annotations

from math import prod

from ...errors import InputError
from ...runtime import mx
from ..layers import Centre, Chain, Conv, Deconv, Dense, Reshape
from .shared import Head, Hidden, Layers, initialize, output_activation, pack_layers

nn = mx.gluon.nn


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
    hidden = Hidden(activation, slope, batchnorm, momentum, dropout)
    layers = [
        Dense(channels[0] * prod(smallest), in_units=latent),
        # Before BatchNorm: behind a reshape, MXNet's deconvolution fails in the backward pass.
        Reshape((channels[0], *smallest)),
        *hidden.after_convolution(channels[0]),
    ]
    for inputs, outputs in zip(channels, channels[1:]):
        layers.append(Deconv(outputs, in_channels=inputs, bias=not batchnorm))
        layers += hidden.after_convolution(outputs)
    layers.append(Deconv(shape[0], output_activation(output), in_channels=channels[-1]))
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
        hidden = Hidden(activation, slope, batchnorm and i > 0, momentum, dropout)
        bias = not hidden.batchnorm
        body.append(Conv(outputs, in_channels=inputs, bias=bias, spectral=spectral))
        body += hidden.after_convolution(outputs)
    body.append(nn.Flatten())
    last = Head('logit', kernels, stddev, spectral, projected, planes=True)
    net = Chain(
        *pack_layers(pack, shape),
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
