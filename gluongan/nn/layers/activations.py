"""Elementwise functions by name."""

from __future__ import annotations

from math import pi
from typing import Any

from ...runtime import mx

SELU_SCALE, SELU_SLOPE = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017, section 2

ACTIVATIONS = {
    'identity': lambda F, x, slope: x,
    'relu': lambda F, x, slope: F.Activation(x, act_type='relu'),
    'leaky_relu': lambda F, x, slope: F.LeakyReLU(x, act_type='leaky', slope=slope),
    'tanh': lambda F, x, slope: F.Activation(x, act_type='tanh'),
    'sigmoid': lambda F, x, slope: F.Activation(x, act_type='sigmoid'),
    'softplus': lambda F, x, slope: F.Activation(x, act_type='softrelu'),
    'elu': lambda F, x, slope: F.LeakyReLU(x, act_type='elu', slope=1.0),
    # Not act_type='selu': its backward in MXNet 1.9.1 is wrong below 0, even in sign below -3; ELU's is right.
    'selu': lambda F, x, slope: SELU_SCALE * F.LeakyReLU(x, act_type='elu', slope=SELU_SLOPE),
    'gelu': lambda F, x, slope: F.LeakyReLU(x, act_type='gelu'),
    'swish': lambda F, x, slope: x * F.sigmoid(x),
    'unit_tanh': lambda F, x, slope: (F.Activation(x, act_type='tanh') + 1) / 2,
}

# The same functions' derivatives by their input, from first-order operators alone; masks carry no gradient of their own.
DERIVATIVES = {
    'identity': lambda F, x, slope: F.ones_like(x),
    'relu': lambda F, x, slope: F.stop_gradient(x > 0),
    'leaky_relu': lambda F, x, slope: F.stop_gradient(x > 0) * (1 - slope) + slope,
    'tanh': lambda F, x, slope: 1 - F.square(F.tanh(x)),
    'sigmoid': lambda F, x, slope: F.sigmoid(x) * (1 - F.sigmoid(x)),
    'softplus': lambda F, x, slope: F.sigmoid(x),
    'elu': lambda F, x, slope: F.exp(F.minimum(x, 0)),
    'selu': lambda F, x, slope: (
        SELU_SCALE
        * (F.stop_gradient(x > 0) + F.stop_gradient(x <= 0) * SELU_SLOPE * F.exp(F.minimum(x, 0)))
    ),
    'gelu': lambda F, x, slope: (
        0.5 * (1 + F.erf(x / 2**0.5)) + x * F.exp(-0.5 * F.square(x)) / (2 * pi) ** 0.5
    ),
    'swish': lambda F, x, slope: F.sigmoid(x) * (1 + x * (1 - F.sigmoid(x))),
}


class Activation(mx.gluon.HybridBlock):
    """An elementwise function by name (see ACTIVATIONS); `slope` is LeakyReLU's on the negative side."""

    def __init__(self, name: str, *, slope: float = 0.2) -> None:
        super().__init__()
        if name not in ACTIVATIONS:
            raise ValueError(f'activation {name!r}: must be one of {", ".join(ACTIVATIONS)}')
        self.title, self.slope = name, slope

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return ACTIVATIONS[self.title](F, x, self.slope)
