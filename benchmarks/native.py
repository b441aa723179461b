"""What each part of the operators in C++ (gluongan/native) gives alone, and all of them together.

    python -m benchmarks.native [--cases dense-128,dcgan-128] [--parts updates,threads+dense]

`threads+dense` is two parts together: without `threads`, the operators compute in gluongan's pool
and the rest of MXNet in OpenMP's threads, and each takes cores from the other.

Each way is a process of its own, which GLUONGAN_NATIVE tells which parts to use: `0` for none, the
names of its parts for the others; it is not set for all. They train the same GAN and are timed in
turn, as in benchmarks.compare. The result is the median over the rounds of the ratio to the way
without any part. Every sample is kept: benchmarks/results/native-CASE.json.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gluongan import native
from gluongan.bench import Trial, Trials, median, ratio
from gluongan.bench.subjects import environment
from gluongan.files import text_table

from . import cases
from .compare import RESULTS
from .driver import Peer, typed
from .equivalence import OURS, Material
from .turns import measure_peers

CASES = ('dense-128', 'dense-512', 'conditional-128', 'projection-128', 'wgan-128', 'dcgan-128')
# What GLUONGAN_NATIVE can name, and what is measured. A part that the package gets is added here.
# `augment` is measured by benchmarks.augmentation.
PARTS = ('threads', 'updates', 'batches', 'norms', 'dense')
MEASURED = (*PARTS, 'threads+norms', 'threads+dense')
NONE, ALL = 'none', 'all'


def ways(parts: Sequence[str]) -> dict[str, str | None]:
    """Return the value of GLUONGAN_NATIVE for each way to run: none, each of these parts, all.

    None: not set.
    """
    return {NONE: '0', **{part: part.replace('+', ',') for part in parts}, ALL: None}


def measure(
    name: str,
    values: Mapping[str, str | None],
    *,
    rounds: int,
    seconds: float,
    threads: int,
    **changes: Any,
) -> list[Trial]:
    """Return a trial of each way to run a case. values: as `ways` returns them."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        material = Material(name, Path(folder), **changes)
        peers = []
        for value in values.values():
            peer = Peer(OURS, threads=threads, variables={native.SWITCH: value})
            peers.append(stack.enter_context(peer))
            material.load(peer)
        return measure_peers(material.case, peers, list(values), rounds, seconds)


def way(trial: Trial) -> str:
    """Return which parts were on: `none`, one of them, or `all`."""
    return trial.name.rpartition(' ')[2]


def without_parts(trials: Sequence[Trial]) -> Trial:
    """Return the trial of the way without any part."""
    return next(trial for trial in trials if way(trial) == NONE)


def gains(trials: Sequence[Trial]) -> dict[str, str]:
    """Return by way how many times as fast it is as without any part, with the quartiles."""
    without = without_parts(trials)
    texts = {}
    for trial in trials:
        if trial is not without:
            gain = ratio(trial, without)
            texts[way(trial)] = f'{gain.value:.2f} ({gain.low:.2f} to {gain.high:.2f})'
    return texts


def _summary_row(name: str, trials: Sequence[Trial]) -> tuple[str, ...]:
    milliseconds = 1000 * median(without_parts(trials))
    return (name, f'{milliseconds:.1f}', *gains(trials).values())


def _parse_parts(text: str) -> list[str]:
    parts = text.split(',')
    for part in parts:
        if not set(part.split('+')).issubset(PARTS):
            allowed = f'must be one of {", ".join(PARTS)}, or some of them joined by +'
            raise argparse.ArgumentTypeError(f'{part!r}: {allowed}')
    return parts


def main() -> None:
    """Measure the chosen cases, write one file per case, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cases.add_option(parser, CASES)
    parser.add_argument('--parts', type=_parse_parts, default=','.join(MEASURED))
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--seconds', type=float, default=0.5, help='length of a sample')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    if not native.LIBRARY.is_file():
        raise SystemExit(f'the operators cannot be used: {native.reason_missing()}')
    rows = [('', 'none, ms', *args.parts, ALL)]
    for name in args.cases:
        facts = {**environment(typed('native', sys.argv[1:])), 'threads': args.threads}
        trials = measure(
            name,
            ways(args.parts),
            rounds=args.rounds,
            seconds=args.seconds,
            threads=args.threads,
        )
        Trials(tuple(trials), facts).write(args.out / f'native-{name}.json')
        rows.append(_summary_row(name, trials))
    print(text_table(rows))


if __name__ == '__main__':
    main()
