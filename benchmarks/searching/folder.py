"""The folder of a search: whose it is, what is searched in it, and who works in it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gluongan.errors import InputError
from gluongan.files import check_writable, is_running, write_json

from .spec import Spec, SpecError, make_spec, read_content

SPEC = 'spec.json'
LOCK = 'search.lock'
PATIENCE = 60.0  # seconds in which the last command of a killed search stops


def settled(spec: Spec, folder: Path) -> tuple[Spec, bool]:
    """Return the search as it began in a folder, and whether it is a new one.

    The order of its settings, in which they are drawn, is that of the first call. Raises InputError
    where the folder cannot be that of this search. It writes nothing.
    """
    check_writable(folder, folder=True, setting='out')
    path = folder / SPEC
    if not path.is_file():
        if any(not _is_ours(each) for each in folder.glob('*')):
            raise InputError(
                'holds something else than a search; must be a new folder, or that of a search',
                setting='out',
                value=folder,
            )
        return spec, True
    before = read_content(path)
    for part in dict.fromkeys([*before, *spec.given]):
        if before.get(part) != spec.given.get(part):
            raise SpecError(
                f'{folder} holds a search with another `{part}` ({json.dumps(before.get(part))}, '
                f'not {json.dumps(spec.given.get(part))}); must be the same, or in another folder'
            )
    return make_spec(before), False


def _is_ours(path: Path) -> bool:
    return path.name == LOCK or path.name.startswith('.')


@contextmanager
def held(folder: Path, spec: Spec) -> Iterator[int]:
    """Make a folder that of a search, and keep it to this process. Yield the file of the lock.

    A command that is given this file keeps the folder too, so that none that a killed search left
    still works in it. Raises InputError where another search does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(lock, folder)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        if not (folder / SPEC).is_file():
            write_json(folder / SPEC, spec.given)
        yield lock
    finally:
        os.close(lock)


def _lock(lock: int, folder: Path) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode('ascii', 'replace')
        if (holder.isdecimal() and is_running(int(holder))) or time.monotonic() > until:
            raise InputError(
                f'is being searched by process {holder}; must be left to it until it ends',
                setting='out',
                value=folder,
            )
        time.sleep(0.1)
