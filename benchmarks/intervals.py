"""Do the 95 % intervals of metrics hold what they say? A table of shares over many fresh draws.

    python -m benchmarks.intervals --data mnist --samples 1000 --draws 200

One half of the training images is the data, and draws of the other half, with known faults, are
what is measured. An interval should hold the mean of all draws in 95 % of the draws. The table has
a line for each metric, and for each set the share of draws whose interval held the mean, and how
wide intervals are: their half width, divided by 1.96 standard deviations of the metric over draws.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np

from gluongan.build import load_data
from gluongan.config import Config
from gluongan.evaluation import Counts, Intervals, Reference, Samples, classifier, evaluate
from gluongan.metric_names import metric_stem

from .judged import Random, copies, halves, missing, noise, shifted

COPIES = 300  # copied as memory goes: searching them takes the longest
SETS: dict[str, Callable] = {
    'real': lambda dataset, count, random: noise(dataset, count, random, 0),
    'a third of the classes missing': lambda *of: missing(*of, 0.3),
    'noise 0.1': lambda *of: noise(*of, 0.1),
    'shifted by a pixel': lambda *of: shifted(*of, 1),
    '1,000 images again and again': lambda *of: copies(*of, 1000),
}
Draws = list[tuple[dict[str, float], Intervals]]


def draw(reference: Reference, population: np.ndarray, count: int, draws: int) -> Draws:
    """Return the metrics of draws of `count` of a population, with their intervals."""
    found = []
    counts = Counts(memory=min(count, COPIES))
    for number in range(draws):
        chosen = Random(number).permutation(len(population))[:count]
        intervals = Intervals()
        samples = Samples('draw', population[chosen])
        found.append((evaluate(samples, reference, counts=counts, intervals=intervals), intervals))
        print(f'\r{number + 1} of {draws} ', end='', file=sys.stderr, flush=True)
    return found


def cell(name: str, draws: Draws) -> str:
    """Return how often intervals held the mean over all draws, and how wide they are."""
    values = np.array([of[name] for of, _ in draws])
    ends = np.array([intervals.found[name] for _, intervals in draws])
    held = (ends[:, 0] <= values.mean() + 1e-12) & (values.mean() - 1e-12 <= ends[:, 1])
    spread = 1.96 * values.std(ddof=1)
    width = np.mean(ends[:, 1] - ends[:, 0]) / 2
    wide = f' ({width / spread:.2f})' if spread > 0 else ''
    return f'{held.mean():.0%}{wide}'


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', default='mnist')
    parser.add_argument('--samples', type=int, default=1_000)
    parser.add_argument('--draws', type=int, default=200)
    parser.add_argument('--population', type=int, default=20_000)
    parser.add_argument('--sets', nargs='*', choices=list(SETS), default=list(SETS))
    given = parser.parse_args()
    dataset = load_data(Config(data=given.data))
    faulty, compared = halves(dataset)
    reference = Reference(compared, None, classifier.find_judge(dataset))
    columns = {}
    for name in given.sets:
        population = SETS[name](faulty, given.population, Random(0)).astype(np.float32)
        columns[name] = draw(reference, population, given.samples, given.draws)
        print(name, file=sys.stderr)
    print('| metric | ' + ' | '.join(columns) + ' |')
    print('|---|' + '---|' * len(columns))
    for name in next(iter(columns.values()))[0][1].found:
        if metric_stem(name) != 'share':
            cells = [cell(name, draws) for draws in columns.values()]
            print(f'| `{name}` | ' + ' | '.join(cells) + ' |')


if __name__ == '__main__':
    main()
