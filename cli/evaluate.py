"""gluongan evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gluongan.config import Config
from gluongan.runs.folder import EVALUATION, FIGURES_FOLDER, is_run

from .faults import Usage, flag, refusals
from .knobs import data_flags, typed
from .options import DEVICE, JUDGE, WHICH, output


@click.command(
    short_help='Say how good a run, an export or a folder of pictures is, in numbers and in words.'
)
@click.argument('source', type=click.Path(path_type=Path), metavar='RUN|EXPORT|FOLDER|FILE.npz')
@JUDGE
@click.option(
    '--calibration',
    type=click.Path(path_type=Path),
    metavar='FILE',
    help="The known sets' numbers, that `gluongan "
    'judge calibrate` made. [default: those that come with the package for this data]',
)
@WHICH
@click.option(
    '--samples',
    'count',
    type=click.IntRange(100, 100_000),
    metavar='INT',
    help='How many to judge; the names of '
    'metrics say it. [default: 10000; 26000 for stacked-mnist, 2500 for the mixtures, as their papers have it]',
)
@click.option(
    '--json',
    'out',
    type=click.Path(path_type=Path),
    metavar='FILE',
    help='Where the report goes. [default: RUN/evaluation.json; nowhere for a folder]',
)
@click.option(
    '--figure',
    type=click.Path(path_type=Path),
    metavar='FILE.png',
    help='The samples nearest to training images, '
    'beside those. [default: RUN/figures/nearest.png; nowhere for a folder]',
)
@DEVICE
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
    """Say how good RUN or EXPORT is, or a folder of pictures made after --data, beside pictures whose faults are known.

    It prints a table and a sentence. The table's columns: this; real training images; those with a class missing; one class
    alone; a hundred images repeated; with noise; shifted by a pixel; binarized; noise alone.
    Only numbers of the same name may be compared.

    \b
    gluongan evaluate runs/00000-dense-mnist
    gluongan evaluate runs/00000-dense-mnist --snapshot best --json best.json
    gluongan evaluate pictures/ --data fashion-mnist --figure nearest.png
    """
    from_run = is_run(source)
    given = typed(flags)
    if from_run and given:
        raise Usage(
            f'{flag(next(iter(given)))}: {source} is a run, which knows its data; leave it out'
        )
    picture = (
        output(figure, source / FIGURES_FOLDER / 'nearest.png', '.png', flag='--figure')
        if figure or from_run
        else None
    )
    with refusals():
        from gluongan.evaluation import sources as assess

        report = assess.assess(
            source,
            config=Config().with_settings(given),
            judge_file=judge_file,
            calibration=calibration,
            count=count,
            which=which,
            device=device,
            tell=_tell,
        )
        for path in (
            _written(report, out or (source / EVALUATION if from_run else None)),
            _drawn(report, picture),
        ):
            if path:
                click.echo(path, err=True)
    click.echo(f'{report.table()}\n\n{report.words}')


def _tell(words: str, seconds: float) -> None:
    click.echo(f'{seconds:7.1f} s  {words}', err=True)


def _written(report: Any, path: Path | None) -> Path | None:
    if path:
        report.write(path)
    return path


def _drawn(report: Any, path: Path | None) -> Path | None:
    if not path or not report.nearest:
        return None
    from gluongan import figures
    from gluongan.gan.sampling import pixels

    return figures.beside(
        [pixels(x) for x in report.nearest],
        ('samples', 'training'),
        path,
        'The samples nearest to a training image',
        f'{report.source}: of 1,000 samples, the nearest first',
    )
