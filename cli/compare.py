"""gluongan compare."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import click

from gluongan.runs.folder import is_run

from .faults import refusals
from .knobs import PATH
from .outputs import check_target, safe
from .printing import echo, echo_text

DEFAULT = 'compared'  # begins the name of the folder beside the first run
CURVES = 'curves.png'
SAMPLES = 'samples.png'


@click.command(short_help='Compare runs: settings, metrics, samples, curves.')
@click.argument('runs', nargs=-1, required=True, type=PATH, metavar='RUN RUN ...')
@click.option(
    '--out',
    type=PATH,
    metavar='DIR',
    help='The folder for curves.png and samples.png. '
    '[default: compared-NUMBERS, beside the first run]',
)
def compare(runs: tuple[Path, ...], out: Path | None) -> None:
    """Compare runs: the settings that differ, every metric, the newest samples, and all curves.

    Runs that differ only in their seeds share a column, with mean ± standard deviation; a run that
    was interrupted has a column of its own. The table includes the metrics of `gluongan evaluate
    RUN` for each run that was evaluated. Above them stands the iteration that they are of, with the
    snapshot, the data and the version of gluongan; metrics of other ones have other lines, and the
    table says which are stale. This command works without MXNet. Folders of earlier comparisons are
    skipped, so RUN may be a pattern.

    \b
    gluongan compare runs/00000-dense-mnist runs/00001-dcgan-mnist
    gluongan compare runs/*-dense-mnist
    """
    with refusals():
        kept = [path for path in runs if not _is_skipped(path)] or list(runs)
        folder = out or _parent(kept[0]) / _default_name(kept)
        check_target(folder, folder=True, setting=out and 'out')
        print_comparison(kept, folder)


def _parent(run: Path) -> Path:
    """Return the folder that holds a run, as relative as the run was given."""
    return run / '..' if run.name in ('', '..') else run.parent


def _default_name(runs: list[Path]) -> str:
    """Return a name that no other comparison has: the numbers of the runs, or their names."""
    places = [run.resolve() for run in runs]
    names = [place.name.partition('-')[0] for place in places]
    if len({place.parent for place in places}) > 1 or not all(map(str.isdecimal, names)):
        names = [*names, sha256(b'\n'.join(map(os.fsencode, places))).hexdigest()[:8]]
    return f'{DEFAULT}-{safe("-".join(names))}'


def _is_skipped(path: Path) -> bool:
    """Return whether a folder holds a comparison, which patterns such as runs/* match; say so."""
    is_comparison = not is_run(path) and any((path / name).is_file() for name in (CURVES, SAMPLES))
    if is_comparison:
        echo(f'not a run: {path} (it holds a comparison)', err=True)
    return is_comparison


def print_comparison(runs: list[Path], out: Path) -> None:
    """Print the comparison of runs and draw its figures into `out`."""
    from gluongan import figures
    from gluongan.evaluation import comparison

    groups = comparison.compare(runs)
    paths = [(group.name, [run.path for run in group.runs]) for group in groups]
    echo_text(comparison.make_table(groups))
    curves = figures.compared_curves(paths, out / CURVES)
    samples = figures.compared_samples(paths, out / SAMPLES)
    for path in (curves, samples):
        if path:
            echo(path, err=True)
