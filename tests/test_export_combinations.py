"""Both networks of any legal Config export, come back the same, and are the same in onnxruntime; so do all recipes."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
from hypothesis import HealthCheck, given, settings
from test_combinations import configs, make_updater, run

import gluongan as gg
from gluongan import build
from gluongan.exports import making, onnx, symbol
from gluongan.exports import verify as comparing
from gluongan.exports.about import About
from gluongan.recipes import RECIPES, recipe
from gluongan.runtime import mx

EVERY = """
import sys
from gluongan.exports import again
for folder in FOLDERS:
    again.main(folder + '/net-symbol.json', folder + '/net-0000.params', folder, 'cpu')
"""


def compared(pairs, python):
    """A new process computes the same bits from each folder; one process for all, as MXNet takes seconds to come in."""
    folders = [str(folder) for folder, _ in pairs]
    python(EVERY.replace('FOLDERS', repr(folders)))
    for folder, y in pairs:
        np.testing.assert_array_equal(np.load(folder / 'y.npy'), y, err_msg=str(folder))


@pytest.fixture
def collected(monkeypatch):
    """What the check in a new process was asked, instead of its answer."""
    asked = []
    monkeypatch.setattr(comparing, 'same_bits', lambda files, x, y, device: asked.append((x, y)))
    return asked


def exported(net, folder, collected, about):
    """Export a network by the way that a run goes; returns what it gives for x.npy, which lies beside."""
    folder.mkdir()
    making._make(net, folder / 'net', 'mxnet', about)
    x, y = collected.pop()
    np.save(folder / 'x.npy', x)
    loaded = gg.load_export(folder)
    assert len(x) == loaded.rows and loaded.manifest.network == about.network
    np.testing.assert_array_equal(loaded.network()(mx.nd.array(x)).asnumpy(), y)
    return y


def has_onnx():
    try:
        return onnx.packages() is not None
    except gg.ExportError:
        return False


def test_both_networks_of_any_legal_config_export(tmp_path, python, collected):
    pairs = []

    @settings(
        max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(configs())
    def export(config):
        updater = make_updater(config)
        run(updater, 2)
        classes = tuple(f'class {k}' for k in range(updater.classes))
        for network, net in (('gen', updater.gen), ('dis', updater.dis)):
            folder = tmp_path / str(len(pairs))
            about = About(network, config.noise, classes, updater.real.dataset.is_image)
            pairs.append((folder, exported(net, folder, collected, about)))
            if has_onnx():
                (tmp_path / f'{folder.name}-onnx').mkdir()
                made = making._make(net, tmp_path / f'{folder.name}-onnx' / 'net', 'onnx', about)
                assert network == 'dis' or made.difference <= 1e-5

    export()
    assert len(pairs) >= 50
    compared(pairs, python)


def recipes():
    """Both networks of every recipe, untrained, and what they are."""
    for name in RECIPES:
        config = recipe(name)
        classes = tuple('0123456789') if config.conditional else ()
        for network, make in (('gen', build.make_generator), ('dis', build.make_discriminator)):
            yield (
                f'{name}-{network}',
                make(config, (1, 28, 28), len(classes), 'cpu'),
                About(network, config.noise, classes),
            )


def test_every_recipe_exports(tmp_path, python, collected):
    compared(
        [
            (tmp_path / name, exported(net, tmp_path / name, collected, about))
            for name, net, about in recipes()
        ],
        python,
    )


@pytest.mark.skipif(not has_onnx(), reason="needs pip install 'gluongan[onnx]'")
def test_every_recipe_is_the_same_in_onnxruntime(tmp_path):
    """In batches of 1, 7 and 256."""
    for name, net, about in recipes():
        (tmp_path / name).mkdir()
        assert 0 < making._make(net, tmp_path / name / 'net', 'onnx', about).difference <= 1e-5, (
            name
        )
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == [
            'manifest.json',
            'net.onnx',
        ]


@pytest.mark.skipif(not has_onnx(), reason="needs pip install 'gluongan[onnx]'")
def test_every_recipe_loads_in_opencv(tmp_path):
    cv2 = pytest.importorskip('cv2', reason='needs opencv-python')
    for name, net, about in recipes():
        (tmp_path / name).mkdir()
        making._make(net, tmp_path / name / 'net', 'onnx', about)
        loaded = cv2.dnn.readNetFromONNX(str(tmp_path / name / 'net.onnx'))
        for batch in (1, 7):
            x = about.probe(net.shape_in, batch)
            y = net(mx.nd.array(x)).asnumpy()
            loaded.setInput(x, 'data')
            np.testing.assert_allclose(
                loaded.forward().reshape(y.shape), y, atol=1e-5, err_msg=name
            )


def test_the_same_run_exported_twice_is_the_same_files(tmp_path):
    net = tiny_net()
    first, second = (
        symbol.write(symbol.traced(net, 'sample'), tmp_path / name) for name in ('a', 'b')
    )
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def tiny_net():
    return build.make_generator(tiny.tiny(), (1, 8, 8), 0, 'cpu')
