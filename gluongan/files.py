"""Files and numbered folders on disk: written whole or not at all, and read with distrust.

Every file is written under a temporary name beside its target, flushed to the disk and renamed. The
next write into the same folder removes the temporary files of processes that were killed.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import shutil
import stat
import time
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .errors import InputError, as_printable

if TYPE_CHECKING:
    import numpy as np

CHUNK = 2**20  # bytes to ask a stream for at a time
NOT_WRITTEN = 'cannot be written'
MOST_TEXT = 2**27  # bytes of a JSON file that anybody may have written
MAX_NPY_HEADER = 4096  # bytes; numpy itself writes 128 for an array without fields

HOST = os.uname().nodename
_HOST = f'h{zlib.crc32(HOST.encode()):08x}'
_TEMPORARY = re.compile(r'\..+?(?:\.(?P<host>h[0-9a-f]{8}))?\.(?P<process>[0-9]+)\.tmp')
_LONG_AGO = 86_400  # seconds
_serial = itertools.count()
_in_use: set[str] = set()  # the temporary names of this process


def real_path(path: str | Path) -> Path:
    """Return an absolute path without links; one in a loop stays, where `Path.resolve` raises."""
    return Path(os.path.realpath(path))


# Writing


@contextmanager
def naming_target(path: str | Path) -> Iterator[None]:
    """Let an OSError of the block name `path`, not a temporary file, and say that writing failed.

    >>> with naming_target('notes.txt'):
    ...     raise OSError(28, 'No space left on device', '.notes.txt.0.tmp')
    Traceback (most recent call last):
    OSError: [Errno 28] cannot be written (No space left on device): 'notes.txt'
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if reason.startswith(NOT_WRITTEN):  # an inner block has named the file
            raise
        # The number selects the subclass, such as PermissionError.
        raise OSError(error.errno, f'{NOT_WRITTEN} ({reason})', str(path)) from error


def check_writable(path: str | Path, *, folder: bool = False, setting: str | None = None) -> None:
    """Raise InputError where a file, or files in a folder, cannot be written at `path`.

    Called before long work, so that its result is not lost. It writes nothing.
    folder: whether `path` is to be a folder. setting: the one that gave `path`, if any.

    >>> check_writable('.', setting='json')
    Traceback (most recent call last):
    gluongan.errors.InputError: json .: is a folder; must be a file or a new name
    """
    problem = _why_not_writable(os.fspath(path), folder)
    if problem:
        message = problem if setting else f'{path}: {problem}'
        raise InputError(message, setting=setting, value=path)


def _why_not_writable(path: str, folder: bool) -> str:
    """Return what is wrong with a path and what is allowed, '' for nothing."""
    if folder and os.path.lexists(path) and not os.path.isdir(path):
        return 'is not a folder; must be a folder or a new name'
    if not folder and os.path.isdir(path):
        return 'is a folder; must be a file or a new name'
    if not folder and os.path.exists(path) and not os.path.isfile(path):  # as /dev/null
        return 'is not a regular file; must be a file or a new name'
    nearest = os.path.abspath(path if folder else os.path.dirname(path))
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)
    if not os.path.isdir(nearest):
        return f'{nearest} is not a folder; must be in a folder'
    if not os.access(nearest, os.W_OK | os.X_OK):
        return f'{nearest} is not writable; must be in a folder with permission to write'
    return ''


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`. When the block ends, the file there becomes `path`.

    When the block raises, `path` stays as it was and the temporary file is removed.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     target = Path(folder) / 'notes.txt'
    ...     with replacing(target) as temporary:
    ...         _ = temporary.write_text('half', encoding='utf-8')
    ...         print(target.exists())
    ...     print(target.exists(), temporary.exists())
    False
    True False
    """
    with naming_target(path), _temporary_beside(Path(path)) as temporary:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, path)


@contextmanager
def staging(target: str | Path) -> Iterator[Path]:
    """Yield a new temporary folder beside `target`. It is removed when the block ends.

    `publish` moves finished files, or the whole folder, out of it.
    """
    with naming_target(target), _temporary_beside(Path(target)) as folder:
        folder.mkdir()
        try:
            yield folder
        except OSError as error:
            if error.filename is None or not Path(str(error.filename)).is_relative_to(folder):
                raise
            raise OSError(error.errno, error.strerror, str(target)) from error


def publish(staged: Path, target: Path, *, many: bool = False) -> None:
    """Flush a staged file or folder to the disk and rename it to `target`.

    A file of that name is replaced. A folder of that name must be empty, else OSError is raised.
    many: of a folder of thousands of files; they are flushed together and never listed.
    """
    with naming_target(target):
        if many:
            os.sync()
        else:
            for path in filter(Path.is_file, [staged, *staged.rglob('*')]):
                _flush_to_disk(path)
        os.replace(staged, target)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders that killed processes left in `folder`.

    A process is known by its number on this machine; what one of another machine left, which may
    share the folder, goes after a day. What cannot be removed, such as another user's file, stays.
    """
    for name in os.listdir(folder):
        if name.endswith('.tmp') and _is_abandoned(folder / name):
            _remove(folder / name)


def _is_abandoned(path: Path) -> bool:
    match = _TEMPORARY.fullmatch(path.name)
    if match is None:
        return False
    if match['host'] not in (None, _HOST):
        with suppress(OSError):
            return time.time() - path.lstat().st_mtime > _LONG_AGO
        return False
    process = int(match['process'])
    if process == os.getpid():  # a container gives the same number to each first process
        return path.name not in _in_use
    return not is_running(process)


def is_running(process: int) -> bool:
    """Return whether this machine has a process with that number."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's process
        return True
    return True


@contextmanager
def _temporary_beside(path: Path) -> Iterator[Path]:
    """Yield an unused temporary path beside `path`, and remove what is there at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f'.{path.name}.{next(_serial)}.{_HOST}.{os.getpid()}.tmp'
    _in_use.add(name)
    try:
        remove_leftovers(path.parent)
        yield path.with_name(name)
    finally:
        _remove(path.with_name(name))
        _in_use.discard(name)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _flush_to_disk(path: Path) -> None:
    with open(path, 'rb') as file:
        os.fsync(file.fileno())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file or nothing."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 file or nothing. What UTF-8 cannot hold, as some names, is escaped."""
    write_bytes(path, text.encode('utf-8', 'backslashreplace'))


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array as .npy, whole or not at all."""
    import numpy as np

    packed = io.BytesIO()
    np.save(packed, array)
    write_bytes(path, packed.getvalue())


def write_json(path: Path, values: Mapping[Any, Any]) -> None:
    """Write a JSON object, one key a line, whole or not at all."""
    write_text(path, as_json(values))


def as_json(values: Mapping[Any, Any]) -> str:
    r"""Return a JSON object, one key a line.

    >>> print(as_json({'lr': 0.1, 'sizes': [1, 2]}), end='')
    {
     "lr": 0.1,
     "sizes": [1, 2]
    }
    """
    lines = (f' {json.dumps(str(key))}: {json.dumps(value)}' for key, value in values.items())
    return '{\n' + ',\n'.join(lines) + '\n}\n'


def text_table(rows: Sequence[Sequence[str]], *, left: Collection[int] = (0,)) -> str:
    """Return rows of cells as text; the first row is the heading.

    Every column is as wide as its longest cell, with two spaces between columns. The columns whose
    numbers are in `left` are aligned to the left, the others to the right. Cells become printable.

    >>> print(text_table([('recipe', 'images/s'), ('dense-mnist', '9,120')]))
    recipe       images/s
    dense-mnist     9,120
    """
    rows = [[as_printable(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*rows)]
    return '\n'.join(_text_row(row, widths, left) for row in rows)


def _text_row(row: Sequence[str], widths: Sequence[int], left: Collection[int]) -> str:
    parts = enumerate(zip(row, widths))
    cells = (c.ljust(w) if column in left else c.rjust(w) for column, (c, w) in parts)
    return '  '.join(cells).rstrip()


# Reading what anybody may have written


def read_bytes(path: Path, most: int) -> bytes:
    """Return the content of a file.

    Raises OSError, and ValueError for a file of more than `most` bytes. A pipe or a device, which
    may never end, is not opened and raises ValueError too.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError('is not a regular file')
    if status.st_size > most:
        raise ValueError(f'has {status.st_size:,} bytes; must be at most {most:,}')
    with open(path, 'rb') as file:  # `file.read(most)` would take memory for `most` bytes at once
        return bytes(read_at_most(file, most))


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """Return the text of a file in UTF-8, as `read_bytes`; UnicodeDecodeError is a ValueError."""
    return read_bytes(path, most).decode('utf-8-sig')


def read_at_most(stream: BinaryIO, limit: int) -> bytearray:
    """Return what a stream still holds, cut after `limit` + 1 bytes, one too many.

    Memory grows with what arrives.

    >>> read_at_most(io.BytesIO(b'abcdef'), 3)
    bytearray(b'abcd')
    """
    content = bytearray()
    while len(content) <= limit:
        chunk = stream.read(min(CHUNK, limit + 1 - len(content)))
        if not chunk:
            break
        content += chunk
    return content


def read_npy(stream: BinaryIO, size: int) -> np.ndarray:
    """Return the array of an .npy stream of `size` bytes, writeable and without a second copy.

    The caller limits `size`; memory is taken only where the header agrees with it. Raises
    ValueError, in one sentence without a subject, for pickled objects, a damaged header, and more
    or fewer values than the header states.

    >>> import numpy as np
    >>> packed = io.BytesIO()
    >>> np.save(packed, np.array([3, 4], np.int16))
    >>> read_npy(io.BytesIO(packed.getvalue()), len(packed.getvalue()))
    array([3, 4], dtype=int16)
    """
    import numpy as np

    head = io.BytesIO(stream.read(MAX_NPY_HEADER))
    shape, is_fortran, dtype = _npy_header(head)
    count = prod(shape) * dtype.itemsize
    if head.tell() + count != size:
        kind = f'{dtype} {shape}'
        raise ValueError(
            f'has a header of {kind:.80}, {head.tell() + count:,} bytes in all; '
            f'must be the size of the file, {size:,}'
        )
    values = bytearray(head.read())
    values += read_at_most(stream, count - len(values))
    if len(values) != count:
        amount = 'fewer' if len(values) < count else 'more'
        raise ValueError(f'has {amount} bytes of values; must be {count:,} by its header')
    try:
        return np.ndarray(shape, dtype, values, order='F' if is_fortran else 'C')
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f'has an impossible shape ({error}); must be a shape of NumPy') from None


def _npy_header(head: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, Fortran order and dtype. Leaves the stream at the first value."""
    from numpy.lib import format as npy

    try:
        version = npy.read_magic(head)
        if version != (1, 0):  # later versions are for arrays with many named fields
            raise ValueError(f'its version is {version}')
        shape, is_fortran, dtype = npy.read_array_header_1_0(head)
    except Exception as error:  # numpy lets through whatever the parser of Python literals raises
        reason = str(error).partition('\n')[0]
        raise ValueError(f'is not a readable .npy ({reason:.80}); must be of version 1.0') from None
    if dtype.hasobject or not dtype.itemsize:
        kind = 'pickled Python objects' if dtype.hasobject else 'values of no size'
        raise ValueError(f'holds {kind}; must be numbers')
    if min(shape, default=0) < 0:
        raise ValueError(f'has the shape {shape}; must be without negative sides')
    return shape, is_fortran, dtype


# Numbered folders


def next_folder(out: Path, name: str) -> Path:
    """Make and return `out`/00000-name with the next free number.

    Raises InputError where `out` cannot be a folder, and OSError where making it fails.
    """
    check_writable(out, folder=True, setting='out')
    with naming_target(out):
        out.mkdir(parents=True, exist_ok=True)
        while True:
            folder = out / f'{next_number(out):05d}-{name}'
            with suppress(FileExistsError):  # another process took the number in between
                folder.mkdir()
                return folder


def next_number(out: Path) -> int:
    """Return one more than the highest number in `out`, 0 where there is none.

    >>> next_number(Path('no such folder'))
    0
    """
    names = os.listdir(out) if out.is_dir() else []
    matches = [re.match(r'(\d{5,})-', name) for name in names]
    numbers = [int(match[1]) for match in matches if match]
    return max(numbers, default=-1) + 1
