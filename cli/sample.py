"""gluongan sample."""

from __future__ import annotations

from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .faults import refusals
from .options import CLASS, DEVICE, RUN_OR_EXPORT, TRUNC, WHICH, output, parse_seeds, safe

if TYPE_CHECKING:
    import numpy as np


@click.command(short_help="Make new pictures with a run's or an export's generator.")
@RUN_OR_EXPORT
@click.option(
    '--seeds',
    metavar='LIST',
    help='One sample a seed, such as 0-63 or 1,4,7-9; the same seed is always the same '
    'picture. [default: 0-63; 0-7 of each class for a conditional run]',
)
@CLASS
@TRUNC
@WHICH
@click.option(
    '--out',
    type=click.Path(path_type=Path),
    metavar='FILE.png',
    help='The grid of pictures; the numbers go to '
    'FILE.npy beside it. [default: RUN/seeds-LIST.png]',
)
@click.option(
    '--cols',
    type=click.IntRange(1, 1000),
    help='Pictures a row. [default: a square; a row a class]',
)
@click.option(
    '--scale',
    type=click.IntRange(1, 32),
    default=1,
    show_default=True,
    help='Size of a pixel in the PNG.',
)
@DEVICE
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
    """Make new pictures with the generator of RUN: a grid as PNG, and the values in [0, 1] as .npy (N, C, H, W).

    RUN may be a folder that `gluongan export` made: the same seeds are then the same pictures.

    \b
    gluongan sample runs/00000-dense-mnist
    gluongan sample runs/00000-dense-mnist --seeds 7,11,100-115 --snapshot best --out best.png --scale 3
    gluongan sample runs/00001-conditional-mnist --class 3
    gluongan sample generator --seeds 7
    """
    numbers = None if seeds is None else parse_seeds(seeds)
    with refusals():
        from gluongan.exports import load_sampler
        from gluongan.files import write_array

        sampler = load_sampler(run, which=which, device=device)
        text = seeds or ('0-7' if sampler.classes and name is None else '0-63')
        stem = (
            f'seeds-{safe(text)}'
            + (f'-class-{safe(name)}' if name else '')
            + (f'-trunc-{trunc:g}' if trunc else '')
        )
        path = output(out, run / f'{stem}.png', '.png')
        x, width = sampler.sheet(numbers or parse_seeds(text), name, trunc)
        array = path.with_suffix('.npy')
        write_array(array, x)
        _draw(
            x,
            path,
            cols or width or isqrt(len(x) - 1) + 1,
            scale,
            sampler.classes if width and not cols else [],
        )
        click.echo(f'{path}\n{array}')


def _draw(x: np.ndarray, path: Path, cols: int, scale: int, rows: list[str]) -> None:
    """Samples as a grid, with the rows' names where they have some; points as a cloud."""
    from gluongan import figures
    from gluongan.gan.sampling import pixels

    if x.ndim == 2:
        figures.cloud(x, path, path.stem)
        return
    sheet = figures.grid(pixels(x), cols, scale=scale)
    figures.save(figures.labelled(sheet, rows) if rows else sheet, path)
