"""Critics computed again in NumPy, float64 or complex, from the list of their layers: the oracle of the derivative tests."""

from __future__ import annotations

from math import prod

import numpy as np
from scipy.special import erf

from gluongan.gan.updater import weights
from gluongan.nn.layers import Pack

SCALE, SLOPE = 1.0507009873554805, 1.6732632423543772


def _logistic(x):
    return 1 / (1 + np.exp(-x))


def _elu(x, slope=1.0):
    return np.where(x.real > 0, x, slope * (np.exp(np.where(x.real > 0, 0, x)) - 1))


# Analytic functions of complex numbers (by pieces), so that f(x + i h).imag / h is f'(x) to the last digit.
FUNCTIONS = {
    'identity': lambda x, slope: x,
    'relu': lambda x, slope: np.where(x.real > 0, x, 0),
    'leaky_relu': lambda x, slope: np.where(x.real > 0, x, slope * x),
    'tanh': lambda x, slope: np.tanh(x),
    'sigmoid': lambda x, slope: _logistic(x),
    'softplus': lambda x, slope: np.log(1 + np.exp(x)),
    'elu': lambda x, slope: _elu(x),
    'selu': lambda x, slope: SCALE * _elu(x, SLOPE),
    'gelu': lambda x, slope: x * (1 + erf(x / np.sqrt(2))) / 2,
    'swish': lambda x, slope: x * _logistic(x),
}


def convolve(x, weight, bias):
    """4×4 filters, stride 2, padding 1: (N, C, H, W) -> (N, O, H/2, W/2)."""
    n, h, w = len(x), x.shape[2] // 2, x.shape[3] // 2
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    taps = [padded[:, :, i : i + 2 * h : 2, j : j + 2 * w : 2] for i in range(4) for j in range(4)]
    columns = np.stack(taps, axis=2).reshape(n, -1, h * w)  # (N, C·16, H/2·W/2)
    y = (weight.reshape(len(weight), -1) @ columns).reshape(n, -1, h, w)
    return y if bias is None else y + bias[:, None, None]


def numbers(net):
    """All of a network's parameters in float64, by their place (`0.weight`)."""
    return {name: value.asnumpy().astype(np.float64) for name, value in weights(net).items()}


def forward(net, w, x):
    """What `net` gives for x with the parameters w, real or complex; u and v of a normalised layer as they are."""
    for i, layer in enumerate(net):
        kind, own = (
            type(layer).__name__,
            {name: w.get(f'{i}.{name}') for name in ('weight', 'bias', 'u', 'v')},
        )
        if own['weight'] is not None:
            own['weight'] = normalised(own)
        if kind == 'Dense':
            x = x.reshape(len(x), -1) @ own['weight'].T + own['bias']
        elif kind == 'Conv':
            x = convolve(x, own['weight'], own['bias'])
        elif kind == 'Pack':
            x = x.reshape(-1, layer.m * x.shape[1], *x.shape[2:])
        elif kind == 'TwoUnitSoftmax':
            x = x[:, :1] - x[:, 1:]
        elif kind == 'Centre':
            x = 2 * x - 1
        elif kind == 'Flatten':
            x = x.reshape(len(x), -1)
        elif kind == 'Reshape':
            x = x.reshape(len(x), *layer._shape)
        elif kind == 'Projection':
            x = project(
                layer,
                {
                    name.removeprefix(f'{i}.'): value
                    for name, value in w.items()
                    if name.startswith(f'{i}.')
                },
                x,
            )
        elif kind != 'Activation':
            raise AssertionError(f'no oracle for {kind}')
        act = layer if kind == 'Activation' else getattr(layer, 'act', None)
        if act is not None:
            x = FUNCTIONS[act.title](x, act.slope)
    return x


def project(layer, w, x):
    """w · φ(x) + b + (V label) · φ(x), the label being the last planes or values of x."""
    parts = {
        part: {
            name.removeprefix(f'{part}.'): value
            for name, value in w.items()
            if name.startswith(f'{part}.')
        }
        for part in ('body', 'head', 'embed')
    }
    sample, label = (
        x[:, : -layer._classes],
        x[:, -layer._classes :].reshape(len(x), layer._classes, -1).mean(axis=2),
    )
    features = forward(layer.body, parts['body'], sample)
    head, embed = (normalised(parts[part]) for part in ('head', 'embed'))
    return (
        features @ head.T
        + parts['head']['bias']
        + ((label @ embed.T) * features).sum(axis=1, keepdims=True)
    )


def normalised(own):
    """A layer's weight, divided by uᵀ W v where it has such vectors."""
    weight = own['weight']
    if own.get('u') is None:
        return weight
    return weight / (own['u'].T @ weight.reshape(len(weight), -1) @ own['v']).item()


def directional(net, w, x, v, step=1e-30):
    """d/ds net(x + s v) at s = 0, by a complex step: no difference is taken, so nothing cancels."""
    return forward(net, w, x + 1j * step * v).imag / step


def input_gradient(net, w, x):
    """The gradient of each logit by its own sample, or by its own pack of samples: (logits, values)."""
    m = next((layer.m for layer in net if isinstance(layer, Pack)), 1)
    directions = np.eye(m * prod(x.shape[1:])).reshape(-1, 1, m, *x.shape[1:])
    v = np.broadcast_to(directions, (len(directions), len(x) // m, m, *x.shape[1:])).reshape(
        -1, *x.shape[1:]
    )
    return (
        directional(net, w, np.tile(x, (len(directions), *[1] * (x.ndim - 1))), v)
        .reshape(len(directions), -1)
        .T
    )


def weight_slopes(function, w, names, step=1e-6):
    """The gradient of function(w) by each parameter in names, by central differences in float64."""
    found = {name: np.empty_like(w[name]) for name in names}
    for name in names:
        for place in np.ndindex(w[name].shape):
            kept = w[name][place]
            ends = []
            for end in (kept + step, kept - step):
                w[name][place] = end
                ends.append(function(w))
            w[name][place] = kept
            found[name][place] = (ends[0] - ends[1]) / (2 * step)
    return found


def scatter(net, seed=1, sd=0.3):
    """Biases that are not 0, so that a lost one is found out; return the net."""
    draw = np.random.RandomState(seed)
    for name, value in weights(net).items():
        if name.endswith('bias'):
            value[:] = draw.normal(0, sd, value.shape)
    return net
