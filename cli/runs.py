"""gluongan runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gluongan.errors import GluonganError
from gluongan.files import text_table

from .faults import Usage, refusals, warn
from .knobs import PATH
from .printing import echo, echo_text

if TYPE_CHECKING:
    from gluongan.evaluation.overview import Overview

MB = 10**6
HEADING = ('run', 'state', 'iterations', 'MB', 'newest metrics')


@click.command(short_help='List runs: state, newest metrics, size; remove useless ones.')
@click.argument('folder', type=PATH, default=Path('runs'), metavar='[FOLDER]')
@click.option(
    '--clean',
    is_flag=True,
    help='Show the runs that hold no snapshot and are broken, empty or no longer training, ask, '
    'and remove them.',
)
@click.option('--yes', is_flag=True, help='With --clean: remove them without asking.')
def runs(folder: Path, clean: bool, yes: bool) -> None:
    """List the runs in FOLDER (default: runs).

    The state is `trains now`, `finished`, `stopped` with the iteration, `damaged` where a record
    cannot be read, or `broken` where no command can use the run; a line below the table says what
    is wrong. Behind the newest metrics stands what they are of.

    --clean removes only folders that `gluongan train` made, none that a process trains, none that
    holds weights or a file of another origin, and none that was written to in the last minute. It
    follows no links. This command works without MXNet.

    \b
    gluongan runs
    gluongan runs --clean
    """
    if yes and not clean:
        raise Usage('--yes: has no effect on its own; must be used with --clean')
    with refusals():
        from gluongan.evaluation.overview import overviews

        found = overviews(folder)
        if not found:
            echo(f'{folder}: holds no runs')
        elif clean:
            _clean(found, yes)
        else:
            _print(found)


def _print(found: Sequence[Overview]) -> None:
    rows = [
        (each.folder.name, each.in_words, each.progress, _in_mb(each), each.metrics)
        for each in found
    ]
    echo_text(text_table([HEADING, *rows], left=(0, 1, 4)))
    for each in found:
        if each.problem:
            warn(f'{each.folder.name}: {each.problem}')


def _in_mb(each: Overview) -> str:
    return f'{each.size / MB:,.1f}'


def _clean(found: Sequence[Overview], yes: bool) -> None:
    from gluongan.runs.removal import remove, why_kept

    useless = {each.folder: why_kept(each.folder) for each in found if each.useless}
    chosen = [each for each in found if useless.get(each.folder) == '']
    for run, why in useless.items():
        if why:
            echo(f'kept: {run} ({why})', err=True)
    if not chosen:
        echo('nothing to remove')
        return
    rows = [(str(each.folder), _in_mb(each), each.useless) for each in chosen]
    echo_text(text_table([('run', 'MB', 'it'), *rows], left=(0, 2)))
    if not yes:
        _ask(len(chosen))
    for each in chosen:
        try:
            remove(each.folder)
            echo(f'removed {each.folder}')
        except GluonganError as error:  # it changed while the question was there
            warn(str(error))


def _can_answer() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _ask(count: int) -> None:
    """Go on only where the user agrees."""
    if not _can_answer():
        raise Usage(
            '--clean: asks before it removes, but nobody can answer here; must be used with --yes'
        )
    click.confirm(f'Remove {"this run" if count == 1 else f"these {count} runs"}?', abort=True)
