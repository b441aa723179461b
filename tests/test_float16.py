"""Products in float16 and the scale of the loss, as far as a machine without a GPU can show.

MXNet has no products in float16 on a CPU. So the graphs are traced, and what scales the loss is
tested in float32, where it must not change a bit: all scales are powers of two.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny

from gluongan import build, native
from gluongan.config import ConfigError
from gluongan.devices import driver
from gluongan.devices.driver import Card, Driver
from gluongan.nn.layers import in_float32, use_precision
from gluongan.nn.optimizer import Optimizer
from gluongan.nn.scaling import LossScale
from gluongan.runtime import DeviceError, mx

PRODUCTS = ('FullyConnected', 'Convolution', 'Deconvolution')


def updater(**changes):
    config = tiny.tiny(**changes)
    return build.make_updater(config, build.load_data(config))


def products(net):
    """The products in a net's graph, each with its inputs' and its readers' types of cast."""
    symbol = net(mx.sym.var('x', dtype='float32'))
    graph = json.loads(symbol.tojson(remove_amp_cast=False))
    nodes = graph['nodes']
    found = []
    for index, node in enumerate(nodes):
        if node['op'] in PRODUCTS:
            read = [nodes[at].get('attrs', {}).get('dtype') for at, *_ in node['inputs']]
            readers = [each for each in nodes if [index, 0, 0] in each['inputs']]
            found.append((node['op'], read, [each['attrs'].get('dtype') for each in readers]))
    types, outputs, _ = symbol.infer_type(x='float32')
    return found, {np.dtype(each).name for each in (*types, *outputs)}


@pytest.mark.parametrize(
    'settings', [{}, {'network': 'conv', 'conv_width': 4, 'dis_spectral': True}]
)
def test_every_product_is_computed_in_float16_and_all_else_in_float32(settings):
    made = updater(**settings)
    seen = []
    for net in (made.gen, made.dis):
        before, types = products(net)
        use_precision(net, 'float16')
        found, types = products(net)
        assert types == {'float32'}  # weights, statistics and the output
        for op, read, readers in found:
            assert set(read) == {'float16'} and readers == ['float32'], op
        seen += found
        with in_float32(net):
            assert products(net)[0] == before
        use_precision(net, 'float32')
        assert products(net)[0] == before
    assert len(seen) == 4


def test_bfloat16_leaves_convolutions_alone():
    gen = updater(network='conv', conv_width=4).gen
    use_precision(gen, 'bfloat16')
    kinds = {type(layer).__name__: layer.precision for layer in gen if hasattr(layer, 'precision')}
    assert kinds == {'Dense': 'bfloat16', 'Deconv': 'float32'}


# The scale of the loss


def scaled(made):
    """Let both optimisers of an updater scale their loss."""
    for optimizer in (made.opt_gen, made.opt_dis):
        optimizer.loss_scale = LossScale()
        optimizer._is_native = False
    return made


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """None of the operators in C++, some of which compute the gradient of 1 · loss alone."""
    monkeypatch.setattr(native, 'is_available', lambda part='updates': False)


@pytest.mark.parametrize('optimizer', ['adam', 'rmsprop', 'sgd'])
def test_a_scale_changes_no_bit_in_float32(as_on_a_gpu, optimizer):
    settings = {'optimizer': optimizer, 'ema': 0.9, 'dis_spectral': True, 'gen_steps': 2}
    plain, other = updater(**settings), scaled(updater(**settings))
    for made in (plain, other):
        for _ in range(4):
            made.update()
    (one, _), (two, meta) = plain.state(), other.state()
    assert len(one) > 8
    for name, array in one.items():
        assert array.tobytes() == two[name].tobytes(), name
    assert meta['gen_scale'] == {'scale': 2**16, 'next': 2**16, 'taken': 8}
    assert meta['dis_scale']['taken'] == 4


def step_along(optimizer, gradient):
    for parameter in optimizer.parameters:
        parameter.grad()[:] = gradient
    optimizer.step()


def test_a_step_along_what_overflows_is_left_out_and_the_scale_is_halved():
    net = mx.gluon.nn.Dense(1, in_units=2)
    net.initialize(mx.init.One())
    optimizer = Optimizer(net, 'sgd', lr=1.0, momentum=0.0, scales_loss=True)
    for gradient, scale in ((np.inf, 2**15), (np.nan, 2**14)):
        step_along(optimizer, gradient)
        assert optimizer.steps == 0 and (net.weight.data().asnumpy() == 1).all()
        assert 1 / optimizer.loss_scale.inverse == scale
    step_along(optimizer, 2**14 / 8)
    assert optimizer.steps == 1 and (net.weight.data().asnumpy() == 1 - 1 / 8).all()


def test_the_scale_doubles_after_2000_steps_and_continues_after_a_resume():
    net = mx.gluon.nn.Dense(1, in_units=2)
    net.initialize()
    scale = LossScale()
    parameters = list(net.collect_params().values())
    scale.restore({'scale': 2.0**16, 'next': 2.0**16, 'taken': 1999})
    assert not scale.overflows(parameters)
    scale.prepare()
    assert scale.state() == {'scale': 2**17, 'next': 2**17, 'taken': 0}
    for forged in ({'scale': 0, 'next': 1, 'taken': 0}, {'scale': 1, 'next': 2**25, 'taken': 0}):
        with pytest.raises(ValueError, match='is no scale of a loss'):
            scale.restore(forged)


def test_a_run_that_scales_its_loss_is_resumed_bit_for_bit(as_on_a_gpu):
    straight, first, second = (scaled(updater()) for _ in range(3))
    straight.opt_dis.loss_scale.restore({'scale': 2.0**10, 'next': 2.0**10, 'taken': 1998})
    first.opt_dis.loss_scale.restore({'scale': 2.0**10, 'next': 2.0**10, 'taken': 1998})
    for _ in range(4):
        straight.update()
    for _ in range(2):
        first.update()
    second.restore(*first.state())
    for _ in range(2):
        second.update()
    assert second.opt_dis.loss_scale.state() == {'scale': 2**11, 'next': 2**11, 'taken': 2}
    (one, meta), (two, other) = straight.state(), second.state()
    assert meta == other
    assert all(array.tobytes() == two[name].tobytes() for name, array in one.items())


# Where it is refused


def test_the_cpu_refuses_it_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [*tiny.flags(precision='float16'), '--out', 'runs']
    assert tiny.refused('train', *words) == (
        '--precision float16: needs a GPU of capability 7.0 or above, and this run is on the CPU; '
        'must be float32 here'
    )


def test_a_card_without_units_for_it_is_refused(monkeypatch):
    cards = Card('old', (6, 1)), Card('new', (7, 5))
    monkeypatch.setattr(driver, 'ask', lambda: Driver((12, 2), None, cards, None))
    with pytest.raises(DeviceError, match=r'7\.0 or above, and this is old, capability 6\.1; must'):
        build._check_precision('float16', mx.gpu(0))
    build._check_precision('float16', mx.gpu(1))


def test_a_penalty_is_refused():
    with pytest.raises(ConfigError, match=r'^precision float16: is too coarse for `penalty`'):
        tiny.tiny(precision='float16', penalty='r1')


def test_a_run_in_float16_scales_both_losses(monkeypatch):
    monkeypatch.setattr(build, '_check_precision', lambda *_: None)
    made = updater(precision='float16')
    assert made.opt_gen.loss_scale and made.opt_dis.loss_scale
    assert made.opt_gen.loss_scale is not made.opt_dis.loss_scale
    assert updater().opt_gen.loss_scale is None
