"""Taking turns: every case is warmed up, then all are timed round by round, so that a drifting machine hits all alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .trial import Trial

# A sample lasts so long at least, in seconds: far above the clock's grain and the fences' cost.
SAMPLE = 0.2
# So many samples a case has at least, whatever the time they take.
LEAST = 3

Clock = Callable[[], float]


@dataclass(frozen=True)
class Subject:
    """What is timed: `update` is one iteration, and `drain` the fence that waits until the device has done all of them.

    name, facts, images: as in Trial. algorithm: the GANUpdater behind both, where there is one.
    """

    name: str
    facts: dict[str, Any]
    images: int
    update: Callable[[], object]
    drain: Callable[[], object]
    algorithm: Any = None


def measure(
    subjects: Sequence[Subject],
    *,
    seconds: float = 5.0,
    tell: Callable[[str], None] = lambda text: None,
    stopped: Callable[[], bool] = lambda: False,
    clock: Clock = time.perf_counter,
) -> list[Trial]:
    """Return a trial of each subject, each `seconds` long: A B C A B C ..., a sample at a time.

    A sample is a block of iterations between two fences, 0.2 s or more of them; there are 3 or more, also where that takes
    longer. Warm-up (the first iteration, in which a GPU compiles, and the choice of the block's length) is outside of the
    time. tell: is told what goes on. stopped: asked between samples; where it says True the result is [].
    """
    turns = []
    for number, subject in enumerate(subjects, 1):
        if stopped():
            return []
        tell(f'warming up {subject.name} ({number} of {len(subjects)})')
        turns.append(_Turns(subject, calibrated(subject, min(SAMPLE, seconds / LEAST), clock), []))
    tell(
        f'timing {len(subjects)} case{"s" if len(subjects) > 1 else ""} in turn, {seconds:g} s each'
    )
    while waiting := [turn for turn in turns if not turn.done(seconds)]:
        for turn in waiting:
            if stopped():
                return []
            turn.samples.append(block(turn.subject, turn.iterations, clock))
    return [turn.trial() for turn in turns]


def block(subject: Subject, iterations: int, clock: Clock = time.perf_counter) -> float:
    """Return the seconds that a block of iterations takes, from fence to fence: MXNet only queues what it is told."""
    subject.drain()
    begun = clock()
    for _ in range(iterations):
        subject.update()
    subject.drain()
    return clock() - begun


def calibrated(subject: Subject, target: float = SAMPLE, clock: Clock = time.perf_counter) -> int:
    """Warm a subject up and return how many of its iterations last `target` seconds or more, 1 at least."""
    block(subject, 1, clock)
    iterations = 1
    while (lasted := block(subject, iterations, clock)) < target / 2:
        iterations *= 2
    return max(1, math.ceil(iterations * target / lasted))


@dataclass(frozen=True)
class _Turns:
    """A subject and the blocks it has been through, in seconds."""

    subject: Subject
    iterations: int
    samples: list[float]

    def done(self, seconds: float) -> bool:
        return len(self.samples) >= LEAST and sum(self.samples) >= seconds

    def trial(self) -> Trial:
        each = tuple(sample / self.iterations for sample in self.samples)
        return Trial(
            self.subject.name, self.subject.facts, each, self.subject.images, self.iterations
        )
