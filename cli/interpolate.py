"""gluongan interpolate."""

from __future__ import annotations

from pathlib import Path

import click

from gluongan.runs.folder import WALK

from .faults import Usage, refusals
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


@click.command(short_help='Walk through the latent space from sample to sample: a PNG and a GIF.')
@RUN_OR_EXPORT
@click.option(
    '--seeds',
    default='0-4',
    show_default=True,
    metavar='LIST',
    help='The samples to pass through, two or more.',
)
@click.option(
    '--steps',
    type=click.IntRange(1, 1000),
    default=12,
    show_default=True,
    help='Images from each sample to the next.',
)
@CLASS
@TRUNC
@WHICH
@click.option(
    '--out',
    type=PATH,
    metavar='FILE.png',
    help='The images, one row from each seed to the next, both included; '
    'the animation goes to FILE.gif beside it. '
    '[default: RUN/walk-LIST-at-ITERATION.png, with the options that are given]',
)
@DEVICE
@THREADS
def interpolate(
    run: Path,
    seeds: str,
    steps: int,
    name: str | None,
    trunc: float | None,
    which: str,
    out: Path | None,
    device: str,
) -> None:
    """Walk through the latent space of RUN from seed to seed: a strip as PNG, and a GIF.

    Normal noise is interpolated along great circles, uniform noise along straight lines. RUN may
    also be a folder that `gluongan export` made in MXNet's format, or mnist or fashion-mnist, a
    generator that ships with the package.

    \b
    gluongan interpolate runs/00000-dense-mnist --seeds 3,14,15,92 --steps 16
    """
    numbers = parse_seeds(seeds)
    if len(numbers) < 2:
        raise Usage(f'--seeds {seeds}: is one sample; must be two or more, such as 0,1')
    with refusals():
        from gluongan import figures
        from gluongan.exports import load_sampler
        from gluongan.gan.inversion import split_walk
        from gluongan.gan.sampling import pixels

        run, beginning = find_generator(run)
        sampler = load_sampler(run, which=which, device=device)
        base = f'{WALK}-{safe(seeds)}{at_snapshot(run, which)}'
        stem = default_stem(base, without=['seeds', 'which'])
        path = output(out, Path(f'{beginning}{stem}.png'), '.png', beside=['.gif'])
        if len(sampler.shape) != 3:
            raise Usage(f'{run}: is of points; must be of images')
        figures.lay_out_walks(len(numbers) - 1, steps + 1, sampler.shape)
        x = sampler.interpolate(numbers, steps, name, trunc)
        if sampler.classes and name is None:
            name = sampler.classes[0]
        sheet = figures.walks(
            split_walk(pixels(x), steps),
            path,
            title=sheet_title('walk through', run, name, sampler.iteration, which),
            note='from each seed to the next',
            names=[f'{first} to {last}' for first, last in zip(numbers, numbers[1:])],
        )
        echo(sheet)
        echo(figures.walk(pixels(x), path.with_suffix('.gif')))
