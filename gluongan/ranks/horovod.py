"""Horovod (Sergeev and Del Balso 2018, arXiv 1802.05799): ranks that `horovodrun` has started."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np

from ..errors import InputError
from ..runtime import mx
from .exchange import Together

PATIENCE = 3  # seconds from a signal to the end of a process whose exchange does not end
SILENCE = b'Error: the other ranks no longer answer; the run can be resumed\n'


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
        self._watchdog = Watchdog()
        super().__init__(hvd.rank(), hvd.size())

    def mean_of(self, buffer: np.ndarray) -> np.ndarray:
        """Return the mean over the ranks of a buffer (n,), float32."""
        with self._watchdog:
            return self._hvd.allreduce(mx.nd.array(buffer), average=True, name='mean').asnumpy()

    def first_of(self, buffer: np.ndarray) -> np.ndarray:
        """Return the buffer (n,) of rank 0."""
        with self._watchdog:
            return self._hvd.broadcast(mx.nd.array(buffer), root_rank=0, name='first').asnumpy()


class Watchdog:
    """Ends this process where a signal comes and the exchange inside of it does not end.

    Where another rank has died, the exchange waits for it for ever, and Python's handlers of
    signals wait for the exchange. horovodrun asks with SIGTERM, and kills after 10 s.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._entered = 0
        self._inside = False
        signals, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(signals,), daemon=True).start()

    def __enter__(self) -> None:
        self._entered += 1
        self._inside = True

    def __exit__(self, *_: object) -> None:
        self._inside = False

    def _watch(self, signals: int) -> None:
        while os.read(signals, 1):
            entered = self._entered
            time.sleep(self._patience)
            if self._inside and self._entered == entered:
                os.write(2, SILENCE)
                os._exit(1)
