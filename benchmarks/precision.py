"""How much faster are products in bfloat16: dense networks at three widths and four batches, float32 and bfloat16 in turn.

    python -m benchmarks.precision [--seconds 8]

The widths are `dense` as it is (hidden layers of 256, 512, 1024), and every hidden layer of 1024 and of 2048. Needs a processor
with matrix units (AMX). Every sample is kept: benchmarks/results/precision.json.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from gluongan.bench import Trial, Trials, ratio
from gluongan.bench.cases import Case
from gluongan.bench.measure import measure
from gluongan.bench.subjects import environment, subjects
from gluongan.recipes import recipe

RESULTS = Path(__file__).resolve().parent / 'results'
BATCHES = (128, 256, 512, 1024)
WIDTHS = {
    'as it is': {},
    **{str(n): {'gen_hidden': (n,) * 3, 'dis_hidden': (n,) * 2} for n in (1024, 2048)},
}
PRECISIONS = ('float32', 'bfloat16')


def pair(width: str, batch: int, seconds: float) -> list[Trial]:
    """Return a trial of `dense` at a width and a batch in each precision, taken in turn."""
    own = recipe('dense').with_settings(
        {'recipe': 'dense', 'device': 'cpu', 'batch': batch, **WIDTHS[width]}
    )
    cases = [Case(own.with_settings({'precision': precision})) for precision in PRECISIONS]
    return [
        replace(trial, name=f'{width}, {batch}, {precision}')
        for precision, trial in zip(PRECISIONS, measure(subjects(cases), seconds=seconds))
    ]


def main() -> None:
    """Measure every pair."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seconds', type=float, default=8.0, help='how long each case is timed')
    parser.add_argument('--out', type=Path, default=RESULTS)
    given = parser.parse_args()
    facts, trials = environment(['python', '-m', 'benchmarks.precision', *sys.argv[1:]]), []
    for width in WIDTHS:
        for batch in BATCHES:
            fine, coarse = pair(width, batch, given.seconds)
            trials += [fine, coarse]
            gain = ratio(coarse, fine)
            print(
                f'{width:8} {batch:5} {gain.value:.2f} × as fast ({gain.low:.2f} to {gain.high:.2f})',
                flush=True,
            )
    Trials(tuple(trials), facts).write(given.out / 'precision.json')


if __name__ == '__main__':
    main()
