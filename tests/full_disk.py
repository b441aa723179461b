"""Writes that fail: the tests of a full disk and the torture rack share this."""

from __future__ import annotations

import builtins
import errno
import io
import os

CALLS = ('fsync', 'replace', 'mkdir')  # of `os`


class FullFile(io.FileIO):
    """A file that takes half of what it is given; then the disk's fault happens."""

    def __init__(self, disk, path, mode):
        super().__init__(path, mode)
        self._disk = disk
        self._has_half = False

    def write(self, content):
        half = len(content) // 2
        if half and not self._has_half:
            self._has_half = True
            return super().write(bytes(content[:half]))
        self._disk.fail(self.name)
        return super().write(content)


class Disk:
    """Counts the writes of a process, and has a fault at the write of that number.

    patch: sets an attribute of a module, as `setattr` does.
    fault: called with the path; by default it raises OSError, because the disk is full.
    """

    def __init__(self, patch, fault_at=0, fault=None):
        self.count, self._fault_at = 0, fault_at
        self.was_full = False  # an empty file has room on a full disk
        self._fault = fault or failing(errno.ENOSPC)
        self._open = open
        for module in (builtins, io):
            patch(module, 'open', self.open)
        for name in CALLS:
            patch(os, name, self._watched(getattr(os, name)))

    def fail(self, path):
        self.was_full = True
        self._fault(path)

    def _is_due(self):
        self.count += 1
        return self.count == self._fault_at

    def open(self, file, mode='r', *arguments, **keywords):
        is_write = set(mode) & set('wax') and str(file) != os.devnull
        if is_write and self._is_due():
            full = io.BufferedWriter(FullFile(self, file, mode.replace('b', '')))
            return full if 'b' in mode else io.TextIOWrapper(full, 'utf-8')
        return self._open(file, mode, *arguments, **keywords)

    def _watched(self, call):
        def watched(path, *arguments, **keywords):
            is_there = call.__name__ == 'mkdir' and os.path.isdir(path)
            if not is_there and self._is_due():
                self.fail(path)
            return call(path, *arguments, **keywords)

        return watched


def failing(number):
    """Return a fault of a Disk that raises OSError of this number."""

    def fail(path):
        # As the system does: a write knows no path, and fsync has only a number.
        raise OSError(
            number, os.strerror(number), path if isinstance(path, (str, os.PathLike)) else None
        )

    return fail
