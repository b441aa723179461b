"""Where the time goes: an iteration cut into its parts, and MXNet's own table of operators."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from ..gan import updater as home
from ..gan.updater import GANUpdater
from ..runtime import mx

PARTS = ('data', 'noise', 'G(z)', 'D update', 'G update', 'optimiser', 'rest')


class Operator(NamedTuple):
    """One of MXNet's operators: calls and seconds an iteration; operators run side by side, so seconds add up to more."""

    name: str
    calls: float
    seconds: float


def parts(algorithm: GANUpdater, iterations: int) -> dict[str, float]:
    """Return the median seconds an iteration of each of PARTS, over `iterations` >= 1.

    data: draw a batch and its labels. noise: draw z. G(z): its forward pass. D update, G update: forward and backward.
    optimiser: both networks' steps. rest: labels, averages, reading the losses. There is a fence on both sides of each part,
    and what could have run side by side then waits: the parts add up to more than an iteration takes.
    """
    laps = _Laps()
    rows: dict[str, list[float]] = defaultdict(list)
    with _watched(algorithm, laps):
        for _ in range(iterations):
            laps.spent = dict.fromkeys(PARTS, 0.0)
            with laps.part('rest'):
                algorithm.update()
                algorithm.drain()
            for name, seconds in laps.spent.items():
                rows[name].append(seconds)
    return {name: statistics.median(row) for name, row in rows.items()}


class _Laps:
    """A stopwatch whose parts may stand inside of each other: the inner one's time is not the outer one's."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._turn()
        self._open.append(name)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def _turn(self) -> None:
        """Charge what has gone by since the last turn to the innermost part."""
        mx.nd.waitall()
        now = time.perf_counter()
        if self._open:
            self.spent[self._open[-1]] += now - self._since
        self._since = now


@contextmanager
def _watched(algorithm: GANUpdater, laps: _Laps) -> Iterator[None]:
    """For a while, have what an iteration calls go by the stopwatch; the iteration itself is the one that trains."""
    calls = [
        (algorithm.real, 'draw', 'data'),
        (algorithm.real, 'labels', 'data'),
        (algorithm.noise, 'draw', 'noise'),
        (home, 'record_fake', 'G(z)'),
        (home, 'update_dis', 'D update'),
        (home, 'update_gen', 'G update'),
        (algorithm.opt_gen, 'step', 'optimiser'),
        (algorithm.opt_dis, 'step', 'optimiser'),
    ]
    with ExitStack() as stack:
        for owner, name, part in calls:
            stack.enter_context(_replaced(owner, name, _timed(getattr(owner, name), laps, part)))
        yield


def _timed(function: Callable[..., Any], laps: _Laps, part: str) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        with laps.part(part):
            return function(*given, **named)

    return timed


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    was = vars(owner).get(name)  # None: a method, of the class
    setattr(owner, name, value)
    try:
        yield
    finally:
        delattr(owner, name) if was is None else setattr(owner, name, was)


def operators(algorithm: GANUpdater, iterations: int) -> list[Operator]:
    """Return MXNet's table of operators over `iterations` >= 1, the most expensive first; watching them costs some 15 %."""
    algorithm.drain()
    # It writes a file where it stops, whatever one asks of it; and `dump` after `dumps` fails.
    mx.profiler.set_config(
        profile_imperative=True,
        profile_symbolic=True,
        profile_api=False,
        profile_memory=False,
        aggregate_stats=True,
        filename=os.devnull,
    )
    mx.profiler.set_state('run')
    for _ in range(iterations):
        algorithm.update()
    algorithm.drain()
    mx.profiler.set_state('stop')
    table = json.loads(mx.profiler.dumps(reset=True, format='json'))['Time'].get('operator', {})
    rows = [
        Operator(name, row['Count'] / iterations, row['Total'] / 1000 / iterations)
        for name, row in table.items()
    ]
    return sorted(rows, key=lambda row: -row.seconds)
