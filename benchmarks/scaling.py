"""What to expect of many ranks: a model, not a measurement.

    python -m benchmarks.scaling [--cases dense-128,dcgan-128] [--ranks 8,64,512]
        [--gigabits 10,100] [--latency 50]

Each rank is a machine like the one on which benchmarks/results/compare-CASE.json was measured, and
has the batch of the case: the whole batch grows with the ranks. An iteration takes the measured
time, and then its exchanges, one for each update of a network. An exchange of b bytes among n ranks
in a ring takes 2 (n - 1) steps, each with a latency, and moves 2 (n - 1) / n · b bytes through each
rank's line (Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms"). Nothing overlaps,
as nothing does here. Left out are the copies into and out of the buffer, lines that are shared, and
ranks that wait for the slowest; so it is an upper bound.

Bytes are computed from the networks: a float32 for each weight, and for each running statistic in
the generator's exchange, and two more. The table says of how many machines' worth all ranks train.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from gluongan.bench import median
from gluongan.bench.trials import read

from . import cases
from .compare import RESULTS

FLOAT = 4  # bytes
FURTHER = 2  # the numbers that go with each exchange


class Line(NamedTuple):
    """A connection: bytes a second, and the seconds of latency of each step."""

    bytes_per_second: float
    latency: float


def exchanged(name: str, **changes: object) -> list[int]:
    """Return the bytes of each exchange of an iteration of a case, in order."""
    from gluongan.gan.together import running_statistics

    case, updater, _ = cases.load(name, **changes)
    dis, gen = (
        sum(parameter.data().size for parameter in optimizer.parameters)
        for optimizer in (updater.opt_dis, updater.opt_gen)
    )
    gen += sum(value.size for value in running_statistics(updater.gen, updater.dis))
    counts = [dis + FURTHER] * case['dis_steps'] + [gen + FURTHER] * updater.gen_steps
    return [FLOAT * count for count in counts]


def exchange_seconds(size: float, ranks: int, line: Line) -> float:
    """Return how long an exchange of `size` bytes takes in a ring.

    >>> exchange_seconds(8e6, 2, Line(1e9, 0)), exchange_seconds(8e6, 1, Line(1e9, 1))
    (0.008, 0.0)
    """
    return 2 * (ranks - 1) * (line.latency + size / ranks / line.bytes_per_second)


def machines_worth(seconds: float, sizes: Sequence[float], ranks: int, line: Line) -> float:
    """Return how many times as many images a second all ranks train as one machine alone.

    seconds: of an iteration alone. sizes: bytes of each exchange.

    >>> machines_worth(0.008, [8e6], 2, Line(1e9, 0))
    1.0
    """
    exchanging = sum(exchange_seconds(size, ranks, line) for size in sizes)
    return ranks * seconds / (seconds + exchanging)


def measured_seconds(name: str, results: Path = RESULTS) -> float:
    """Return the measured seconds of an iteration of a case on one machine."""
    return median(read(results / f'compare-{name}.json').by_name()[f'{name} gluongan'])


def table(
    names: Sequence[str], ranks: Sequence[int], gigabits: Sequence[float], latency: float
) -> str:
    """Return the estimates as a table in Markdown, a row for each case."""
    columns = list(product(gigabits, ranks))
    heading = [f'{count} ranks, {speed:g} Gbit/s' for speed, count in columns]
    lines = ['| case | MB an iteration | ' + ' | '.join(heading) + ' |']
    lines.append('|---|---:|' + '---:|' * len(columns))
    for name in names:
        sizes = exchanged(name)
        cells = []
        for speed, count in columns:
            line = Line(speed * 1e9 / 8, latency)
            cells.append(f'{machines_worth(measured_seconds(name), sizes, count, line):.1f}')
        lines.append(f'| `{name}` | {sum(sizes) / 1e6:.1f} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def main() -> None:
    """Print the table of estimates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', default='vanilla-128,dense-128,wgan-128,dcgan-128')
    parser.add_argument('--ranks', default='8,64,512')
    parser.add_argument('--gigabits', default='10,100')
    parser.add_argument('--latency', type=float, default=50.0, help='microseconds of a step')
    args = parser.parse_args()
    ranks = list(map(int, args.ranks.split(',')))
    gigabits = list(map(float, args.gigabits.split(',')))
    print('An estimate by a model, not a measurement: of how many machines’ worth all ranks train.')
    print(table(args.cases.split(','), ranks, gigabits, args.latency / 1e6))


if __name__ == '__main__':
    main()
