"""An exported network is the live one, bit for bit, in a process knowing nothing of gluongan; or nothing is kept."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

import gluongan as gg
from gluongan.exports import making
from gluongan.exports import verify as comparing
from gluongan.nn import models as nets
from gluongan.runtime import mx

ELSEWHERE = """
import sys
import warnings
import numpy as np
np.bool = bool
warnings.simplefilter('ignore')
import mxnet as mx
for prefix in sys.argv[1:]:
    net = mx.gluon.SymbolBlock.imports(prefix + '-symbol.json', ['data'], prefix + '-0000.params')
    np.save(prefix + '-y.npy', net(mx.nd.array(np.load(prefix + '-x.npy'))).asnumpy())
print(sorted(name for name in sys.modules if name.split('.')[0] == 'gluongan'))
"""
NETS = {
    'G': lambda: nets.dense_generator([100, 256, 784], dropout=0.2),
    'G of points': lambda: nets.dense_generator([8, 32, 2], output='identity'),
    'tanh G': lambda: nets.dense_generator([8, 32, 784], 'swish', 'tanh', batchnorm=False),
    'grey conv G': lambda: nets.conv_generator(8, (1, 8, 8), width=16),
    'D': lambda: nets.dense_discriminator([784, 512, 256, 1], dropout=0.3),
    'softmax D': lambda: nets.dense_discriminator([784, 50, 2], 'selu', 'softmax', batchnorm=True),
    'packed D': lambda: nets.dense_discriminator([16, 8, 1], pack=3),
}
FILES = ['net-symbol.json', 'net-0000.params', 'manifest.json']


@pytest.fixture
def here(monkeypatch):
    """The check in a process of its own, which takes seconds, is left out."""
    monkeypatch.setattr(comparing, 'same_bits', lambda *_: None)


def trained(net):
    """The network after a pass that has moved BatchNorm's running statistics."""
    with mx.autograd.record():
        y = net(mx.nd.random.normal(1, 2, (48, *net.shape_in)))
    y.backward()
    return net


@pytest.mark.same_bits
def test_another_process_computes_the_same_bits(tmp_path, python, here):
    expected = {}
    for name, make in NETS.items():
        net, folder = trained(make()), tmp_path / name
        files = gg.export(net, folder / 'net')
        assert [file.name for file in files] == FILES and sorted(
            file.name for file in folder.iterdir()
        ) == sorted(FILES)
        x = np.random.RandomState(0).standard_normal((48, *net.shape_in)).astype(np.float32)
        np.save(folder / 'net-x.npy', x)
        expected[folder / 'net'] = net(mx.nd.array(x)).asnumpy()
    assert python(ELSEWHERE.replace('sys.argv[1:]', repr(list(map(str, expected))))) == '[]'
    for prefix, y in expected.items():
        np.testing.assert_array_equal(np.load(f'{prefix}-y.npy'), y)


def test_manifest_tells_what_a_consumer_needs(tmp_path, here):
    gg.export(
        nets.dense_generator([103, 16, 784]),
        tmp_path / 'net',
        noise='uniform',
        classes=['a', 'b', 'ç'],
    )
    told = json.loads((tmp_path / 'manifest.json').read_text())
    assert told['input'] == {'name': 'data', 'shape': [103], 'range': [-1, 1]}
    assert told['output'] == {'name': 'sample_output', 'shape': [1, 28, 28], 'range': [0, 1]}
    assert (told['latent'], told['noise'], told['classes'], told['network']) == (
        100,
        'uniform',
        ['a', 'b', 'ç'],
        'gen',
    )
    for name in FILES[:2]:
        content = (tmp_path / name).read_bytes()
        assert told['files'][name] == {
            'bytes': len(content),
            'sha256': hashlib.sha256(content).hexdigest(),
        }


@pytest.mark.parametrize(
    'name, shape, span',
    [
        ('G of points', [2], None),
        ('tanh G', [1, 28, 28], [0, 1]),
        ('D', [], None),
        ('packed D', [], None),
    ],
)
def test_manifest_tells_the_output_of_every_kind(tmp_path, here, name, shape, span):
    gg.export(NETS[name](), tmp_path / 'net')
    told = json.loads((tmp_path / 'manifest.json').read_text())
    assert (told['output']['shape'], told['output']['range']) == (shape, span)
    assert told['pack'] == (3 if name == 'packed D' else 1)


def test_the_graph_has_one_input_and_the_same_network_is_the_same_file(tmp_path, here):
    first = gg.export(NETS['D'](), tmp_path / 'one' / 'net')[0].read_text()
    assert first == gg.export(NETS['D'](), tmp_path / 'two' / 'net')[0].read_text()
    graph = json.loads(first)
    names = [graph['nodes'][i]['name'] for i in graph['arg_nodes']]
    assert [name for name in names if not name.startswith('layer')] == ['data']


def test_exporting_leaves_the_network_as_it_was(tmp_path, here):
    net = trained(NETS['G']())
    before = {name: p.data().asnumpy() for name, p in net.collect_params().items()}
    gg.export(net, tmp_path / 'net')
    for name, parameter in net.collect_params().items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), before[name])


# The check


def test_one_bit_of_difference_in_the_new_process_deletes_the_export(tmp_path, monkeypatch):
    monkeypatch.setattr(
        comparing,
        'computed',
        lambda files, x, device: np.nextafter(net(mx.nd.array(x)).asnumpy(), 2),
    )
    net = NETS['tanh G']()
    with pytest.raises(gg.ExportError, match='differs from the live network by up to'):
        gg.export(net, tmp_path / 'net')
    assert list(tmp_path.iterdir()) == []


def test_the_new_process_reads_the_files_and_nothing_else(tmp_path, monkeypatch):
    """Weights that change between writing and checking are found."""
    write = making.symbol.write

    def forged(traced, prefix):
        files = write(traced, prefix)
        weights = mx.nd.load(str(files[1]))
        weights['arg:layer0_bias'][0] += 1e-3
        mx.nd.save(str(files[1]), weights)
        return files

    monkeypatch.setattr(making.symbol, 'write', forged)
    with pytest.raises(gg.ExportError, match='differs from the live network by up to'):
        gg.export(NETS['tanh G'](), tmp_path / 'net')
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_cannot_be_reloaded_is_deleted_too(tmp_path, monkeypatch):
    monkeypatch.setattr(making.symbol, 'INPUT', 'another')
    with pytest.raises(gg.ExportError, match='cannot be loaded in a new process'):
        gg.export(NETS['tanh G'](), tmp_path / 'net')
    assert list(tmp_path.iterdir()) == []


def test_an_honest_export_passes_its_own_check(tmp_path):
    assert len(gg.export(trained(NETS['packed D']()), tmp_path / 'deep' / 'net')) == 3
    assert sorted(file.name for file in tmp_path.iterdir()) == ['deep']


# Where it goes


def test_an_export_of_the_same_name_is_replaced_and_that_of_another_is_not(tmp_path, here):
    gg.export(NETS['D'](), tmp_path / 'net')
    gg.export(NETS['G of points'](), tmp_path / 'net')
    assert gg.load_export(tmp_path).manifest.output.shape == (2,)
    with pytest.raises(gg.ExportError, match='of another export'):
        gg.export(NETS['D'](), tmp_path / 'judge')
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(FILES)


def test_a_manifest_of_somebody_else_is_not_touched(tmp_path, here):
    (tmp_path / 'manifest.json').write_text('{"name": "a web app"}')
    with pytest.raises(gg.ExportError, match=r'manifest\.json'):
        gg.export(NETS['D'](), tmp_path / 'net')
    assert [file.read_text() for file in tmp_path.iterdir()] == ['{"name": "a web app"}']


@pytest.mark.parametrize('format', ['torch', ''])
def test_an_unknown_format_is_refused(tmp_path, format):
    with pytest.raises(gg.ExportError, match='mxnet, onnx'):
        gg.export(NETS['D'](), tmp_path / 'net', format=format)
    assert list(tmp_path.iterdir()) == []
