"""Options that several commands share."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from gluongan.errors import as_typed
from gluongan.threads import request_threads

from .exits import remember_run
from .faults import Usage, refusals
from .knobs import PATH, number_option
from .printing import echo
from .shell import complete_class, complete_generator, complete_run, one_of

MOST = 100_000
MOST_DIGITS = 10


def remembered(context: click.Context, parameter: click.Parameter, run: Path | None) -> Path | None:
    """Let the traceback of something unexpected be written beside the run that was given."""
    if run is not None:
        remember_run(run)
    return run


def find_generator(run: Path) -> tuple[Path, str]:
    """Return the folder of a run or an export, and what its outputs' names begin with by default.

    run: as it was typed; perhaps the name of a generator that ships with the package. A line says
    so, and its outputs go to the current folder.
    """
    from gluongan.exports import find_shipped
    from gluongan.exports.loading import check_source
    from gluongan.exports.shipped import GENERATORS

    shipped = find_shipped(run)
    if shipped is None:
        check_source(run, GENERATORS)
        return run, f'{run}/'
    echo(f'{run}: the generator that ships with gluongan', err=True)
    return shipped, f'{run}-'


RUN = click.argument(
    'run', type=PATH, metavar='RUN', callback=remembered, shell_complete=complete_run
)
RUN_OR_EXPORT = click.argument(
    'run', type=PATH, metavar='RUN|EXPORT', callback=remembered, shell_complete=complete_generator
)
WHICH = click.option(
    '--snapshot',
    'which',
    default='last',
    show_default=True,
    metavar='[last|best|ITERATION]',
    shell_complete=one_of('last', 'best'),
    help='Which snapshot of the run to use.',
)
CLASS = click.option(
    '--class',
    'name',
    metavar='NAME',
    shell_complete=complete_class,
    help='Make samples of one class of a conditional run: its name, or #3 by number, from #0 on.',
)
TRUNC = number_option(
    'trunc',
    'Draw values of z beyond ±FLOAT again: better samples, less variety. At most 2 where the noise '
    'of the run is truncated, none where it is uniform.',
    low=0.05,
    high=10,
)
DATA_AT = click.option(
    '--data',
    'data_at',
    metavar='PATH',
    help="Where the run's data is now, if it has moved.",
)
CHANGED_DATA = click.option(
    '--changed-data',
    is_flag=True,
    help="Go on although the run's data is not what it was when the run began.",
)
DEVICE = click.option(
    '--device',
    default='cpu',
    show_default=True,
    shell_complete=one_of('auto', 'cpu', 'gpu'),
    help='auto, cpu, gpu or gpu(i).',
)


def _use_threads(context: click.Context, parameter: click.Parameter, value: str) -> None:
    if value == 'auto' or context.resilient_parsing:
        return
    count = int(value) if re.fullmatch(r'[0-9]{1,6}', value) else value
    with refusals():
        request_threads(count, '--threads')
        if 'gluongan.runtime' in sys.modules:  # MXNet is there, as in a program that calls this one
            from gluongan import runtime

            if count != runtime.threads():
                runtime.use_threads(count, '--threads')


THREADS = click.option(
    '--threads',
    default='auto',
    show_default=True,
    metavar='[auto|N]',
    expose_value=False,
    is_eager=True,
    callback=_use_threads,
    help='How many threads compute. auto: OMP_NUM_THREADS, else one per core.',
)

JUDGE = click.option(
    '--judge',
    'judge_file',
    type=PATH,
    metavar='FILE',
    help='A judge that `gluongan judge train` made. '
    '[default: the one that ships with the package for this data]',
)


def parse_seeds(text: str) -> list[int]:
    """Return the whole numbers in a list such as 0-3,7: [0, 1, 2, 3, 7]. Raises Usage."""
    seeds: list[int] = []
    for part in text.split(','):
        match = re.fullmatch(r'\s*(\d+)(?:-(\d+))?\s*', part)
        if match is None:
            named = f'{as_typed(part.strip())} is no number and no range; '
            raise _seeds_refusal(text, named if part.strip() else 'a number is missing; ')
        if max(map(len, match.groups(''))) > MOST_DIGITS:
            raise _seeds_refusal(text, f'a number has more than {MOST_DIGITS} digits; ')
        first = int(match[1])
        last = int(match[2] or first)
        if last < first:
            raise _seeds_refusal(text, f'the range {part.strip()} ends before it begins; ')
        if last - first + len(seeds) >= MOST:
            raise _seeds_refusal(text, 'has too many numbers; ')
        seeds += range(first, last + 1)
    return seeds


def _seeds_refusal(text: str, fault: str) -> Usage:
    return Usage(
        f'--seeds {as_typed(text)}: {fault}must be up to {MOST:,} whole numbers and ranges, '
        'separated by commas, such as 0-63 or 1,4,7-9'
    )
