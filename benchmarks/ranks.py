"""How fast two ranks with one thread each train the batch that one process trains with two.

    python -m benchmarks.ranks [--cases dense-128,dcgan-64] [--rounds 5] [--iterations 100]

Needs horovodrun, see docs/scaling.md. Both take turns: a sample is a block of iterations of the
whole batch. The result is the median over the rounds of the ratio of their speeds. Every sample is
kept, with the load of the machine: benchmarks/results/ranks-CASE.json.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from gluongan.bench import Trial, Trials, median, ratio
from gluongan.bench.subjects import environment
from gluongan.jobs.processes import environment_of

from . import cases
from .compare import RESULTS
from .driver import typed
from .scaling import exchanged
from .side_by_side import Sample, Side, make_trial
from .turns import WARM_UP

LONGEST = 600  # seconds that a block may take

CHILD = """
import sys, time
from pathlib import Path
sys.path[:] = {path!r}
from benchmarks import cases
from gluongan import build
from gluongan.ranks.launched import find_ranks
folder, config, ranks = Path(sys.argv[2]), cases.config(sys.argv[1]), find_ranks()
updater = build.make_updater(config, build.load_data(config), ranks=ranks)

def run(count):
    start, used = time.perf_counter(), time.process_time()
    for _ in range(count):
        updater.update()
    updater.drain()
    updater.take()
    return time.perf_counter() - start, time.process_time() - used

run({warm_up})
for turn in range({rounds}):
    while ranks.rank == 0 and not (folder / f'go-{{turn}}').exists():
        time.sleep(0.01)
    ranks.average(())
    taken = run({iterations})
    (folder / f'{{turn}}-{{ranks.rank}}.part').write_text(' '.join(map(str, taken)))
    (folder / f'{{turn}}-{{ranks.rank}}.part').rename(folder / f'{{turn}}-{{ranks.rank}}')
"""


class RankSide:
    """Two ranks with one thread each, which train a block of iterations when they are told."""

    def __init__(self, name: str, rounds: int, iterations: int, stack: ExitStack) -> None:
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self._turn = -1
        self._iterations = iterations
        code = CHILD.format(path=sys.path, warm_up=WARM_UP, rounds=rounds, iterations=iterations)
        words = [sys.executable, '-c', code, name, str(self._folder)]
        self._process = subprocess.Popen(
            ['horovodrun', '--gloo', '-np', '2', *words],
            env=environment_of(1),
            stdout=subprocess.DEVNULL,
        )
        stack.callback(self._process.wait)

    def sample(self) -> Sample:
        """Let both ranks train a block of iterations of the whole batch."""
        self._turn += 1
        (self._folder / f'go-{self._turn}').touch()
        end = time.monotonic() + LONGEST
        answers = [self._folder / f'{self._turn}-{rank}' for rank in (0, 1)]
        while not all(answer.exists() for answer in answers):
            if self._process.poll() is not None or time.monotonic() > end:
                raise SystemExit('horovodrun has ended before its ranks answered')
            time.sleep(0.01)
        taken = [tuple(map(float, answer.read_text().split())) for answer in answers]
        wall, used = max(each[0] for each in taken), sum(each[1] for each in taken)
        count = self._iterations
        return Sample(wall / count, used / count, os.getloadavg()[0])


def measure(name: str, *, rounds: int, iterations: int) -> list[Trial]:
    """Return the trials of one process with two threads, and of two ranks with one each."""
    with ExitStack() as stack:
        one = Side(name, 1, 2, stack)
        one.iterations = iterations
        two = RankSide(name, rounds, iterations, stack)
        samples: tuple[list[Sample], list[Sample]] = ([], [])
        for _ in range(rounds):
            for side, taken in zip((one, two), samples):
                taken.append(side.sample())
    images = cases.config(name).batch
    return [
        make_trial(f'{name} {what}', taken, images, iterations)
        for what, taken in zip(('1 × 2 threads', '2 ranks × 1 thread'), samples)
    ]


def main() -> None:
    """Measure the chosen cases and write one file per case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', default='dense-128,dcgan-64')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--iterations', type=int, default=100, help='in a sample')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    for name in args.cases.split(','):
        trials = measure(name, rounds=args.rounds, iterations=args.iterations)
        facts = {**environment(typed('ranks', sys.argv[1:])), 'bytes': exchanged(name)}
        Trials(tuple(trials), facts).write(args.out / f'ranks-{name}.json')
        one, two = trials
        gain = ratio(two, one)
        print(
            f'{one.name}: {1 / median(one):.1f} it/s; {two.name}: {1 / median(two):.1f} it/s: '
            f'{gain.value:.2f} × as fast ({gain.low:.2f} to {gain.high:.2f}); '
            f'{sum(exchanged(name)) / 1e6:.1f} MB exchanged an iteration; '
            f'load {max(one.facts["load"] + two.facts["load"]):.1f} at most',
            flush=True,
        )


if __name__ == '__main__':
    main()
