"""Layers that look at several samples at once, against mode collapse."""

from __future__ import annotations

from typing import Any

from ...runtime import mx


class Pack(mx.gluon.HybridBlock):
    """D sees `m` samples as one: (N, C, ...) -> (N / m, m·C, ...) (PacGAN, Lin et al. 2018, arXiv 1712.04086)."""

    def __init__(self, m: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.m, self._shape = m, (m * shape[0], *shape[1:])

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.reshape(x, shape=(-1, *self._shape))


class MinibatchDiscrimination(mx.gluon.HybridBlock):
    """Tells D how alike the samples of a batch are: (N, in_units) -> (N, in_units + kernels).

    M = x T, (N, kernels, width); o_ib = sum over j ≠ i of exp(-‖M_ib - M_jb‖₁) (Salimans et al. 2016, arXiv 1606.03498,
    section 3.2). A batch of one picture over and over is then plain to see.
    """

    def __init__(self, in_units: int, kernels: int = 32, width: int = 5) -> None:
        super().__init__()
        self._kernels, self._width = kernels, width
        self.weight = self.params.get('weight', shape=(kernels * width, in_units))

    def hybrid_forward(self, F: Any, x: Any, weight: Any) -> Any:
        flat = F.FullyConnected(x, weight, no_bias=True, num_hidden=self._kernels * self._width)
        m = F.reshape(flat, shape=(-1, self._kernels, self._width))
        apart = F.sum(
            F.abs(F.broadcast_sub(F.expand_dims(m, axis=0), F.expand_dims(m, axis=1))), axis=3
        )
        return F.concat(
            x, F.sum(F.exp(-apart), axis=0) - 1, dim=1
        )  # - 1: each sample's likeness to itself


class MinibatchStdDev(mx.gluon.HybridBlock):
    """Adds the batch's mean standard deviation as one feature: (N, in_units) -> (N, in_units + 1) (Karras et al. 2018)."""

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        centred = F.broadcast_sub(x, F.mean(x, axis=0, keepdims=True))
        deviation = F.mean(
            F.sqrt(F.mean(F.square(centred), axis=0, keepdims=True) + 1e-8), axis=1, keepdims=True
        )
        return F.concat(
            x,
            F.broadcast_add(F.zeros_like(F.slice_axis(x, axis=1, begin=0, end=1)), deviation),
            dim=1,
        )


def has_layer(net: mx.gluon.HybridBlock, *kinds: type) -> bool:
    """Return whether a network is, or holds at any depth, a layer of these kinds."""
    return isinstance(net, kinds) or any(
        has_layer(child, *kinds) for child in net._children.values()
    )


def mixes_samples(net: mx.gluon.HybridBlock) -> bool:
    """Return whether one sample's output depends on the others in its batch, so that batches must not be joined."""
    return has_layer(net, mx.gluon.nn.BatchNorm, MinibatchDiscrimination, MinibatchStdDev)
