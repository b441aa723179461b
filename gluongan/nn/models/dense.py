"""Fully connected generators and discriminators."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt, prod

from ...errors import InputError
from ...runtime import mx
from ..layers import Chain, Dense, Reshape
from .shared import Head, Hidden, initialize, output_activation, pack_layers

nn = mx.gluon.nn

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
    hidden = Hidden(activation, slope, batchnorm, momentum, dropout)
    net = Chain(
        *hidden.dense_layers(sizes[:-1]),
        Dense(sizes[-1], output_activation(output), in_units=sizes[-2]),  # (N, sizes[-1])
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
    hidden = Hidden(activation, slope, batchnorm, momentum, dropout)
    body = [nn.Flatten(), *hidden.dense_layers(widths, spectral=spectral)]
    last = Head(head, kernels, stddev, spectral, projected)
    net = Chain(
        *pack_layers(pack, sample_shape),  # (N / pack, pack * channels, ...)
        *last.on_top_of(body, widths[-1]),  # (N / pack,)
        shape_in=sample_shape,
    )
    return initialize(net, init, device)


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
        allowed = f'must be one of {", ".join(HEAD_UNITS)}'
        raise InputError(allowed, setting='head', value=head, names=HEAD_UNITS)
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
