"""Files and numbered folders on disk: written whole or not at all, and never over somebody else's.

Every file is written under a temporary name beside its target, flushed to the disk and renamed. What an
earlier process left when it was killed is removed by the next write into the same folder.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    import numpy as np

_TEMPORARY = re.compile(r'\..+\.(?P<process>\d+)\.tmp')


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; it takes the name `path` when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    temporary = _temporary_name(path)
    try:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def staging(target: str | Path) -> Iterator[Path]:
    """Yield a new temporary folder beside `target` for files to be moved from; it is gone when the block ends."""
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target.parent)
    folder = _temporary_name(target)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(staged: Path, target: Path) -> None:
    """Give a staged file or folder its name, once all of it is on the disk. A file of that name is replaced."""
    for path in [*staged.rglob('*'), staged]:
        if path.is_file():
            _flush_to_disk(path)
    os.replace(staged, target)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders that killed processes of this machine left in `folder`."""
    for name in os.listdir(folder):
        match = _TEMPORARY.fullmatch(name)
        if match is None or _is_running(int(match['process'])):
            continue
        leftover = folder / name
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _temporary_name(path: Path) -> Path:
    return path.with_name(f'.{path.name}.{os.getpid()}.tmp')


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it runs, and is somebody else's
        return True
    return True


def _flush_to_disk(path: Path) -> None:
    with open(path, 'rb') as file:
        os.fsync(file.fileno())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file or nothing."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 file or nothing."""
    write_bytes(path, text.encode('utf-8'))


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
    numbers are in `left` are aligned to the left, the others to the right.

    >>> print(text_table([('recipe', 'images/s'), ('dense-mnist', '9,120'), ('wgan', '870')]))
    recipe       images/s
    dense-mnist     9,120
    wgan              870
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows)]
    return '\n'.join(_text_row(row, widths, left) for row in rows)


def _text_row(row: Sequence[str], widths: Sequence[int], left: Collection[int]) -> str:
    cells = []
    for column, (cell, width) in enumerate(zip(row, widths)):
        cells.append(cell.ljust(width) if column in left else cell.rjust(width))
    return '  '.join(cells).rstrip()


def read_bytes(path: Path, most: int) -> bytes:
    """Return the content of a file that anybody may have written.

    Raises OSError, and ValueError where it has more than `most` bytes or is a pipe or a device, which
    might never end and is not even opened.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError('is not a regular file')
    if status.st_size > most:
        raise ValueError(f'has {status.st_size:,} bytes; must be at most {most:,}')
    with open(path, 'rb') as file:
        return file.read(most)


def next_folder(out: Path, name: str) -> Path:
    """Make and return `out`/00000-name with the next free number. Raises InputError where `out` is not a folder."""
    check_out(out)
    while True:
        folder = out / f'{next_number(out):05d}-{name}'
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:  # another process took the number in between
            continue


def check_out(out: Path) -> None:
    """Raise InputError where numbered folders cannot be made in `out`."""
    if (out.exists() or out.is_symlink()) and not out.is_dir():
        raise InputError(
            'is not a folder; must be a folder, or a name that is free', setting='out', value=out
        )


def next_number(out: Path) -> int:
    """Return one more than the highest number of a folder in `out`, 0 where there is none."""
    numbers = [-1]
    for name in os.listdir(out) if out.is_dir() else []:
        match = re.match(r'(\d{5,})-', name)
        if match:
            numbers.append(int(match[1]))
    return max(numbers) + 1
