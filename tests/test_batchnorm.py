"""BatchNorm of vectors gives the same bits as Gluon's: forward, backward and running statistics."""

from __future__ import annotations

import numpy as np
import pytest

from gluongan.nn.layers import BatchNorm, Chain, plain_batchnorm
from gluongan.runtime import mx


def train_once(layer, x, slope):
    """Return what one training step and one prediction give: outputs, gradients, statistics."""
    layer.initialize()
    layer.hybridize(static_alloc=True)
    for i, name in enumerate(('gamma', 'beta', 'running_mean', 'running_var')):
        value = np.random.RandomState(i).uniform(0.5, 2, x.shape[1])
        getattr(layer, name).set_data(mx.nd.array(value))
    x = mx.nd.array(x)
    x.attach_grad()
    with mx.autograd.record():
        y = layer(x)
    y.backward(mx.nd.array(slope))
    results = [
        y,
        x.grad,
        layer.gamma.grad(),
        layer.beta.grad(),
        layer.running_mean.data(),
        layer.running_var.data(),
        layer(x),
    ]
    return [value.asnumpy() for value in results]


@pytest.mark.same_bits
@pytest.mark.parametrize('units', [1, 7, 16, 300])
@pytest.mark.parametrize('count', [1, 2, 13, 200])
def test_it_gives_the_same_bits_as_gluons_own(count, units):
    draw = np.random.RandomState(5)
    x = draw.normal(1, 3, (count, units))
    slope = draw.normal(0, 1, (count, units))
    expected = train_once(mx.gluon.nn.BatchNorm(momentum=0.8, in_channels=units), x, slope)
    for ours, gluons in zip(train_once(BatchNorm(units, momentum=0.8), x, slope), expected):
        np.testing.assert_array_equal(ours, gluons)


def test_it_normalises_over_the_batch():
    x = np.random.RandomState(1).normal(4, 2, (50, 3))
    layer = BatchNorm(3, momentum=0.8)
    layer.initialize()
    with mx.autograd.record():
        y = layer(mx.nd.array(x)).asnumpy()
    np.testing.assert_allclose(y, (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5), atol=1e-5)


@pytest.mark.same_bits
def test_a_plain_one_is_a_single_operator_and_gives_the_same_bits():
    layer = BatchNorm(4, momentum=0.8)
    layer.initialize()
    with plain_batchnorm(layer):
        plain = layer(mx.sym.var('x'))
    usual = layer(mx.sym.var('x'))
    assert 'transpose' not in plain.tojson()
    assert 'transpose' in usual.tojson()
    x = mx.nd.random.normal(shape=(9, 4))
    outputs = []
    for symbol in (plain, usual):
        x_in = mx.sym.var('x', dtype='float32')
        block = mx.gluon.SymbolBlock(symbol, x_in, params=layer.collect_params())
        outputs.append(block(x).asnumpy())
    np.testing.assert_array_equal(*outputs)


def test_plain_tracing_changes_only_the_given_network_and_ends_after_an_error():
    inside = Chain(Chain(BatchNorm(4, momentum=0.8)))
    outside = BatchNorm(4, momentum=0.8)
    with pytest.raises(KeyError), plain_batchnorm(inside):
        assert 'transpose' not in inside(mx.sym.var('x')).tojson()
        assert 'transpose' in outside(mx.sym.var('x')).tojson()
        raise KeyError
    assert 'transpose' in inside(mx.sym.var('x')).tojson()
