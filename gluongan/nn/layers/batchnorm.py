"""BatchNorm of vectors that is fast for large batches too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...runtime import mx
from .tree import all_blocks


class BatchNorm(mx.gluon.nn.BatchNorm):
    """Normalises each of C values over the batch: (N, C) -> (N, C).

    Ioffe and Szegedy 2015 (arXiv 1502.03167). momentum: the share of the old running statistics
    that is kept at each update.

    It computes the same bits as Gluon's own layer, up to four times as fast. oneDNN runs through
    the whole batch of one value before it comes to the next, but in (N, C) the numbers of one value
    are C places apart. In the transpose they are side by side.

    >>> layer = BatchNorm(1, momentum=0.9)
    >>> layer.initialize()
    >>> with mx.autograd.train_mode():
    ...     layer(mx.nd.array([[1], [3]])).round().asnumpy()
    array([[-1.],
           [ 1.]], dtype=float32)
    """

    one_operator = False  # see `plain_batchnorm`

    def __init__(self, units: int, *, momentum: float) -> None:
        super().__init__(momentum=momentum, in_channels=units)
        self._units = units

    def hybrid_forward(
        self, F: Any, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any
    ) -> Any:
        parameters = (gamma, beta, running_mean, running_var)
        if self.one_operator:
            return super().hybrid_forward(F, x, *parameters)
        transposed = F.expand_dims(F.expand_dims(F.transpose(x), axis=0), axis=3)  # (1, C, N, 1)
        y = super().hybrid_forward(F, transposed, *parameters)
        return F.transpose(F.reshape(y, shape=(self._units, -1)))


@contextmanager
def plain_batchnorm(net: mx.gluon.HybridBlock) -> Iterator[None]:
    """Trace the BatchNorm layers of `net` as one operator each, as other programs expect them.

    The operator computes the same bits. Only symbols traced inside the `with` block are affected.
    """
    layers = [block for block in all_blocks(net) if isinstance(block, BatchNorm)]
    for layer in layers:
        layer.one_operator = True
    try:
        yield
    finally:
        for layer in layers:
            layer.one_operator = False
