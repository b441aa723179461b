"""Weights in the safetensors format, by a writer and a parser of our own.

A file is the length of its header (8 bytes, little-endian), the header (JSON: for each array its
type, its shape, and where its bytes begin and end), and the bytes of all arrays without gaps.
https://github.com/huggingface/safetensors describes it. Here a length is believed only where that
many bytes are left, and nothing is copied.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from ..nn.graph import parse_json
from .params import MAX_ARRAYS, MAX_AXES, MAX_NAME

MAX_HEADER = 2**22
ENTRY = {'dtype', 'shape', 'data_offsets'}


def pack(arrays: Mapping[str, np.ndarray], about: Mapping[str, str] | None = None) -> bytes:
    """Return float32 arrays by name as a file; about: texts for its header.

    >>> {name: array.tolist() for name, array in parse(pack({'a': np.ones(2)})).items()}
    {'a': [1.0, 1.0]}
    """
    header: dict[str, Any] = {'__metadata__': dict(about)} if about else {}
    parts, end = [], 0
    for name, array in arrays.items():
        parts.append(np.ascontiguousarray(array, '<f4').tobytes())
        begin, end = end, end + len(parts[-1])
        header[name] = {'dtype': 'F32', 'shape': list(array.shape), 'data_offsets': [begin, end]}
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)  # so that the arrays are aligned
    return b''.join([struct.pack('<Q', len(text)), text, *parts])


def parse(content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of a file by name: finite, float32, in the memory of `content`.

    Raises ValueError for anything that the format does not allow, and for other types.

    >>> parse(struct.pack('<Q', 2**40) + b'{}')
    Traceback (most recent call last):
    ValueError: has a header of 1,099,511,627,776 bytes; must be at most 4,194,304, and in the file
    """
    length = struct.unpack('<Q', content[:8])[0] if len(content) >= 8 else 2**64 - 1
    if length > min(MAX_HEADER, len(content) - 8):
        raise ValueError(
            f'has a header of {length:,} bytes; must be at most {MAX_HEADER:,}, and in the file'
        )
    header = parse_json(content[8 : 8 + length])
    if not isinstance(header, dict) or len(header) > MAX_ARRAYS:
        raise ValueError(f'has a wrong header; must be an object of at most {MAX_ARRAYS:,} arrays')
    header.pop('__metadata__', None)
    data, arrays, end = memoryview(content)[8 + length :], {}, 0
    for name, entry in sorted(header.items(), key=lambda item: _begin(item[1])):
        begin, arrays[name] = end, _array(name, entry, data, end)
        end = begin + arrays[name].nbytes
    if end != len(data):
        raise ValueError(f'has {len(data) - end:,} bytes that belong to no array; must be none')
    return arrays


def _begin(entry: Any) -> int:
    """Return where the bytes of an array begin. Raises ValueError for an entry that is none."""
    if not isinstance(entry, dict) or set(entry) != ENTRY:
        raise ValueError('has a wrong entry; must have dtype, shape and data_offsets')
    offsets = entry['data_offsets']
    if type(offsets) is not list or len(offsets) != 2 or set(map(type, offsets)) != {int}:
        raise ValueError('has wrong data_offsets; must be two whole numbers')
    return offsets[0]


def _array(name: str, entry: dict[str, Any], data: memoryview, begin: int) -> np.ndarray:
    """Return the array of an entry, whose bytes must begin where those of the last one end."""
    shape = entry['shape']
    is_shape = type(shape) is list and 1 <= len(shape) <= MAX_AXES
    if not is_shape or not all(type(side) is int and 1 <= side < 2**31 for side in shape):
        raise ValueError(f'has a wrong shape; must be 1 to {MAX_AXES} whole numbers of at least 1')
    if entry['dtype'] != 'F32' or len(name) > MAX_NAME:
        raise ValueError('has an array of another type, or with a long name; must be F32')
    end = begin + 4 * prod(shape)
    if entry['data_offsets'] != [begin, end] or end > len(data):
        raise ValueError('has data_offsets that do not fit; must be one array behind the other')
    array = np.frombuffer(data[begin:end], '<f4').reshape(shape)
    if not np.isfinite(array).all():
        raise ValueError('has an array with NaN or infinity; must be finite')
    return array
