"""gluongan evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gluongan.config import Config
from gluongan.files import check_writable
from gluongan.runs.folder import EVALUATION, FIGURES_FOLDER, is_run

from .faults import Usage, flag, refusals
from .knobs import data_flags, typed
from .options import DEVICE, JUDGE, THREADS, WHICH, remembered

if TYPE_CHECKING:
    from gluongan.evaluation import Report


@click.command(
    short_help='Evaluate a run, an export or a folder of pictures: metrics and a summary.'
)
@click.argument(
    'source',
    type=click.Path(path_type=Path),
    metavar='RUN|EXPORT|FOLDER|FILE.npz',
    callback=remembered,
)
@JUDGE
@click.option(
    '--calibration',
    type=click.Path(path_type=Path),
    metavar='FILE',
    help='The metrics of known sets, a file of `gluongan judge calibrate`. '
    '[default: those that ship with the package for this data]',
)
@WHICH
@click.option(
    '--samples',
    'count',
    type=click.IntRange(100, 100_000),
    metavar='INT',
    help='How many samples to evaluate; the names of metrics contain the number. '
    '[default: 10000; 26000 for stacked-mnist and 2500 for the mixtures, as in their papers]',
)
@click.option(
    '--json',
    'out',
    type=click.Path(path_type=Path),
    metavar='FILE',
    help='The file for the report. [default: RUN/evaluation.json for a run, otherwise none]',
)
@click.option(
    '--figure',
    type=click.Path(path_type=Path),
    metavar='FILE.png',
    help='A figure of the samples that are nearest to training images, beside those images. '
    '[default: RUN/figures/nearest.png for a run, otherwise none]',
)
@DEVICE
@THREADS
@data_flags
def evaluate(
    source: Path,
    judge_file: Path | None,
    calibration: Path | None,
    which: str,
    count: int | None,
    out: Path | None,
    figure: Path | None,
    device: str,
    **flags: Any,
) -> None:
    """Evaluate a run or an export, or pictures that imitate --data.

    It prints a table of metrics and a verdict in words. The table has a column for the samples,
    and one for each known set: real training images, then images with a class missing, of one class
    alone, 100 images repeated, with noise, shifted by a pixel, binarized, and pure noise.
    Compare only metrics of the same name.

    \b
    gluongan evaluate runs/00000-dense-mnist
    gluongan evaluate runs/00000-dense-mnist --snapshot best --json best.json
    gluongan evaluate pictures/ --data fashion-mnist --figure nearest.png
    """
    given = typed(flags)
    json_setting = out and 'json'
    figure_setting = figure and 'figure'
    if is_run(source):
        if given:
            name = flag(next(iter(given)))
            raise Usage(f'{name}: {source} is a run, which names its data; leave it out')
        out = out or source / EVALUATION
        figure = figure or source / FIGURES_FOLDER / 'nearest.png'
    if figure and figure.suffix != '.png':
        raise Usage(f'--figure {figure}: must end in .png')
    with refusals():
        for path, setting in ((out, json_setting), (figure, figure_setting)):
            if path:
                check_writable(path, setting=setting)
        from gluongan.evaluation.sources import evaluate_source

        report = evaluate_source(
            source,
            config=Config().with_settings(given),
            judge_file=judge_file,
            calibration=calibration,
            count=count,
            which=which,
            device=device,
            on_step=_print_step,
        )
        if out:
            report.write(out)
            click.echo(out, err=True)
        if figure and report.nearest:
            click.echo(_draw(report, figure), err=True)
    click.echo(f'{report.table()}\n\n{report.summary}')


def _print_step(name: str, seconds: float) -> None:
    click.echo(f'{seconds:7.1f} s  {name}', err=True)


def _draw(report: Report, path: Path) -> Path:
    """Draw the samples nearest to training images beside those images."""
    from gluongan import figures
    from gluongan.gan.sampling import pixels

    return figures.beside(
        [pixels(x) for x in report.nearest],
        ('samples', 'training'),
        path,
        'The samples nearest to a training image',
        f'{report.source}: of 1,000 samples, the nearest first',
    )
