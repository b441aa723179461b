"""gluongan compare."""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import click

from gluongan.files import real_path
from gluongan.runs.folder import CONFIG, is_run

from .faults import refusals
from .knobs import PATH
from .outputs import check_target, safe
from .printing import echo, echo_text
from .shell import complete_run

DEFAULT = 'compared'  # begins the name of the folder beside the first run
CURVES = 'curves.png'
SAMPLES = 'samples.png'


@click.command(short_help='Compare runs: settings, metrics, samples, curves.')
@click.argument(
    'runs', nargs=-1, required=True, type=PATH, metavar='RUN RUN ...', shell_complete=complete_run
)
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
    was interrupted has a column of its own. The number of a single run stands before its 95%
    interval, where its report has one. Below the table stands which differences from the first
    column are more than noise: by the spread of the seeds where a column has several, else by the
    intervals, which say nothing about the recipe.

    The table includes the metrics of `gluongan evaluate RUN` for each run that was evaluated. Above
    them stands the iteration that they are of, with the snapshot, the data and the version of
    gluongan; metrics of other ones have other lines, and the table says which are stale. This
    command works without MXNet. Files and folders that are not runs are skipped with a line that
    says so, so RUN may be a pattern.

    \b
    gluongan compare runs/00000-dense-mnist runs/00001-dcgan-mnist
    gluongan compare runs/*
    """
    with refusals():
        kept = runs_among(runs)
        folder = out or beside_runs(kept, DEFAULT)
        check_target(folder, folder=True, setting=out and 'out')
        print_comparison(kept, folder)


def _parent(run: Path) -> Path:
    """Return the folder that holds a run, as relative as the run was given."""
    return run / '..' if run.name in ('', '..') else run.parent


def beside_runs(runs: list[Path], kind: str, ending: str = '') -> Path:
    """Return a path beside the first run that no other runs have: their numbers, or their names.

    kind: begins its name.
    """
    places = [real_path(run) for run in runs]
    names = [place.name.partition('-')[0] for place in places]
    if len({place.parent for place in places}) > 1 or not all(map(str.isdecimal, names)):
        names = [*names, sha256(b'\n'.join(map(os.fsencode, places))).hexdigest()[:8]]
    return _parent(runs[0]) / f'{kind}-{safe("-".join(names))}{ending}'


def runs_among(paths: Sequence[Path]) -> list[Path]:
    """Return the runs among paths, and say of each other in one line why it is skipped.

    Patterns such as runs/* match everything. What does not exist was typed, and stays; so do all
    where none is a run, for the error that says so.
    """
    others = {path: _why_no_run(path) for path in paths if not is_run(path)}
    kept = [path for path in paths if not others.get(path)]
    if not any(map(is_run, paths)):
        return list(paths)
    for path, why in others.items():
        if why:
            echo(f'not a run: {path} ({why})', err=True)
    return kept


def _why_no_run(path: Path) -> str:
    """Return what a path is that is no run, '' for nothing at all."""
    if not os.path.lexists(path):
        return ''
    if not path.is_dir():
        return 'it is not a folder'
    if any((path / name).is_file() for name in (CURVES, SAMPLES)):
        return 'it holds a comparison'
    return f'it has no {CONFIG}'


def print_comparison(runs: list[Path], out: Path) -> None:
    """Print the comparison of runs and draw its figures into `out`."""
    from gluongan import figures
    from gluongan.evaluation import comparison, differences

    groups = comparison.compare(runs)
    paths = [(group.name, [run.path for run in group.runs]) for group in groups]
    echo_text(comparison.make_table(groups))
    said = differences.sentences(groups)
    if said:
        echo('', *said)
    curves = figures.compared_curves(paths, out / CURVES)
    samples = figures.compared_samples(paths, out / SAMPLES)
    for path in (curves, samples):
        if path:
            echo(path, err=True)
