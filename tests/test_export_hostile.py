"""An export that somebody has changed is refused in one sentence that names the file, and nothing of it is run."""

from __future__ import annotations

import os
import struct

import fuzz_exports
import numpy as np
import pytest
from tampering import MANIFEST, SYMBOL, WEIGHTS, edit, honest, lying, refused

import gluongan as gg
from gluongan.exports import params
from gluongan.runtime import mx


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The export of a small G."""
    return honest(tmp_path, monkeypatch)


def test_an_honest_export_loads_and_is_the_same_network(folder):
    loaded = gg.load_export(folder)
    assert loaded.network()(mx.nd.zeros((5, 6))).shape == (5, 1, 8, 8)


# What the hashes find


@pytest.mark.parametrize('name', [SYMBOL, WEIGHTS])
def test_a_changed_file_is_named(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    refused(folder, name, 'SHA-256')
    (folder / name).write_bytes(content[:-1])
    refused(folder, name, 'SHA-256')
    (folder / name).write_bytes(bytes(content) + b'x')
    refused(folder, name, 'bytes')
    (folder / name).unlink()
    refused(folder, name, 'No such file')


def test_swapped_weights_are_refused_also_with_a_manifest_that_lies(folder, tmp_path, monkeypatch):
    (folder / WEIGHTS).write_bytes(
        (honest(tmp_path / 'other', monkeypatch, (6, 9, 64)) / WEIGHTS).read_bytes()
    )
    refused(folder, WEIGHTS)
    lying(folder)
    refused(folder, 'not of one export')


# What a manifest that lies consistently cannot do


def test_a_pipe_or_a_device_is_not_opened(folder):
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)
    refused(folder, WEIGHTS, 'is no file')
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to('/dev/zero')
    refused(folder, WEIGHTS, 'is no file')
    (folder / MANIFEST).unlink()
    (folder / MANIFEST).symlink_to('/dev/zero')
    refused(folder, MANIFEST)


@pytest.mark.parametrize(
    'entry, value',
    [
        ('latent', 7),
        ('latent', 2**63),
        ('latent', True),
        ('latent', None),
        ('noise', 'cauchy'),
        ('classes', ['a']),
        ('pack', 0),
        ('pack', 2),
        ('network', 'dis'),
        ('format', 'torch'),
        ('iteration', -1),
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
        ('surplus', 1),
    ],
    ids=str,
)
def test_a_manifest_that_lies_is_refused(folder, entry, value):
    edit(folder / MANIFEST, lambda told: told.update({entry: value}))
    refused(folder)


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
    edit(folder / MANIFEST, lambda told: told['files'].update({name: told['files'].pop(WEIGHTS)}))
    refused(folder, MANIFEST, 'plain name')


@pytest.mark.parametrize('at', [16, 24, 28, 32, 36, 44, 52, 60])
@pytest.mark.parametrize('value', [2**31 - 1, 2**32 - 1, 0, 7])
def test_a_length_that_the_file_has_no_bytes_for_is_refused(folder, at, value):
    """Offset 24 and the sides behind it made MXNet's own reader take 24 GB."""
    content = bytearray((folder / WEIGHTS).read_bytes())
    before = bytes(content)
    content[at : at + 4] = struct.pack('<I', value)
    (folder / WEIGHTS).write_bytes(content)
    lying(folder)
    if bytes(content) != before:
        refused(folder)


def test_weights_that_are_no_numbers_are_refused(folder):
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[64:68] = struct.pack('<f', float('nan'))
    (folder / WEIGHTS).write_bytes(content)
    lying(folder)
    refused(folder, WEIGHTS, 'NaN')


# The reader of weights


def test_our_reader_reads_what_mxnet_writes(tmp_path):
    random = np.random.RandomState(0)
    wanted = {
        f'arg:{name}': random.standard_normal(shape).astype(np.float32)
        for name, shape in (('a', (3,)), ('é', (2, 3)), ('c', (2, 3, 4, 5)), ('d', (1, 1)))
    }
    mx.nd.save(
        str(tmp_path / 'x.params'), {name: mx.nd.array(value) for name, value in wanted.items()}
    )
    found = params.read((tmp_path / 'x.params').read_bytes())
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize('dtype', ['float16', 'float64', 'int32'])
def test_weights_of_another_kind_are_refused(tmp_path, dtype):
    mx.nd.save(str(tmp_path / 'x.params'), {'arg:a': mx.nd.ones((2,), dtype=dtype)})
    with pytest.raises(ValueError, match='float32'):
        params.read((tmp_path / 'x.params').read_bytes())


# At random


def test_tampered_exports_never_crash_hang_or_fail_with_an_error_of_others(tmp_path):
    """10,000 of them by `python tests/fuzz_exports.py`."""
    found = fuzz_exports.fuzz(fuzz_exports.seeds(tmp_path), 600, seed=3)
    assert set(found) == {'refused', 'loaded'}, found
    assert len(found['refused']) > 300 and len(found['loaded']) > 20
