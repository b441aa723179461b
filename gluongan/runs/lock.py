"""One process trains a run at a time: its lock, and who holds it."""

from __future__ import annotations

import atexit
import errno
import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..files import HOST, is_running, naming_target, read_bytes, real_path, remove_leftovers
from .folder import LOCK, RunError

MOST = 1000  # bytes
# What a file system says that has no locks of its own.
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)

_held: dict[Path, RunLock] = {}  # by this process


class RunLock:
    """The right to train the run in `folder`, held from `take` to `release`.

    The operating system takes it from a process that ends, however it ends: a file that such a
    process left is no obstacle. On a file system without locks, the process that the file names
    must be gone, and have been one of this host.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     lock = RunLock(Path(folder))
    ...     lock.take()
    ...     print(os.listdir(folder))
    ...     lock.release()
    ...     print(os.listdir(folder))
    ['training.lock']
    []
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = real_path(folder) / LOCK
        self._file: int | None = None

    def take(self) -> None:
        """Take the lock, also from another RunLock of this process.

        Raises RunError, which names the process, where another one holds it.
        """
        if self._file is not None:
            return
        if self._path in _held:
            _held[self._path].release()
        with naming_target(self._folder / LOCK):
            while self._file is None:
                self._file = self._open()
            os.ftruncate(self._file, 0)
            os.write(self._file, json.dumps({'process': os.getpid(), 'host': HOST}).encode())
        _held[self._path] = self
        self._remove_leftovers()

    def _remove_leftovers(self) -> None:
        """Remove what killed processes left under temporary names anywhere in the run."""
        for folder in [self._folder, *self._folder.iterdir()]:
            if folder.is_dir() and not folder.is_symlink():
                remove_leftovers(folder)

    def release(self) -> None:
        """Give the lock back, if it is held, and remove its file."""
        if self._file is None:
            return
        file, self._file = self._file, None
        _held.pop(self._path, None)
        with suppress(OSError):
            self._path.unlink()
        os.close(file)

    def __enter__(self) -> RunLock:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        if _held is not None:  # Python is ending, and `_release_all` has been called
            self.release()

    def _open(self) -> int | None:
        """Return the locked file; None where its holder removed it in between."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._lock(file)
            if self._path.exists() and os.path.samestat(os.fstat(file), self._path.stat()):
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)
        return None

    def _lock(self, file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._refusal(self.holder()) from None
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
            holder = self.holder()
            is_stale = holder.get('host') == HOST and not _runs(holder.get('process'))
            if holder and not is_stale:
                raise self._refusal(holder) from None

    def is_held_here(self) -> bool:
        """Return whether this process holds the lock."""
        return self._path in _held

    def holder(self) -> dict[str, Any]:
        """Return which process the file of the lock names, {} where it names none."""
        with suppress(OSError, ValueError, RecursionError):
            content = json.loads(read_bytes(self._path, MOST))
            if isinstance(content, dict):
                return content
        return {}

    def _refusal(self, holder: dict[str, Any]) -> RunError:
        who = 'another process'
        if holder:
            who = f'process {holder.get("process")!s:.20} on {holder.get("host")!s:.80}'
        return RunError(
            f'{self._folder}: is being trained by {who}; must be left to it until it ends '
            f'(if it has ended, remove {self._folder / LOCK})'
        )


@atexit.register
def _release_all() -> None:
    """Give back what a script holds that ends with its Trainer still there."""
    for lock in list(_held.values()):
        lock.release()


def is_training(run: Path) -> bool | None:
    """Return whether a process trains a run: None where none does, False where it was killed.

    The lock itself is tried only where the process that it names runs here, so that none who wants
    it meets this one. Of a process on another host nothing is known but that file.
    """
    lock = RunLock(run)
    if lock.is_held_here():
        return True
    holder = lock.holder()
    if holder.get('host', HOST) != HOST:
        return True
    if holder and not _runs(holder.get('process')):
        return False
    try:
        file = os.open(run / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _runs(process: Any) -> bool:
    return isinstance(process, int) and process > 0 and is_running(process)
