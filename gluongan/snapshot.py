"""A whole run on disk and back, exactly, without pickle.

A snapshot is 8 bytes of name, the SHA-256 of the rest, and an .npz: every array by name, and `meta`, the JSON of the rest.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from .errors import FailureError
from .files import write_bytes

MAGIC = b'GLUONGAN'
SUFFIX = '.snapshot'
_HEAD = len(MAGIC) + 32

State = tuple[dict[str, np.ndarray], dict[str, Any]]


class SnapshotError(FailureError):
    """A snapshot that is damaged, missing, or of another run: one sentence that names the file."""


def write(path: Path, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    """Write a snapshot whole or not at all. Raises SnapshotError, and writes nothing, where an array is not finite."""
    for name, value in arrays.items():
        if value.dtype.kind == 'f' and not np.isfinite(value).all():
            raise SnapshotError(f'{path}: not written, {name} holds NaN or infinity')
    packed = io.BytesIO()
    np.savez(packed, meta=np.frombuffer(json.dumps(meta).encode('utf-8'), dtype=np.uint8), **arrays)
    body = packed.getvalue()
    write_bytes(path, MAGIC + hashlib.sha256(body).digest() + body)


def read(path: Path) -> State:
    """Return the arrays and the meta of a snapshot. Raises SnapshotError for a file that is not what was written."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SnapshotError(f'{path}: cannot be read ({error.strerror})') from None
    if content[: len(MAGIC)] != MAGIC:
        raise SnapshotError(f'{path}: is not a snapshot of gluongan')
    if hashlib.sha256(content[_HEAD:]).digest() != content[len(MAGIC) : _HEAD]:
        raise SnapshotError(f'{path}: is damaged (its SHA-256 is not the one that was written)')
    return _unpack(path, content[_HEAD:])


def _unpack(path: Path, body: bytes) -> State:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            arrays = {
                entry.filename[:-4]: _array(body, packed, entry) for entry in packed.infolist()
            }
        meta = json.loads(arrays.pop('meta').tobytes())
        if not isinstance(meta, dict):
            raise ValueError('its meta is no object')
        return arrays, meta
    except (
        ValueError,
        KeyError,
        OSError,
        EOFError,
        MemoryError,
        ArithmeticError,
        RuntimeError,
        zipfile.BadZipFile,
    ) as error:
        raise SnapshotError(f'{path}: is no snapshot inside ({error})') from None


def _array(body: bytes, packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    # As `write` stores it: an .npy, not compressed. Then its own size bounds what it may take.
    if (
        not entry.filename.endswith('.npy')
        or entry.compress_type != zipfile.ZIP_STORED
        or entry.file_size > len(body)
    ):
        raise ValueError(f'{entry.filename} is not an array as gluongan stores it')
    content = io.BytesIO(packed.read(entry))
    version = np.lib.format.read_magic(content)
    if version != (1, 0):
        raise ValueError(f'{entry.filename} is not an array as gluongan stores it')
    shape, _, dtype = np.lib.format.read_array_header_1_0(content)
    if (
        dtype.hasobject
        or prod(shape) * dtype.itemsize != entry.file_size - content.tell()
        or min(shape, default=0) < 0
    ):
        raise ValueError(f'{entry.filename} has not the size that it tells')
    content.seek(0)
    return np.lib.format.read_array(content, allow_pickle=False)


def check(path: Path, arrays: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    """Raise SnapshotError where a snapshot's arrays are not those that a run of these networks needs."""
    for name, value in wanted.items():
        if name not in arrays:
            raise SnapshotError(f'{path}: lacks {name}; it is of another run')
        if (arrays[name].shape, arrays[name].dtype) != (value.shape, value.dtype):
            raise SnapshotError(
                f'{path}: {name} is {arrays[name].dtype} {arrays[name].shape}, '
                f'this run needs {value.dtype} {value.shape}'
            )
