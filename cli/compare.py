"""gluongan compare."""

from __future__ import annotations

from pathlib import Path

import click

from .faults import refusals


@click.command(short_help='Put runs beside each other: settings, metrics, samples, curves.')
@click.argument(
    'runs', nargs=-1, required=True, type=click.Path(path_type=Path), metavar='RUN RUN ...'
)
@click.option(
    '--out',
    type=click.Path(path_type=Path),
    metavar='DIR',
    help='Where curves.png and samples.png go. [default: compared, beside the first run]',
)
def compare(runs: tuple[Path, ...], out: Path | None) -> None:
    """Put runs beside each other: the settings that differ, every metric, the newest samples, and the curves in one figure.

    Runs that differ in their seeds alone share a column, mean ± standard deviation. After `gluongan evaluate RUN` the table has
    its metrics too. MXNet is not needed.

    \b
    gluongan compare runs/00000-dense-mnist runs/00001-dcgan-mnist
    gluongan compare runs/*-dense-mnist
    """
    with refusals():
        tell(list(runs), out or runs[0].resolve().parent / 'compared')


def tell(runs: list[Path], out: Path) -> None:
    """Print the comparison of runs and draw its figures into `out`."""
    from gluongan import figures
    from gluongan.evaluation import comparison

    groups = comparison.compare(runs)
    named = [(group.label, [run.path for run in group.runs]) for group in groups]
    click.echo(comparison.table(groups))
    for path in (
        figures.compared_curves(named, out / 'curves.png'),
        figures.compared_samples(named, out / 'samples.png'),
    ):
        if path:
            click.echo(path, err=True)
