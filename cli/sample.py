"""gluongan sample."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gluongan.runs.folder import SEEDS

from .datasets import OF_DATA, data_options, refuse, write
from .faults import refusals, warn
from .knobs import PATH
from .options import (
    CLASS,
    DEVICE,
    RUN_OR_EXPORT,
    THREADS,
    TRUNC,
    WHICH,
    find_generator,
    parse_seeds,
)
from .outputs import at_snapshot, default_stem, output, safe, sheet_title
from .printing import echo

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
    type=PATH,
    metavar='FILE.png',
    help='The sheet of images with their seeds; the values go to FILE.npy beside it. '
    '[default: RUN/seeds-LIST-at-ITERATION.png, with the options that are given]',
)
@click.option(
    '--cols',
    type=click.IntRange(1, 1000),
    help='Images per row. [default: a square grid; for a conditional run one row per class, and '
    'a new block of rows where the sheet would be too wide]',
)
@click.option(
    '--scale',
    type=click.IntRange(1, 32),
    help='Enlarge each pixel in the PNG this many times. [default: so that small images are '
    'about 56 pixels wide]',
)
@data_options
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
    scale: int | None,
    device: str,
    to: Path | None,
    **request: Any,
) -> None:
    """Make new samples with the generator of RUN: a sheet as PNG, and values in [0, 1] as .npy.

    The array has the shape (N, C, H, W). The sheet names the seeds, and the classes of a
    conditional run; a name that the typeface cannot show is replaced by the number of the class,
    such as #1. RUN may also be a folder that `gluongan export` made in MXNet's format, which gives
    the same samples for the same seeds; or mnist or fashion-mnist, a generator that ships with the
    package, whose sheets go to the current folder.

    \b
    gluongan sample mnist
    gluongan sample runs/00000-dense-mnist
    gluongan sample runs/00000-dense-mnist --seeds 7,11,100-115 --snapshot best --out best.png
    gluongan sample runs/00001-conditional-mnist --class 3 --scale 3
    gluongan sample generator --seeds 7
    gluongan sample runs/00000-dense-mnist --to digits.npz --count 60000
    """
    if to is not None:
        common = {'class_name': name, 'trunc': trunc, 'which': which, 'device': device}
        return write(run, to, {**common, **request})
    refuse(OF_DATA, 'has no effect without --to; must be left out')
    numbers = None if seeds is None else parse_seeds(seeds)
    with refusals():
        from gluongan.exports import load_sampler
        from gluongan.figures import lay_out
        from gluongan.files import write_array

        run, beginning = find_generator(run)
        sampler = load_sampler(run, which=which, device=device)
        if seeds is None:
            of_each_class = sampler.classes and name is None
            seeds = '0-7' if of_each_class else '0-63'
            numbers = parse_seeds(seeds)
        base = f'{SEEDS}-{safe(seeds)}{at_snapshot(run, which)}'
        stem = default_stem(base, without=['seeds', 'which'])
        path = output(out, Path(f'{beginning}{stem}.png'), '.png', beside=['.npy'])
        classes = sampler.classes if name is None else []
        if len(sampler.shape) == 3:
            of_class = len(classes)
            lay_out(len(numbers), sampler.shape, classes=of_class, cols=cols, scale=scale)
        elif cols or scale:
            warn(f'{run}: generates points; --cols and --scale have no effect')
        x, _ = sampler.sample_grid(numbers, name, trunc)
        # Before the file beside it, so that the command can be repeated if it is killed in between.
        title = sheet_title('samples of', run, name, sampler.iteration, which)
        _draw(x, path, numbers, title, classes, cols, scale)
        write_array(path.with_suffix('.npy'), x)
        echo(path)
        echo(path.with_suffix('.npy'))


def _draw(
    x: np.ndarray,
    path: Path,
    numbers: list[int],
    title: str,
    classes: list[str],
    cols: int | None,
    scale: int | None,
) -> None:
    """Draw images as a sheet with their seeds, and points as a cloud."""
    from gluongan import figures
    from gluongan.gan.sampling import pixels

    if x.ndim == 2:
        figures.cloud(x, path, f'{title}, seeds {figures.range_of(numbers)}')
        return
    note = 'a row for each class, a column for each seed' if classes else 'seeds at the left'
    figures.seeds(
        pixels(x), numbers, path, title=title, note=note, classes=classes, cols=cols, scale=scale
    )
