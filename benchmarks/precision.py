"""How much faster bfloat16 is: dense networks at three widths and four batch sizes.

    python -m benchmarks.precision [--seconds 8]

float32 and bfloat16 are timed in turn. The widths are `dense` as it is (hidden layers of 256, 512
and 1024 units), and every hidden layer of 1024 and of 2048 units. This needs a processor with AMX
matrix units. Every sample is kept: benchmarks/results/precision.json.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from gluongan.bench import Trial, Trials, ratio
from gluongan.bench.cases import Case
from gluongan.bench.measure import measure
from gluongan.bench.subjects import environment, make_subjects
from gluongan.recipes import recipe

from .driver import typed

RESULTS = Path(__file__).resolve().parent / 'results'
BATCHES = (128, 256, 512, 1024)
WIDTHS = {
    'as it is': {},
    '1024': {'gen_hidden': (1024, 1024, 1024), 'dis_hidden': (1024, 1024)},
    '2048': {'gen_hidden': (2048, 2048, 2048), 'dis_hidden': (2048, 2048)},
}
PRECISIONS = ('float32', 'bfloat16')


def measure_pair(width: str, batch: int, seconds: float) -> list[Trial]:
    """Return a trial of `dense` at a width and a batch size in each precision, taken in turn."""
    settings = {'recipe': 'dense', 'device': 'cpu', 'batch': batch, **WIDTHS[width]}
    config = recipe('dense').with_settings(settings)
    cases = [Case(config.with_settings({'precision': precision})) for precision in PRECISIONS]
    trials = []
    for precision, trial in zip(PRECISIONS, measure(make_subjects(cases), seconds=seconds)):
        trials.append(replace(trial, name=f'{width}, {batch}, {precision}'))
    return trials


def main() -> None:
    """Measure every pair."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seconds', type=float, default=8.0, help='how long each case is timed')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    facts = environment(typed('precision', sys.argv[1:]))
    trials: list[Trial] = []
    for width in WIDTHS:
        for batch in BATCHES:
            pair = measure_pair(width, batch, args.seconds)
            trials += pair
            float32, bfloat16 = pair
            gain = ratio(bfloat16, float32)
            print(
                f'{width:8} {batch:5} {gain.value:.2f} × as fast '
                f'({gain.low:.2f} to {gain.high:.2f})',
                flush=True,
            )
    Trials(tuple(trials), facts).write(args.out / 'precision.json')


if __name__ == '__main__':
    main()
