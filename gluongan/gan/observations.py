"""The numbers of each iteration, fetched from the device some iterations late."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple, NoReturn

import numpy as np

from ..errors import GluonganError
from ..runtime import mx
from .losses import Array, Loss

# Numbers are fetched at most this many iterations late, so that the device never waits for Python,
# and FETCHED iterations at a time, which takes less time than one by one. With a lag of 2, training
# is 6 % slower; with 20, the queue that Ctrl-C waits for is still below half a second.
LAG = 20
FETCHED = 11


class NonFinite(GluonganError, ArithmeticError):
    """A loss, a weight or a sample is NaN or infinite."""


class Observation(NamedTuple):
    """One iteration's numbers: both losses, and the mean scores of real and generated samples.

    A score is the discriminator's probability of `real`, in [0, 1], where the loss defines one;
    otherwise the raw output.
    """

    iteration: int
    dis_loss: float
    gen_loss: float
    dis_real: float
    dis_fake: float


class Observations:
    """Turns what iterations leave on the device into Observations.

    loss: what the discriminator minimises; it says whether logits are those of a probability.
    """

    def __init__(self, loss: Loss) -> None:
        self._loss = loss
        self._pending: deque[tuple[int, Array, Array, Array, Array]] = deque()
        self._fetched: list[Observation] = []

    def add(
        self, iteration: int, dis_loss: Array, gen_loss: Array, y_real: Array, y_fake: Array
    ) -> None:
        """Add an iteration: its losses (1,) and the discriminator's logits.

        Raises NonFinite for a loss that is NaN or infinite, of this or an earlier iteration.
        """
        self._pending.append((iteration, dis_loss, gen_loss, y_real, y_fake))
        if len(self._pending) > LAG:
            self._fetch(FETCHED)

    def fetch(self) -> None:
        """Wait until the numbers of all iterations have come. Raises NonFinite, see `add`."""
        if self._pending:
            self._fetch(len(self._pending))

    def take(self) -> list[Observation]:
        """Return the numbers that have been fetched since the last call."""
        fetched = self._fetched
        self._fetched = []
        return fetched

    def clear(self) -> None:
        """Forget everything that has not been taken."""
        self._pending.clear()
        self._fetched.clear()

    def _fetch(self, count: int) -> None:
        oldest = [self._pending.popleft() for _ in range(count)]
        iterations, dis_losses, gen_losses, y_real, y_fake = zip(*oldest)
        losses = _numbers(dis_losses), _numbers(gen_losses)
        finite = _count_finite(*losses)
        scores = self._mean_scores(y_real[:finite]), self._mean_scores(y_fake[:finite])
        self._fetched += map(Observation, iterations, *losses, *scores)
        if finite < count:
            _refuse(iterations[finite], losses[0][finite], losses[1][finite])

    def _mean_scores(self, logits: Sequence[Array]) -> list[float]:
        if not logits:
            return []
        scores = _joined(logits).astype(np.float64).reshape(len(logits), -1)
        if self._loss.is_probability:
            scores = 0.5 + 0.5 * np.tanh(scores / 2)
        return scores.mean(axis=1).tolist()


def _numbers(arrays: Sequence[Array]) -> list[float]:
    return _joined(arrays).tolist()


def _joined(arrays: Sequence[Array]) -> np.ndarray:
    """Return arrays of equal shapes one behind the other: one copy from the device, not many."""
    return mx.nd.concat(*arrays, dim=0).asnumpy()


def _count_finite(dis_losses: Sequence[float], gen_losses: Sequence[float]) -> int:
    """Return how many iterations come before the first with a loss that is NaN or infinite."""
    for number, losses in enumerate(zip(dis_losses, gen_losses)):
        if not all(map(isfinite, losses)):
            return number
    return len(dis_losses)


def _refuse(iteration: int, dis_loss: float, gen_loss: float) -> NoReturn:
    name, value = ('gen/loss', gen_loss) if isfinite(dis_loss) else ('dis/loss', dis_loss)
    raise NonFinite(
        f'{name} is {value} at iteration {iteration}: lower the learning rate, or try another loss'
    )
