"""The .npy reader of snapshots and archives trusts nothing that a file states about itself."""

from __future__ import annotations

import io

import numpy as np
import pytest

from gluongan.files import CHUNK, read_npy


def packed(array):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def npy(header, values=b'', version=1):
    """The bytes of an .npy file whose header is this text."""
    text = header.encode()
    return b'\x93NUMPY' + bytes((version, 0)) + len(text).to_bytes(2, 'little') + text + values


def described(shape, descr='|u1'):
    return f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"


@pytest.mark.parametrize(
    'array',
    [
        np.arange(6, dtype='f4').reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.zeros((0, 3), 'f2'),
        np.float32(-0.0).reshape(()),
        np.array([2**64 - 1], 'u8'),
        np.arange(3, dtype='>i4'),
        np.array([True, False]),
        np.arange(3 * CHUNK // 4, dtype='f4'),
    ],
    ids=lambda array: f'{array.dtype}{array.shape}',
)
def test_array_comes_back_bit_for_bit_and_writeable(array):
    content = packed(array)
    restored = read_npy(io.BytesIO(content), len(content))
    assert (restored.dtype, restored.shape) == (array.dtype, array.shape)
    assert restored.tobytes() == array.tobytes()
    assert restored.flags.writeable and restored.flags.aligned


GOOD = packed(np.zeros(99, np.uint8))
DAMAGED = {
    'empty': (b'', 'not a readable .npy'),
    'text': (b'hello', 'not a readable .npy'),
    'half a header': (GOOD[:40], 'not a readable .npy'),
    'later version': (npy(described((4,)), bytes(4), version=2), 'version'),
    'code': (npy('__import__("os").abort()'), 'not a readable .npy'),
    'nested': (npy(described('(' * 2000)), 'not a readable .npy'),
    'long header': (npy(described('(' + '1,' * 9000 + ')')), 'not a readable .npy'),
    'unknown type': (npy(described((4,), 'zz')), 'not a readable .npy'),
    'objects': (packed(np.array([{}, None])), 'pickled Python objects; must be numbers'),
    'negative side': (npy(described((-4, -1)), bytes(4)), 'without negative sides'),
    'absurd rank': (npy(described((1,) * 600), b'\0'), 'dimension'),
    'absurd empty shape': (npy(described((0, 2**62, 2**62))), 'too big'),
    'values of no size': (npy(described((4,), '|S0')), 'values of no size; must be numbers'),
    'too few values': (GOOD[:-1], 'must be the size of the file'),
    'too many values': (GOOD + b'\0', 'must be the size of the file'),
    'a terabyte': (npy(described((10**12,))), 'must be the size of the file'),
    'more than 64 bits': (npy(described((10**30,))), 'must be the size of the file'),
}


@pytest.mark.parametrize('content, part', DAMAGED.values(), ids=DAMAGED)
def test_damaged_npy_is_refused_in_one_sentence(content, part):
    with pytest.raises(ValueError) as caught:
        read_npy(io.BytesIO(content), len(content))
    message = str(caught.value)
    assert part in message and '; must be ' in message
    assert '\n' not in message and len(message) < 200


@pytest.mark.parametrize('size', [-1, 0, len(GOOD) - 1, len(GOOD) + 1, 10**15])
def test_size_that_is_not_the_one_of_the_header_is_refused(size):
    with pytest.raises(ValueError, match='must be the size of the file'):
        read_npy(io.BytesIO(GOOD), size)


@pytest.mark.parametrize('change', [lambda content: content[:-1], lambda content: content + b'\0'])
def test_stream_of_another_length_than_its_size_is_refused(change):
    for content in (GOOD, packed(np.zeros(9000, np.uint8))):
        with pytest.raises(ValueError, match=r'; must be .* by its header'):
            read_npy(io.BytesIO(change(content)), len(content))
