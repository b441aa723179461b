"""The fully connected layer, and the layers that go with it."""

from __future__ import annotations

from typing import Any

from ...runtime import mx
from .activations import Activation
from .precision import affine
from .spectral import add_singular_vectors, spectral_weight

nn = mx.gluon.nn


class Dense(nn.Dense):
    """y = f(x Wᵀ + b): (N, in_units) -> (N, units), with f one of ACTIVATIONS by name.

    slope: of `leaky_relu`. spectral: normalise W by its largest singular value, see
    `spectral_weight`.

    >>> layer = Dense(2, 'relu', in_units=3)
    >>> layer.initialize(mx.init.One())
    >>> layer(mx.nd.array([[1, 2, 3], [-4, 0, 1]])).asnumpy()
    array([[6., 6.],
           [0., 0.]], dtype=float32)
    """

    precision = 'float32'  # see `use_precision`
    precisions = ('float32', 'bfloat16', 'float16')

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
            add_singular_vectors(self, units, in_units)

    def hybrid_forward(
        self, F: Any, x: Any, weight: Any, bias: Any = None, u: Any = None, v: Any = None
    ) -> Any:
        weight = spectral_weight(F, weight, u, v)
        return self.act(affine(F, x, weight, bias, self._units, self.precision))


class Reshape(mx.gluon.HybridBlock):
    """(N, ...) -> (N, *shape), without moving data; `shape=()` gives (N,).

    >>> Reshape((1, 28, 28))(mx.nd.zeros((5, 784))).shape
    (5, 1, 28, 28)
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self._shape = tuple(shape)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.reshape(x, shape=(-1, *self._shape))


class TwoUnitSoftmax(mx.gluon.HybridBlock):
    """The logit of the first unit of a two-unit softmax: (N, 2) -> (N, 1).

    softmax(h)[0] = exp(h0) / (exp(h0) + exp(h1)) = sigmoid(h0 - h1), so the logit is h0 - h1.
    Behind two tanh units it lies in (-2, 2).

    >>> TwoUnitSoftmax()(mx.nd.array([[3, 1]])).asnumpy()
    array([[2.]], dtype=float32)
    """

    def hybrid_forward(self, F: Any, h: Any) -> Any:
        return F.slice_axis(h, axis=1, begin=0, end=1) - F.slice_axis(h, axis=1, begin=1, end=2)
