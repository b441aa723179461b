"""Weights in MXNet's .params format, by a writer and a parser of our own.

`mx.nd.load` believes every length in the file: one flipped bit makes it allocate memory until the
system kills the process. Here a length is believed only where that many bytes are left.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

LIST_MAGIC = 0x112  # begins a list of arrays
ARRAY_MAGIC = 0xF993FAC9  # begins an array (NDARRAY_V2)
DENSE, FLOAT32 = 0, 0
MAX_ARRAYS, MAX_AXES, MAX_NAME = 10_000, 4, 300


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return float32 arrays by name (`arg:...`, `aux:...`) as `mx.nd.save` writes them.

    >>> {name: array.tolist() for name, array in parse(pack({'arg:a': np.ones(2)})).items()}
    {'arg:a': [1.0, 1.0]}
    """
    parts = [struct.pack('<QQQ', LIST_MAGIC, 0, len(arrays))]
    for array in arrays.values():
        axes = array.ndim
        parts.append(struct.pack(f'<Iii{axes}q', ARRAY_MAGIC, DENSE, axes, *array.shape))
        parts.append(struct.pack('<iii', 1, 0, FLOAT32))
        parts.append(np.ascontiguousarray(array, '<f4').tobytes())
    parts.append(struct.pack('<Q', len(arrays)))
    for name in arrays:
        parts.append(struct.pack('<Q', len(name.encode())) + name.encode())
    return b''.join(parts)


class _Cursor:
    """A position in bytes that only moves forward, and never beyond the end."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._position = 0

    def take(self, count: int) -> memoryview:
        """Return the next `count` bytes."""
        start, end = self._position, self._position + count
        if count < 0 or end > len(self._content):
            raise ValueError('is cut off, or has a wrong length in it')
        self._position = end
        return self._content[start:end]

    def numbers(self, form: str) -> tuple[Any, ...]:
        """Return the next numbers, little-endian, by their codes in `struct`."""
        return struct.unpack('<' + form, self.take(struct.calcsize('<' + form)))

    def number(self, form: str) -> Any:
        """Return the next number."""
        return self.numbers(form)[0]

    def expect(self, form: str, *expected: int) -> None:
        """Skip numbers that can only be these."""
        if self.numbers(form) != expected:
            raise ValueError(
                'has another format; must be dense float32 arrays as MXNet 1.9.1 writes them'
            )

    def at_end(self) -> bool:
        return self._position == len(self._content)


def parse(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of a .params file by name (`arg:...`, `aux:...`): finite, float32.

    They share the memory of `content` where possible. Raises ValueError for anything that
    `mx.nd.save` does not write.

    >>> header, no_arrays, no_names = (struct.pack('<QQ', LIST_MAGIC, 0), bytes(8), bytes(8))
    >>> parse(header + no_arrays + no_names)
    {}
    >>> parse(header + struct.pack('<Q', 2**40))
    Traceback (most recent call last):
    ValueError: has 1,099,511,627,776 arrays; must be at most 10,000
    """
    cursor = _Cursor(content)
    cursor.expect('QQ', LIST_MAGIC, 0)
    arrays = [_array(cursor) for _ in range(_count(cursor))]
    names = [_name(cursor) for _ in range(_count(cursor))]
    if not cursor.at_end() or len(names) != len(arrays) or len(set(names)) < len(names):
        raise ValueError('has names that do not match its arrays; must be one name for each')
    return dict(zip(names, arrays))


def _count(cursor: _Cursor) -> int:
    count = cursor.number('Q')
    if count > MAX_ARRAYS:
        raise ValueError(f'has {count:,} arrays; must be at most {MAX_ARRAYS:,}')
    return count


def _array(cursor: _Cursor) -> np.ndarray:
    cursor.expect('Ii', ARRAY_MAGIC, DENSE)
    axes = cursor.number('i')
    if not 1 <= axes <= MAX_AXES:
        raise ValueError(f'has an array with {axes} axes; must be 1 to {MAX_AXES}')
    shape = cursor.numbers(f'{axes}q')
    if min(shape) < 1:
        raise ValueError(f'has an array of shape {shape}; each side must be at least 1')
    cursor.expect('iii', 1, 0, FLOAT32)  # device 1, the CPU, number 0: every export has that
    array = np.frombuffer(cursor.take(4 * prod(shape)), '<f4').reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError('has an array with NaN or infinity; must be finite')
    return array


def _name(cursor: _Cursor) -> str:
    length = cursor.number('Q')
    if length > MAX_NAME:
        raise ValueError(f'has a name of {length:,} bytes; must be at most {MAX_NAME}')
    try:
        return bytes(cursor.take(length)).decode('utf-8')
    except UnicodeDecodeError:
        raise ValueError('has a name that is not text; must be UTF-8') from None
