"""The options of `gluongan sample` that write samples as data, and what they do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import click

from gluongan.errors import shell_word

from .faults import Usage, flag, parameter_name, refusals
from .knobs import PATH
from .options import CHANGED_DATA, DATA_AT, find_generator
from .outputs import check_target
from .printing import echo

OF_DATA = ('count', 'per_class', 'seed', 'data_at', 'changed_data')
OF_SHEET = ('seeds', 'out', 'cols', 'scale')
OPTIONS = (
    click.option(
        '--to',
        type=PATH,
        metavar='DIR|FILE.npz',
        help='Write samples as data that --data of other commands reads, instead of a sheet: PNG '
        'files in a new folder with one folder for each class, or arrays in a new file.',
    ),
    click.option(
        '--count',
        type=click.IntRange(1, 10**9),
        metavar='INT',
        help='With --to: how many samples. [default: 10000]',
    ),
    click.option(
        '--per-class',
        is_flag=True,
        help='With --to: --count samples of each class. [default: --count in all, in the '
        'proportions of the training data]',
    ),
    click.option(
        '--seed',
        type=click.IntRange(0, 10**10 - 1),
        metavar='INT',
        help='With --to: the seed of the first sample; the next sample has the next. [default: 0]',
    ),
    DATA_AT,
    CHANGED_DATA,
)


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that write samples as data to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def refuse(names: Collection[str], problem: str) -> None:
    """Raise Usage where one of these options was given to the running command."""
    context = click.get_current_context()
    for parameter in context.command.params:
        if parameter.name in names and context.params[parameter.name] not in (None, False):
            raise Usage(f'{parameter_name(parameter)}: {problem}')


def write(run: Path, to: Path, request: Mapping[str, Any]) -> None:
    """Write samples of a run or an export as data, and print where they are."""
    refuse(OF_SHEET, 'is of a sheet, and --to writes data; must be only one of them')
    with refusals():
        from gluongan.data.writing import is_arrays
        from gluongan.exports.samples import Request, manifest_of, write_samples

        run, _ = find_generator(run)
        check_target(to, folder=not is_arrays(to), setting='to')
        check_target(manifest_of(to), setting='to')
        given = {name: value for name, value in request.items() if value is not None}
        written = write_samples(run, to, Request(**given))
    echo(written.data)
    echo(written.manifest)
    settings = [f' {flag(name)} {value}' for name, value in written.settings.items()]
    path = shell_word(written.data)
    echo(f'to train on them: gluongan train --data {path}{"".join(settings)}', err=True)
