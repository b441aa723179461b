"""Opening files that may be packed, truncated or lying: bounded reads, and one kind of error."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .dataset import DataError

CHUNK = (
    2**20
)  # bytes asked for at a time, so that memory grows with what arrives, not with what is promised
MAX_UNPACKED = (
    2**31
)  # bytes that one packed file may become; a few MB of gzip can hold gigabytes of zeros


@contextmanager
def faults(where: object) -> Iterator[None]:
    """Turn whatever reading `where` raises into a DataError that names it."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f'{where}: damaged or truncated gzip data ({error})') from error
    except OSError as error:
        raise DataError(f'{where}: cannot be read ({error.strerror or error})') from error


@contextmanager
def unpacked(path: Path) -> Iterator[tuple[BinaryIO, int | None]]:
    """The content of a regular file, gunzipped if need be, and its size in bytes (None when packed: not yet known)."""
    with faults(path):
        if path.exists() and not path.is_file():  # opening a named pipe would wait for ever
            raise DataError(f'{path}: is not a regular file, allowed is a file')
        with open(path, 'rb') as file:
            packed = (
                file.peek(2)[:2] == b'\x1f\x8b'
            )  # by content, because browsers unpack .gz and keep the name
            yield (gzip.GzipFile(fileobj=file), None) if packed else (file, path.stat().st_size)


def read_at_most(stream: BinaryIO, limit: int) -> bytearray:
    """All that `stream` holds, but never more than limit + 1 bytes: one too many tells that there is more."""
    data = bytearray()
    while len(data) <= limit:
        chunk = stream.read(min(CHUNK, limit + 1 - len(data)))
        if not chunk:
            break
        data += chunk
    return data
