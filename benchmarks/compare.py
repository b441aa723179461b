"""How fast is the same GAN in each framework: every form in its own process, all warmed up, then timed in turn.

    python -m benchmarks.compare [--cases dense-128,dcgan-128] [--forms gluongan,torch,jax] [--rounds 15] [--seconds 1]

A round is one sample of each form, A B C D E, then the next round, so that a drifting machine hits all alike; only one of them
computes at a time. A sample is a block of iterations between two fences inside of the peer. What counts is the median over the
rounds of the ratio between two samples of the same round. Every sample is kept: benchmarks/results/compare-CASE.json.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gluongan.bench import Trial, Trials, median, ratio, spread
from gluongan.bench.subjects import environment

from . import cases
from .driver import ENVIRONMENTS, FORMS, Peer, interpreter
from .equivalence import Material

RESULTS = Path(__file__).resolve().parent / 'results'
WARM_UP = (
    10  # iterations: compilers are done after the first, caches and allocators after a few more
)
PAUSE = (
    0.3  # seconds between two turns: threads of the one before spin for up to 0.2 before they sleep
)
OURS = 'gluongan'


def measured(
    name: str,
    forms: list[str],
    *,
    rounds: int,
    seconds: float,
    threads: int,
    environments: Path = ENVIRONMENTS,
    **changes: Any,
) -> list[Trial]:
    """Return a trial of each form of a case, `rounds` samples of at least `seconds` each, taken in turn."""
    with tempfile.TemporaryDirectory() as folder:
        material = Material(name, Path(folder), **changes)
        peers = []
        try:
            for form in forms:
                peers.append(Peer(form, threads=threads, environments=environments))
                material.load(peers[-1])
            return _in_turn(material.case, peers, rounds, seconds)
        finally:
            for peer in peers:
                peer.close()


def _in_turn(case: dict[str, Any], peers: list[Peer], rounds: int, seconds: float) -> list[Trial]:
    blocks = {peer.name: _block(peer, seconds) for peer in peers}
    samples: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            time.sleep(PAUSE)
            samples[peer.name].append(peer.ask('time', n=blocks[peer.name])['seconds'])
    return [_trial(case, peer, samples[peer.name], blocks[peer.name]) for peer in peers]


def _block(peer: Peer, seconds: float) -> int:
    """Warm a peer up, and return how many of its iterations last so long."""
    peer.ask('run', n=WARM_UP)
    return max(1, math.ceil(seconds / peer.ask('time', n=WARM_UP)['seconds']))


def _trial(case: dict[str, Any], peer: Peer, samples: list[float], iterations: int) -> Trial:
    facts = {
        'case': case['name'],
        'form': peer.name,
        'threads': peer.threads,
        'versions': peer.versions,
        'megabytes': peer.ask('memory')['megabytes'],
    }
    return Trial(
        f'{case["name"]} {peer.name}',
        facts,
        tuple(samples),
        case['batch'] * case['dis_steps'],
        iterations,
    )


def told(trials: list[Trial]) -> str:
    """Say a case in lines: iterations/s of each form, its spread, and how many times as fast ours is."""
    ours = next((trial for trial in trials if trial.facts['form'] == OURS), None)
    lines = []
    for trial in trials:
        line = f'{trial.name:32} {1 / median(trial):8.2f} it/s, spread {100 * spread(trial):4.1f} %'
        if ours and trial is not ours:
            speed = ratio(ours, trial)
            line += f'; {OURS} is {speed.value:.2f} × as fast ({speed.low:.2f} to {speed.high:.2f})'
        lines.append(line)
    return '\n'.join(lines)


def chosen(given: str | None, environments: Path) -> list[str]:
    """Return the forms that were asked for, or all whose environment is there. Raises SystemExit for an unknown one."""
    if not given:
        return [form for form in FORMS if interpreter(form, environments)]
    unknown = [form for form in given.split(',') if form not in FORMS]
    if unknown:
        raise SystemExit(f'--forms {unknown[0]}: must be some of {", ".join(FORMS)}')
    return given.split(',')


def _command(words: list[str]) -> list[str]:
    """What was typed, without the place of the environments, which is this machine's alone."""
    at = words.index('--environments') if '--environments' in words else len(words)
    return ['python', '-m', 'benchmarks.compare', *words[:at], *words[at + 2 :]]


def main() -> None:
    """Measure what was asked for, a file a case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', default=','.join(cases.NAMES))
    parser.add_argument('--forms', help='by default all whose environment is there')
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--seconds', type=float, default=1.0, help='of one sample')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--environments', type=Path, default=ENVIRONMENTS)
    parser.add_argument('--out', type=Path, default=RESULTS)
    given = parser.parse_args()
    forms = chosen(given.forms, given.environments)
    for name in given.cases.split(','):
        before = environment(_command(sys.argv[1:]))
        trials = measured(
            name,
            forms,
            rounds=given.rounds,
            seconds=given.seconds,
            threads=given.threads,
            environments=given.environments,
        )
        Trials(tuple(trials), {**before, 'threads': given.threads}).write(
            given.out / f'compare-{name}.json'
        )
        print(told(trials), flush=True)


if __name__ == '__main__':
    main()
