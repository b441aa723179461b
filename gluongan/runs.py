"""The run folder: numbered, never overwritten, and what is written into it is written whole."""

from __future__ import annotations

import io
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .config import Config, ConfigError, parse_json

if TYPE_CHECKING:
    import numpy as np


class RunError(ValueError):
    """A folder that is no run, or a file of a run that cannot be used: one sentence that names it."""


def next_folder(out: Path, name: str) -> Path:
    """Make and return `out`/00000-name with the next free number. Raises RunError where `out` is no folder."""
    check_place(out)
    while True:
        folder = out / f'{next_number(out):05d}-{name}'
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:  # another process took the number in between
            continue


def check_place(out: Path) -> None:
    """Raise RunError where run folders cannot be made in `out`."""
    if (out.exists() or out.is_symlink()) and not out.is_dir():
        raise RunError(f'--out {out}: is no folder; must be one, or a name that is free')


def next_number(out: Path) -> int:
    """Return one more than the highest number of a run in `out`."""
    names = os.listdir(out) if out.is_dir() else []
    return 1 + max(
        (int(match[1]) for name in names if (match := re.match(r'(\d{5,})-', name))), default=-1
    )


def run_name(config: Config) -> str:
    """Return what a run of these settings is called, such as `dense-mnist`."""
    words = (config.recipe, Path(config.data).stem)
    return '-'.join(re.sub(r'[^a-z0-9]+', '-', word.lower()).strip('-') or 'data' for word in words)


def write_text(path: Path, text: str) -> None:
    """Write a whole file or nothing: to a temporary name, flushed to the disk, then renamed."""
    write_bytes(path, text.encode('utf-8'))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file or nothing: to a temporary name, flushed to the disk, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        with open(temporary, 'wb') as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_bytes(path: Path, most: int) -> bytes:
    """Return the bytes of a file that anybody may have made. Raises OSError, and ValueError where it has more than `most`.

    A pipe or a device might never end, and is not even opened.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError('is no file')
    if found.st_size > most:
        raise ValueError(f'has {found.st_size:,} bytes; must be at most {most:,}')
    with open(path, 'rb') as file:
        return file.read(most)


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array as .npy, whole or not at all."""
    import numpy as np

    packed = io.BytesIO()
    np.save(packed, array)
    write_bytes(path, packed.getvalue())


def as_json(values: Mapping[Any, Any]) -> str:
    """Return a JSON object, one key a line."""
    rows = (f' {json.dumps(str(key))}: {json.dumps(value)}' for key, value in values.items())
    return '{\n' + ',\n'.join(rows) + '\n}\n'


def write_json(path: Path, values: Mapping[Any, Any]) -> None:
    """Write a JSON object, one key a line, whole or not at all."""
    write_text(path, as_json(values))


def read_config(run: Path) -> Config:
    """Return the Config of the run in folder `run`; RunError where there is none."""
    path = run / 'config.json'
    if not path.is_file():
        raise RunError(f'{run}: is no run folder (it has no config.json)')
    try:
        return Config().with_settings(parse_json(path.read_text(encoding='utf-8'), str(path)))
    except (ConfigError, UnicodeDecodeError, OSError) as error:
        raise RunError(f'{path}: {error}') from None
