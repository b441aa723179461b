"""What the ranks tell one another.

A process alone is `ALONE`: it tells nobody anything, and changes nothing. Needs no MXNet.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..errors import GluonganError

Array = Any  # of MXNet: float32, on any device


class RanksError(GluonganError):
    """Another rank has ended, or cannot be reached."""


class Ranks(ABC):
    """The ranks that train together. rank: which one this process is. size: how many they are.

    Every rank has the same weights, and a share of every batch. All of them call the methods in the
    same order.
    """

    rank = 0
    size = 1

    @abstractmethod
    def average(self, arrays: Iterable[Array]) -> None:
        """Replace each array by its mean over the ranks, all arrays in one exchange."""

    @abstractmethod
    def share(self, arrays: Iterable[Array]) -> None:
        """Replace each array by that of rank 0, all in one exchange."""

    @abstractmethod
    def agreed(self, interrupt: Callable[[], bool]) -> Callable[[], bool]:
        """Return an interrupt that is true on all ranks after the same iteration."""


class Alone(Ranks):
    """A process that trains by itself.

    >>> values = np.ones(2)
    >>> ALONE.average([values])
    >>> values, ALONE.agreed(any) is any
    (array([1., 1.]), True)
    """

    def average(self, arrays: Iterable[Array]) -> None:
        """The mean of one is itself."""

    def share(self, arrays: Iterable[Array]) -> None:
        """What is here is what rank 0 has."""

    def agreed(self, interrupt: Callable[[], bool]) -> Callable[[], bool]:
        """Return `interrupt`: nobody else is asked."""
        return interrupt


ALONE = Alone()


class Together(Ranks):
    """Several ranks that exchange one buffer at a time; a subclass says how.

    With each mean goes one number more: how many ranks wish to stop. So all stop after the same
    iteration, the one behind that in which the first of them was interrupted. And with each buffer
    goes a 1, because Horovod says nothing of an exchange that broke off, and hands back zeros.
    Raises RanksError then.
    """

    def __init__(self, rank: int, size: int) -> None:
        self.rank = rank
        self.size = size
        self._wishes_to_stop = False
        self._stops = False

    @abstractmethod
    def mean_of(self, buffer: np.ndarray) -> np.ndarray:
        """Return the mean over the ranks of a buffer (n,), float32: the same bits on every rank."""

    @abstractmethod
    def first_of(self, buffer: np.ndarray) -> np.ndarray:
        """Return the buffer (n,) of rank 0, which has the length of this one."""

    def average(self, arrays: Iterable[Array]) -> None:
        """Replace each array by its mean over the ranks, all arrays in one exchange."""
        arrays = list(arrays)
        means = _checked(self.mean_of, pack(arrays), self._wishes_to_stop)
        self._stops = self._stops or bool(means[-1] > 0)
        unpack(means[:-1], arrays)

    def share(self, arrays: Iterable[Array]) -> None:
        """Replace each array by that of rank 0, all in one exchange."""
        arrays = list(arrays)
        unpack(_checked(self.first_of, pack(arrays)), arrays)

    def agreed(self, interrupt: Callable[[], bool]) -> Callable[[], bool]:
        """Return an interrupt that is true on all ranks after the same iteration."""

        def stops() -> bool:
            self._wishes_to_stop = interrupt()
            return self._stops

        return stops


def _checked(
    exchange: Callable[[np.ndarray], np.ndarray], values: np.ndarray, *more: float
) -> np.ndarray:
    received = exchange(np.concatenate([values, np.array([*more, 1], np.float32)]))
    if abs(received[-1] - 1) > 0.01:  # the mean of ones may be a hair beside 1
        raise RanksError(
            'the other ranks no longer answer; the run can be resumed from its newest snapshot'
        )
    return received[:-1]


def pack(arrays: Iterable[Array]) -> np.ndarray:
    """Return the values of arrays one behind the other, (n,) float32."""
    return np.concatenate([np.empty(0, np.float32), *(each.asnumpy().ravel() for each in arrays)])


def unpack(values: np.ndarray, arrays: Iterable[Array]) -> None:
    """Put the values (n,) of `pack` back into arrays of the same shapes."""
    start = 0
    for array in arrays:
        array[:] = values[start : start + array.size].reshape(array.shape)
        start += array.size
