"""BatchNorm of vectors, fast also for large batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...runtime import mx

_plain = False


class BatchNorm(mx.gluon.nn.BatchNorm):
    """Normalises each of C values over the batch: (N, C) -> (N, C) (Ioffe and Szegedy 2015, arXiv 1502.03167).

    The same bits as Gluon's own, and up to four times as fast: oneDNN goes through a whole batch of one value before it comes
    to the next, and in (N, C) the numbers of one value lie C places apart. Transposed they lie side by side.
    """

    def __init__(self, units: int, *, momentum: float) -> None:
        super().__init__(momentum=momentum, in_channels=units)
        self._units = units

    def hybrid_forward(
        self, F: Any, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any
    ) -> Any:
        own = (gamma, beta, running_mean, running_var)
        if _plain:
            return super().hybrid_forward(F, x, *own)
        across = F.expand_dims(F.expand_dims(F.transpose(x), axis=0), axis=3)  # (1, C, N, 1)
        y = super().hybrid_forward(F, across, *own)
        return F.transpose(F.reshape(y, shape=(self._units, -1)))


@contextmanager
def plain_batchnorm() -> Iterator[None]:
    """Within it networks are traced with BatchNorm as one operator, as other programs expect it: the same bits."""
    global _plain
    _plain = True
    try:
        yield
    finally:
        _plain = False
