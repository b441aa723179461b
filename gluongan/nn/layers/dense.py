"""The fully connected layer, and what stands around it."""

from __future__ import annotations

from typing import Any

from ...runtime import mx
from .activations import Activation
from .precision import product
from .spectral import add_vectors, normalised

nn = mx.gluon.nn


class Dense(nn.Dense):
    """y = f(x Wᵀ + b): (N, in_units) -> (N, units), with any activation of this module by name."""

    precision = 'float32'  # see `use_precision`

    def __init__(
        self,
        units: int,
        activation: str = 'identity',
        *,
        in_units: int,
        slope: float = 0.2,
        bias: bool = True,
        spectral: bool = False,
    ) -> None:
        super().__init__(units, in_units=in_units, use_bias=bias)
        self.act = Activation(activation, slope=slope)
        if spectral:
            add_vectors(self, units, in_units)

    def hybrid_forward(
        self, F: Any, x: Any, weight: Any, bias: Any = None, u: Any = None, v: Any = None
    ) -> Any:
        return self.act(
            product(F, x, normalised(F, weight, u, v), bias, self._units, self.precision)
        )


class Reshape(mx.gluon.HybridBlock):
    """(N, ...) -> (N, *shape) without moving data; `shape=()` gives (N,)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self._shape = tuple(shape)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.reshape(x, shape=(-1, *self._shape))


class TwoUnitSoftmax(mx.gluon.HybridBlock):
    """The logit of a two-unit softmax whose second unit is dropped: (N, 2) -> (N, 1).

    softmax(h)[0] = exp(h0) / (exp(h0) + exp(h1)) = sigmoid(h0 - h1), so the logit is h0 - h1. Behind two tanh units it
    lies in (-2, 2).
    """

    def hybrid_forward(self, F: Any, h: Any) -> Any:
        return F.slice_axis(h, axis=1, begin=0, end=1) - F.slice_axis(h, axis=1, begin=1, end=2)
