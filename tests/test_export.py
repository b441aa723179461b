"""An export computes the same bits as the live network, in a process without gluongan.

If it does not, nothing is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tiny

import gluongan as gg
from gluongan.exports import making, verify
from gluongan.exports.making import export_run
from gluongan.nn import models
from gluongan.runtime import mx

WITHOUT_GLUONGAN = """
import sys
import warnings
import numpy as np
np.bool = bool
warnings.simplefilter('ignore')
sys.modules.update(dict.fromkeys(('sklearn', 'scipy.stats')))  # a second less to import
import mxnet as mx
for prefix in PREFIXES:
    net = mx.gluon.SymbolBlock.imports(prefix + '-symbol.json', ['data'], prefix + '-0000.params')
    np.save(prefix + '-y.npy', net(mx.nd.array(np.load(prefix + '-x.npy'))).asnumpy())
print(sorted(name for name in sys.modules if name.split('.')[0] == 'gluongan'))
"""
NETS = {
    'generator': lambda: models.dense_generator([100, 256, 784], dropout=0.2),
    'generator of points': lambda: models.dense_generator([8, 32, 2], output='identity'),
    'tanh generator': lambda: models.dense_generator(
        [8, 32, 784], 'swish', 'tanh', batchnorm=False
    ),
    'conv generator': lambda: models.conv_generator(8, (1, 8, 8), width=16),
    'discriminator': lambda: models.dense_discriminator([784, 512, 256, 1], dropout=0.3),
    'softmax discriminator': lambda: models.dense_discriminator(
        [784, 50, 2], 'selu', 'softmax', batchnorm=True
    ),
    'packed discriminator': lambda: models.dense_discriminator([16, 8, 1], pack=3),
}
FILES = ['net-symbol.json', 'net-0000.params', 'manifest.json']


def trained(net):
    """Return the network after a pass that has moved BatchNorm's running statistics."""
    with mx.autograd.record():
        y = net(mx.nd.random.normal(1, 2, (48, *net.shape_in)))
    y.backward()
    return net


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def read_manifest(folder):
    return json.loads((folder / 'manifest.json').read_text())


@pytest.mark.same_bits
def test_another_process_computes_the_same_bits(tmp_path, python, unverified):
    expected = {}
    for name, make in NETS.items():
        net = trained(make())
        folder = tmp_path / name
        files = gg.export(net, folder / 'net')
        assert [file.name for file in files] == FILES
        assert names_in(folder) == sorted(FILES)
        x = np.random.RandomState(0).standard_normal((48, *net.shape_in)).astype(np.float32)
        np.save(folder / 'net-x.npy', x)
        expected[str(folder / 'net')] = net(mx.nd.array(x)).asnumpy()
    assert python(WITHOUT_GLUONGAN.replace('PREFIXES', repr(list(expected)))) == '[]'
    for prefix, y in expected.items():
        np.testing.assert_array_equal(np.load(f'{prefix}-y.npy'), y)


def test_the_manifest_describes_input_and_output(tmp_path, unverified):
    net = models.dense_generator([103, 16, 784])
    gg.export(net, tmp_path / 'net', noise='uniform', classes=['a', 'b', 'ç'])
    manifest = read_manifest(tmp_path)
    assert manifest['input'] == {'name': 'data', 'shape': [103], 'range': [-1, 1]}
    assert manifest['output'] == {'name': 'sample_output', 'shape': [1, 28, 28], 'range': [0, 1]}
    assert manifest['network'] == 'gen'
    assert manifest['latent'] == 100
    assert manifest['noise'] == 'uniform'
    assert manifest['classes'] == ['a', 'b', 'ç']


def test_the_manifest_has_the_size_and_sha256_of_each_file(tmp_path, unverified):
    gg.export(NETS['discriminator'](), tmp_path / 'net')
    manifest = read_manifest(tmp_path)
    for name in FILES[:2]:
        content = (tmp_path / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert manifest['files'][name] == {'bytes': len(content), 'sha256': digest}


@pytest.mark.parametrize(
    'name, shape, values',
    [
        ('generator of points', [2], None),
        ('tanh generator', [1, 28, 28], [0, 1]),
        ('discriminator', [], None),
        ('packed discriminator', [], None),
    ],
)
def test_the_manifest_has_shape_and_range_of_every_output(
    tmp_path, unverified, name, shape, values
):
    gg.export(NETS[name](), tmp_path / 'net')
    manifest = read_manifest(tmp_path)
    assert manifest['output']['shape'] == shape
    assert manifest['output']['range'] == values
    assert manifest['pack'] == (3 if name == 'packed discriminator' else 1)


def test_the_graph_has_one_input_and_the_same_network_is_the_same_file(tmp_path, unverified):
    first = gg.export(NETS['discriminator'](), tmp_path / 'one' / 'net')[0].read_text()
    second = gg.export(NETS['discriminator'](), tmp_path / 'two' / 'net')[0].read_text()
    assert first == second
    graph = json.loads(first)
    names = [graph['nodes'][i]['name'] for i in graph['arg_nodes']]
    assert [name for name in names if not name.startswith('layer')] == ['data']


def test_exporting_leaves_the_network_as_it_was(tmp_path, unverified):
    net = trained(NETS['generator']())
    before = {name: p.data().asnumpy() for name, p in net.collect_params().items()}
    gg.export(net, tmp_path / 'net')
    for name, parameter in net.collect_params().items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), before[name])


# The check


def test_one_different_bit_in_the_new_process_deletes_the_export(tmp_path, monkeypatch):
    net = NETS['tanh generator']()

    def compute(files, x, device):
        return np.nextafter(net(mx.nd.array(x)).asnumpy(), 2)

    monkeypatch.setattr(verify, 'compute', compute)
    with pytest.raises(gg.ExportError, match='differs from the live network by up to'):
        gg.export(net, tmp_path / 'net')
    assert names_in(tmp_path) == []


def test_the_new_process_reads_the_files_and_nothing_else(tmp_path, monkeypatch):
    """Weights that change between writing and checking are noticed."""
    write = making.symbol.write

    def forge(traced, prefix):
        files = write(traced, prefix)
        weights = mx.nd.load(str(files[1]))
        weights['arg:layer0_bias'][0] += 1e-3
        mx.nd.save(str(files[1]), weights)
        return files

    monkeypatch.setattr(making.symbol, 'write', forge)
    with pytest.raises(gg.ExportError, match='differs from the live network by up to'):
        gg.export(NETS['tanh generator'](), tmp_path / 'net')
    assert names_in(tmp_path) == []


def test_an_export_that_cannot_be_loaded_is_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(making.symbol, 'INPUT', 'another')
    with pytest.raises(gg.ExportError, match=r'cannot be loaded in a new process \(AssertionError'):
        gg.export(NETS['tanh generator'](), tmp_path / 'net')
    assert names_in(tmp_path) == []


def test_an_export_passes_its_own_check(tmp_path):
    files = gg.export(trained(NETS['packed discriminator']()), tmp_path / 'deep' / 'net')
    assert len(files) == 3
    assert names_in(tmp_path) == ['deep']


# Where it goes


def test_an_export_of_the_same_name_is_replaced_and_another_one_is_not(tmp_path, unverified):
    gg.export(NETS['discriminator'](), tmp_path / 'net')
    gg.export(NETS['generator of points'](), tmp_path / 'net')
    assert gg.load_export(tmp_path).manifest.output.shape == (2,)
    message = r'this folder already holds another export .*; choose another folder'
    with pytest.raises(gg.ExportError, match=message):
        gg.export(NETS['discriminator'](), tmp_path / 'other')
    assert names_in(tmp_path) == sorted(FILES)


def test_the_manifest_of_another_program_is_not_overwritten(tmp_path, unverified):
    (tmp_path / 'manifest.json').write_text('{"name": "a web app"}')
    with pytest.raises(gg.ExportError, match=r'manifest\.json'):
        gg.export(NETS['discriminator'](), tmp_path / 'net')
    assert names_in(tmp_path) == ['manifest.json']
    assert (tmp_path / 'manifest.json').read_text() == '{"name": "a web app"}'


@pytest.mark.parametrize('format', ['torch', ''])
def test_an_unknown_format_is_refused(tmp_path, format):
    with pytest.raises(gg.ExportError, match='must be one of mxnet, onnx'):
        gg.export(NETS['discriminator'](), tmp_path / 'net', format=format)
    assert names_in(tmp_path) == []


def test_nothing_is_left_of_a_failed_export_and_the_old_one_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)
    gg.export(NETS['generator of points'](), tmp_path / 'net')
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(*_):
        raise OSError('No space left on device')

    monkeypatch.setattr(making.Manifest, 'write', fail)
    with pytest.raises(OSError, match='No space'):
        gg.export(NETS['discriminator'](), tmp_path / 'net')
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


KILLED = """
import os, signal, sys
import gluongan as gg
from gluongan.exports import verify
from gluongan.exports.making import export_run
verify.same_bits = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
export_run(sys.argv[1], sys.argv[2])
"""


def test_the_next_export_removes_what_a_killed_one_left(tmp_path, unverified):
    run = tiny.begun(tmp_path / 'runs').folder
    exports = tmp_path / 'exports'
    exports.mkdir()
    command = [sys.executable, '-c', textwrap.dedent(KILLED), str(run), str(exports / 'gen')]
    killed = subprocess.run(command, timeout=120, env=dict(os.environ), check=False)
    assert killed.returncode == -9
    assert [name.startswith('.gen.') for name in names_in(exports)] == [True]
    export_run(run, exports / 'other')
    assert names_in(exports) == ['other']


def test_a_name_that_appears_during_the_export_is_not_overwritten(tmp_path, monkeypatch):
    run = tiny.begun(tmp_path / 'runs').folder
    out = tmp_path / 'exports' / 'gen'

    def another_program_takes_the_name(*_):
        out.mkdir()
        (out / 'file').write_text('mine')

    monkeypatch.setattr(verify, 'same_bits', another_program_takes_the_name)
    with pytest.raises(OSError):
        export_run(run, out)
    assert names_in(out.parent) == ['gen']
    assert (out / 'file').read_text() == 'mine'
