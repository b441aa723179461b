"""What a judge without labels learns: to restore a picture from a few numbers, its features.

So the features must say what differs between pictures, and no more than 64 numbers can (Hinton and
Salakhutdinov 2006, Science 313).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...data import Dataset
from ...nn.passes import in_passes
from ...runtime import mx
from .networks import Net

EDGES = 4.0  # weight of the differences between neighbouring pixels
MEASURED = 10_000  # pictures whose features set the scale, and that `explained` restores, at most
MOST_VALUES = 2**26  # of all their pixels: 256 MB as floats


class RestoringLoss(mx.gluon.HybridBlock):
    """The mean squared error of restored pictures (N, C, H, W), and that of their edges.

    Edges are a small part of the error of pixels; without their own part a blur would hardly show.
    The argument is the difference between restored and given pictures.

    >>> half_wrong = mx.nd.array([[[[1, 1, 0, 0]] * 4]])
    >>> round(RestoringLoss()(half_wrong).asscalar().item(), 4)  # 1/2 + 4 · 1/3
    1.8333
    """

    def __init__(self) -> None:
        super().__init__()
        self.hybridize(static_alloc=True)

    def hybrid_forward(self, F: Any, error: Any) -> Any:
        edges = 0.0
        for axis in (2, 3):
            ahead = F.slice_axis(error, axis=axis, begin=1, end=None)
            behind = F.slice_axis(error, axis=axis, begin=0, end=-1)
            edges = edges + (ahead - behind).square().mean()
        return error.square().mean() + EDGES * edges


def explained(net: Net, data: Dataset) -> float:
    """Return the share of the pixels' variance that restored pictures have, at most 1.

    It is 0 for a network that restores the mean of all pictures every time.
    """
    x = _some(data)
    (restored,) = in_passes(lambda part: [net.head(net.body(_on_device(net, part)))], x)
    total = np.square(x - x.mean(axis=0)).mean(dtype=np.float64)
    return float(1 - np.square(restored - x).mean(dtype=np.float64) / total)


def standardise(net: Net, data: Dataset) -> None:
    """Give the features of the data mean 0 and mean variance 1; what is restored stays the same.

    That sets the scale of distances. It goes into the last layer of the body, and what undoes it
    into the first of the head.
    """
    (features,) = in_passes(lambda part: [net.body(_on_device(net, part))], _some(data))
    features = features.astype(np.float64)
    mean = features.mean(axis=0)
    scale = np.sqrt(features.var(axis=0).mean())
    last, first = net.body[-1], net.head[0]
    weight = _float64(first.weight)
    _assign(first.bias, _float64(first.bias) + weight @ mean)
    _assign(first.weight, weight * scale)
    _assign(last.bias, (_float64(last.bias) - mean) / scale)
    _assign(last.weight, _float64(last.weight) / scale)


def _some(data: Dataset) -> np.ndarray:
    """Return as many pictures as are measured, the same ones every time, as floats."""
    count = min(MEASURED, max(1, MOST_VALUES // prod(data.shape)))
    chosen = np.random.RandomState(0).permutation(len(data))[:count]
    return data.floats(np.sort(chosen))


def _on_device(net: Net, x: np.ndarray) -> mx.nd.NDArray:
    return mx.nd.array(x, ctx=net.body[-1].weight.list_ctx()[0])


def _float64(parameter: mx.gluon.Parameter) -> np.ndarray:
    return parameter.data().asnumpy().astype(np.float64)


def _assign(parameter: mx.gluon.Parameter, value: np.ndarray) -> None:
    parameter.set_data(mx.nd.array(value, ctx=parameter.list_ctx()[0], dtype='float32'))
