"""gluongan sample."""

from __future__ import annotations

from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .faults import refusals, warn
from .options import CLASS, DEVICE, RUN_OR_EXPORT, THREADS, TRUNC, WHICH, parse_seeds
from .outputs import at_snapshot, default_stem, output, safe

if TYPE_CHECKING:
    import numpy as np


@click.command(short_help='Make new samples with the generator of a run or an export.')
@RUN_OR_EXPORT
@click.option(
    '--seeds',
    metavar='LIST',
    help='One sample per seed, such as 0-63 or 1,4,7-9; the same seed always gives the same '
    'sample. [default: 0-63; for a conditional run 0-7 of each class]',
)
@CLASS
@TRUNC
@WHICH
@click.option(
    '--out',
    type=click.Path(path_type=Path),
    metavar='FILE.png',
    help='The grid of images; the values go to FILE.npy beside it. '
    '[default: RUN/seeds-LIST-at-ITERATION.png, with the options that are given]',
)
@click.option(
    '--cols',
    type=click.IntRange(1, 1000),
    help='Images per row. [default: a square grid; for a conditional run one row per class]',
)
@click.option(
    '--scale',
    type=click.IntRange(1, 32),
    default=1,
    show_default=True,
    help='Enlarge each pixel in the PNG this many times.',
)
@DEVICE
@THREADS
def sample(
    run: Path,
    seeds: str | None,
    name: str | None,
    trunc: float | None,
    which: str,
    out: Path | None,
    cols: int | None,
    scale: int,
    device: str,
) -> None:
    """Make new samples with the generator of RUN: a grid as PNG, and values in [0, 1] as .npy.

    The array has the shape (N, C, H, W). RUN may also be a folder that `gluongan export` made
    in MXNet's format, which gives the same samples for the same seeds.

    \b
    gluongan sample runs/00000-dense-mnist
    gluongan sample runs/00000-dense-mnist --seeds 7,11,100-115 --snapshot best --out best.png
    gluongan sample runs/00001-conditional-mnist --class 3 --scale 3
    gluongan sample generator --seeds 7
    """
    numbers = None if seeds is None else parse_seeds(seeds)
    with refusals():
        from gluongan.exports import load_sampler
        from gluongan.files import write_array

        sampler = load_sampler(run, which=which, device=device)
        if seeds is None:
            of_each_class = sampler.classes and name is None
            seeds = '0-7' if of_each_class else '0-63'
            numbers = parse_seeds(seeds)
        base = f'seeds-{safe(seeds)}{at_snapshot(run, which)}'
        stem = default_stem(base, without=['seeds', 'which'])
        path = output(out, run / f'{stem}.png', '.png', beside=['.npy'])
        x, width = sampler.sample_grid(numbers, name, trunc)
        if x.ndim == 2 and (cols or scale > 1):
            warn(f'{run}: generates points; --cols and --scale have no effect')
        row_names = sampler.classes if width and not cols else []
        # Before the file beside it, so that the command can be repeated if it is killed in between.
        _draw(x, path, cols or width or _square(len(x)), scale, row_names)
        write_array(path.with_suffix('.npy'), x)
        click.echo(path)
        click.echo(path.with_suffix('.npy'))


def _square(count: int) -> int:
    """Return the columns of the smallest square grid that holds `count` images."""
    return isqrt(count - 1) + 1


def _draw(x: np.ndarray, path: Path, cols: int, scale: int, row_names: list[str]) -> None:
    """Draw images as a grid, with the names of its rows where given, and points as a cloud."""
    from gluongan import figures
    from gluongan.gan.sampling import pixels

    if x.ndim == 2:
        figures.cloud(x, path, path.stem)
        return
    sheet = figures.grid(pixels(x), cols, scale=scale)
    if row_names:
        sheet = figures.labelled(sheet, row_names)
    figures.save(sheet, path)
