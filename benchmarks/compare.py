"""How fast each framework trains the same GAN: one process each, all warmed up, timed in turn.

    python -m benchmarks.compare [--cases dense-128,dcgan-128] [--forms gluongan,torch,jax]
        [--rounds 15] [--seconds 1]

A round is one sample of each form, A B C D E, then the next round, so that a machine whose speed
drifts affects all of them alike; only one of them computes at a time. A sample is a block of
iterations between two fences inside the peer. The result is the median over the rounds of the ratio
between two samples of the same round. Every sample is kept: benchmarks/results/compare-CASE.json.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gluongan.bench import Trial, Trials, median, ratio, spread
from gluongan.bench.subjects import environment

from . import cases
from .driver import ENVIRONMENTS, FORMS, Peer, interpreter
from .equivalence import Material

RESULTS = Path(__file__).resolve().parent / 'results'
# Iterations. Compilers are done after the first, caches and allocators after a few more.
WARM_UP = 10
# Seconds between two turns. Threads of the last one spin for up to 0.2 s before they sleep.
PAUSE = 0.3
OURS = 'gluongan'


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
    with tempfile.TemporaryDirectory() as folder:
        material = Material(name, Path(folder), **changes)
        peers: list[Peer] = []
        try:
            for form in forms:
                peers.append(Peer(form, threads=threads, environments=environments))
                material.load(peers[-1])
            return _measure_in_turn(material.case, peers, rounds, seconds)
        finally:
            for peer in peers:
                peer.close()


def _measure_in_turn(
    case: dict[str, Any], peers: Sequence[Peer], rounds: int, seconds: float
) -> list[Trial]:
    blocks = {peer.name: _block(peer, seconds) for peer in peers}
    samples: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            time.sleep(PAUSE)
            samples[peer.name].append(peer.ask('time', n=blocks[peer.name])['seconds'])
    return [_trial(case, peer, samples[peer.name], blocks[peer.name]) for peer in peers]


def _block(peer: Peer, seconds: float) -> int:
    """Warm a peer up, and return how many of its iterations take `seconds`."""
    peer.ask('run', n=WARM_UP)
    return max(1, math.ceil(seconds / peer.ask('time', n=WARM_UP)['seconds']))


def _trial(case: dict[str, Any], peer: Peer, samples: Sequence[float], iterations: int) -> Trial:
    facts = {
        'case': case['name'],
        'form': peer.name,
        'threads': peer.threads,
        'versions': peer.versions,
        'megabytes': peer.ask('memory')['megabytes'],
    }
    name = f'{case["name"]} {peer.name}'
    return Trial(name, facts, tuple(samples), case['batch'] * case['dis_steps'], iterations)


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


def choose_forms(names: str | None, environments: Path) -> list[str]:
    """Return the named forms, or all that have an environment. Raises SystemExit for others."""
    if not names:
        return [form for form in FORMS if interpreter(form, environments)]
    forms = names.split(',')
    for form in forms:
        if form not in FORMS:
            raise SystemExit(f'--forms {form}: must be one of {", ".join(FORMS)}')
    return forms


def _command(arguments: Sequence[str]) -> list[str]:
    """Return what was typed without the path of the environments, which says nothing elsewhere."""
    words = list(arguments)
    if '--environments' in words:
        start = words.index('--environments')
        del words[start : start + 2]
    return ['python', '-m', 'benchmarks.compare', *words]


def main() -> None:
    """Measure the chosen cases and write one file per case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', default=','.join(cases.NAMES))
    parser.add_argument('--forms', help='default: all that have an environment')
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--seconds', type=float, default=1.0, help='length of a sample')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--environments', type=Path, default=ENVIRONMENTS)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    forms = choose_forms(args.forms, args.environments)
    for name in args.cases.split(','):
        facts = {**environment(_command(sys.argv[1:])), 'threads': args.threads}
        trials = measure_case(
            name,
            forms,
            rounds=args.rounds,
            seconds=args.seconds,
            threads=args.threads,
            environments=args.environments,
        )
        Trials(tuple(trials), facts).write(args.out / f'compare-{name}.json')
        print(summarise(trials), flush=True)


if __name__ == '__main__':
    main()
