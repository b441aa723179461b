"""The derivative of a network's output along a direction of its input, as a network of its own.

A Jacobian-vector product (JVP) is J(x) · v, where the Jacobian J(x) holds the derivatives of all
outputs with respect to all inputs at x. It says how fast the output changes as x moves along v:

    Tangent(net)(x, v) = d/ds net(x + s v) at s = 0.

It needs one forward pass and never builds J. Beside each value h, the tangent t = dh/dx · v is
carried through the layers (forward-mode differentiation): every layer maps the pair (h, t) to the
next pair. The result is exact, and an ordinary backward pass through it gives its gradient with
respect to the weights.

Gradient penalties need that second derivative, and MXNet 1.9.1 has no other way to compute it:
`autograd.grad(create_graph=True)` raises for most operators, and silently returns wrong numbers for
a Dense net. This module uses first-order operators alone. Nothing in it knows of GANs.
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
    Beside,
    Centre,
    Chain,
    Conv,
    Dense,
    Pack,
    Projection,
    Reshape,
    TwoUnitSoftmax,
    affine,
    spectral_weight,
)

nn = mx.gluon.nn

Pair = tuple[Any, Any]  # a value and its tangent
Rule = Callable[[Any, Any, Any, Any], Pair]


class TangentError(FailureError):
    """A layer whose output for one sample has no derivative that can be computed here."""


class Tangent(mx.gluon.HybridBlock):
    """The Jacobian-vector product of a network: (x, v) -> d/ds net(x + s v) at s = 0.

    x and v are (N, ...), and the result has the shape of net(x). It shares the weights of `net`.
    Raises TangentError for a network with a layer that mixes samples or drops units.

    >>> net = Chain(Dense(1, 'tanh', in_units=2))
    >>> net.initialize(mx.init.One())
    >>> x, v = mx.nd.zeros((1, 2)), mx.nd.array([[3, 1]])
    >>> Tangent(net)(x, v).asnumpy()  # tanh'(0) = 1, times 3 + 1
    array([[4.]], dtype=float32)
    """

    def __init__(self, net: Chain) -> None:
        super().__init__()
        check_layers(net)
        self.net = net
        self.hybridize(static_alloc=True)

    def _build_cache(self, *args: Any) -> None:
        with warnings.catch_warnings():
            # The tangent of a linear network needs neither x nor the biases.
            warnings.filterwarnings('ignore', '.*is not used')
            super()._build_cache(*args)

    def hybrid_forward(self, F: Any, x: Any, v: Any) -> Any:
        _, tangent = _chain(F, self.net, x, v)
        return tangent


# One rule for each layer: (F, layer, h, t) -> the layer's output and its tangent.


def _chain(F: Any, net: Chain, h: Any, t: Any) -> Pair:
    for layer in net:
        h, t = find_rule(layer)(F, layer, h, t)
    return h, t


def _linear(F: Any, layer: Any, h: Any, t: Any) -> Pair:
    return layer(h), layer(t)


def _centre(F: Any, layer: Centre, h: Any, t: Any) -> Pair:
    return layer(h), t * 2


def _activation(F: Any, layer: Activation, h: Any, t: Any) -> Pair:
    y = layer(h)
    if layer.title == 'identity':
        return y, t
    return y, t * DERIVATIVES[layer.title](F, h, layer.slope)


def _dense(F: Any, layer: Dense, h: Any, t: Any) -> Pair:
    weight, bias = _weight_and_bias(F, layer)
    y = affine(F, h, weight, bias, layer._units)
    moved = affine(F, t, weight, None, layer._units)
    return _activation(F, layer.act, y, moved)


def _conv(F: Any, layer: Conv, h: Any, t: Any) -> Pair:
    weight, bias = _weight_and_bias(F, layer)
    factors = (h, weight) if bias is None else (h, weight, bias)
    y = F.Convolution(*factors, **layer._kwargs)
    moved = F.Convolution(t, weight, **{**layer._kwargs, 'no_bias': True})
    return _activation(F, layer.act, y, moved)


def _projection(F: Any, layer: Projection, h: Any, t: Any) -> Pair:
    sample, label = layer.split(F, h)
    direction, _ = layer.split(F, t)  # the label stays as it is
    features, moved = _chain(F, layer.body, sample, direction)
    weight, _ = _weight_and_bias(F, layer.head)
    embedded = layer.embed(label)
    moved_head = affine(F, moved, weight, None, 1)
    tangent = moved_head + F.sum(embedded * moved, axis=1, keepdims=True)
    logit = layer.head(features) + F.sum(embedded * features, axis=1, keepdims=True)
    return logit, tangent


def _beside(F: Any, layer: Beside, h: Any, t: Any) -> Pair:
    pairs = [_chain(F, net, h, t) for net in layer]
    values, tangents = zip(*pairs)
    return F.concat(*values, dim=1), F.concat(*tangents, dim=1)


def _weight_and_bias(F: Any, layer: Any) -> tuple[Any, Any]:
    """Return the weight that a layer multiplies with, and its bias: as symbols where F is `sym`."""

    def value(name: str) -> Any:
        parameter = getattr(layer, name, None)
        if parameter is None:
            return None
        return parameter.var() if F is mx.sym else parameter.data()

    return spectral_weight(F, value('weight'), value('u'), value('v')), value('bias')


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
    Beside: _beside,
    Chain: _chain,
}


def find_rule(layer: mx.gluon.HybridBlock) -> Rule:
    """Return how a layer maps a value and its tangent. Raises TangentError if there is no rule."""
    activation = getattr(layer, 'act', layer)
    underivable = isinstance(activation, Activation) and activation.title not in DERIVATIVES
    if type(layer) not in RULES or underivable:
        allowed = ', '.join(kind.__name__ for kind in RULES)
        raise TangentError(
            f'{type(layer).__name__}: cannot be differentiated sample by sample, because it mixes '
            'the samples of a batch, drops units at random, or has no rule in gluongan/nn/jvp.py; '
            f'must be one of {allowed}, with an activation that has a derivative'
        )
    return RULES[type(layer)]


def check_layers(net: Chain) -> None:
    """Raise TangentError where a layer of `net`, at any depth, has no rule."""
    for layer in net:
        find_rule(layer)
        for net in _inside(layer):
            check_layers(net)


def _inside(layer: mx.gluon.HybridBlock) -> list[Chain]:
    """Return the networks that a layer is made of."""
    if isinstance(layer, Projection):
        return [layer.body]
    return list(layer) if isinstance(layer, Beside) else []
