"""`--format safetensors`: the format as its specification says, and nothing else is believed."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import tampering

import gluongan as gg
from gluongan.exports import making, safetensors, verify
from gluongan.nn import models
from gluongan.runtime import mx

WEIGHTS = 'net.safetensors'


def spelt(header, data=b'', length=None):
    """A file as the specification spells it, by hand."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack('<Q', len(text) if length is None else length) + text + data


def entry(shape, begin, end, dtype='F32'):
    return {'dtype': dtype, 'shape': shape, 'data_offsets': [begin, end]}


@pytest.fixture
def net():
    return models.dense_generator([6, 8, 64])


@pytest.fixture
def folder(tmp_path, net, monkeypatch):
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)
    gg.export(net, tmp_path / 'net', format='safetensors')
    return tmp_path


def test_an_export_is_the_graph_and_the_weights_and_computes_the_same_bits(folder, net):
    names = sorted(path.name for path in folder.iterdir())
    assert names == ['manifest.json', 'net-symbol.json', WEIGHTS]
    loaded = gg.load_export(folder)
    z = mx.nd.random.normal(shape=(loaded.batch, 6))
    assert (loaded.network()(z).asnumpy() == net(z).asnumpy()).all()


def test_the_file_is_what_the_specification_says(folder):
    """Read here by the specification alone: length, JSON, and the bytes of each array."""
    content = (folder / WEIGHTS).read_bytes()
    (length,) = struct.unpack('<Q', content[:8])
    header = json.loads(content[8 : 8 + length])
    assert length % 8 == 0 and header.pop('__metadata__') == {'format': 'np'}
    weights = gg.load_export(folder).weights
    assert set(header) == set(weights) and len(weights) >= 6
    covered = 0
    for name, described in header.items():
        begin, end = described['data_offsets']
        array = np.frombuffer(content[8 + length :][begin:end], '<f4')
        assert described['dtype'] == 'F32' and begin == covered
        assert (array.reshape(described['shape']) == weights[name]).all()
        covered = end
    assert covered == len(content) - 8 - length


def test_entries_in_any_order_and_texts_of_other_writers_are_read():
    data = np.arange(5, dtype='<f4').tobytes()
    header = {'b': entry([2], 12, 20), '__metadata__': {'x': 'y'}, 'a': entry([3, 1], 0, 12)}
    arrays = safetensors.parse(spelt(header, data))
    assert {name: array.tolist() for name, array in arrays.items()} == {
        'a': [[0.0], [1.0], [2.0]],
        'b': [3.0, 4.0],
    }


FOUR = np.ones(1, '<f4').tobytes()
HOSTILE = {
    'nothing': b'',
    'seven bytes': b'\0' * 7,
    'a header beyond the file': spelt({}, length=2**63),
    'a header of 100 MB': spelt({}, length=10**8),
    'no JSON': spelt(b'{"a"'),
    'nested JSON': spelt(b'[' * 100_000),
    'a list': spelt([]),
    'an entry that is none': spelt({'a': 1}),
    'an entry with more': spelt({'a': {**entry([1], 0, 4), 'more': 1}}, FOUR),
    'offsets of text': spelt({'a': entry([1], '0', 4)}, FOUR),
    'three offsets': spelt({'a': {**entry([1], 0, 4), 'data_offsets': [0, 4, 8]}}, FOUR),
    'true as an offset': spelt({'a': entry([1], False, 4)}, FOUR),
    'another type': spelt({'a': entry([1], 0, 4, 'F64')}, FOUR),
    'a shape that is none': spelt({'a': entry(3, 0, 4)}, FOUR),
    'a negative side': spelt({'a': entry([-1], 0, 4)}, FOUR),
    'a side of 0': spelt({'a': entry([0], 0, 0)}),
    'too many axes': spelt({'a': entry([1] * 9, 0, 4)}, FOUR),
    'more values than bytes': spelt({'a': entry([2**20, 2**10], 0, 2**32)}, FOUR),
    'offsets that do not fit the shape': spelt({'a': entry([2], 0, 4)}, FOUR),
    'a gap before': spelt({'a': entry([1], 4, 8)}, FOUR * 2),
    'bytes behind': spelt({'a': entry([1], 0, 4)}, FOUR * 2),
    'two on the same bytes': spelt({'a': entry([1], 0, 4), 'b': entry([1], 0, 4)}, FOUR),
    'negative offsets': spelt({'a': entry([1], -4, 0)}, FOUR),
    'NaN': spelt({'a': entry([1], 0, 4)}, np.float32('nan').tobytes()),
    'a long name': spelt({'a' * 1000: entry([1], 0, 4)}, FOUR),
    'other weights': spelt({'a': entry([1], 0, 4)}, FOUR),
}


@pytest.mark.parametrize('content', HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_in_one_sentence_and_little_memory(folder, content):
    (folder / WEIGHTS).write_bytes(content or b' ')
    tampering.reseal(folder)
    tampering.assert_refused(folder)


def test_weights_that_are_read_back_otherwise_leave_nothing(tmp_path, net, monkeypatch):
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)
    pack = safetensors.pack
    changed = lambda arrays, about: pack({k: v + 1 for k, v in arrays.items()}, about)  # noqa: E731
    monkeypatch.setattr(making.safetensors, 'pack', changed)
    with pytest.raises(gg.ExportError, match='differs from the live network'):
        gg.export(net, tmp_path / 'net', format='safetensors')
    assert list(tmp_path.iterdir()) == []
