"""Which runs in a folder are those that are asked for: finished, to be resumed, or not there yet.

Needs the files of the runs alone, not MXNet.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from ..config import Config
from ..data import NAMES
from ..evaluation.measured import is_complete, last_iteration
from ..files import read_text, real_path
from ..runs.folder import INITIAL, RunError, is_run, read_config, run_name
from ..runs.lock import RunLock, is_training
from ..runs.snapshots import list_snapshots

NEW, STOPPED, FINISHED = 'new', 'stopped', 'finished'
_ORDER = (NEW, STOPPED, FINISHED)  # the last is preferred
_PATHS = ('data', 'data_dir', 'judge')  # settings that a run keeps as whole paths
_OF_DATA = ('image_size', 'channels')  # those that it takes from its data, where they are not given


class Earlier(NamedTuple):
    """What there is of a run: its state, the folder (None of a new one), and how far it came."""

    state: str
    folder: Path | None = None
    iteration: int = 0

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to do."""
        return self.state == FINISHED

    @property
    def is_stopped(self) -> bool:
        """Whether it goes on where it was stopped or killed."""
        return self.state == STOPPED


def find_earlier(out: Path, config: Config, init_from: Path | None = None) -> Earlier:
    """Return what a folder of runs holds of the run with exactly these settings.

    Of several it is one that has finished, else the one that came furthest. A run that ended before
    its first snapshot counts as none. Raises RunError where another process trains it.

    >>> find_earlier(Path('no such folder'), Config())
    Earlier(state='new', folder=None, iteration=0)
    """
    found = [Earlier(NEW)]
    for folder in sorted(out.glob(f'*-{run_name(config)}')):
        if is_run(folder) and _is_same(folder, config, init_from):
            found.append(_state_of(folder, config))
    return max(found, key=lambda each: (_ORDER.index(each.state), each.iteration))


def _state_of(folder: Path, config: Config) -> Earlier:
    if is_training(folder):
        who = RunLock(folder).holder()
        raise RunError(
            f'{folder}: is being trained by process {who.get("process")!s:.20} on '
            f'{who.get("host")!s:.80}; must be left to it until it ends'
        )
    try:
        last = last_iteration(folder)
        if list_snapshots(folder):
            state = FINISHED if is_complete(folder, config, last) else STOPPED
            return Earlier(state, folder, last)
    except RunError:  # a record of it is damaged, and it cannot be resumed
        pass
    return Earlier(NEW)


def _is_same(folder: Path, config: Config, init_from: Path | None) -> bool:
    try:
        saved = read_config(folder)
    except RunError:  # a broken one is nobody's
        return False
    for name, (before, after) in saved.differences(config).items():
        is_of_data = name in _OF_DATA and after is None
        if not is_of_data and not (name in _PATHS and _is_same_path(name, before, after)):
            return False
    return _source(folder) == (None if init_from is None else str(real_path(init_from)))


def _is_same_path(name: str, kept: str | None, given: str | None) -> bool:
    if kept is None or given is None or (name == 'data' and given in NAMES):
        return False
    return kept == str(real_path(os.path.expanduser(given)))


def _source(folder: Path) -> str | None:
    """Return the run or export with whose weights a run began, None where with its own."""
    if not (folder / INITIAL).is_file():
        return None
    try:
        return str(json.loads(read_text(folder / INITIAL))['source'])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ''
