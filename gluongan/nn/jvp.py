"""The derivative of a network's output along a direction of its input, as a network of its own.

MXNet 1.9.1 cannot differentiate a gradient: `autograd.grad(create_graph=True)` raises for most operators and returns silently
wrong numbers for a Dense net. This module needs first-order operators only. Beside each value h it carries the tangent
t = dh/dx · v through the layers (forward-mode differentiation: every layer pushes the pair (h, t) on), so that

    Tangent(net)(x, v) = d/ds net(x + s v) at s = 0,   exactly,

and ordinary backward through it gives that number's gradient by the weights. Nothing in here knows of GANs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ..errors import FailureError
from ..runtime import mx
from .layers import (
    DERIVATIVES,
    Activation,
    Centre,
    Chain,
    Conv,
    Dense,
    Pack,
    Projection,
    Reshape,
    TwoUnitSoftmax,
    normalised,
)

nn = mx.gluon.nn


class TangentError(FailureError):
    """A layer through which no tangent of a single sample can be pushed."""


class Tangent(mx.gluon.HybridBlock):
    """(x, v) -> d/ds net(x + s v) at s = 0: x and v (N, ...), the result of the shape of net(x).

    It shares the net's weights. Raises TangentError for a net with a layer that mixes samples or drops units.
    """

    def __init__(self, net: Chain) -> None:
        super().__init__()
        check(net)
        self.net = net
        self.hybridize(static_alloc=True)

    def _build_cache(self, *args: Any) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                'ignore', '.*is not used'
            )  # a linear net's tangent needs neither x nor biases
            super()._build_cache(*args)

    def hybrid_forward(self, F: Any, x: Any, v: Any) -> Any:
        return _chain(F, self.net, x, v)[1]


def _chain(F: Any, net: Chain, h: Any, t: Any) -> tuple[Any, Any]:
    for layer in net:
        h, t = rule(layer)(F, layer, h, t)
    return h, t


def _linear(F: Any, layer: Any, h: Any, t: Any) -> tuple[Any, Any]:
    return layer(h), layer(t)


def _centre(F: Any, layer: Centre, h: Any, t: Any) -> tuple[Any, Any]:
    return layer(h), t * 2


def _activation(F: Any, layer: Activation, h: Any, t: Any) -> tuple[Any, Any]:
    return layer(h), t if layer.title == 'identity' else t * DERIVATIVES[layer.title](
        F, h, layer.slope
    )


def _dense(F: Any, layer: Dense, h: Any, t: Any) -> tuple[Any, Any]:
    weight, bias = _weights(F, layer)
    units = layer._units
    before = F.FullyConnected(
        *(x for x in (h, weight, bias) if x is not None), num_hidden=units, no_bias=bias is None
    )
    return _activation(
        F, layer.act, before, F.FullyConnected(t, weight, num_hidden=units, no_bias=True)
    )


def _conv(F: Any, layer: Conv, h: Any, t: Any) -> tuple[Any, Any]:
    weight, bias = _weights(F, layer)
    before = F.Convolution(*(x for x in (h, weight, bias) if x is not None), **layer._kwargs)
    return _activation(
        F, layer.act, before, F.Convolution(t, weight, **{**layer._kwargs, 'no_bias': True})
    )


def _projection(F: Any, layer: Projection, h: Any, t: Any) -> tuple[Any, Any]:
    (sample, label), (along, _) = layer.split(F, h), layer.split(F, t)  # along no label
    features, moved = _chain(F, layer.body, sample, along)
    weight, _ = _weights(F, layer.head)
    embedded = layer.embed(label)
    tangent = F.FullyConnected(moved, weight, num_hidden=1, no_bias=True) + F.sum(
        embedded * moved, axis=1, keepdims=True
    )
    return layer.head(features) + F.sum(embedded * features, axis=1, keepdims=True), tangent


def _weights(F: Any, layer: Any) -> tuple[Any, Any]:
    own = [getattr(layer, name, None) for name in ('weight', 'bias', 'u', 'v')]
    weight, bias, u, v = (None if p is None else p.var() if F is mx.sym else p.data() for p in own)
    return normalised(F, weight, u, v), bias


Rule = Callable[[Any, Any, Any, Any], tuple[Any, Any]]

RULES: dict[type, Rule] = {
    nn.Flatten: _linear,
    Reshape: _linear,
    Pack: _linear,
    TwoUnitSoftmax: _linear,
    Centre: _centre,
    Activation: _activation,
    Dense: _dense,
    Conv: _conv,
    Projection: _projection,
    Chain: _chain,
}


def rule(layer: mx.gluon.HybridBlock) -> Rule:
    """Return how a layer pushes a value and its tangent on. Raises TangentError where it cannot."""
    act = getattr(layer, 'act', layer)
    if type(layer) not in RULES or (isinstance(act, Activation) and act.title not in DERIVATIVES):
        raise TangentError(
            f'{type(layer).__name__}: no tangent of a single sample goes through it; it mixes the samples of a '
            'batch, drops units at random, or has no rule in tangent.py'
        )
    return RULES[type(layer)]


def check(net: Chain) -> None:
    """Raise TangentError where a layer of `net`, at any depth, has no rule."""
    for layer in net:
        rule(layer)
        if isinstance(layer, Projection):
            check(layer.body)
