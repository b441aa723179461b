"""Strided convolutions down and up, safe on every build of MXNet 1.9.1."""

from __future__ import annotations

from typing import Any

from ...runtime import mx
from .activations import Activation
from .spectral import add_vectors, normalised

nn = mx.gluon.nn


class Conv(nn.Conv2D):
    """Halves an image's sides: (N, in_channels, H, W) -> (N, channels, H/2, W/2) by 4×4 filters with stride 2."""

    def __init__(
        self,
        channels: int,
        activation: str = 'identity',
        *,
        in_channels: int,
        slope: float = 0.2,
        bias: bool = True,
        spectral: bool = False,
    ) -> None:
        super().__init__(channels, 4, 2, 1, in_channels=in_channels, use_bias=bias)
        self.act = Activation(activation, slope=slope)
        if spectral:
            add_vectors(self, channels, in_channels * 16)

    def hybrid_forward(
        self, F: Any, x: Any, weight: Any, bias: Any = None, u: Any = None, v: Any = None
    ) -> Any:
        return super().hybrid_forward(F, x, normalised(F, weight, u, v), bias)


class Deconv(nn.Conv2DTranspose):
    """Doubles an image's sides: (N, in_channels, H, W) -> (N, channels, 2H, 2W) by 4×4 filters with stride 2.

    With one output channel and in_channels a multiple of 8 or 16, oneDNN in MXNet 1.9.1 cannot run the backward pass on a CPU
    ('could not create a primitive descriptor for a reorder primitive'; no upstream issue is known for it, apache/mxnet 20529
    is a relative). One channel of zeros more at the input is no such multiple: the same numbers, the same parameters.
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
        super().__init__(channels, 4, 2, 1, in_channels=in_channels, use_bias=bias)
        self.act = Activation(activation, slope=slope)

    def hybrid_forward(self, F: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        if self._channels == 1:
            x, weight = _with_zeros(F, x, axis=1), _with_zeros(F, weight, axis=0)
        return super().hybrid_forward(F, x, weight, bias)


def _with_zeros(F: Any, x: Any, axis: int) -> Any:
    return F.concat(x, F.zeros_like(F.slice_axis(x, axis=axis, begin=0, end=1)), dim=axis)


class Centre(mx.gluon.HybridBlock):
    """Pictures in [0, 1] to [-1, 1]."""

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return x * 2 - 1
