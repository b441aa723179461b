"""Both networks of any legal Config export and come back the same, in onnxruntime too.

So do the networks of every recipe.
"""

from __future__ import annotations

import numpy as np
import pytest
import tiny
from hypothesis import HealthCheck, given, settings
from test_combinations import configs, make_updater, run

import gluongan as gg
from gluongan import build
from gluongan.exports import making, onnx, symbol, verify
from gluongan.exports.about import About
from gluongan.recipes import RECIPES, recipe
from gluongan.runtime import mx

WITHOUT_GLUONGAN = """
import sys
import warnings
import numpy as np
np.bool = bool
warnings.simplefilter('ignore')
sys.modules.update(dict.fromkeys(('sklearn', 'scipy.stats')))  # a second less to import
import mxnet as mx

for folder in FOLDERS:
    x = mx.nd.array(np.load(folder + '/x.npy'))
    prefix = folder + '/net'
    files = prefix + '-symbol.json', ['data'], prefix + '-0000.params'
    block = mx.gluon.SymbolBlock.imports(*files)
    np.save(folder + '/block.npy', block(x).asnumpy())
    symbol, weights, statistics = mx.model.load_checkpoint(prefix, 0)
    module = mx.mod.Module(symbol, data_names=['data'], label_names=None)
    module.bind([('data', x.shape)], for_training=False)
    module.set_params(weights, statistics)
    module.forward(mx.io.DataBatch([x]), is_train=False)
    np.save(folder + '/module.npy', module.get_outputs()[0].asnumpy())
"""


def check_in_a_new_process(expected, python):
    """A new process computes the expected bits from each folder with SymbolBlock.

    Module merges Convolution with BatchNorm, which rounds otherwise. One process for all: it takes
    seconds to import MXNet.
    """
    folders = [str(folder) for folder in expected]
    python(WITHOUT_GLUONGAN.replace('FOLDERS', repr(folders)))
    for folder, y in expected.items():
        np.testing.assert_array_equal(np.load(folder / 'block.npy'), y, err_msg=str(folder))
        tolerance = 1e-5 * max(1.0, np.abs(y).max())
        computed = np.load(folder / 'module.npy')
        np.testing.assert_allclose(computed, y, rtol=0, atol=tolerance, err_msg=str(folder))


@pytest.fixture
def checks(monkeypatch):
    """Collects the x and y of each check in a new process, which does not take place."""
    collected = []
    monkeypatch.setattr(verify, 'same_bits', lambda files, x, y, device: collected.append((x, y)))
    return collected


def export(net, folder, checks, about):
    """Export a network into a folder with x.npy, as a run does, and return what it gives for x."""
    folder.mkdir()
    making._write(net, folder / 'net', 'mxnet', about)
    x, y = checks.pop()
    np.save(folder / 'x.npy', x)
    loaded = gg.load_export(folder)
    assert len(x) == loaded.batch
    assert loaded.manifest.network == about.network
    np.testing.assert_array_equal(loaded.network()(mx.nd.array(x)).asnumpy(), y)
    return y


def export_onnx(net, folder, about):
    """Export a network into a folder as ONNX, and return the difference."""
    folder.mkdir()
    return making._write(net, folder / 'net', 'onnx', about).difference


def has_onnx():
    try:
        onnx.import_packages()
    except gg.ExportError:
        return False
    return True


needs_onnx = pytest.mark.skipif(not has_onnx(), reason="needs pip install 'gluongan[onnx]'")


def test_both_networks_of_any_legal_config_export(tmp_path, python, checks):
    expected = {}

    @settings(
        max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(configs())
    def export_both(config):
        updater = make_updater(config)
        run(updater, 2)
        classes = tuple(f'class {k}' for k in range(updater.classes))
        for network, net in (('gen', updater.gen), ('dis', updater.dis)):
            folder = tmp_path / str(len(expected))
            about = About(network, config.noise, classes, updater.real.dataset.is_image)
            expected[folder] = export(net, folder, checks, about)
            if has_onnx():
                difference = export_onnx(net, tmp_path / f'{folder.name}-onnx', about)
                assert network == 'dis' or difference <= 1e-5

    export_both()
    assert len(expected) >= 50
    check_in_a_new_process(expected, python)


def give_statistics(net):
    """Give BatchNorm other parameters than those of a new network."""
    random = np.random.default_rng(0)
    for name, parameter in net._collect_params_with_prefix().items():
        kind = name.split('.')[-1]
        if kind in ('gamma', 'running_var'):
            parameter.set_data(mx.nd.array(random.uniform(0.5, 2, parameter.shape)))
        elif kind in ('beta', 'running_mean'):
            parameter.set_data(mx.nd.array(random.normal(0, 0.5, parameter.shape)))


def networks(shape=(1, 28, 28)):
    """Yield both networks of every recipe, with a name and what they are.

    Their BatchNorm has statistics as after training: those of a new network change nothing.
    """
    for name in RECIPES:
        config = recipe(name)
        classes = tuple('0123456789') if config.conditional else ()
        for network, make in (('gen', build.make_generator), ('dis', build.make_discriminator)):
            net = make(config, shape, len(classes), 'cpu')
            give_statistics(net)
            yield f'{name}-{network}', net, About(network, config.noise, classes)


def test_symbolblock_and_module_compute_the_same_for_every_recipe(tmp_path, python, checks):
    expected = {}
    for shape in ((1, 28, 28), (3, 32, 32)):
        for name, net, about in networks(shape):
            folder = tmp_path / f'{name}-{shape[0]}'
            expected[folder] = export(net, folder, checks, about)
    check_in_a_new_process(expected, python)


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    """Both networks of every recipe as ONNX: {name: (folder, net, about, difference)}."""
    out = tmp_path_factory.mktemp('onnx')
    return {
        name: (out / name, net, about, export_onnx(net, out / name, about))
        for name, net, about in networks()
    }


@needs_onnx
def test_every_recipe_is_the_same_in_onnxruntime(exported):
    """In batches of 1, 7 and 256."""
    for name, (folder, _, _, difference) in exported.items():
        assert 0 < difference <= 1e-5, name
        assert sorted(path.name for path in folder.iterdir()) == ['manifest.json', 'net.onnx']


@needs_onnx
def test_no_onnx_file_has_a_batchnorm_that_a_convolution_could_do(exported):
    import onnx as package

    for name, (folder, *_) in exported.items():
        nodes = package.load(str(folder / 'net.onnx')).graph.node
        makers = {output: node.op_type for node in nodes for output in node.output}
        before = [makers[node.input[0]] for node in nodes if node.op_type == 'BatchNormalization']
        assert not {'Conv', 'ConvTranspose', 'Gemm'} & set(before), name


@needs_onnx
def test_every_recipe_is_the_same_in_opencv_whatever_the_batches_before(exported):
    cv2 = pytest.importorskip('cv2', reason='needs opencv-python')
    for name, (folder, net, about, _) in exported.items():
        loaded = cv2.dnn.readNetFromONNX(str(folder / 'net.onnx'))
        for batch in (1, 7, 3, 1):
            x = about.probe_inputs(net.shape_in, batch)
            y = net(mx.nd.array(x)).asnumpy()
            loaded.setInput(x, 'data')
            y_opencv = loaded.forward().reshape(y.shape)
            np.testing.assert_allclose(y_opencv, y, atol=1e-5, err_msg=f'{name}, {batch}')


def test_the_same_network_exported_twice_is_the_same_files(tmp_path):
    net = build.make_generator(tiny.tiny(), (1, 8, 8), 0, 'cpu')
    first = symbol.write(symbol.trace(net, 'sample'), tmp_path / 'a')
    second = symbol.write(symbol.trace(net, 'sample'), tmp_path / 'b')
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
