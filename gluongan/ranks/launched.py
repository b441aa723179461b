"""The ranks that `horovodrun` has started, as the environment says. Needs no MXNet."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ..threads import environment_number

if TYPE_CHECKING:
    from .exchange import Ranks


def rank() -> int:
    """Return which rank this process is; 0 where it was started alone."""
    return environment_number('HOROVOD_RANK', 0)


def size() -> int:
    """Return how many ranks there are; 1 where this process was started alone."""
    return environment_number('HOROVOD_SIZE', 1)


@cache
def find_ranks() -> Ranks:
    """Return the ranks that train together: ALONE, or those that horovodrun has started.

    Raises InputError where Horovod is not installed.
    """
    from .exchange import ALONE

    if size() == 1:
        return ALONE
    from .horovod import Horovod

    return Horovod()
