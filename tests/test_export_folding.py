"""Before ONNX is written, a BatchNorm becomes part of the product before it."""

from __future__ import annotations

import numpy as np
import pytest

from gluongan.exports.folding import simplify
from gluongan.exports.operators import check_operators
from gluongan.exports.symbol import Traced
from gluongan.nn.graph import parse_graph
from gluongan.runtime import mx

WINDOW = {'kernel': (4, 4), 'stride': (2, 2), 'pad': (1, 1), 'dilate': (1, 1), 'num_filter': 3}
WINDOW.update(num_group=1, layout='NCHW')
SHAPES = {'Convolution': (3, 2, 4, 4), 'Deconvolution': (2, 3, 4, 4), 'FullyConnected': (3, 128)}
X = np.random.default_rng(1).normal(size=(5, 2, 8, 8)).astype(np.float32)


def product(op, x, bias, **names):
    weight = mx.sym.var(names.get('weight', 'weight'))
    settings = {'no_bias': not bias}
    if bias:
        settings['bias'] = mx.sym.var('bias')
    if op == 'FullyConnected':
        return mx.sym.FullyConnected(x, weight, num_hidden=3, **settings)
    extra = {'adj': (0, 0)} if op == 'Deconvolution' else {}
    return getattr(mx.sym, op)(x, weight, **WINDOW, **extra, **settings)


def batchnorm(x):
    names = {name: mx.sym.var(name) for name in ('gamma', 'beta', 'moving_mean', 'moving_var')}
    settings = {'axis': 1, 'eps': 1e-3, 'momentum': 0.9, 'fix_gamma': False}
    return mx.sym.BatchNorm(x, **names, **settings, use_global_stats=False)


def traced(y, op):
    random = np.random.default_rng(0)
    weights = {'weight': random.normal(size=SHAPES[op]), 'gamma': random.uniform(0.5, 2, 3)}
    weights['moving_var'] = random.uniform(0.5, 2, 3)
    for name in ('beta', 'moving_mean', 'bias'):
        weights[name] = random.normal(size=3)
    graph = check_operators(parse_graph(y.tojson()))
    used = graph.variables()
    return Traced(graph, {k: v.astype(np.float32) for k, v in weights.items() if k in used})


def compute(net):
    values = {name: mx.nd.array(value) for name, value in net.weights.items()}
    symbol = mx.sym.load_json(net.graph.json())
    auxiliary = {name: values.pop(name) for name in symbol.list_auxiliary_states()}
    values['data'] = mx.nd.array(X)
    return symbol.bind(mx.cpu(), values, aux_states=auxiliary).forward()[0].asnumpy()


def ops(net):
    return [node.op for node in net.graph.nodes if node.inputs]


@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('op', SHAPES)
def test_a_product_with_a_batchnorm_becomes_one_product(op, bias):
    net = traced(batchnorm(product(op, mx.sym.var('data'), bias)), op)
    folded = simplify(net)
    assert ops(folded) == [op]
    np.testing.assert_allclose(compute(folded), compute(net), atol=2e-5)
    assert net.weights.keys() > {'gamma', 'moving_mean'}  # the traced network is as it was


@pytest.mark.parametrize('op', SHAPES)
def test_a_product_that_feeds_another_node_too_keeps_its_weights(op):
    y = product(op, mx.sym.var('data'), True)
    net = traced(batchnorm(y) + mx.sym.sigmoid(y), op)
    folded = simplify(net)
    assert 'BatchNorm' in ops(folded)
    np.testing.assert_allclose(compute(folded), compute(net), atol=2e-5)


def test_a_weight_that_another_product_has_too_stays_as_it_is():
    x = mx.sym.var('data')
    first = product('FullyConnected', x, True)
    weight = first.get_internals()['weight']
    second = mx.sym.FullyConnected(x, weight, num_hidden=3, no_bias=True)
    net = traced(batchnorm(first) + second, 'FullyConnected')
    folded = simplify(net)
    assert 'BatchNorm' in ops(folded)
    np.testing.assert_allclose(compute(folded), compute(net), atol=2e-5)


def test_a_batchnorm_after_an_activation_stays():
    y = mx.sym.Activation(product('FullyConnected', mx.sym.var('data'), True), act_type='relu')
    net = traced(batchnorm(y), 'FullyConnected')
    assert ops(simplify(net)) == ['FullyConnected', 'Activation', 'BatchNorm']
