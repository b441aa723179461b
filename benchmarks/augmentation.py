"""What augmentation costs: iterations per second without it and with it, in turns."""

from __future__ import annotations

import argparse
import statistics

import numpy as np

from gluongan import build, recipes
from gluongan.data import Dataset
from gluongan.gan.updater import GANUpdater

from .turns import time_updates

CASES = {  # recipe, shape of a picture, batch
    'dense': ('dense', (1, 28, 28), 128),
    'dcgan': ('dcgan', (1, 28, 28), 128),
    'dcgan64': ('dcgan', (3, 64, 64), 64),
}
DIFFAUGMENT = ('color', 'shift', 'cutout')
VARIANTS = {
    'none': {},
    'mirrored data': {'mirror': True},
    'color': {'augment': ('color',)},
    'shift': {'augment': ('shift',)},
    'cutout': {'augment': ('cutout',)},
    'color,shift,cutout': {'augment': DIFFAUGMENT},
    'the same, adaptive': {'augment': DIFFAUGMENT, 'augment_target': 0.6},
}


def updaters_of(case: str) -> dict[str, GANUpdater]:
    """Return a warm updater of each variant."""
    name, shape, batch = CASES[case]
    samples = np.random.default_rng(0).integers(0, 256, (4 * batch, *shape), np.uint8)
    dataset = Dataset('noise', samples)
    updaters = {}
    for variant, settings in VARIANTS.items():
        config = recipes.recipe(name).with_settings({**settings, 'batch': batch, 'device': 'cpu'})
        updaters[variant] = build.make_updater(config, dataset)
        time_updates(updaters[variant], 3)
    return updaters


def measure(case: str, rounds: int, duration: float) -> None:
    """Print a table of medians; the variants take turns of about `duration` seconds."""
    updaters = updaters_of(case)
    iterations = max(2, round(3 * duration / time_updates(updaters['none'], 3)))
    times: dict[str, list[float]] = {variant: [] for variant in updaters}
    for _ in range(rounds):
        for variant, updater in updaters.items():
            times[variant].append(time_updates(updater, iterations) / iterations)
    for variant, values in times.items():
        shares = [plain / value for plain, value in zip(times['none'], values)]
        print(
            f'| {case} | {variant} | {1 / statistics.median(values):.1f} | '
            f'{statistics.median(shares):.2f} ({min(shares):.2f} to {max(shares):.2f}) |'
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--cases', type=lambda text: text.split(','), default=list(CASES))
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=2.0)
    options = parser.parse_args()
    print('| networks | augmentation | iterations/s | share of the speed without it |')
    print('|---|---|---:|---:|')
    for case in options.cases:
        measure(case, options.rounds, options.seconds)


if __name__ == '__main__':
    main()
