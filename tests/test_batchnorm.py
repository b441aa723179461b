"""BatchNorm of vectors: Gluon's own to the last bit, forward, backward and in its running statistics; by NumPy beside."""

from __future__ import annotations

import numpy as np
import pytest

from gluongan.nn.layers import BatchNorm, plain_batchnorm
from gluongan.runtime import mx


def trained(layer, x, slope):
    """What one training step and one prediction give: outputs, gradients, running statistics."""
    layer.initialize()
    layer.hybridize(static_alloc=True)
    for i, name in enumerate(('gamma', 'beta', 'running_mean', 'running_var')):
        getattr(layer, name).set_data(
            mx.nd.array(np.random.RandomState(i).uniform(0.5, 2, x.shape[1]))
        )
    x = mx.nd.array(x)
    x.attach_grad()
    with mx.autograd.record():
        y = layer(x)
    y.backward(mx.nd.array(slope))
    found = [
        y,
        x.grad,
        layer.gamma.grad(),
        layer.beta.grad(),
        layer.running_mean.data(),
        layer.running_var.data(),
        layer(x),
    ]
    return [value.asnumpy() for value in found]


@pytest.mark.same_bits
@pytest.mark.parametrize('units', [1, 7, 16, 300])
@pytest.mark.parametrize('count', [1, 2, 13, 200])
def test_it_is_gluons_own_bit_for_bit(count, units):
    draw = np.random.RandomState(5)
    x, slope = draw.normal(1, 3, (count, units)), draw.normal(0, 1, (count, units))
    theirs = trained(mx.gluon.nn.BatchNorm(momentum=0.8, in_channels=units), x, slope)
    for mine, other in zip(trained(BatchNorm(units, momentum=0.8), x, slope), theirs):
        np.testing.assert_array_equal(mine, other)


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
    with plain_batchnorm():
        plain = layer(mx.sym.var('x'))
    usual = layer(mx.sym.var('x'))
    assert 'transpose' not in plain.tojson() and 'transpose' in usual.tojson()
    x = mx.nd.random.normal(shape=(9, 4))
    ready = [
        mx.gluon.SymbolBlock(
            symbol, mx.sym.var('x', dtype='float32'), params=layer.collect_params()
        )
        for symbol in (plain, usual)
    ]
    np.testing.assert_array_equal(*(block(x).asnumpy() for block in ready))
