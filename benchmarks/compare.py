"""How fast each framework trains the same GAN: one process each, all warmed up, timed in turn.

    python -m benchmarks.compare [--cases dense-128,dcgan-128] [--forms gluongan,torch,jax]
        [--rounds 15] [--seconds 1] [--threads 2]

A round is one sample of each form, A B C D E, then the next round, so that a machine whose speed
drifts affects all of them alike; only one of them computes at a time. A sample is a block of
iterations between two fences inside the peer. The result is the median over the rounds of the ratio
between two samples of the same round. Every sample is kept: benchmarks/results/compare-CASE.json,
and one-thread-CASE.json with `--threads 1`, which the page shows in a table of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gluongan.bench import Trial, Trials, median, ratio, spread
from gluongan.bench.subjects import environment

from . import cases
from .driver import ENVIRONMENTS, Peer, choose_forms, typed
from .equivalence import OURS, Material
from .turns import measure_peers

RESULTS = Path(__file__).resolve().parent / 'results'


def measure_case(
    name: str,
    forms: Sequence[str],
    *,
    rounds: int,
    seconds: float,
    threads: int,
    environments: Path = ENVIRONMENTS,
    **changes: Any,
) -> list[Trial]:
    """Return a trial of each form of a case: `rounds` samples of at least `seconds`, in turn."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        material = Material(name, Path(folder), **changes)
        peers = []
        for form in forms:
            peer = Peer(form, threads=threads, environments=environments)
            peers.append(stack.enter_context(peer))
            material.load(peer)
        return measure_peers(material.case, peers, forms, rounds, seconds)


def summarise(trials: Sequence[Trial]) -> str:
    """Return a line per form: iterations/s, spread, and how many times as fast gluongan is."""
    ours = None
    for trial in trials:
        if trial.facts['form'] == OURS:
            ours = trial
    return '\n'.join(_summary_line(trial, ours) for trial in trials)


def _summary_line(trial: Trial, ours: Trial | None) -> str:
    speed, wide = 1 / median(trial), 100 * spread(trial)
    line = f'{trial.name:32} {speed:8.2f} it/s, spread {wide:4.1f} %'
    if ours is None or trial is ours:
        return line
    gain = ratio(ours, trial)
    return f'{line}; {OURS} is {gain.value:.2f} × as fast ({gain.low:.2f} to {gain.high:.2f})'


def file_name(case: str, threads: int) -> str:
    """Return the name of the file of a case's trials."""
    return f'{"one-thread" if threads == 1 else "compare"}-{case}.json'


def main() -> None:
    """Measure the chosen cases and write one file per case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cases.add_option(parser, cases.NAMES)
    parser.add_argument('--forms', help='default: all that have an environment')
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--seconds', type=float, default=1.0, help='length of a sample')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--environments', type=Path, default=ENVIRONMENTS)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    forms = choose_forms(args.forms, args.environments)
    for name in args.cases:
        facts = {**environment(typed('compare', sys.argv[1:])), 'threads': args.threads}
        trials = measure_case(
            name,
            forms,
            rounds=args.rounds,
            seconds=args.seconds,
            threads=args.threads,
            environments=args.environments,
        )
        Trials(tuple(trials), facts).write(args.out / file_name(name, args.threads))
        print(summarise(trials), flush=True)


if __name__ == '__main__':
    main()
