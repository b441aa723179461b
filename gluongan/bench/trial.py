"""Trial: every sample of one measurement, and the statistics of BenchmarkTools.jl over them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import InputError

LONGEST = 1e6  # seconds
LONGEST_NAME = 200  # characters


class TrialError(InputError):
    """A measurement, or a file of measurements, that cannot be used."""


@dataclass(frozen=True)
class Trial:
    """The samples of one case.

    name: of the case, such as `dense 128 cpu static`. facts: what was measured (recipe, batch,
    device, mode, ...) by name, with values that JSON can hold. seconds: every sample in the order
    in which they were taken, at least one, each in (0, 1e6]. A sample is the time of a block of
    `iterations` between two fences, divided by their number. images: real samples that an
    iteration uses. Raises TrialError for anything else.

    >>> slow = Trial('slow', {}, (0.020, 0.024, 0.022), images=128)
    >>> fast = Trial('fast', {}, (0.010, 0.012, 0.011), images=128)
    >>> median(slow), minimum(slow), ratio(fast, slow).value
    (0.022, 0.02, 2.0)
    """

    name: str
    facts: dict[str, Any]
    seconds: tuple[float, ...]
    images: int
    iterations: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.seconds, list):
            object.__setattr__(self, 'seconds', tuple(self.seconds))
        _check_name(self.name)
        _check_facts(self.facts)
        _check_seconds(self.seconds)
        _check_count('images', self.images)
        _check_count('iterations', self.iterations)


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name.isprintable() or not 1 <= len(name) <= LONGEST_NAME:
        raise TrialError(f'name {_short(name)}: must be one line of 1 to {LONGEST_NAME} characters')


def _check_facts(facts: Any) -> None:
    if not isinstance(facts, dict) or not all(isinstance(name, str) for name in facts):
        raise TrialError(f'facts {_short(facts)}: must be an object')


def _check_seconds(seconds: Any) -> None:
    if not isinstance(seconds, tuple) or not seconds:
        raise TrialError(f'seconds {_short(seconds)}: must be a list of one sample or more')
    for sample in seconds:
        if not _is_duration(sample):
            raise TrialError(
                f'sample of {_short(sample)} seconds: must be above 0 and at most {LONGEST:g}'
            )


def _check_count(name: str, count: Any) -> None:
    if type(count) is not int or count < 1:
        raise TrialError(f'{name} {_short(count)}: must be a whole number of at least 1')


def _is_duration(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 < value <= LONGEST  # NaN fails both


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + '...'


def minimum(trial: Trial) -> float:
    """Return the fastest sample, in seconds per iteration.

    It is the most stable statistic, because other programs can only add time.
    """
    return min(trial.seconds)


def median(trial: Trial) -> float:
    """Return the median sample, in seconds per iteration."""
    return statistics.median(trial.seconds)


def quartiles(trial: Trial) -> tuple[float, float]:
    """Return the first and third quartile in seconds per iteration, interpolated as in NumPy."""
    return _quartiles(trial.seconds)


def spread(trial: Trial) -> float:
    """Return (third quartile − first quartile) / median, infinite for a single sample.

    >>> spread(Trial('example', {}, (1.0, 2.0, 3.0), images=8))
    0.5
    """
    if len(trial.seconds) == 1:
        return float('inf')
    low, high = quartiles(trial)
    return (high - low) / median(trial)


class Ratio(NamedTuple):
    """How many times as fast one trial is as another.

    value: median over the rounds; low, high: their quartiles; medians: ratio of the two medians.
    """

    value: float
    low: float
    high: float
    medians: float


def ratio(a: Trial, b: Trial) -> Ratio:
    """Return how many times as fast `a` is as `b`: 2 if `a` takes half the time of `b`.

    Sample i of `a` is compared with sample i of `b`. For trials measured in turn (A B A B ...)
    these were taken at the same time, so that a drift of the machine cancels. If one trial has
    more samples than the other, its last ones are ignored.
    """
    rounds = [theirs / ours for ours, theirs in zip(a.seconds, b.seconds)]
    return Ratio(statistics.median(rounds), *_quartiles(rounds), median(b) / median(a))


class Judgement(NamedTuple):
    """verdict: `regression`, `improvement` or `no change`; ratio: old time / new time."""

    verdict: str
    ratio: float


def judge(old: Trial, new: Trial, *, tolerance: float = 0.05) -> Judgement:
    """Compare two trials by their minima: is `new` slower (regression), faster (improvement)?

    One is slower than the other if it takes more than 1 + tolerance times as long, whichever of
    the two it is. BenchmarkTools.jl uses 1 − tolerance for an improvement, so that swapping its
    arguments may change its verdict.

    >>> old, new = Trial('old', {}, (1.0,), images=8), Trial('new', {}, (1.25,), images=8)
    >>> judge(old, new)
    Judgement(verdict='regression', ratio=0.8)
    """
    speedup = minimum(old) / minimum(new)
    if 1 / speedup > 1 + tolerance:
        return Judgement('regression', speedup)
    if speedup > 1 + tolerance:
        return Judgement('improvement', speedup)
    return Judgement('no change', speedup)


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method='inclusive')
    return low, high
