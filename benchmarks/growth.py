"""How time and memory grow with the batch, the width and the side of the images.

Also how fast samples are generated.

    python -m benchmarks.growth [--axes batch,width,side,sampling] [--rounds 3] [--seconds 2]

Every point is measured in a process of its own, so that its memory is its own; rounds go through
all points in turn. The results, with every sample, are in benchmarks/results/growth.json. The
overhead of the whole command, its start and its memory over a long run are measured by
benchmarks/overhead.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from gluongan.bench.subjects import environment
from gluongan.files import write_json
from gluongan.recipes import recipe

from .compare import RESULTS
from .driver import HERE, typed

BATCHES = (32, 64, 128, 256, 512, 1024, 2048)
WIDTHS = (0.25, 0.5, 1, 2, 4)  # relative to the recipe
SIDES = (16, 32, 64, 128)
SAMPLES = 4_096  # in one measurement of sampling

CHILD = """
import json, resource, sys, time
from gluongan import build
from gluongan.config import Config
from gluongan.gan import sampling
settings, seconds, samples = json.loads(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
config = Config(**settings)
updater = build.make_updater(config, build.load_data(config))

def timed(call):
    updater.drain()
    start = time.perf_counter()
    call()
    updater.drain()
    return time.perf_counter() - start

def iterations(count):
    for _ in range(count):
        updater.update()

iterations(3)
updater.drain()
if samples:
    z = updater.fixed_inputs(samples)
    timed(lambda: sampling.generate(updater.sampler, z[:64]))
    each = timed(lambda: sampling.generate(updater.sampler, z)) / samples
else:
    count = max(2, round(seconds / timed(lambda: iterations(2)) * 2))
    each = timed(lambda: iterations(count)) / count
print(json.dumps([each, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


class Point(NamedTuple):
    """One thing to measure: a position on an axis, for a recipe with some settings."""

    axis: str
    at: float
    recipe: str
    settings: dict[str, Any]


def points() -> list[Point]:
    """Return all points of all axes."""
    return [*_batch_points(), *_width_points(), *_side_points(), *_sampling_points()]


def _batch_points() -> list[Point]:
    chosen = []
    for name in ('dense', 'dcgan'):
        for batch in BATCHES:
            chosen.append(Point('batch', batch, name, {'batch': batch}))
    return chosen


def _width_points() -> list[Point]:
    dense, dcgan = recipe('dense'), recipe('dcgan')
    chosen = []
    for width in WIDTHS:
        layers = {
            'gen_hidden': [int(units * width) for units in dense.gen_hidden],
            'dis_hidden': [int(units * width) for units in dense.dis_hidden],
        }
        filters = {'conv_width': int(dcgan.conv_width * width)}
        chosen.append(Point('width', width, 'dense', layers))
        chosen.append(Point('width', width, 'dcgan', filters))
    return chosen


def _side_points() -> list[Point]:
    """512 synthetic images of each side, halved twice as in the recipe."""
    chosen = []
    for side in SIDES:
        settings = {'data': 'synthetic', 'image_size': side, 'conv_depth': 2}
        chosen.append(Point('side', side, 'dcgan', settings))
    return chosen


def _sampling_points() -> list[Point]:
    return [Point('sampling', 0, name, {}) for name in ('dense', 'dcgan')]


def measure(point: Point, seconds: float) -> tuple[float, float]:
    """Return seconds per iteration and the largest resident size in MB, of a new process.

    For sampling: seconds per sample.
    """
    settings = recipe(point.recipe).with_settings({**point.settings, 'device': 'cpu'}).to_dict()
    samples = SAMPLES if point.axis == 'sampling' else 0
    process = subprocess.run(
        [sys.executable, '-c', CHILD, json.dumps(settings), str(seconds), str(samples)],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
    )
    if process.returncode:
        last_line = process.stderr.strip().splitlines()[-1]
        raise SystemExit(f'{point.recipe}, {point.axis} {point.at:g}: {last_line}')
    return tuple(json.loads(process.stdout.splitlines()[-1]))


def _empty_row(point: Point) -> dict[str, Any]:
    batch = recipe(point.recipe).with_settings(point.settings).batch
    return {**point._asdict(), 'batch': batch, 'seconds': [], 'megabytes': []}


def main() -> None:
    """Measure the chosen axes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--axes', default='batch,width,side,sampling')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=2.0, help='length of a measurement')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    chosen = [point for point in points() if point.axis in args.axes.split(',')]
    rows = [_empty_row(point) for point in chosen]
    for _ in range(args.rounds):
        for point, row in zip(chosen, rows):
            seconds, megabytes = measure(point, args.seconds)
            row['seconds'].append(seconds)
            row['megabytes'].append(megabytes)
            name = f'{point.recipe:6} {point.axis:8} {point.at:7g}'
            print(f'{name} {1e3 * seconds:9.3f} ms {megabytes:7.0f} MB', flush=True)
    facts = environment(typed('growth', sys.argv[1:]))
    write_json(args.out / 'growth.json', {'rows': rows, 'environment': facts})


if __name__ == '__main__':
    main()
