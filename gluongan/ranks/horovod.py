"""Horovod (Sergeev and Del Balso 2018, arXiv 1802.05799): ranks that `horovodrun` has started."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from ..runtime import mx
from .exchange import Together


class Horovod(Together):
    """The ranks of this job. Raises InputError where Horovod cannot be loaded."""

    def __init__(self) -> None:
        try:
            import horovod.mxnet as hvd
        except ImportError as error:
            raise InputError(
                f'horovodrun: Horovod for MXNet cannot be loaded ({error}); '
                'must be installed as docs/scaling.md says'
            ) from None
        hvd.init()
        self._hvd = hvd
        super().__init__(hvd.rank(), hvd.size())

    def mean_of(self, buffer: np.ndarray) -> np.ndarray:
        """Return the mean over the ranks of a buffer (n,), float32."""
        return self._hvd.allreduce(mx.nd.array(buffer), average=True, name='mean').asnumpy()

    def first_of(self, buffer: np.ndarray) -> np.ndarray:
        """Return the buffer (n,) of rank 0."""
        return self._hvd.broadcast(mx.nd.array(buffer), root_rank=0, name='first').asnumpy()
