"""Every run in a folder at a glance: its state, how far it came, its newest metrics, its size.

Needs the files of the runs alone, not MXNet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..config import Config
from ..errors import InputError
from ..metric_names import metric_meaning
from ..runs.folder import RunError, is_numbered, is_run, read_config
from ..runs.lock import is_training
from ..runs.removal import is_empty
from ..runs.snapshots import has_snapshot_files
from .comparison import format_number
from .measured import Measured, is_complete, last_iteration, read_measured

TRAINS, FINISHED, STOPPED = 'trains now', 'finished', 'stopped'
BROKEN, DAMAGED = 'broken', 'damaged'
MOST_METRICS = 2


@dataclass(frozen=True)
class Overview:
    """What is known of a run from its folder.

    state: `trains now`, `finished`, `stopped` (before its end), `broken` (no command can use it) or
    `damaged` (a record cannot be read). problem: what is broken or damaged, else ''.
    iteration: how far it came. iterations: how far it was to go, None where that is not known.
    newest: the newest metrics, None where there are none. size: of its files, in bytes.
    useless: why nothing would be lost with it, '' where something might be.
    """

    folder: Path
    state: str
    size: int
    iteration: int = 0
    iterations: int | None = None
    newest: Measured | None = None
    problem: str = ''
    useless: str = ''

    @property
    def in_words(self) -> str:
        """The state, with the iteration at which the run stopped."""
        return f'{STOPPED} at {self.iteration:,}' if self.state == STOPPED else self.state

    @property
    def metrics(self) -> str:
        """The newest metrics and what they are of, in one line."""
        if self.newest is None:
            return ''
        values = {
            name: value
            for name, value in self.newest.values.items()
            if metric_meaning(name).better != 'data'
        }
        first = list((values or self.newest.values).items())[:MOST_METRICS]
        numbers = ', '.join(f'{name} {format_number(value)}' for name, value in first)
        return f'{numbers} ({self.newest.origin.by}, {self.newest.origin.snapshot})'

    @property
    def progress(self) -> str:
        """How far the run came, of how many iterations."""
        asked = '?' if self.iterations is None else f'{self.iterations:,}'
        return f'{self.iteration:,} of {asked}'


def overviews(folder: Path) -> list[Overview]:
    """Return what is known of each run in a folder, by name. Links are not followed.

    Raises InputError where `folder` is none, or is a run itself.

    >>> overviews(Path('no such folder'))
    Traceback (most recent call last):
    gluongan.errors.InputError: no such folder: does not exist; must be a folder of runs
    """
    if not folder.is_dir():
        problem = 'is not a folder' if os.path.lexists(folder) else 'does not exist'
        raise InputError(f'{folder}: {problem}; must be a folder of runs')
    if is_run(folder):
        raise InputError(f'{folder}: is a run; must be the folder that holds runs')
    found = [overview(run) for run in _runs_in(folder)]
    return [each for each in found if each.state != BROKEN or is_numbered(each.folder)]


def _runs_in(folder: Path) -> Iterator[Path]:
    """Yield the runs in a folder, and folders that were made for one and never became one."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not path.is_dir():
            continue
        if is_run(path) or (is_numbered(path) and is_empty(path)):
            yield path


def overview(run: Path) -> Overview:
    """Return what is known of the run in a folder."""
    size = size_of(run)
    if is_empty(run):
        return Overview(run, BROKEN, size, problem='is empty', useless='is empty')
    trained = is_training(run) is True
    try:
        config = read_config(run)
    except RunError as error:
        state, useless = (TRAINS, '') if trained else (BROKEN, 'is broken')
        return Overview(run, state, size, problem=str(error), useless=useless)
    try:
        last = last_iteration(run)
        state = FINISHED if is_complete(run, config, last) else STOPPED
        newest = _newest(run, config, last)
    except RunError as error:
        state = TRAINS if trained else DAMAGED
        return Overview(run, state, size, iterations=config.iterations, problem=str(error))
    useless = '' if trained else _why_useless(run, config, last)
    state = TRAINS if trained else state
    return Overview(run, state, size, last, config.iterations, newest, useless=useless)


def _newest(run: Path, config: Config, last: int) -> Measured | None:
    """Return the metrics of the highest iteration; among those of one, the last in a table."""
    measured = read_measured(run, config, last)
    return max(reversed(measured), key=lambda each: each.iteration or 0, default=None)


def _why_useless(run: Path, config: Config, last: int) -> str:
    if last >= min(config.snapshot_every, config.iterations) or has_snapshot_files(run):
        return ''
    return 'ended before its first snapshot'


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder; links are not followed."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(place, name)).st_size
            except OSError:  # removed in between
                continue
    return size
