"""The only way to matplotlib, whose import raises where the environment names a wrong backend."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from ..threads import environment

BACKEND = 'MPLBACKEND'


def load_matplotlib() -> None:
    """Import matplotlib, whatever MPLBACKEND says; figures are drawn by Agg and never by pyplot.

    A notebook hands on its own backend to the programs that it starts, where it may be missing. A
    backend that is there stays chosen, for a caller that uses pyplot later.
    """
    if 'matplotlib' in sys.modules:
        return
    with environment({}, hidden=(BACKEND,)):
        import matplotlib
    if os.environ.get(BACKEND):
        with suppress(ValueError):
            matplotlib.rcParams['backend'] = os.environ[BACKEND]
