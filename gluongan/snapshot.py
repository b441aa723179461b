"""The state of a whole run in one file and back, exactly, without pickle.

A snapshot is 8 bytes of name, the SHA-256 of what follows, and an .npz. The archive holds every
array by its name, and everything else as JSON in the array `meta`.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from .errors import FailureError, reason
from .files import read_npy, write_bytes

MAGIC = b'GLUONGAN'
SUFFIX = '.snapshot'
MOST_COUNTED = 2**53  # iterations or steps; beyond it floats skip numbers
_BODY = len(MAGIC) + hashlib.sha256().digest_size  # where the .npz starts

# What zipfile and json let through when they read a file that somebody forged.
_DAMAGE: tuple[type[Exception], ...] = (
    *(ValueError, LookupError, OSError, EOFError),
    *(MemoryError, ArithmeticError, RuntimeError, zipfile.BadZipFile),
)

State = tuple[dict[str, np.ndarray], dict[str, Any]]


class SnapshotError(FailureError):
    """A snapshot that is damaged, missing, or of another run."""


def write(path: Path, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    """Write a snapshot whole or not at all.

    meta: what JSON can hold. Raises SnapshotError, and writes nothing, where an array has NaN or
    infinity.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / 'a.snapshot'
    ...     write(path, {'gen/bias': np.zeros(3)}, {'iteration': 7})
    ...     read(path)
    ({'gen/bias': array([0., 0., 0.])}, {'iteration': 7})
    """
    for name, value in arrays.items():
        if value.dtype.kind == 'f' and not np.isfinite(value).all():
            raise SnapshotError(
                f'{path}: was not written, {name} holds NaN or infinity; must be finite'
            )
    write_bytes(path, pack(arrays, meta))


def pack(arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> bytes:
    """Return the content of a snapshot; equal arrays and meta give equal bytes."""
    packed = io.BytesIO()
    np.savez(packed, meta=np.frombuffer(json.dumps(meta).encode('utf-8'), dtype=np.uint8), **arrays)
    body = packed.getvalue()
    return MAGIC + hashlib.sha256(body).digest() + body


def read(path: Path) -> State:
    """Return the arrays and the meta of a snapshot.

    Raises SnapshotError for a file that differs from what was written in a single bit.
    """
    try:
        content = _content(path)
    except OSError as error:
        raise SnapshotError(
            f'{path}: cannot be read ({reason(error)}); must be a readable file'
        ) from None
    if hashlib.sha256(content[_BODY:]).digest() != content[len(MAGIC) : _BODY]:
        raise SnapshotError(
            f'{path}: is damaged (its SHA-256 does not match); must be as it was written'
        )
    return _unpack(path, content[_BODY:])


def _content(path: Path) -> bytes:
    """Return the content of a snapshot; of any other file hardly anything is read."""
    if path.exists() and not path.is_file():  # a named pipe would wait for ever
        raise SnapshotError(f'{path}: is not a regular file; must be a file that gluongan wrote')
    with open(path, 'rb') as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise SnapshotError(f'{path}: is not a snapshot; must be a file that gluongan wrote')
        return MAGIC + file.read()


def _unpack(path: Path, body: bytes) -> State:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            arrays = {}
            for entry in archive.infolist():
                name = entry.filename.removesuffix('.npy')
                arrays[name] = _read_array(archive, entry, len(body))
        meta = json.loads(arrays.pop('meta').tobytes())
        if not isinstance(meta, dict):
            raise ValueError('meta is not a JSON object')
        return arrays, meta
    except _DAMAGE as error:
        raise SnapshotError(
            f'{path}: is not a snapshot inside ({reason(error)}); '
            'must be a file that gluongan wrote'
        ) from None


def _read_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> np.ndarray:
    # As `write` stores it: an .npy, not compressed. So it cannot be larger than the archive.
    is_stored = entry.compress_type == zipfile.ZIP_STORED and entry.file_size <= limit
    if not entry.filename.endswith('.npy') or not is_stored:
        raise ValueError(f'{entry.filename!r:.80} is not an array as gluongan stores it')
    try:
        with archive.open(entry) as stream:
            return read_npy(stream, entry.file_size)
    except ValueError as error:
        raise ValueError(f'{entry.filename!r:.80} {error}') from None


def check(path: Path, arrays: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Raise SnapshotError where an array of `expected` is missing, or of another shape or type."""
    for name, value in expected.items():
        if name not in arrays:
            raise SnapshotError(f'{path}: has no {name}; must be a snapshot of the same networks')
        array = arrays[name]
        if (array.shape, array.dtype) != (value.shape, value.dtype):
            raise SnapshotError(
                f'{path}: has {name} as {array.dtype} {array.shape}; '
                f'must be {value.dtype} {value.shape} for these networks'
            )


def check_counts(path: Path, meta: dict[str, Any], *names: str) -> None:
    """Raise SnapshotError where one of these is not a whole number of at least 0.

    >>> check_counts(Path('a.snapshot'), {'iteration': 7}, 'iteration')
    """
    for name in names:
        value = meta.get(name)
        if type(value) is not int or not 0 <= value < MOST_COUNTED:
            raise SnapshotError(f'{path}: has {name} {value!s:.40}; must be a whole number')
