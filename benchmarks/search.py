"""Searches for good settings within a budget of minutes, at random or by TPE.

    python -m benchmarks.search SPEC.json --out FOLDER [--minutes 120] [--trials N]

The same command goes on where it was, also after a kill. See docs/search.md.
"""

from __future__ import annotations

import argparse
import math
import sys
from importlib import import_module
from pathlib import Path

from gluongan.errors import (
    FailureError,
    GluonganError,
    InputError,
    as_printable,
    check_count,
    reason,
)
from gluongan.trainer import Interrupt

from .driver import typed
from .searching.commands import Runner
from .searching.folder import held, settled
from .searching.spec import Spec, read_spec

MINUTES = 120.0


def check_optuna() -> None:
    """Raise FailureError where Optuna is not installed."""
    try:
        import_module('optuna')
    except ImportError as error:
        raise FailureError(
            f"a search needs the package {error.name or error}; pip install 'gluongan[search]'"
        ) from None


def search(
    file: Path,
    folder: Path,
    *,
    command: str,
    interrupt: Interrupt,
    minutes: float = MINUTES,
    most: int | None = None,
    runner: type[Runner] = Runner,
) -> Path | None:
    """Search as the file says, write the page, and return it; None if it was stopped before it was.

    command: that which the page names. minutes: of training and evaluation in all calls. most:
    trials in all calls. runner: what runs the commands. Raises GluonganError.
    """
    if not (math.isfinite(minutes) and minutes > 0):
        raise InputError('must be a number above 0', setting='minutes', value=minutes)
    if most is not None:
        check_count('trials', most)
    spec = read_spec(file)
    check_optuna()
    from .searching import probe

    spec, is_new = settled(spec, folder)
    if is_new:
        try:
            probe.check_reported(spec, runner(interrupt))
        except probe.Stopped:
            return None
    with held(folder, spec) as lock:
        run = runner(interrupt, keep=[lock])
        return _go(spec, folder, run, command=command, minutes=minutes, most=most)


def _go(
    spec: Spec, folder: Path, run: Runner, *, command: str, minutes: float, most: int | None
) -> Path:
    from .searching import page
    from .searching.loop import Ending, Search, Trials

    def write(trials: Trials, ending: Ending | None = None) -> Path:
        rows = trials.rows()
        return page.write(spec, folder, rows, command=command, minutes=minutes, ending=ending)

    loop = Search(spec, folder, run, minutes=minutes, most=most, after_trial=write)
    ending = loop.go()
    print(f'The search has ended: {ending.value}.')
    return write(loop.trials, ending)


def parse_arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'spec', type=Path, metavar='SPEC.json', help='what is searched; see docs/search.md'
    )
    parser.add_argument(
        '--out', type=Path, required=True, metavar='FOLDER', help='the folder of the search'
    )
    parser.add_argument(
        '--minutes',
        type=float,
        default=MINUTES,
        help=f'of training and evaluation in all calls together (default: {MINUTES:g})',
    )
    parser.add_argument(
        '--trials', type=int, help='at most so many in all calls together (default: no limit)'
    )
    return parser.parse_args()


def main() -> None:
    """Search, and print where the page is."""
    given = parse_arguments()
    command = ' '.join(typed('search', sys.argv[1:]))
    try:
        with Interrupt() as interrupt:
            page = search(
                given.spec,
                given.out,
                command=command,
                interrupt=interrupt,
                minutes=given.minutes,
                most=given.trials,
            )
    except GluonganError as error:
        print(f'Error: {error}', file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        print(f'Error: {as_printable(str(error.filename))}: {reason(error)}', file=sys.stderr)
        sys.exit(1)
    if page is not None:
        print(page)
    if interrupt.signal:
        print('Stopped; the same command goes on.', file=sys.stderr)
        sys.exit(128 + interrupt.signal)


if __name__ == '__main__':
    main()
