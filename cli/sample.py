"""gluongan sample."""
from __future__ import annotations

import re
from math import isqrt
from pathlib import Path

import click

from .faults import RUN, Usage, told

MOST = 100_000


def parse_seeds(text: str) -> list[int]:
    """Return the whole numbers in a list such as 0-3,7: [0, 1, 2, 3, 7]. Raises Usage."""
    seeds: list[int] = []
    for part in text.split(','):
        match = re.fullmatch(r'\s*(\d{1,10})(?:-(\d{1,10}))?\s*', part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last - first + len(seeds) >= MOST:
            raise Usage(f'--seeds {text}: must be whole numbers and ranges with commas between, such as 0-63 or 1,4,7-9, and '
                        f'at most {MOST:,} of them')
        seeds += range(first, last + 1)
    return seeds


@click.command(short_help="Make new pictures with a run's generator.")
@RUN
@click.option('--seeds', default='0-63', show_default=True, metavar='LIST', help='One sample a seed, such as 0-63 or '
              '1,4,7-9; the same seed is always the same picture.')
@click.option('--snapshot', 'which', default='last', show_default=True, metavar='[last|best|ITERATION]',
              help='Which of the snapshots that the run kept.')
@click.option('--out', type=click.Path(path_type=Path), metavar='FILE.png', help='The grid of pictures; the numbers go to '
              'FILE.npy beside it. [default: RUN/seeds-LIST.png]')
@click.option('--cols', type=click.IntRange(1, 1000), help='Pictures a row. [default: a square]')
@click.option('--scale', type=click.IntRange(1, 32), default=1, show_default=True, help='Size of a pixel in the PNG.')
@click.option('--device', default='cpu', show_default=True, help='auto, cpu, gpu or gpu(i).')
def sample(run: Path, seeds: str, which: str, out: Path | None, cols: int | None, scale: int, device: str) -> None:
    """Make new pictures with the generator of RUN: a grid as PNG, and the values in [0, 1] as .npy (N, C, H, W).

    \b
    gluongan sample runs/00000-dense-mnist
    gluongan sample runs/00000-dense-mnist --seeds 7,11,100-115 --snapshot best --out best.png --scale 3
    """
    numbers = parse_seeds(seeds)
    path = out or run / f'seeds-{re.sub(r"[^0-9,-]", "", seeds)[:80]}.png'
    if path.suffix != '.png':
        raise Usage(f'--out {path}: must end in .png')
    with told():
        for file in _write(run, numbers, which, path, cols or isqrt(len(numbers) - 1) + 1, scale, device):
            click.echo(file)


def _write(run: Path, numbers: list[int], which: str, path: Path, cols: int, scale: int, device: str) -> list[Path]:
    from gluongan import build, figures, noise, sampling
    from gluongan.runs import write_array
    config, gen = build.load_run(run, which=which, device=device)
    x = sampling.generate(gen, noise.seeded(numbers, config.latent, config.noise))
    array = path.with_suffix('.npy')
    write_array(array, x)
    if x.ndim != 4:    # points of the plane are numbers, not pictures
        return [array]
    figures.save(figures.grid(sampling.pixels(x), cols, scale=scale), path)
    return [path, array]
