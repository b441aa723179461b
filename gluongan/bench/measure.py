"""Timing in turn: every case is warmed up, then all are timed round by round.

A machine whose speed drifts then affects all cases alike.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .trial import Trial

# The shortest sample in seconds: far above the resolution of the clock and the cost of the fences.
SAMPLE = 0.2
# The fewest samples of a case, however long they take.
LEAST = 3

Clock = Callable[[], float]


@dataclass(frozen=True)
class Subject:
    """What is timed: `update` is one iteration, and `drain` waits until the device has finished.

    name, facts, images: as in Trial. updater: the GANUpdater behind both functions, if there is
    one.
    """

    name: str
    facts: dict[str, Any]
    images: int
    update: Callable[[], object]
    drain: Callable[[], object]
    updater: Any = None


def measure(
    subjects: Sequence[Subject],
    *,
    seconds: float = 5.0,
    log: Callable[[str], None] = lambda text: None,
    stopped: Callable[[], bool] = lambda: False,
    clock: Clock = time.perf_counter,
) -> list[Trial]:
    """Return a trial of each subject, each `seconds` long: A B C A B C ..., one sample at a time.

    A sample is a block of iterations between two fences that lasts at least 0.2 s. There are at
    least 3 samples, even if that takes longer than `seconds`. Warm-up is not part of the time: the
    first iteration, in which a GPU compiles, and finding the length of a block. log: is called with
    progress messages. stopped: is called between samples; once it returns True the result is [].

    >>> ticks = iter(range(1000))  # a clock on which every block takes one second
    >>> subject = Subject('example', {}, 8, update=lambda: None, drain=lambda: None)
    >>> measure([subject], seconds=4.0, clock=lambda: next(ticks))[0].seconds
    (1.0, 1.0, 1.0, 1.0)
    """
    turns = []
    for number, subject in enumerate(subjects, 1):
        if stopped():
            return []
        log(f'warming up {subject.name} ({number} of {len(subjects)})')
        iterations = calibrate(subject, min(SAMPLE, seconds / LEAST), clock)
        turns.append(_Turns(subject, iterations, []))
    if len(subjects) == 1:
        log(f'timing 1 case for {seconds:g} s')
    else:
        log(f'timing {len(subjects)} cases in turn, {seconds:g} s each')
    while waiting := [turn for turn in turns if not turn.done(seconds)]:
        for turn in waiting:
            if stopped():
                return []
            turn.samples.append(block(turn.subject, turn.iterations, clock))
    return [turn.trial() for turn in turns]


def block(subject: Subject, iterations: int, clock: Clock = time.perf_counter) -> float:
    """Return the seconds that a block of iterations takes, from fence to fence.

    The fences are needed because MXNet only queues operators when it is called.
    """
    subject.drain()
    start = clock()
    for _ in range(iterations):
        subject.update()
    subject.drain()
    return clock() - start


def calibrate(subject: Subject, target: float = SAMPLE, clock: Clock = time.perf_counter) -> int:
    """Warm a subject up, and return how many of its iterations take at least `target` seconds."""
    block(subject, 1, clock)
    iterations = 1
    while (elapsed := block(subject, iterations, clock)) < target / 2:
        iterations *= 2
    return max(1, math.ceil(iterations * target / elapsed))


@dataclass(frozen=True)
class _Turns:
    """A subject, and the seconds that each of its blocks has taken."""

    subject: Subject
    iterations: int
    samples: list[float]

    def done(self, seconds: float) -> bool:
        return len(self.samples) >= LEAST and sum(self.samples) >= seconds

    def trial(self) -> Trial:
        subject = self.subject
        per_iteration = tuple(sample / self.iterations for sample in self.samples)
        return Trial(subject.name, subject.facts, per_iteration, subject.images, self.iterations)
