"""Whether this machine has the memory for samples as floats: asked before they are made."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path

from ..errors import InputError

COPIES = 5  # of all samples as float32, that an evaluation has in memory at once
CGROUP = Path('/sys/fs/cgroup/memory.max')


def of_machine(cgroup: Path = CGROUP) -> int:
    """Return how many bytes this process may use: those of the machine, or of its cgroup.

    >>> of_machine() > 2**20
    True
    """
    machine = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    try:
        return min(machine, int(cgroup.read_text()))
    except (OSError, ValueError):  # no cgroup v2, or its limit is the word 'max'
        return machine


def check_memory(
    count: int, shape: tuple[int, ...], *, copies: int = COPIES, setting: str = 'samples'
) -> None:
    """Raise InputError where so many samples of a shape plainly do not fit into memory.

    setting: the one that their number comes from.

    >>> check_memory(10_000, (1, 28, 28))
    >>> check_memory(10**8, (3, 8, 8))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    gluongan.errors.InputError: samples 100000000: take about 384.0 GB of memory at 3 × 8 × 8 \
values each, and ... GB are here; must be at most ...
    """
    each = 4 * copies * prod(shape)
    there = of_machine()
    if count * each <= there:
        return
    raise InputError(
        f'take about {_gigabytes(count * each)} of memory at {" × ".join(map(str, shape))} values '
        f'each, and {_gigabytes(there)} are here; must be at most {there // each:,}',
        setting=setting,
        value=count,
    )


def _gigabytes(size: int) -> str:
    return f'{size / 1e9:,.1f} GB'
