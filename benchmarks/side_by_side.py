"""How much `gluongan train --seeds … --jobs 2` gains over one run after the other.

    python -m benchmarks.side_by_side [--cases dense-128,vanilla-32] [--rounds 7] [--seconds 2]
        [--threads 2] [--command 2000]

A case is a recipe at a batch size. One process that computes with all threads, and as many
processes as threads with one each, started as `--jobs` starts them, take turns: a sample is a block
of iterations in each process, from the word to the last answer. The result is the median over the
rounds of the ratio of their speeds, in iterations a second of all processes together. Beside it
stands the ratio of the processor's time per iteration, on which other work of the machine has less
influence.

--command N: time the whole command instead, with its start, logs, samples, measurements and
figures: four seeds of N iterations one after the other, and with --jobs.

Every sample is kept, with the load of the machine: benchmarks/results/side-by-side-CASE.json, and
jobs-CASE.json of the command.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from gluongan.bench import Trial, Trials, median, ratio
from gluongan.bench.subjects import environment
from gluongan.jobs.processes import CODE, environment_of

from . import cases
from .compare import RESULTS
from .driver import typed
from .turns import WARM_UP

SEEDS = '0-3'
CHILD = """
import sys, time
sys.path[:] = {path!r}
from benchmarks import cases
_, updater, _ = cases.load(sys.argv[1])

def run(count):
    start, used = time.perf_counter(), time.process_time()
    for _ in range(count):
        updater.update()
    updater.drain()
    updater.take()
    print(time.perf_counter() - start, time.process_time() - used, flush=True)

run({warm_up})
for line in sys.stdin:
    run(int(line))
"""


class Sample(NamedTuple):
    """Seconds an iteration of all processes together: by the clock, and of the processor."""

    wall: float
    used: float
    load: float


class Side:
    """Some processes that train a case at the same time, each with so many threads."""

    def __init__(self, name: str, processes: int, threads: int, stack: ExitStack) -> None:
        self.name = f'{processes} × {threads} thread{"s" * (threads > 1)}'
        code = CHILD.format(path=sys.path, warm_up=WARM_UP)
        self._processes = []
        for _ in range(processes):
            process = subprocess.Popen(
                [sys.executable, '-c', code, name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment_of(threads),
            )
            stack.callback(process.wait)
            stack.enter_context(process.stdin)
            self._processes.append(process)
        self._warm = max(self._answers())[0] / WARM_UP

    def _answers(self) -> list[tuple[float, ...]]:
        return [tuple(map(float, each.stdout.readline().split())) for each in self._processes]

    def set_block(self, seconds: float) -> None:
        """Choose how many iterations a sample has in each process."""
        self.iterations = max(1, round(seconds / self._warm))

    def sample(self) -> Sample:
        """Let all processes train a block at the same time."""
        start = time.perf_counter()
        for process in self._processes:
            process.stdin.write(f'{self.iterations}\n')
            process.stdin.flush()
        answers = self._answers()
        wall = time.perf_counter() - start
        count = self.iterations * len(answers)
        used = sum(each for _, each in answers)
        return Sample(wall / count, used / count, os.getloadavg()[0])


def measure(name: str, *, rounds: int, seconds: float, threads: int) -> list[Trial]:
    """Return the trials of one process with all threads, and of many with one each."""
    with ExitStack() as stack:
        sides = [Side(name, 1, threads, stack), Side(name, threads, 1, stack)]
        samples: list[list[Sample]] = [[], []]
        for side in sides:
            side.set_block(seconds)
        for _ in range(rounds):
            for side, taken in zip(sides, samples):
                taken.append(side.sample())
    case = cases.config(name)
    return [
        make_trial(f'{name} {side.name}', taken, case.batch * case.dis_steps, side.iterations)
        for side, taken in zip(sides, samples)
    ]


def make_trial(name: str, samples: Sequence[Sample], images: int, iterations: int) -> Trial:
    """Return a trial by the clock; its facts hold the processor's time and the load."""
    facts = {'used': [each.used for each in samples], 'load': [each.load for each in samples]}
    return Trial(name, facts, tuple(each.wall for each in samples), images, iterations)


def measure_command(name: str, *, rounds: int, iterations: int, threads: int) -> list[Trial]:
    """Return the trials of the whole command: one run after the other, and side by side."""
    config = cases.config(name)
    words = ['train', f'--recipe={config.recipe}', f'--batch={config.batch}', f'--seeds={SEEDS}']
    words += [f'--iterations={iterations}', f'--ema={config.ema}']
    forms = {'one after the other': [], f'{threads} jobs': [f'--jobs={threads}']}
    samples: dict[str, list[Sample]] = {form: [] for form in forms}
    for _ in range(rounds):
        for form, further in forms.items():
            samples[form].append(_time_command([*words, *further], threads, 4 * iterations))
    images = config.batch * config.dis_steps
    return [
        make_trial(f'{name} {form}', taken, images, 4 * iterations)
        for form, taken in samples.items()
    ]


def _time_command(words: Sequence[str], threads: int, count: int) -> Sample:
    with tempfile.TemporaryDirectory() as folder:
        before, start = os.times(), time.perf_counter()
        subprocess.run(
            [sys.executable, '-c', CODE.format(path=sys.path), *words],
            check=True,
            capture_output=True,
            env=environment_of(threads),
            cwd=folder,
        )
        wall, after = time.perf_counter() - start, os.times()
    used = after[2] + after[3] - before[2] - before[3]  # of processes that have ended
    return Sample(wall / count, used / count, os.getloadavg()[0])


def summarise(trials: Sequence[Trial]) -> str:
    """Return a line per case: both speeds, their ratio, that of the processor's time, the load."""
    lines = []
    for one, many in zip(trials[::2], trials[1::2]):
        gain = ratio(many, one)
        used = [statistics.median(each.facts['used']) for each in (one, many)]
        load = statistics.median(one.facts['load'] + many.facts['load'])
        lines.append(
            f'{one.name}: {1 / median(one):.1f} it/s; {many.name}: {1 / median(many):.1f} it/s: '
            f'{gain.value:.2f} × as fast ({gain.low:.2f} to {gain.high:.2f}); '
            f'{used[0] / used[1]:.2f} × by the processor’s time; load {load:.1f}'
        )
    return '\n'.join(lines)


def main() -> None:
    """Measure the chosen cases and write one file per case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', default='dense-128,dense-32,vanilla-32,dcgan-64')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--seconds', type=float, default=2.0, help='length of a sample')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--command', type=int, metavar='N', help='iterations of each run')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    how: dict[str, Any] = {'rounds': args.rounds, 'threads': args.threads}
    for name in args.cases.split(','):
        facts = {**environment(typed('side_by_side', sys.argv[1:])), 'threads': args.threads}
        if args.command:
            trials = measure_command(name, iterations=args.command, **how)
        else:
            trials = measure(name, seconds=args.seconds, **how)
        kind = 'jobs' if args.command else 'side-by-side'
        Trials(tuple(trials), facts).write(args.out / f'{kind}-{name}.json')
        print(summarise(trials), flush=True)


if __name__ == '__main__':
    main()
