"""How time and memory grow with the batch, the width and the side of the pictures, and how fast samples are drawn.

    python -m benchmarks.growth [--axes batch,width,side,sampling] [--rounds 3] [--seconds 2]

Every point is a process of its own, so that its memory is its own; rounds go through all points in turn. The results, every
sample kept, are in benchmarks/results/growth.json. Whole-command overhead, start-up and memory over a long run are measured by
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
from .driver import HERE

BATCHES = (32, 64, 128, 256, 512, 1024, 2048)
WIDTHS = (0.25, 0.5, 1, 2, 4)  # times the recipe's own
SIDES = (16, 32, 64, 128)
DRAWN = 4_096  # samples in one measurement of sampling

CHILD = """
import json, resource, sys, time
from gluongan import build, sampling
from gluongan.config import Config
settings, seconds, drawn = json.loads(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
config = Config(**settings)
updater = build.make_updater(config, build.load_data(config))

def timed(call):
    updater.drain()
    begun = time.perf_counter()
    call()
    updater.drain()
    return time.perf_counter() - begun

def iterations(count):
    for _ in range(count):
        updater.update()

iterations(3)
updater.drain()
if drawn:
    z = updater.fixed_inputs(drawn)
    timed(lambda: sampling.generate(updater.sampler, z[:64]))
    each = timed(lambda: sampling.generate(updater.sampler, z)) / drawn
else:
    count = max(2, round(seconds / timed(lambda: iterations(2)) * 2))
    each = timed(lambda: iterations(count)) / count
print(json.dumps([each, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


class Point(NamedTuple):
    """One thing to measure: on which axis, where, for which recipe, and with which settings."""

    axis: str
    at: float
    recipe: str
    settings: dict[str, Any]


def points() -> list[Point]:
    """Return all points of all axes."""
    dense, dcgan = recipe('dense'), recipe('dcgan')
    found = [
        Point('batch', batch, name, {'batch': batch})
        for name in ('dense', 'dcgan')
        for batch in BATCHES
    ]
    for width in WIDTHS:
        hidden = {
            name: [int(n * width) for n in getattr(dense, name)]
            for name in ('gen_hidden', 'dis_hidden')
        }
        found += [
            Point('width', width, 'dense', hidden),
            Point('width', width, 'dcgan', {'conv_width': int(dcgan.conv_width * width)}),
        ]
    # 512 drawn pictures of any side, with the recipe's two halvings of the side at each.
    found += [
        Point('side', side, 'dcgan', {'data': 'synthetic', 'image_size': side, 'conv_depth': 2})
        for side in SIDES
    ]
    return found + [Point('sampling', 0, name, {}) for name in ('dense', 'dcgan')]


def measured(point: Point, seconds: float) -> tuple[float, float]:
    """Return seconds an iteration (or a sample, where sampling) and the largest resident size in MB, of a new process."""
    settings = recipe(point.recipe).with_settings({**point.settings, 'device': 'cpu'}).to_dict()
    drawn = DRAWN if point.axis == 'sampling' else 0
    done = subprocess.run(
        [sys.executable, '-c', CHILD, json.dumps(settings), str(seconds), str(drawn)],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(
            f'{point.recipe}, {point.axis} {point.at:g}: {done.stderr.strip().splitlines()[-1]}'
        )
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--axes', default='batch,width,side,sampling')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=float, default=2.0, help='of one measurement')
    parser.add_argument('--out', type=Path, default=RESULTS)
    given = parser.parse_args()
    chosen = [point for point in points() if point.axis in given.axes.split(',')]
    rows = [
        {
            **point._asdict(),
            'batch': recipe(point.recipe).with_settings(point.settings).batch,
            'seconds': [],
            'megabytes': [],
        }
        for point in chosen
    ]
    for _ in range(given.rounds):
        for point, row in zip(chosen, rows):
            seconds, megabytes = measured(point, given.seconds)
            row['seconds'].append(seconds)
            row['megabytes'].append(megabytes)
            print(
                f'{point.recipe:6} {point.axis:8} {point.at:7g} {1e3 * seconds:9.3f} ms {megabytes:7.0f} MB',
                flush=True,
            )
    write_json(
        given.out / 'growth.json',
        {
            'rows': rows,
            'environment': environment(['python', '-m', 'benchmarks.growth', *sys.argv[1:]]),
        },
    )


if __name__ == '__main__':
    main()
