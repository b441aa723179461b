"""Remove a run: nothing but a run, none that is trained or holds weights; no link is followed."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from ..files import naming_target
from ..snapshot import SUFFIX
from .folder import RunError, is_numbered, is_of_run, is_run
from .lock import RunLock, is_training
from .snapshots import has_snapshot_files, list_snapshots

WEIGHTS = (SUFFIX, '.damaged', '.params', '.onnx')  # endings of files that hold weights
YOUNG = 60  # seconds; a run that begins has no lock yet


def is_empty(run: Path) -> bool:
    """Return whether a folder has nothing in it."""
    with os.scandir(run) as entries:
        return next(entries, None) is None


def why_kept(run: Path) -> str:
    """Return why a folder must not be removed as a run, '' where it may be."""
    if run.is_symlink() or not run.is_dir():
        return 'it is not a folder'
    if not is_numbered(run) or not (is_run(run) or is_empty(run)):
        return 'it is not a run folder'
    if is_training(run):
        return 'it is being trained'
    foreign = sorted(name for name in os.listdir(run) if not is_of_run(name))
    if foreign:
        return f'it holds {foreign[0]}, which is not a file of the run'
    weights = weights_in(run)
    if weights:
        return f'it holds {weights}'
    if time.time() - run.stat().st_mtime < YOUNG:
        return 'it was written to less than a minute ago'
    return ''


def weights_in(run: Path) -> str:
    """Return in words which weights a folder holds, '' for none.

    What cannot be read counts, and so does a damaged file: some of it may be of use.
    """
    snapshots = list_snapshots(run)
    if snapshots:
        newest = snapshots[-1][0]
        if len(snapshots) == 1:
            return f'a snapshot at iteration {newest:,}'
        return f'{len(snapshots)} snapshots, the newest at iteration {newest:,}'
    if has_snapshot_files(run):
        return 'files of snapshots'
    unread: list[OSError] = []
    for place, _, names in os.walk(run, onerror=unread.append):
        for name in sorted(names):
            if name.endswith(WEIGHTS):
                return f'{Path(place, name).relative_to(run)}, which may be weights'
    return 'a folder that cannot be read' if unread else ''


def remove(run: Path) -> None:
    """Remove a run folder with everything in it.

    Raises RunError where it is no run folder, holds weights or files of another origin, or is being
    trained.
    """
    why = why_kept(run)
    if why:
        raise RunError(f'{run}: is not removed: {why}; must be a run that nothing else uses')
    if is_empty(run):
        run.rmdir()  # fails where a process has put something there in between
        return
    with naming_target(run), RunLock(run):
        shutil.rmtree(run)
