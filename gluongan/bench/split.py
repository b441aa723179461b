"""Where the time goes: the parts of an iteration, and MXNet's own table of operators."""

from __future__ import annotations

import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ..gan.updater import GANUpdater
from ..nn.chains import apart
from ..nn.fused import Fused
from ..runtime import mx

PARTS = ('data', 'noise', 'G(z)', 'D update', 'G update', 'optimiser', 'rest')


class Operator(NamedTuple):
    """One of MXNet's operators: its calls and seconds per iteration.

    Operators run in parallel, so their seconds may add up to more than an iteration takes.
    """

    name: str
    calls: float
    seconds: float


def parts(updater: GANUpdater, iterations: int) -> dict[str, float]:
    """Return the median seconds per iteration of each of PARTS, over `iterations` >= 1.

    data: draw a batch and its labels. noise: draw z. G(z): its forward pass. D update, G update:
    forward and backward. optimiser: the steps of both networks. rest: labels, averages, reading the
    losses. Each part has a fence before and after it, so nothing runs in parallel across parts:
    together they take longer than an iteration does.
    """
    stopwatch = _Stopwatch()
    samples: dict[str, list[float]] = defaultdict(list)
    with _watched(updater, stopwatch):
        for _ in range(iterations):
            stopwatch.spent = dict.fromkeys(PARTS, 0.0)
            with stopwatch.part('rest'):
                updater.update()
                updater.drain()
            for name, seconds in stopwatch.spent.items():
                samples[name].append(seconds)
    return {name: statistics.median(values) for name, values in samples.items()}


class _Stopwatch:
    """A stopwatch for nested parts: the time of an inner part is not counted for the outer one."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._lap()
        self._open.append(name)
        try:
            yield
        finally:
            self._lap()
            self._open.pop()

    def _lap(self) -> None:
        """Add the time since the last lap to the innermost open part."""
        mx.nd.waitall()
        now = time.perf_counter()
        if self._open:
            self.spent[self._open[-1]] += now - self._since
        self._since = now


@contextmanager
def _watched(updater: GANUpdater, stopwatch: _Stopwatch) -> Iterator[None]:
    """Time the parts of the iterations in this scope."""
    original = updater.watch
    updater.watch = stopwatch.part
    try:
        yield
    finally:
        updater.watch = original


def operators(updater: GANUpdater, iterations: int) -> list[Operator]:
    """Return MXNet's operators over `iterations` >= 1, the most expensive first.

    gluongan's operators are counted one by one; outside of a profile MXNet runs several as one, see
    `nn.chains`. Profiling makes an iteration about 15 % slower.
    """
    with apart(), _traced_anew(updater):
        return _profile(updater, iterations)


@contextmanager
def _traced_anew(updater: GANUpdater) -> Iterator[None]:
    """Let graphs be traced in this scope, and again behind it."""
    blocks = [block for block in updater.blocks() if isinstance(block, Fused)]
    for block in blocks:
        block.trace_again()
    try:
        updater.update()
        yield
    finally:
        for block in blocks:
            block.trace_again()


def _profile(updater: GANUpdater, iterations: int) -> list[Operator]:
    updater.drain()
    # The profiler writes a file when it stops, whatever its settings; and `dump` after `dumps`
    # fails. It removes a file of that name first: not os.devnull, which root would lose.
    with TemporaryDirectory() as folder:
        mx.profiler.set_config(
            profile_imperative=True,
            profile_symbolic=True,
            profile_api=False,
            profile_memory=False,
            aggregate_stats=True,
            filename=f'{folder}/profile.json',
        )
        mx.profiler.set_state('run')
        for _ in range(iterations):
            updater.update()
        updater.drain()
        mx.profiler.set_state('stop')
        profile = json.loads(mx.profiler.dumps(reset=True, format='json'))
    table = []
    for name, entry in profile['Time'].get('operator', {}).items():
        seconds = entry['Total'] / 1000
        table.append(Operator(name, entry['Count'] / iterations, seconds / iterations))
    return sorted(table, key=lambda operator: -operator.seconds)
