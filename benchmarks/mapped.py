"""Pictures that are mapped from a file beside pictures in memory: resident memory and speed."""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from gluongan import build, data, recipes
from gluongan.data import Dataset, cache
from gluongan.gan.updater import GANUpdater

from .turns import time_updates

SIDE, CHANNELS = 64, 3
IN_MEMORY = 20_000  # pictures of the data that the speed is compared with
GB = 1e6  # kilobytes


def make_pictures(folder: Path, count: int) -> None:
    """Write `count` different pictures into two classes."""
    from PIL import Image

    random = np.random.RandomState(0)
    for number in range(count):
        path = folder / str(number % 2) / f'{number:07}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        colours = random.randint(0, 256, (8, 8, CHANNELS)).astype(np.uint8)
        picture = Image.fromarray(colours).resize((SIDE, SIDE), Image.NEAREST)
        picture.save(path, compress_level=1)


def updater_of(dataset: Dataset) -> GANUpdater:
    """Return a warm updater of `dcgan` on the data."""
    settings = {'image_size': SIDE, 'batch': 64, 'device': 'cpu', 'data': str(dataset.name)}
    updater = build.make_updater(recipes.recipe('dcgan').with_settings(settings), dataset)
    for _ in range(3):
        updater.update()
    updater.drain()
    return updater


def resident() -> float:
    """Return the most memory that this process had so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GB


def measure(count: int, rounds: int, iterations: int) -> None:
    """Print how long loading takes, the memory, and the ratio of the speeds."""
    with tempfile.TemporaryDirectory() as place:
        os.environ['GLUONGAN_CACHE'] = f'{place}/cache'
        cache.FROM = 1
        folder = Path(place, 'pictures')
        make_pictures(folder, count)
        for title in ('first', 'second'):
            start = time.perf_counter()
            mapped = data.load(folder, image_size=SIDE)
            print(f'{title} time loaded in {time.perf_counter() - start:.1f} s')
        print(f'{count:,} pictures: {resident():.2f} GB resident')
        samples = np.array(mapped.samples[:IN_MEMORY])
        held = Dataset('held', samples, mapped.labels[:IN_MEMORY], mapped.classes)
        updaters = updater_of(mapped), updater_of(held)
        ratios = []
        for _ in range(rounds):
            of_mapped, of_held = (time_updates(updater, iterations) for updater in updaters)
            ratios.append(of_held / of_mapped)
        print(
            f'mapped pictures train at {statistics.median(ratios):.2f} × the speed of those in '
            f'memory ({min(ratios):.2f} to {max(ratios):.2f})'
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--pictures', type=int, default=100_000)
    parser.add_argument('--rounds', type=int, default=6)
    parser.add_argument('--iterations', type=int, default=4)
    options = parser.parse_args()
    measure(options.pictures, options.rounds, options.iterations)


if __name__ == '__main__':
    main()
