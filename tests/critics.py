"""Discriminators computed again in NumPy, from the list of their layers, in float64 or complex.

They are the reference of the derivative tests.
"""

from __future__ import annotations

from math import prod

import numpy as np
from scipy.special import erf

from gluongan.nn.layers import Pack, weights

# Klambauer et al. 2017, section 2
SELU_SCALE = 1.0507009873554805
SELU_SLOPE = 1.6732632423543772


def _logistic(x):
    return 1 / (1 + np.exp(-x))


def _elu(x, slope=1.0):
    negative = np.where(x.real > 0, 0, x)
    return np.where(x.real > 0, x, slope * (np.exp(negative) - 1))


# Piecewise analytic functions of complex numbers, so that f(x + i h).imag / h is f'(x) exactly.
FUNCTIONS = {
    'identity': lambda x, slope: x,
    'relu': lambda x, slope: np.where(x.real > 0, x, 0),
    'leaky_relu': lambda x, slope: np.where(x.real > 0, x, slope * x),
    'tanh': lambda x, slope: np.tanh(x),
    'sigmoid': lambda x, slope: _logistic(x),
    'softplus': lambda x, slope: np.log(1 + np.exp(x)),
    'elu': lambda x, slope: _elu(x),
    'selu': lambda x, slope: SELU_SCALE * _elu(x, SELU_SLOPE),
    'gelu': lambda x, slope: x * (1 + erf(x / np.sqrt(2))) / 2,
    'swish': lambda x, slope: x * _logistic(x),
}


def convolve(x, weight, bias):
    """Filters of 4×4 with a stride of 2, or of 3×3 with a stride of 1; padding 1.

    (N, C, H, W) -> (N, O, H/2, W/2) or (N, O, H, W).
    """
    side = weight.shape[2]
    stride = {4: 2, 3: 1}[side]
    n, h, w = len(x), x.shape[2] // stride, x.shape[3] // stride
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    taps = []
    for i in range(side):
        for j in range(side):
            taps.append(padded[:, :, i : i + stride * h : stride, j : j + stride * w : stride])
    columns = np.stack(taps, axis=2).reshape(n, -1, h * w)  # (N, C·side², …)
    y = (weight.reshape(len(weight), -1) @ columns).reshape(n, -1, h, w)
    return y if bias is None else y + bias[:, None, None]


def numbers(net):
    """All of a network's parameters in float64, by their position (`0.weight`)."""
    return {name: value.asnumpy().astype(np.float64) for name, value in weights(net).items()}


def part(w, position):
    """The parameters of one part of a network, by their names inside it."""
    prefix = f'{position}.'
    return {
        name.removeprefix(prefix): value for name, value in w.items() if name.startswith(prefix)
    }


def forward(net, w, x):
    """What `net` gives for x with the parameters w, real or complex."""
    for i, layer in enumerate(net):
        kind = type(layer).__name__
        if kind != 'Activation':
            x = LAYERS[kind](layer, part(w, i), x)
        act = layer if kind == 'Activation' else getattr(layer, 'act', None)
        if act is not None:
            x = FUNCTIONS[act.title](x, act.slope)
    return x


def project(layer, w, x):
    """w · φ(x) + b + (V label) · φ(x); the label is the last planes or values of x."""
    head, embed = part(w, 'head'), part(w, 'embed')
    sample, planes = x[:, : -layer._classes], x[:, -layer._classes :]
    label = planes.reshape(len(x), layer._classes, -1).mean(axis=2)
    features = forward(layer.body, part(w, 'body'), sample)
    embedded = label @ spectral_weight(embed).T
    logit = features @ spectral_weight(head).T + head['bias']
    return logit + (embedded * features).sum(axis=1, keepdims=True)


def beside(layer, w, x):
    """What each network gives, side by side."""
    return np.concatenate([forward(net, part(w, i), x) for i, net in enumerate(layer)], axis=1)


def spectral_weight(w):
    """A layer's weight, divided by uᵀ W v where it has u and v; they stay as they are."""
    weight = w['weight']
    if w.get('u') is None:
        return weight
    return weight / (w['u'].T @ weight.reshape(len(weight), -1) @ w['v']).item()


# (layer, its parameters, its input) -> its output, before the activation
LAYERS = {
    'Dense': lambda layer, w, x: x.reshape(len(x), -1) @ spectral_weight(w).T + w['bias'],
    'Conv': lambda layer, w, x: convolve(x, spectral_weight(w), w.get('bias')),
    'Pack': lambda layer, w, x: x.reshape(-1, layer.m * x.shape[1], *x.shape[2:]),
    'TwoUnitSoftmax': lambda layer, w, x: x[:, :1] - x[:, 1:],
    'Centre': lambda layer, w, x: 2 * x - 1,
    'Flatten': lambda layer, w, x: x.reshape(len(x), -1),
    'Reshape': lambda layer, w, x: x.reshape(len(x), *layer._shape),
    'Projection': project,
    'Beside': beside,
}


def directional(net, w, x, v, step=1e-30):
    """d/ds net(x + s v) at s = 0, by a complex step: without a difference, nothing cancels."""
    return forward(net, w, x + 1j * step * v).imag / step


def input_gradient(net, w, x):
    """The gradient of each logit by its own sample or pack of samples: (logits, values)."""
    m = next((layer.m for layer in net if isinstance(layer, Pack)), 1)
    sample = x.shape[1:]
    values = m * prod(sample)
    directions = np.eye(values).reshape(values, 1, m, *sample)
    v = np.broadcast_to(directions, (values, len(x) // m, m, *sample))
    repeated = np.tile(x, (values, *[1] * len(sample)))
    slopes = directional(net, w, repeated, v.reshape(-1, *sample))
    return slopes.reshape(values, -1).T


def weight_slopes(function, w, names, step=1e-6):
    """The gradient of function(w) by each parameter in names, by central differences in float64."""
    slopes = {name: np.empty_like(w[name]) for name in names}
    for name in names:
        for index in np.ndindex(w[name].shape):
            value = w[name][index]
            w[name][index] = value + step
            above = function(w)
            w[name][index] = value - step
            below = function(w)
            w[name][index] = value
            slopes[name][index] = (above - below) / (2 * step)
    return slopes


def scatter(net, seed=1, sd=0.3):
    """Give a network biases that are not 0, so that a missing one shows; return the network."""
    draw = np.random.RandomState(seed)
    for name, value in weights(net).items():
        if name.endswith('bias'):
            value[:] = draw.normal(0, sd, value.shape)
    return net
