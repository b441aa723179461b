"""An exported network is the live one, bit for bit, in a process knowing nothing of gluongan; or nothing is kept."""
from __future__ import annotations

import json

import numpy as np
import pytest

from gluongan import nets
from gluongan.exports import ExportError, export
from gluongan.runtime import mx

ELSEWHERE = '''
import sys
import warnings
import numpy as np
np.bool = bool
warnings.simplefilter('ignore')
import mxnet as mx
prefix, fed, made = ARGUMENTS
net = mx.gluon.SymbolBlock.imports(prefix + '-symbol.json', ['data'], prefix + '-0000.params')
np.save(made, net(mx.nd.array(np.load(fed))).asnumpy())
print(sorted(name for name in sys.modules if name.split('.')[0] == 'gluongan'))
'''
NETS = {
    'G': lambda: nets.dense_generator([100, 256, 784], dropout=0.2),
    'G of points': lambda: nets.dense_generator([8, 32, 2], output='identity'),
    'tanh G': lambda: nets.dense_generator([8, 32, 784], 'swish', 'tanh', batchnorm=False),
    'D': lambda: nets.dense_discriminator([784, 512, 256, 1], dropout=0.3),
    'softmax D': lambda: nets.dense_discriminator([784, 50, 2], 'selu', 'softmax', batchnorm=True),
}


def trained(net):
    """The network after a pass that has moved BatchNorm's running statistics."""
    with mx.autograd.record():
        y = net(mx.nd.random.normal(1, 2, (16, *net.shape_in)))
    y.backward()
    return net


@pytest.mark.parametrize('name', NETS)
def test_another_process_computes_the_same_bits(tmp_path, python, name):
    net = trained(NETS[name]())
    files = export(net, tmp_path / 'net')
    assert [file.name for file in files] == ['net-symbol.json', 'net-0000.params']
    assert sorted(file.name for file in tmp_path.iterdir()) == ['net-0000.params', 'net-symbol.json']
    x = np.random.RandomState(0).standard_normal((64, *net.shape_in)).astype(np.float32)
    np.save(tmp_path / 'x.npy', x)
    arguments = [str(tmp_path / 'net'), str(tmp_path / 'x.npy'), str(tmp_path / 'y.npy')]
    assert python(ELSEWHERE.replace('ARGUMENTS', repr(arguments))) == '[]'
    np.testing.assert_array_equal(np.load(tmp_path / 'y.npy'), net(mx.nd.array(x)).asnumpy())


def test_the_graph_has_one_input_and_it_is_called_data(tmp_path):
    graph = json.loads(export(NETS['D'](), tmp_path / 'd')[0].read_text())
    names = [graph['nodes'][i]['name'] for i in graph['arg_nodes']]
    assert [name for name in names if 'weight' not in name and 'bias' not in name] == ['data']


def test_exporting_leaves_the_network_as_it_was(tmp_path):
    net = trained(NETS['G']())
    before = {name: p.data().asnumpy() for name, p in net.collect_params().items()}
    export(net, tmp_path / 'net')
    for name, parameter in net.collect_params().items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), before[name])


def test_an_export_that_computes_something_else_is_deleted_and_refused(tmp_path, monkeypatch):
    real = mx.gluon.SymbolBlock.imports
    monkeypatch.setattr(mx.gluon.SymbolBlock, 'imports', lambda *args, **_: lambda x: real(*args)(x) * (1 + 2.0**-22))
    with pytest.raises(ExportError, match='differs by up to'):
        export(NETS['G'](), tmp_path / 'net')
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_cannot_be_reloaded_is_deleted_too(tmp_path, monkeypatch):
    def imports(*args, **_):
        raise RuntimeError('no such operator')
    monkeypatch.setattr(mx.gluon.SymbolBlock, 'imports', imports)
    with pytest.raises(RuntimeError):
        export(NETS['G'](), tmp_path / 'net')
    assert list(tmp_path.iterdir()) == []


def test_an_export_into_a_folder_that_is_not_there_makes_it_or_names_it(tmp_path):
    path = tmp_path / 'deep' / 'net'
    try:
        files = export(NETS['D'](), path)
    except (OSError, ExportError) as error:
        assert str(path.parent) in str(error) and '\n' not in str(error)
    else:
        assert all(file.is_file() for file in files)
