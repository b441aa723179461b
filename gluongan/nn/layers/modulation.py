"""BatchNorm whose scale and shift depend on the generator's input: its noise, and its label."""

from __future__ import annotations

from typing import Any

from ...runtime import mx
from .chain import Chain

nn = mx.gluon.nn


class ModulatedBatchNorm(mx.gluon.HybridBlock):
    """y = (1 + W_γ s) ∘ (x - μ) / σ + W_β s: (N, channels, H, W) and s (N, inputs) -> x's shape.

    μ and σ are those of the batch, as in BatchNorm. With a one-hot label in s this is the
    class-conditional BatchNorm of Miyato and Koyama 2018 (arXiv 1802.05637); with noise in it, the
    self-modulation of Chen et al. 2019 (arXiv 1810.01365), with one linear layer.

    momentum: the share of the old running statistics that is kept at each update.

    >>> layer = ModulatedBatchNorm(4, inputs=3, momentum=0.9)
    >>> layer.initialize()
    >>> layer(mx.nd.ones((2, 4, 7, 7)), mx.nd.ones((2, 3))).shape
    (2, 4, 7, 7)
    """

    def __init__(self, channels: int, *, inputs: int, momentum: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm(momentum=momentum, in_channels=channels)
        # They stay 1 and 0. With `scale=False`, exports would hold another kind of BatchNorm.
        self.norm.gamma.grad_req = self.norm.beta.grad_req = 'null'
        self.scale = nn.Dense(channels, in_units=inputs, use_bias=False)
        self.shift = nn.Dense(channels, in_units=inputs, use_bias=False)

    def hybrid_forward(self, F: Any, x: Any, s: Any) -> Any:
        scale = F.reshape(self.scale(s) + 1, shape=(0, 0, 1, 1))
        shift = F.reshape(self.shift(s), shape=(0, 0, 1, 1))
        return F.broadcast_add(F.broadcast_mul(self.norm(x), scale), shift)


class ModulatedChain(Chain):
    """A Chain whose input is also what its `ModulatedBatchNorm` layers are modulated by."""

    def inputs_of(self, layer: mx.gluon.HybridBlock, value: Any, first: Any) -> tuple[Any, ...]:
        return (value, first) if isinstance(layer, ModulatedBatchNorm) else (value,)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        value = x
        for layer in self:
            value = layer(*self.inputs_of(layer, value, x))
        return value
