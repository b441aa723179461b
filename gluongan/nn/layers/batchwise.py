"""Layers that look at several samples at once, which helps against mode collapse."""

from __future__ import annotations

from typing import Any

from ...runtime import mx
from .tree import has_layer


class Pack(mx.gluon.HybridBlock):
    """Makes one input of `m` samples: (N, C, ...) -> (N / m, m·C, ...).

    The discriminator then judges m samples at once (PacGAN, Lin et al. 2018, arXiv 1712.04086).
    shape: of one sample, (C, ...).

    >>> Pack(2, (1, 28, 28))(mx.nd.zeros((6, 1, 28, 28))).shape
    (3, 2, 28, 28)
    """

    def __init__(self, m: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.m = m
        self._shape = (m * shape[0], *shape[1:])

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.reshape(x, shape=(-1, *self._shape))


class MinibatchDiscrimination(mx.gluon.HybridBlock):
    """Appends how similar each sample is to the rest of its batch.

    (N, in_units) -> (N, in_units + kernels), with M = x T of shape (N, kernels, width) and the new
    values o_ib = sum over j ≠ i of exp(-‖M_ib - M_jb‖₁) (Salimans et al. 2016, arXiv 1606.03498,
    section 3.2). A batch that repeats one picture has the highest values, N - 1.

    >>> layer = MinibatchDiscrimination(in_units=2, kernels=1, width=1)
    >>> layer.initialize(mx.init.One())
    >>> layer(mx.nd.array([[1, 2], [1, 2], [9, 9]])).asnumpy().round(3)
    array([[1., 2., 1.],
           [1., 2., 1.],
           [9., 9., 0.]], dtype=float32)
    """

    def __init__(self, in_units: int, kernels: int = 32, width: int = 5) -> None:
        super().__init__()
        self._kernels = kernels
        self._width = width
        self.weight = self.params.get('weight', shape=(kernels * width, in_units))

    def hybrid_forward(self, F: Any, x: Any, weight: Any) -> Any:
        flat = F.FullyConnected(x, weight, no_bias=True, num_hidden=self._kernels * self._width)
        m = F.reshape(flat, shape=(-1, self._kernels, self._width))
        difference = F.broadcast_sub(F.expand_dims(m, axis=0), F.expand_dims(m, axis=1))
        distance = F.sum(F.abs(difference), axis=3)  # (N, N, kernels)
        similarity = F.sum(F.exp(-distance), axis=0) - 1  # less each sample's own, which is 1
        return F.concat(x, similarity, dim=1)


class MinibatchStdDev(mx.gluon.HybridBlock):
    """Appends the batch's mean standard deviation: (N, in_units) -> (N, in_units + 1).

    Every sample gets the same number (Karras et al. 2018, arXiv 1710.10196, section 3).

    >>> MinibatchStdDev()(mx.nd.array([[0, 1], [4, 3]])).asnumpy().round(3)
    array([[0. , 1. , 1.5],
           [4. , 3. , 1.5]], dtype=float32)
    """

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        centred = F.broadcast_sub(x, F.mean(x, axis=0, keepdims=True))
        variance = F.mean(F.square(centred), axis=0, keepdims=True)
        deviation = F.mean(F.sqrt(variance + 1e-8), axis=1, keepdims=True)  # (1, 1)
        zeros = F.zeros_like(F.slice_axis(x, axis=1, begin=0, end=1))  # (N, 1)
        return F.concat(x, F.broadcast_add(zeros, deviation), dim=1)


def mixes_samples(net: mx.gluon.HybridBlock) -> bool:
    """Return whether the output for one sample depends on the other samples of its batch.

    Two batches must not be joined into one for such a network.

    >>> import gluongan as gg
    >>> mixes_samples(gg.dense_discriminator([784, 64, 1]))
    False
    >>> mixes_samples(gg.dense_discriminator([784, 64, 1], batchnorm=True))
    True
    """
    return has_layer(net, mx.gluon.nn.BatchNorm, MinibatchDiscrimination, MinibatchStdDev)
