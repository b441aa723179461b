"""Trial: every sample of one measurement, and what may be said of it. The words are those of BenchmarkTools.jl."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import InputError

# A sample outside of this is no duration, or no patience.
LONGEST = 1e6
LONGEST_NAME = 200


class TrialError(InputError):
    """A measurement, or a file of them, that cannot be used: one sentence that says what is wrong with it."""


@dataclass(frozen=True)
class Trial:
    """One case, measured again and again.

    name: of the case, such as `dense 128 cpu static`. facts: what was measured (recipe, batch, device, mode, ...), by name:
    values that JSON can hold. seconds: every sample in the order in which they were taken, 1 or more, each in (0, 1e6]:
    seconds an iteration, which is the time of a block of `iterations` between two fences divided by their number.
    images: real samples that an iteration learns from. Raises TrialError for anything else.
    """

    name: str
    facts: dict[str, Any]
    seconds: tuple[float, ...]
    images: int
    iterations: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(
            self, 'seconds', tuple(self.seconds) if isinstance(self.seconds, list) else self.seconds
        )
        for fault, words in self._faults():
            if fault:
                raise TrialError(words)

    def _faults(self) -> list[tuple[bool, str]]:
        counts = {'images': self.images, 'iterations': self.iterations}
        return [
            (
                not isinstance(self.name, str)
                or not self.name.isprintable()
                or not 1 <= len(self.name) <= LONGEST_NAME,
                f'name is {_short(self.name)}; must be a text of 1 to {LONGEST_NAME} letters in a line',
            ),
            (
                not isinstance(self.facts, dict)
                or not all(isinstance(name, str) for name in self.facts),
                f'facts are {_short(self.facts)}; must be an object, by name',
            ),
            (
                not isinstance(self.seconds, tuple) or not self.seconds,
                f'seconds are {_short(self.seconds)}; must be a list of one sample or more',
            ),
            *(
                (
                    type(count) is not int or count < 1,
                    f'{name} is {_short(count)}; must be a whole number of at least 1',
                )
                for name, count in counts.items()
            ),
            *(
                (
                    not _is_duration(sample),
                    f'a sample is {_short(sample)}; must be seconds above 0, at most {LONGEST:g}',
                )
                for sample in (self.seconds if isinstance(self.seconds, tuple) else ())
            ),
        ]


def _is_duration(value: Any) -> bool:
    return (
        isinstance(value, (int, float)) and type(value) is not bool and 0 < value <= LONGEST
    )  # NaN fails both bounds


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + '...'


def minimum(trial: Trial) -> float:
    """Return the fastest sample, in seconds an iteration: the steadiest number, as other programs only ever add time."""
    return min(trial.seconds)


def median(trial: Trial) -> float:
    """Return the median sample, in seconds an iteration."""
    return statistics.median(trial.seconds)


def quartiles(trial: Trial) -> tuple[float, float]:
    """Return the samples' first and third quartile in seconds an iteration, interpolated as NumPy does."""
    return _quartiles(trial.seconds)


def spread(trial: Trial) -> float:
    """Return (third quartile − first quartile) / median; infinite for a single sample, of which nobody knows."""
    low, high = quartiles(trial)
    return (high - low) / median(trial) if len(trial.seconds) > 1 else float('inf')


class Ratio(NamedTuple):
    """How many times as fast one is as another: the median over the rounds, its quartiles, and the ratio of both medians."""

    value: float
    low: float
    high: float
    medians: float


def ratio(a: Trial, b: Trial) -> Ratio:
    """Return how many times as fast `a` is as `b`: 2 where a takes half of b's time.

    Sample i of one is held against sample i of the other. For trials measured in turn (A B A B ...) that is the same moment
    of the machine, so that a drift cancels; where one has more samples than the other, its last ones have no partner.
    """
    rounds = [theirs / own for own, theirs in zip(a.seconds, b.seconds)]
    return Ratio(statistics.median(rounds), *_quartiles(rounds), median(b) / median(a))


class Judgement(NamedTuple):
    """verdict: `regression`, `improvement` or `invariant`; ratio: how many times as fast the new one is as the old."""

    verdict: str
    ratio: float


def judge(old: Trial, new: Trial, *, tolerance: float = 0.05) -> Judgement:
    """Return whether `new` is slower than `old` (regression), faster (improvement) or neither, by their minima.

    One is slower than the other where it takes more than 1 + tolerance times as long, whichever of the two it is:
    BenchmarkTools.jl takes 1 − tolerance for an improvement, so that its verdict is not turned round with its arguments.
    """
    speed = minimum(old) / minimum(new)
    if 1 / speed > 1 + tolerance:
        return Judgement('regression', speed)
    return Judgement('improvement' if speed > 1 + tolerance else 'invariant', speed)


def _quartiles(values: Any) -> tuple[float, float]:
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method='inclusive')
    return low, high
