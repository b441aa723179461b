"""How fast training is on a busy machine: alone, and beside one endless loop, in turn.

    python -m benchmarks.busy [--recipes dense,dcgan] [--forms gluongan,torch] [--rounds 9]

The loop is another process of the same priority, so a fair kernel gives it up to one core. A round
is one sample of each form alone and one beside the loop. The result is the median over the rounds
of the ratio of the two speeds. Every sample is kept: benchmarks/results/busy-CASE.json.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from gluongan.bench import Trial, Trials, median, ratio
from gluongan.bench.subjects import environment

from . import cases
from .compare import RESULTS
from .driver import ENVIRONMENTS, Peer, choose_forms, typed
from .equivalence import Material
from .turns import PAUSE, Block, make_block, make_trial, take_turns

RECIPES = ('vanilla', 'dense', 'binarized', 'wgan', 'conditional', 'projection', 'dcgan')
BATCH = 128
LOOP = 'while True: pass'
ALONE, BESIDE = 'alone', 'beside a loop'


@contextmanager
def endless_loop() -> Iterator[subprocess.Popen[bytes]]:
    """Keep one core busy in this scope, with the process that is given."""
    process = subprocess.Popen([sys.executable, '-S', '-c', LOOP])
    try:
        time.sleep(PAUSE)  # until the process runs
        yield process
    finally:
        process.kill()
        process.wait()


def _sample_beside(block: Block) -> float:
    with endless_loop():
        return block.sample()


def measure(
    name: str,
    forms: Sequence[str],
    *,
    rounds: int,
    seconds: float,
    threads: int,
    environments: Path = ENVIRONMENTS,
    **changes: Any,
) -> list[Trial]:
    """Return two trials of each form of a case, alone and beside a loop, taken in turn."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        material = Material(name, Path(folder), **changes)
        blocks = []
        for form in forms:
            peer = Peer(form, threads=threads, environments=environments)
            stack.enter_context(peer)
            material.load(peer)
            blocks.append(make_block(peer, seconds))
        return _measure_blocks(material.case, blocks, rounds)


def _measure_blocks(case: dict[str, Any], blocks: Sequence[Block], rounds: int) -> list[Trial]:
    samplers, settings = [], []
    for block in blocks:
        samplers += [block.sample, lambda block=block: _sample_beside(block)]
        settings += [(block, ALONE), (block, BESIDE)]
    trials = []
    for (block, beside), samples in zip(settings, take_turns(samplers, rounds)):
        label = f'{block.peer.name} {beside}'
        trials.append(make_trial(case, block, samples, label, beside=beside))
    return trials


def pairs(trials: Sequence[Trial]) -> list[tuple[Trial, Trial]]:
    """Return the trials of each form: alone, and beside a loop."""
    return list(zip(trials[::2], trials[1::2]))


def summarise(trials: Sequence[Trial]) -> str:
    """Return a line per form: iterations/s alone and beside the loop, and their ratio."""
    lines = []
    for alone, beside in pairs(trials):
        kept = ratio(beside, alone)
        lines.append(
            f'{alone.name:32} {1 / median(alone):8.2f} it/s, {BESIDE} {1 / median(beside):8.2f}: '
            f'{kept.value:.2f} × as fast ({kept.low:.2f} to {kept.high:.2f})'
        )
    return '\n'.join(lines)


def main() -> None:
    """Measure the chosen recipes at batch 128 and write one file per case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--recipes', default=','.join(RECIPES), help=f'at batch {BATCH}, separated by commas'
    )
    parser.add_argument('--forms', help='default: all that have an environment')
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--seconds', type=float, default=1.0, help='length of a sample')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--environments', type=Path, default=ENVIRONMENTS)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    for recipe in args.recipes.split(','):
        if recipe not in cases.RECIPES:
            parser.error(f'--recipes {recipe}: must be one of {", ".join(cases.RECIPES)}')
    forms = choose_forms(args.forms, args.environments)
    for recipe in args.recipes.split(','):
        name = f'{recipe}-{BATCH}'
        facts = {**environment(typed('busy', sys.argv[1:])), 'threads': args.threads}
        trials = measure(
            name,
            forms,
            rounds=args.rounds,
            seconds=args.seconds,
            threads=args.threads,
            environments=args.environments,
        )
        Trials(tuple(trials), facts).write(args.out / f'busy-{name}.json')
        print(summarise(trials), flush=True)


if __name__ == '__main__':
    main()
