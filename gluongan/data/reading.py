"""Opening files that may be packed, truncated or false: one kind of error for all of them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..errors import reason
from .dataset import DataError

# A few MB of gzip can hold gigabytes of zeros.
MAX_UNPACKED = 2**31  # bytes that one packed file may become
GZIP_MAGIC = b'\x1f\x8b'


@contextmanager
def as_data_errors(where: object) -> Iterator[None]:
    """Turn an OSError or a gzip error of the block into a DataError that names `where`."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        message = (
            f'{where}: is damaged or truncated gzip ({reason(error)}); must be a complete file'
        )
        raise DataError(message) from error
    except OSError as error:
        raise DataError(f'{where}: cannot be read ({reason(error)}); must be readable') from error


@contextmanager
def open_unpacked(path: Path) -> Iterator[tuple[BinaryIO, int | None]]:
    """Yield a stream of the content, unpacked where it is gzip, and its size in bytes.

    The size is None for a gzip file, because only unpacking it tells. Raises DataError.
    """
    with as_data_errors(path):
        if path.exists() and not path.is_file():  # opening a named pipe would wait for ever
            raise DataError(f'{path}: is not a regular file; must be a file')
        with open(path, 'rb') as file:
            # By content, because browsers unpack .gz files and keep the name.
            if file.peek(2)[:2] == GZIP_MAGIC:
                yield gzip.GzipFile(fileobj=file), None
            else:
                yield file, path.stat().st_size
