"""gluongan evaluate."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gluongan.config import Config
from gluongan.files import real_path
from gluongan.runs.folder import EVALUATION, is_run, nearest_path
from gluongan.terminal import is_terminal

from .faults import Usage, flag, refusals
from .knobs import PATH, data_flags, typed
from .notes import say_what_loads
from .options import CHANGED_DATA, DEVICE, JUDGE, THREADS, WHICH, remembered
from .outputs import check_target
from .printing import echo, echo_text
from .shell import complete_run

if TYPE_CHECKING:
    from gluongan.evaluation import Report


@click.command(
    short_help='Evaluate a run, an export or a folder of pictures: metrics and a summary.'
)
@click.argument(
    'source',
    type=PATH,
    metavar='RUN|EXPORT|FOLDER|FILE',
    callback=remembered,
    shell_complete=complete_run,
)
@JUDGE
@click.option(
    '--calibration',
    type=PATH,
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
    type=PATH,
    metavar='FILE',
    help='The file for the report. [default: RUN/evaluation.json for a run, or a file beside it '
    'where that is of other settings; otherwise none]',
)
@click.option(
    '--figure',
    type=PATH,
    metavar='FILE.png',
    help='A figure of the samples that are nearest to training images, beside those images. '
    '[default: for a run without --json nearest.png in RUN/figures, named like the report; '
    'otherwise none]',
)
@CHANGED_DATA
@click.option(
    '--resize',
    is_flag=True,
    help='Crop and resize pictures to the size of the data. [default: another size is refused]',
)
@click.option(
    '--utility',
    is_flag=True,
    help='Also train classifiers on samples, on real pictures and on both, and test them on real '
    'pictures. It takes minutes, and needs classes.',
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
    changed_data: bool,
    resize: bool,
    utility: bool,
    device: str,
    **flags: Any,
) -> None:
    """Evaluate a run, an export in MXNet's format, or pictures that imitate --data.

    Of a run, --data says where its data is if it has moved.
    Pictures are a folder, an archive, or a file of arrays, as for --data. They must have the size
    of the data. Those in the folder of a run imitate its data; for any
    others, --data must be given.

    It prints a table of metrics and a verdict in words. The table has a column for the samples, one
    of 95% intervals, which say how far other samples of the same generator would move a number, and
    one for each known set: real training images, then images with a class missing, of one class
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
    _check_suits(source, given, changed_data)
    if figure and figure.suffix != '.png':
        raise Usage(f'--figure {figure}: must end in .png')
    with refusals():
        in_run = source / EVALUATION if is_run(source) else None
        for path, setting in ((out or in_run, json_setting), (figure, figure_setting)):
            if path:
                check_target(path, setting=setting)
        say_what_loads()
        from gluongan.evaluation.sources import evaluate_source

        report = evaluate_source(
            source,
            config=Config().with_settings(given) if given else None,
            data_at=given.get('data'),
            changed_data=changed_data,
            resize=resize,
            judge_file=judge_file,
            calibration=calibration,
            count=count,
            which=which,
            device=device,
            utility=utility,
            on_step=_print_step,
        )
        if in_run:
            out, figure = _places_in(source, report, out, figure)
        if out:
            report.write(out)
            echo(out, err=True)
        if figure and report.nearest:
            echo(_draw(report, figure), err=True)
    echo_text(report.table())
    echo('', *report.notes, report.origin(), report.summary)


def _check_suits(source: Path, given: Collection[str], changed_data: bool) -> None:
    """Raise Usage for options about data that do not suit the source. given: their settings."""
    if is_run(source):
        others = [name for name in given if name != 'data']
        if others:
            raise Usage(
                f'{flag(others[0])}: {source} is a run, whose data is known; must be left out'
            )
    elif changed_data and (given or not is_run(real_path(source).parent)):
        raise Usage(
            f'--changed-data: {source} is no run, so its data is not known; must be left out'
        )
    elif given and 'data' not in given:
        raise Usage(
            f'{flag(next(iter(given)))}: says how data is read; must be given together with --data'
        )


def _places_in(
    run: Path, report: Report, out: Path | None, figure: Path | None
) -> tuple[Path, Path | None]:
    """Return the files of a report and its figure, by default in its run.

    There, what an evaluation with other settings has made stays.
    """
    from gluongan.evaluation.report import report_path

    path = report_path(run, report)
    first = run / EVALUATION
    if out is None and path != first and first.exists():
        echo(f'{first} is of other settings and stays as it is', err=True)
    if out is not None:  # the figure in the run is that of the report in the run
        return out, figure
    return path, figure or nearest_path(run, path)


def _print_step(name: str, seconds: float) -> None:
    if not is_terminal():  # which has a bar
        echo(f'{seconds:7.1f} s  {name}', err=True)


def _draw(report: Report, path: Path) -> Path:
    """Draw the samples nearest to training images beside those images."""
    from gluongan import figures
    from gluongan.evaluation.suite import COUNTS
    from gluongan.gan.sampling import pixels

    searched = min(COUNTS.memory, report.count)
    return figures.beside(
        [pixels(x) for x in report.nearest],
        ('samples', 'training'),
        path,
        'The samples nearest to a training image',
        f'{report.source_and_iteration}: of {searched:,} samples, the nearest first',
    )
