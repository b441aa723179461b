"""What the operators in C++ (gluongan/native) give: the same training with and without, in turn.

    python -m benchmarks.native --rounds 9

Prints, for each recipe and batch size, the median over the rounds of the ratio of two times of an
iteration, without and with, and the smallest and the largest.
"""

from __future__ import annotations

import argparse
import statistics
import time
from unittest.mock import patch

from gluongan import build, native, runtime
from gluongan.files import text_table
from gluongan.gan.updater import GANUpdater
from gluongan.recipes import recipe

CASES = (('dense', 128), ('dense', 512), ('conditional', 128), ('wgan', 128), ('dcgan', 128))
WARM_UP = 20  # iterations


def make_updater(name: str, batch: int, *, with_operators: bool) -> GANUpdater:
    """Return a warm updater of a recipe whose optimisers use the operators in C++ or do not."""
    config = recipe(name).with_settings({'batch': batch})
    dataset = build.load_data(config)
    if with_operators:
        updater = build.make_updater(config, dataset)
    else:
        with patch.object(native, 'can_update', lambda weights: False):
            updater = build.make_updater(config, dataset)
    seconds(updater, WARM_UP)
    return updater


def seconds(updater: GANUpdater, iterations: int) -> float:
    """Return the seconds that an iteration takes, between two fences."""
    updater.drain()
    start = time.perf_counter()
    for _ in range(iterations):
        updater.update()
    updater.drain()
    return (time.perf_counter() - start) / iterations


def measure(name: str, batch: int, rounds: int, least: float) -> tuple[str, ...]:
    """Return a row of the table. Each sample takes `least` seconds or more."""
    slow = make_updater(name, batch, with_operators=False)
    fast = make_updater(name, batch, with_operators=True)
    iterations = max(1, round(least / seconds(slow, 3)))
    samples = []
    for number in range(rounds):
        # Each goes first in every other round.
        if number % 2:
            with_operators, without = seconds(fast, iterations), seconds(slow, iterations)
        else:
            without, with_operators = seconds(slow, iterations), seconds(fast, iterations)
        samples.append((without / with_operators, without, with_operators))
    ratios, without, with_operators = zip(*samples)
    return (
        f'{name} at batch {batch}',
        f'{1000 * statistics.median(without):.1f}',
        f'{1000 * statistics.median(with_operators):.1f}',
        f'{statistics.median(ratios):.2f}',
        f'{min(ratios):.2f} to {max(ratios):.2f}',
    )


def main() -> None:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--seconds', type=float, default=0.5, help='of a sample, at least')
    args = parser.parse_args()
    if not native.is_available():
        raise SystemExit(f'the operators cannot be used: {native.reason_missing()}')
    rows = [('', 'without ms', 'with ms', 'ratio', 'smallest to largest')]
    rows += [measure(name, batch, args.rounds, args.seconds) for name, batch in CASES]
    print(f'{runtime.processor()}, {runtime.threads()} threads')
    print(text_table(rows))


if __name__ == '__main__':
    main()
