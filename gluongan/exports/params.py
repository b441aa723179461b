"""Weights out of MXNet's .params format by a reader of our own.

`mx.nd.load` believes every length in the file: a flipped bit makes it allocate until the system kills the process. Here a
length is believed only where so many bytes are left.
"""

from __future__ import annotations

import struct
from math import prod
from typing import Any

import numpy as np

LIST, ARRAY = (
    0x112,
    0xF993FAC9,
)  # the magic numbers of a list of arrays, and of an array (NDARRAY_V2)
DENSE, FLOAT32, MOST_AXES = 0, 0, 4


class _Cursor:
    """A place in bytes that only moves forward, and never beyond the end."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = memoryview(content), 0

    def take(self, count: int) -> memoryview:
        if not 0 <= count <= len(self._content) - self._at:
            raise ValueError('ends before all that it tells of')
        self._at += count
        return self._content[self._at - count : self._at]

    def numbers(self, form: str) -> tuple[Any, ...]:
        return struct.unpack('<' + form, self.take(struct.calcsize('<' + form)))

    def number(self, form: str) -> Any:
        return self.numbers(form)[0]

    def expect(self, form: str, *wanted: int) -> None:
        if self.numbers(form) != wanted:
            raise ValueError('is no list of dense float32 arrays as MXNet 1.9.1 writes it')

    def done(self) -> bool:
        return self._at == len(self._content)


def read(content: bytes) -> dict[str, np.ndarray]:
    """Return the finite float32 arrays of a .params file by name (`arg:...` or `aux:...`), without a copy where possible.

    Raises ValueError for anything that is not exactly what `mx.nd.save` writes.
    """
    cursor = _Cursor(content)
    cursor.expect('QQ', LIST, 0)
    arrays = [_array(cursor) for _ in range(_count(cursor))]
    names = [_name(cursor) for _ in range(_count(cursor))]
    if not cursor.done() or len(names) != len(arrays) or len(set(names)) < len(names):
        raise ValueError('has names that do not belong to its arrays')
    return dict(zip(names, arrays))


def _count(cursor: _Cursor) -> int:
    count = cursor.number('Q')
    if count > 10_000:
        raise ValueError(f'tells of {count:,} arrays; at most 10,000 are allowed')
    return count


def _array(cursor: _Cursor) -> np.ndarray:
    cursor.expect('Ii', ARRAY, DENSE)
    axes = cursor.number('i')
    if not 1 <= axes <= MOST_AXES:
        raise ValueError(f'has an array with {axes} axes; 1 to {MOST_AXES} are allowed')
    shape = cursor.numbers(f'{axes}q')
    if min(shape) < 1:
        raise ValueError(f'has an array of the shape {shape}')
    cursor.expect('iii', 1, 0, FLOAT32)  # in main memory, as every export of ours is written
    array = np.frombuffer(cursor.take(4 * prod(shape)), '<f4').reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError('has an array that holds NaN or infinity')
    return array


def _name(cursor: _Cursor) -> str:
    length = cursor.number('Q')
    if length > 300:
        raise ValueError('has a name that is too long')
    try:
        return bytes(cursor.take(length)).decode('utf-8')
    except UnicodeDecodeError:
        raise ValueError('has a name that is no text') from None
