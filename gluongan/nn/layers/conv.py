"""Convolutions that halve, double or keep sides, safe on every build of MXNet 1.9.1."""

from __future__ import annotations

from typing import Any

from ...runtime import mx
from .activations import Activation
from .precision import in_full, rounded
from .spectral import add_singular_vectors, spectral_weight

nn = mx.gluon.nn

# Filters of 4 × 4 pixels with a stride of 2 halve or double the sides, 3 × 3 pixels keep them.
KERNEL, STRIDE, PADDING = 4, 2, 1
KEEPING_KERNEL, KEEPING_STRIDE = 3, 1


class _Rounding:
    """What convolutions share: their products are computed in `precision`, see `use_precision`."""

    precision = 'float32'
    precisions = ('float32', 'float16')
    act: Activation
    _op_name: str
    _kwargs: dict[str, Any]

    def _product(self, F: Any, x: Any, weight: Any, bias: Any) -> Any:
        factors = [x, weight] if bias is None else [x, weight, bias]
        # As Gluon's own layers do, which activate before the result could be cast.
        y = getattr(F, self._op_name)(*rounded(F, factors, self.precision), **self._kwargs)
        return self.act(in_full(F, y, self.precision))


class Conv(_Rounding, nn.Conv2D):
    """Halves an image's sides by 4×4 filters: (N, in_channels, H, W) -> (N, channels, H/2, W/2).

    halves: if False, 3×3 filters keep the sides.
    spectral: normalise the weight by its largest singular value, see `spectral_weight`.

    >>> layer = Conv(64, 'relu', in_channels=3)
    >>> layer.initialize()
    >>> layer(mx.nd.zeros((8, 3, 32, 32))).shape
    (8, 64, 16, 16)
    """

    def __init__(
        self,
        channels: int,
        activation: str = 'identity',
        *,
        in_channels: int,
        slope: float = 0.2,
        halves: bool = True,
        bias: bool = True,
        spectral: bool = False,
    ) -> None:
        kernel, stride = (KERNEL, STRIDE) if halves else (KEEPING_KERNEL, KEEPING_STRIDE)
        super().__init__(channels, kernel, stride, PADDING, in_channels=in_channels, use_bias=bias)
        self.act = Activation(activation, slope=slope)
        if spectral:
            add_singular_vectors(self, channels, in_channels * kernel**2)

    def hybrid_forward(
        self, F: Any, x: Any, weight: Any, bias: Any = None, u: Any = None, v: Any = None
    ) -> Any:
        return self._product(F, x, spectral_weight(F, weight, u, v), bias)


class Deconv(_Rounding, nn.Conv2DTranspose):
    """Doubles an image's sides by 4×4 filters: (N, in_channels, H, W) -> (N, channels, 2H, 2W).

    With one output channel, and a multiple of 8 or 16 input channels, oneDNN in MXNet 1.9.1 cannot
    run the backward pass on a CPU: 'could not create a primitive descriptor for a reorder
    primitive'. No upstream issue is known; apache/mxnet 20529 is related. One more input channel,
    of zeros, avoids such a multiple, unless it makes one; the numbers and the parameters stay the
    same.

    >>> layer = Deconv(1, 'sigmoid', in_channels=64)
    >>> layer.initialize()
    >>> layer(mx.nd.zeros((8, 64, 14, 14))).shape
    (8, 1, 28, 28)
    """

    def __init__(
        self,
        channels: int,
        activation: str = 'identity',
        *,
        in_channels: int,
        slope: float = 0.2,
        bias: bool = True,
    ) -> None:
        super().__init__(channels, KERNEL, STRIDE, PADDING, in_channels=in_channels, use_bias=bias)
        self.act = Activation(activation, slope=slope)
        self._pads = channels == 1 and (in_channels + 1) % 8 != 0

    def hybrid_forward(self, F: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        if self._pads:
            x = _append_zeros(F, x, axis=1)
            weight = _append_zeros(F, weight, axis=0)
        return self._product(F, x, weight, bias)


def _append_zeros(F: Any, x: Any, axis: int) -> Any:
    zeros = F.zeros_like(F.slice_axis(x, axis=axis, begin=0, end=1))
    return F.concat(x, zeros, dim=axis)


class Centre(mx.gluon.HybridBlock):
    """Maps pictures in [0, 1] to [-1, 1].

    >>> Centre()(mx.nd.array([0, 0.5, 1])).asnumpy()
    array([-1.,  0.,  1.], dtype=float32)
    """

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return x * 2 - 1
