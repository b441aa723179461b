"""Class labels as part of a network's input: one-hot vectors, concatenated.

Mirza and Osindero 2014, arXiv 1411.1784.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..runtime import mx
from .losses import Array


def append_labels(x: Array, labels: Array | None) -> Array:
    """Append one-hot labels (N, K) to noise, flat samples or images; without labels, return x.

    (N, L) becomes (N, L + K), and images (N, C, H, W) become (N, C + K, H, W): a plane of ones for
    the image's class, planes of zeros for the others.

    >>> labels = mx.nd.array(one_hot(np.array([2, 0]), 3))
    >>> append_labels(mx.nd.zeros((2, 100)), labels).shape
    (2, 103)
    >>> append_labels(mx.nd.zeros((2, 1, 28, 28)), labels).mean(axis=(2, 3)).asnumpy().tolist()
    [[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]]
    """
    if labels is None:
        return x
    if x.ndim == 4:
        planes = labels.reshape((0, 0, 1, 1))
        labels = mx.nd.broadcast_to(planes, shape=(*labels.shape, *x.shape[2:]))
    return mx.nd.concat(x, labels, dim=1)


class LabelledGenerator(mx.gluon.HybridBlock):
    """A generator that takes its labels apart: (z, labels) -> samples with the labels appended.

    Both are joined within its graph, which is faster than `append_labels` before and behind it. It
    shares the weights of `net`.

    flat_size: the number of values of a sample, which becomes flat; 0 for samples that stay images.

    >>> import gluongan as gg
    >>> gen = gg.dense_generator([100 + 3, 16, 784])
    >>> labels = mx.nd.array(one_hot(np.array([2, 0]), 3))
    >>> z = mx.nd.ones((2, 100))
    >>> LabelledGenerator(gen, flat_size=784)(z, labels).shape
    (2, 787)
    >>> LabelledGenerator(gen)(z, labels).shape
    (2, 4, 28, 28)
    """

    def __init__(self, net: mx.gluon.HybridBlock, flat_size: int = 0) -> None:
        super().__init__(prefix='')
        self.net = net
        self._flat_size = flat_size

    def hybrid_forward(self, F: Any, z: Any, labels: Any) -> Any:
        x = self.net(F.concat(z, labels, dim=1))
        if self._flat_size:
            return F.concat(F.reshape(x, shape=(0, self._flat_size)), labels, dim=1)
        planes = F.reshape(labels, shape=(0, 0, 1, 1))
        sides = (2, 3)
        planes = F.broadcast_like(planes, F.BlockGrad(x), lhs_axes=sides, rhs_axes=sides)
        return F.concat(x, planes, dim=1)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return float32 (N, classes), with a 1 at each label.

    >>> one_hot(np.array([2, 0]), 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    return np.eye(classes, dtype=np.float32)[labels]


def labels_in_proportion(labels: np.ndarray, count: int) -> np.ndarray:
    """Return labels (count,) whose shares are those of the labels of a data set (N,).

    That also holds, as nearly as whole numbers allow, for the first of them, however many. Classes
    of equal size take turns.

    >>> labels_in_proportion(np.array([0, 1, 2]), 7).tolist()
    [0, 1, 2, 0, 1, 2, 0]
    >>> labels_in_proportion(np.array([0, 0, 0, 1]), 8).tolist()
    [0, 0, 1, 0, 0, 0, 1, 0]
    """
    return spread(numbers_in_proportion(np.bincount(labels), count))


def numbers_in_proportion(sizes: np.ndarray, count: int) -> np.ndarray:
    """Return how many of `count` samples each class has, in proportion to the sizes of classes.

    >>> numbers_in_proportion(np.array([30, 10, 0]), 6).tolist()
    [5, 1, 0]
    """
    quotas = sizes * (count / sizes.sum())
    numbers = np.floor(quotas + 1e-9).astype(int)
    # The largest remainders first; rounded, so that equal ones stay in the order of their classes.
    order = np.argsort(np.round(numbers - quotas, 9), kind='stable')
    numbers[order[: count - numbers.sum()]] += 1
    return numbers


def spread(numbers: np.ndarray) -> np.ndarray:
    """Return labels (N,) with so many of each class, evenly spread.

    >>> spread(np.array([4, 0, 2])).tolist()
    [0, 2, 0, 0, 2, 0]
    """
    repeated = np.repeat(np.arange(len(numbers)), numbers)
    rank = np.arange(len(repeated)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    return repeated[np.argsort((rank + 0.5) / numbers[repeated], kind='stable')]


def spread_one_by_one(numbers: np.ndarray) -> Iterator[int]:
    """Yield what `spread` returns, in memory that does not grow with the numbers.

    >>> list(spread_one_by_one(np.array([4, 0, 2])))
    [0, 2, 0, 0, 2, 0]
    """
    present = [(label, int(number)) for label, number in enumerate(numbers) if number]
    return (label for _, label in heapq.merge(*(_places(*each) for each in present)))


def _places(label: int, number: int) -> Iterator[tuple[float, int]]:
    """Yield where the samples of a class stand, from 0 to 1."""
    for rank in range(number):
        yield (rank + 0.5) / number, label
