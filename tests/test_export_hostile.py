"""An export that somebody changed is refused in one sentence, and nothing in it is run."""

from __future__ import annotations

import os
import struct

import fuzz_exports
import numpy as np
import pytest
from tampering import MANIFEST, SYMBOL, WEIGHTS, assert_refused, edit, export_small, reseal

import gluongan as gg
from gluongan.exports import params
from gluongan.runtime import mx


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The export of a small generator."""
    return export_small(tmp_path, monkeypatch)


def test_an_export_loads_and_is_the_same_network(folder):
    loaded = gg.load_export(folder)
    assert loaded.network()(mx.nd.zeros((5, 6))).shape == (5, 1, 8, 8)


# What the SHA-256 sums find


@pytest.mark.parametrize('name', [SYMBOL, WEIGHTS])
def test_a_changed_file_is_named(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    assert_refused(folder, name, 'SHA-256')
    (folder / name).write_bytes(content[:-1])
    assert_refused(folder, name, 'SHA-256')
    (folder / name).write_bytes(bytes(content) + b'x')
    assert_refused(folder, name, 'bytes')
    (folder / name).unlink()
    assert_refused(folder, name, 'No such file')


def test_weights_of_another_export_are_refused_also_with_their_own_sha256(
    folder, tmp_path, monkeypatch
):
    other = export_small(tmp_path / 'other', monkeypatch, sizes=(6, 9, 64))
    (folder / WEIGHTS).write_bytes((other / WEIGHTS).read_bytes())
    assert_refused(folder, WEIGHTS)
    reseal(folder)
    assert_refused(folder, 'do not fit together')


# What changed files with the right SHA-256 sums cannot do


def test_a_pipe_or_a_device_is_not_opened(folder):
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)
    assert_refused(folder, WEIGHTS, 'is not a regular file')
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to('/dev/zero')
    assert_refused(folder, WEIGHTS, 'is not a regular file')
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).symlink_to('/dev/zero')
    assert_refused(folder, MANIFEST)


@pytest.mark.parametrize(
    'entry, value',
    [
        ('latent', 7),
        ('latent', 2**63),
        ('latent', True),
        ('latent', None),
        ('noise', 'cauchy'),
        ('noise', 'nor\nmal'),
        ('classes', ['a']),
        ('pack', 0),
        ('pack', 2),
        ('network', 'dis'),
        ('format', 'torch'),
        ('iteration', -1),
        ('ema', 1),
        ('opset', 'x'),
        ('versions', []),
        ('recipe', 'a\nb'),
        ('files', {}),
        ('gluongan export', 2),
        ('input', {'name': 'data', 'shape': [6], 'range': [float('nan'), 1]}),
        ('input', {'name': 'data', 'shape': [2**40], 'range': None}),
        ('input', {'name': 'x', 'shape': [6], 'range': None}),
        ('output', {'name': 'sample_output', 'shape': [1, 8, 9], 'range': [0, 1]}),
        ('output', {'name': 'sample_output', 'shape': [1, 8, 8], 'range': [0, 0.5]}),
        ('output', {'name': 'sample_output', 'shape': [1, 8, 8], 'range': None}),
        ('unknown', 1),
    ],
    ids=str,
)
def test_a_manifest_with_a_wrong_entry_is_refused(folder, entry, value):
    edit(folder / MANIFEST, lambda manifest: manifest.update({entry: value}))
    assert_refused(folder)


@pytest.mark.parametrize(
    'name',
    [
        '../net.params',
        '/etc/passwd',
        'a/b.params',
        'net.so',
        '.',
        'x\x00.params',
        'x' * 300 + '.params',
    ],
)
def test_a_file_outside_of_the_folder_is_never_read(folder, name):
    def change(manifest):
        manifest['files'][name] = manifest['files'].pop(WEIGHTS)

    edit(folder / MANIFEST, change)
    assert_refused(folder, MANIFEST, 'must be a plain name')


@pytest.mark.parametrize('offset', [16, 24, 28, 32, 36, 44, 52, 60])
@pytest.mark.parametrize('value', [2**31 - 1, 2**32 - 1, 0, 7])
def test_a_length_that_the_file_has_no_bytes_for_is_refused(folder, offset, value):
    """Lengths from offset 24 on made MXNet's own reader take 24 GB."""
    before = (folder / WEIGHTS).read_bytes()
    after = before[:offset] + struct.pack('<I', value) + before[offset + 4 :]
    (folder / WEIGHTS).write_bytes(after)
    reseal(folder)
    if after != before:
        assert_refused(folder)


def test_nan_among_the_weights_is_refused(folder):
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[64:68] = struct.pack('<f', float('nan'))
    (folder / WEIGHTS).write_bytes(content)
    reseal(folder)
    assert_refused(folder, WEIGHTS, 'NaN')


# The parser of weights


def test_our_parser_reads_what_mxnet_writes(tmp_path):
    random = np.random.RandomState(0)
    shapes = {'arg:a': (3,), 'arg:é': (2, 3), 'arg:c': (2, 3, 4, 5), 'arg:d': (1, 1)}
    arrays = {name: random.normal(size=shape).astype('f4') for name, shape in shapes.items()}
    file = tmp_path / 'x.params'
    mx.nd.save(str(file), {name: mx.nd.array(array) for name, array in arrays.items()})
    parsed = params.parse(file.read_bytes())
    assert list(parsed) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(parsed[name], array)


@pytest.mark.parametrize('dtype', ['float16', 'float64', 'int32'])
def test_weights_of_another_type_are_refused(tmp_path, dtype):
    file = tmp_path / 'x.params'
    mx.nd.save(str(file), {'arg:a': mx.nd.ones((2,), dtype=dtype)})
    with pytest.raises(ValueError, match='float32'):
        params.parse(file.read_bytes())


# At random


def test_tampered_exports_are_refused_or_load_and_nothing_else_happens(tmp_path):
    """`python tests/fuzz_exports.py` tries 10,000 of them."""
    verdicts = fuzz_exports.fuzz(fuzz_exports.seeds(tmp_path), 600, seed=3)
    assert set(verdicts) == {'refused', 'loaded'}, verdicts
    assert len(verdicts['refused']) > 300
    assert len(verdicts['loaded']) > 20


@pytest.mark.parametrize(
    'shape',
    [5, None, 'ab', {'a': 1}, [1, 2, 3, 4], [0], [2**24 + 1], [True], [1.0], ['1']],
    ids=str,
)
@pytest.mark.parametrize('port', ['input', 'output'])
def test_a_shape_that_is_none_is_refused(folder, port, shape):
    edit(folder / MANIFEST, lambda manifest: manifest[port].update(shape=shape))
    assert_refused(folder, MANIFEST, 'has a shape', 'must be at most three integers')
