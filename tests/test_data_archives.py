"""Archives that are damaged or forged: each is a DataError that names the file."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refused

from gluongan.data import DataError, Dataset, NoSplit, load

X = np.zeros((4, 8, 8), np.uint8)
ARCHIVES = {
    'other keys': (
        {'pixels': X, 'names': X},
        "only 'names', 'pixels'",
        'images, x_train, x, train_images, data or arr_0',
    ),
    'nothing': (
        {},
        'contains no arrays; must be an archive with an array named images, x_train, x, '
        'train_images, data or arr_0',
    ),
    'objects': ({'x': np.array([{}, []], object)}, 'a.npz[x]: holds pickled Python objects'),
    'objects in labels': (
        {'x': X, 'y': np.array([1, None, 2, 3], object)},
        'a.npz[y]: holds pickled Python objects',
    ),
    'int32': ({'x': X.astype(np.int32) + 256}, 'from 256 to 256', 'must be bytes, whole numbers'),
    'complex': ({'x': X.astype(complex)}, 'complex128'),
    'structured': ({'x': np.zeros((4, 8, 8), [('a', 'u1')])}, 'must be bytes'),
    'flat': ({'x': np.zeros((4, 64), np.uint8)}, '(4, 64)', '(N, H, W)'),
    'two channels': ({'x': np.zeros((4, 8, 8, 2), np.uint8)}, 'C of 1 or 3'),
    'none': ({'x': np.zeros((0, 8, 8), np.uint8)}, 'N >= 1'),
    'no sides': ({'x': np.zeros((4, 0, 8))}, 'sides from 1 to 4096'),
    'long side': ({'x': np.zeros((1, 4097, 1, 1), np.uint8)}, 'sides from 1 to 4096'),
    'not a number': ({'x': np.full((4, 8, 8), np.nan)}, 'contains NaN; must be bytes'),
    'infinite': ({'x': np.full((4, 8, 8), np.inf)}, 'from inf'),
    'more than bytes': ({'x': np.full((4, 8, 8), 256.0)}, 'to 256.0', '[0, 255]'),
    'signed bytes': ({'x': np.linspace(-128, 127, 256).reshape(4, 8, 8)}, 'from -128.0'),
    'a little over 1': ({'x': np.full((4, 8, 8), 1.01)}, 'from 1.01', 'or beyond [0, 1]'),
    'too few labels': ({'x': X, 'y': np.arange(3)}, '(3,) for 4 images'),
    'one-hot labels': ({'x': X, 'y': np.eye(4, dtype=int)}, '(4, 4)'),
    'float labels': ({'x': X, 'y': np.arange(4.0)}, 'float64', 'integers'),
    'negative labels': ({'x': X, 'y': np.arange(4) - 1}, 'from -1'),
    'endless labels': ({'x': X, 'y': np.arange(4, dtype=np.uint64) + 2**63}, 'from 0 to 9999'),
}


@pytest.mark.parametrize(
    'arrays, parts', [(case[0], case[1:]) for case in ARCHIVES.values()], ids=ARCHIVES
)
def test_bad_archives_are_refused(tmp_path, arrays, parts):
    np.savez_compressed(tmp_path / 'a.npz', **arrays)
    refused(tmp_path / 'a.npz', 'a.npz', *parts)


def test_archives_without_a_test_split_say_so(tmp_path):
    np.savez(tmp_path / 'a.npz', x=X)
    error = refused(
        tmp_path / 'a.npz',
        "no images for the test split, only 'x'",
        'array named x_test',
        split='test',
    )
    assert isinstance(error, NoSplit)
    refused(tmp_path / 'a.npz', 'image_size 32: does not apply to', image_size=32)


def test_a_damaged_archive_has_no_split_to_miss(tmp_path):
    (tmp_path / 'a.npz').write_bytes(b'hello')
    assert not isinstance(refused(tmp_path / 'a.npz', split='test'), NoSplit)


def npy(shape, descr='|u1', data=b'', version=1):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b'\x93NUMPY' + bytes((version, 0)) + struct.pack('<H', len(text)) + text + data


def zipped(content, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', compression) as archive:
        archive.writestr('x.npy', content)
    return buffer.getvalue()


def lying(content, size):
    """A zip whose directory claims another unpacked size than it holds."""
    data = zipped(content)
    position = data.rindex(b'PK\1\2') + 24
    return data[:position] + struct.pack('<I', size) + data[position + 4 :]


GIB = npy((1024, 1024, 1024))
RAW = {
    'no zip': b'hello',
    'nothing': b'',
    'half a zip': zipped(npy((4, 8, 8), data=bytes(256)))[:-30],
    'bad checksum': zipped(npy((4, 8, 8), data=bytes(256)), zipfile.ZIP_STORED).replace(
        bytes(99), b'\1' * 99
    ),
    'no npy inside': zipped(b'hello'),
    'huge shape': zipped(npy((2**40, 2**20, 4), data=bytes(99))),
    'negative shape': zipped(npy((-4, -8, 8), data=bytes(256))),
    'absurd rank': zipped(npy((1,) * 600, data=b'\0')),
    'nested header': zipped(npy('(' * 2000, data=b'\0')),
    'long header': zipped(npy('(' + '1,' * 9000 + ')')),
    'later version': zipped(npy((4, 8, 8), data=bytes(256), version=2)),
    'line breaks in the keys': zipped(b'hello').replace(b'x.npy', b'\n\x1b[31'),
    'code in the header': zipped(npy('__import__("os").abort()')),
    'lying directory': lying(GIB, len(GIB) + 2**30),
}


@pytest.mark.parametrize('data', RAW.values(), ids=RAW)
def test_archives_that_lie_are_refused(tmp_path, data):
    (tmp_path / 'a.npz').write_bytes(data)
    refused(tmp_path / 'a.npz', 'a.npz')


def test_archives_that_inflate_beyond_the_limit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr('gluongan.data.npz.MAX_UNPACKED', 10_000)
    np.savez_compressed(tmp_path / 'a.npz', x=np.zeros((40, 28, 28), np.uint8))
    refused(tmp_path / 'a.npz', 'a.npz[x]: unpacks to 31488 bytes', 'must be at most 10000')


# Anything at all


@settings(max_examples=200, deadline=None, database=None)
@given(st.data())
def test_a_mutated_archive_gives_a_dataset_or_a_data_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / 'mutated.npz'
    compression = data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    mutated = bytearray(zipped(npy((4, 8, 8), data=bytes(256)), compression))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(mutated)))
        mutated[start : start + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    path.write_bytes(mutated)
    try:
        assert isinstance(load(path), Dataset)
    except DataError as error:
        assert str(error).startswith(str(path)) and '\n' not in str(error)
