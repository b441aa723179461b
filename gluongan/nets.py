"""Generators and discriminators, read as lists of layers."""
from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from math import isqrt, prod

from .layers import Chain, Dense, Reshape, TwoUnitSoftmax
from .runtime import device as context
from .runtime import mx

nn = mx.gluon.nn

INITIALIZERS = {
    'glorot': lambda: mx.init.Xavier(),                                                       # U(±sqrt(6 / (in + out)))
    'he': lambda: mx.init.Xavier(rnd_type='gaussian', factor_type='in', magnitude=2),         # N(0, sd = 1/sqrt(in / 2))
    'normal': lambda: mx.init.Normal(0.02),                                                   # N(0, sd = 0.02)
}


def dense_generator(sizes: Sequence[int], activation: str = 'leaky_relu', output: str = 'sigmoid', *,
                    shape: tuple[int, ...] | None = None, slope: float = 0.2, batchnorm: bool = True,
                    momentum: float = 0.8, dropout: float = 0.0, init: str = 'normal',
                    device: str | mx.Context = 'cpu') -> Chain:
    """Return a fully connected G: latent (N, sizes[0]) -> (N, *shape), pictures in [0, 1], ready to use on `device`.

    sizes: two or more, latent first, values of a sample last. output: `sigmoid`, `tanh` (then scaled to [0, 1]) or
    `identity` (points). shape: of one sample; by default the square grey or colour image of sizes[-1] values.
    momentum: BatchNorm's, the share of the old running statistics that is kept. Raises ValueError for sizes that make no net.
    """
    _check(sizes)
    shape = _image_shape(sizes[-1]) if shape is None else tuple(shape)
    _check_shape(shape, sizes[-1])
    hidden = [_block(a, b, activation, slope, batchnorm, momentum, dropout) for a, b in _pairs(sizes[:-1])]
    net = Chain(
        *chain.from_iterable(hidden),
        Dense(sizes[-1], 'unit_tanh' if output == 'tanh' else output, in_units=sizes[-2]),    # (N, sizes[-1])
        Reshape(shape),                                                                       # (N, *shape)
        shape_in=(sizes[0],))
    return ready(net, init, device)


def dense_discriminator(sizes: Sequence[int], activation: str = 'leaky_relu', head: str = 'logit', *,
                        shape: tuple[int, ...] | None = None, slope: float = 0.2, batchnorm: bool = False,
                        momentum: float = 0.8, dropout: float = 0.0, init: str = 'normal',
                        device: str | mx.Context = 'cpu') -> Chain:
    """Return a fully connected D: samples (N, ...) of sizes[0] values -> (N,) logits, ready to use on `device`.

    sizes: two or more, values of a sample first, and last 1 for head `logit` (no activation: sigmoid(logit) is the
    probability of `real`) or 2 for head `softmax` (two tanh units, the softmax's first one as a logit in (-2, 2)).
    Raises ValueError for sizes that make no net.
    """
    _check(sizes)
    shape = _image_shape(sizes[0]) if shape is None else tuple(shape)
    _check_shape(shape, sizes[0])
    ends = {'logit': 1, 'softmax': 2}
    if head not in ends:
        raise ValueError(f'head {head!r}: must be logit or softmax')
    if sizes[-1] != ends[head]:
        raise ValueError(f'sizes end in {sizes[-1]}: a discriminator with head {head!r} ends in {ends[head]}')
    hidden = [_block(a, b, activation, slope, batchnorm, momentum, dropout) for a, b in _pairs(sizes[:-1])]
    logit = [Dense(1, in_units=sizes[-2])] if head == 'logit' else [Dense(2, 'tanh', in_units=sizes[-2]), TwoUnitSoftmax()]
    net = Chain(
        nn.Flatten(),                   # (N, sizes[0])
        *chain.from_iterable(hidden),
        *logit,                         # (N, 1)
        Reshape(()),                    # (N,)
        shape_in=shape)
    return ready(net, init, device)


def ready(net: Chain, init: str, device: str | mx.Context) -> Chain:
    """Initialise `net` on `device` and hybridize it; the random numbers are those of `runtime.seed`."""
    if init not in INITIALIZERS:
        raise ValueError(f'init {init!r}: must be one of {", ".join(INITIALIZERS)}')
    net.initialize(INITIALIZERS[init](), ctx=context(device))
    # Never static_shape: MXNet 1.9.1 then keeps the first backward's write/add request and later gradients are silently wrong.
    net.hybridize(static_alloc=True)
    return net


def _block(inside: int, outside: int, activation: str, slope: float, batchnorm: bool, momentum: float,
           dropout: float) -> list[mx.gluon.HybridBlock]:
    layers = [Dense(outside, activation, in_units=inside, slope=slope)]
    if batchnorm:
        layers.append(nn.BatchNorm(momentum=momentum, in_channels=outside))
    if dropout:
        layers.append(nn.Dropout(dropout))
    return layers


def _pairs(sizes: Sequence[int]) -> zip:
    return zip(sizes[:-1], sizes[1:])


def _check(sizes: Sequence[int]) -> None:
    if len(sizes) < 2:
        raise ValueError(f'sizes {list(sizes)}: a network needs two or more, its input and its output')
    if any(int(size) != size or size < 1 for size in sizes):
        raise ValueError(f'sizes {list(sizes)}: each must be a whole number of at least 1')


def _check_shape(shape: tuple[int, ...], values: int) -> None:
    if prod(shape) != values:
        raise ValueError(f'sizes give a sample {values} values, but shape {shape} has {prod(shape)}')


def _image_shape(values: int) -> tuple[int, ...]:
    """Take 784 for 1×28×28 and 3072 for 3×32×32; what is no square stays a plain vector."""
    for channels in (1, 3):
        side = isqrt(values // channels)
        if side > 1 and channels * side * side == values:
            return (channels, side, side)
    return (values,)
