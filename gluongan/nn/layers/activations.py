"""Elementwise functions by name, and their derivatives."""

from __future__ import annotations

from math import pi
from typing import Any

from ...errors import InputError
from ...runtime import mx

# Klambauer et al. 2017 (arXiv 1706.02515), section 2.
SELU_SCALE = 1.0507009873554805
SELU_SLOPE = 1.6732632423543772

ACTIVATIONS = {
    'identity': lambda F, x, slope: x,
    'relu': lambda F, x, slope: F.Activation(x, act_type='relu'),
    'leaky_relu': lambda F, x, slope: F.LeakyReLU(x, act_type='leaky', slope=slope),
    'tanh': lambda F, x, slope: F.Activation(x, act_type='tanh'),
    'sigmoid': lambda F, x, slope: F.Activation(x, act_type='sigmoid'),
    'softplus': lambda F, x, slope: F.Activation(x, act_type='softrelu'),
    'elu': lambda F, x, slope: F.LeakyReLU(x, act_type='elu', slope=1.0),
    # Not act_type='selu': below 0 its gradient is wrong in MXNet 1.9.1, below -3 even in sign.
    # ELU's gradient is right.
    'selu': lambda F, x, slope: SELU_SCALE * F.LeakyReLU(x, act_type='elu', slope=SELU_SLOPE),
    'gelu': lambda F, x, slope: F.LeakyReLU(x, act_type='gelu'),
    'swish': lambda F, x, slope: x * F.sigmoid(x),
    'unit_tanh': lambda F, x, slope: (F.Activation(x, act_type='tanh') + 1) / 2,
}


def _selu_derivative(F: Any, x: Any, slope: float) -> Any:
    positive = F.stop_gradient(x > 0)
    negative = F.stop_gradient(x <= 0)
    return SELU_SCALE * (positive + negative * SELU_SLOPE * F.exp(F.minimum(x, 0)))


def _gelu_derivative(F: Any, x: Any, slope: float) -> Any:
    distribution = 0.5 * (1 + F.erf(x / 2**0.5))
    return distribution + x * F.exp(-0.5 * F.square(x)) / (2 * pi) ** 0.5


# Their derivatives with respect to x, made of first-order operators alone, so that they can be
# differentiated once more. The masks (x > 0) are constants to the gradient.
DERIVATIVES = {
    'identity': lambda F, x, slope: F.ones_like(x),
    'relu': lambda F, x, slope: F.stop_gradient(x > 0),
    'leaky_relu': lambda F, x, slope: F.stop_gradient(x > 0) * (1 - slope) + slope,
    'tanh': lambda F, x, slope: 1 - F.square(F.tanh(x)),
    'sigmoid': lambda F, x, slope: F.sigmoid(x) * (1 - F.sigmoid(x)),
    'softplus': lambda F, x, slope: F.sigmoid(x),
    'elu': lambda F, x, slope: F.exp(F.minimum(x, 0)),
    'selu': _selu_derivative,
    'gelu': _gelu_derivative,
    'swish': lambda F, x, slope: F.sigmoid(x) * (1 + x * (1 - F.sigmoid(x))),
}


class Activation(mx.gluon.HybridBlock):
    """An elementwise function by name, one of ACTIVATIONS.

    slope: of `leaky_relu` for negative values. Raises InputError for an unknown name.

    >>> Activation('leaky_relu', slope=0.5)(mx.nd.array([-4, 0, 3])).asnumpy()
    array([-2.,  0.,  3.], dtype=float32)
    """

    def __init__(self, name: str, *, slope: float = 0.2) -> None:
        super().__init__()
        if name not in ACTIVATIONS:
            allowed = f'must be one of {", ".join(ACTIVATIONS)}'
            raise InputError(allowed, setting='activation', value=name, names=ACTIVATIONS)
        self.title = name  # Gluon's `name` is the block's own
        self.slope = slope

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return ACTIVATIONS[self.title](F, x, self.slope)
