"""Jacobian-vector products of every layer and activation.

They are compared with complex steps in NumPy, and with autograd's gradient by the input.
"""

from __future__ import annotations

import numpy as np
import pytest
from critics import FUNCTIONS, directional, numbers, scatter, weight_slopes

from gluongan import runtime
from gluongan.nn.jvp import RULES, Tangent, TangentError, find_rule
from gluongan.nn.layers import (
    ACTIVATIONS,
    DERIVATIVES,
    Activation,
    Chain,
    Conv,
    Dense,
    MinibatchDiscrimination,
    Reshape,
    weights,
)
from gluongan.nn.models import conv_discriminator, dense_discriminator
from gluongan.runtime import mx

NETS = {
    'dense': lambda act: dense_discriminator([12, 7, 5, 1], act, shape=(3, 2, 2), init='glorot'),
    'spectral': lambda act: dense_discriminator(
        [12, 7, 1], act, shape=(12,), spectral=True, init='glorot'
    ),
    'packed': lambda act: dense_discriminator([12, 7, 1], act, shape=(12,), pack=3, init='glorot'),
    'softmax': lambda act: dense_discriminator(
        [12, 7, 2], act, 'softmax', shape=(12,), init='glorot'
    ),
    'conv': lambda act: conv_discriminator(
        (2, 8, 12), width=3, depth=2, activation=act, batchnorm=False, init='glorot'
    ),
    'conv-spectral': lambda act: conv_discriminator(
        (1, 4, 4),
        width=3,
        depth=1,
        activation=act,
        batchnorm=False,
        spectral=True,
        pack=2,
        init='glorot',
    ),
}


def make(name, act):
    runtime.seed(4)
    return scatter(NETS[name](act))


def pair(net, count=6):
    """Points x of all signs, and directions v."""
    draw = np.random.RandomState(7)
    shape = (count, *net.shape_in)
    return draw.standard_normal(shape), draw.standard_normal(shape)


def test_every_activation_of_a_discriminator_has_a_derivative_and_a_formula_here():
    activations = set(ACTIVATIONS) - {'unit_tanh'}  # the output of a generator
    assert set(DERIVATIVES) == activations
    assert set(FUNCTIONS) == activations


@pytest.mark.parametrize('act', DERIVATIVES)
def test_derivative_is_that_of_the_formula(act):
    x = np.concatenate([np.linspace(-6, 6, 41), [-40, 40]])
    x = x[x != 0]
    exact = FUNCTIONS[act](x + 1e-30j, 0.3).imag / 1e-30
    derivative = DERIVATIVES[act](mx.nd, mx.nd.array(x), 0.3).asnumpy()
    np.testing.assert_allclose(derivative, exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('act', DERIVATIVES)
@pytest.mark.parametrize('name', NETS)
def test_tangent_is_the_derivative_along_v(name, act):
    net = make(name, act)
    x, v = pair(net)
    tangent = Tangent(net)(mx.nd.array(x), mx.nd.array(v))
    exact = directional(net, numbers(net), x, v)
    size = np.abs(exact).max()
    assert size > 1e-3
    assert tangent.shape == net(mx.nd.array(x)).shape
    np.testing.assert_allclose(tangent.asnumpy(), exact, rtol=0, atol=1e-5 * size)


@pytest.mark.parametrize('act', DERIVATIVES)
def test_gradient_of_the_tangent_by_every_weight_is_that_of_float64_differences(act):
    net = make('dense', act)
    x, v = pair(net)
    parameters = net._collect_params_with_prefix()
    names = [name for name, p in parameters.items() if p.grad_req != 'null']
    exact = weight_slopes(lambda w: directional(net, w, x, v).sum(), numbers(net), names)
    net.collect_params().zero_grad()
    tangent = Tangent(net)
    with mx.autograd.record():
        total = tangent(mx.nd.array(x), mx.nd.array(v)).sum()
    total.backward()
    size = max(np.abs(value).max() for value in exact.values())
    for name in names:
        gradient = parameters[name].grad().asnumpy()
        np.testing.assert_allclose(gradient, exact[name], rtol=0, atol=1e-5 * size, err_msg=name)


@pytest.mark.parametrize('name', ['dense', 'spectral', 'softmax', 'conv'])  # not the packed ones
def test_tangent_is_autograds_input_gradient_times_v(name):
    net = make(name, 'leaky_relu')
    x, v = map(mx.nd.array, pair(net))
    x.attach_grad()
    with mx.autograd.record():
        y = net(x)
    y.backward()
    expected = (x.grad * v).reshape((len(x), -1)).sum(axis=1).asnumpy()
    np.testing.assert_allclose(Tangent(net)(x, v).asnumpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('name', NETS)
def test_tangent_is_linear_in_v(name):
    net = make(name, 'softplus')
    x, v = map(mx.nd.array, pair(net))
    tangent = Tangent(net)
    third = (tangent(x, 3 * v) / 3).asnumpy()
    np.testing.assert_allclose(third, tangent(x, v).asnumpy(), rtol=1e-4, atol=1e-6)
    assert (tangent(x, 0 * v).asnumpy() == 0).all()


@pytest.mark.parametrize('name', NETS)
def test_hybridized_tangent_is_the_imperative_one(name):
    net = make(name, 'tanh')
    x, v = map(mx.nd.array, pair(net))
    tangent = Tangent(net)
    hybrid = tangent(x, v).asnumpy()
    tangent.hybridize(False)
    net.hybridize(False)
    np.testing.assert_allclose(tangent(x, v).asnumpy(), hybrid, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('name', ['dense', 'spectral', 'conv'])
def test_tangent_has_the_weights_of_its_net_and_moves_with_them(name):
    net = make(name, 'tanh')
    x, v = pair(net)
    tangent = Tangent(net)
    assert set(tangent.collect_params().values()) == set(net.collect_params().values())
    first = tangent(mx.nd.array(x), mx.nd.array(v)).asnumpy()
    for value in weights(net).values():
        value[:] = value * 1.5 + 0.01
    second = tangent(mx.nd.array(x), mx.nd.array(v)).asnumpy()
    exact = directional(net, numbers(net), x, v)
    np.testing.assert_allclose(second, exact, rtol=0, atol=1e-5 * np.abs(exact).max())
    assert np.abs(first - second).max() > 1e-3


def test_batches_of_any_size_go_through_one_tangent():
    net = make('conv', 'elu')
    tangent = Tangent(net)
    for count in (6, 2, 9):
        x, v = pair(net, count)
        exact = directional(net, numbers(net), x, v)
        result = tangent(mx.nd.array(x), mx.nd.array(v)).asnumpy()
        np.testing.assert_allclose(result, exact, rtol=1e-4, atol=1e-5)


def test_a_custom_chain_may_have_several_outputs():
    runtime.seed(1)
    net = Chain(
        Dense(5, 'tanh', in_units=4),
        Activation('swish'),
        Dense(3, in_units=5),
        Reshape((3, 1)),
        shape_in=(4,),
    )
    net.initialize(mx.init.Xavier())
    scatter(net)
    x, v = pair(net)
    tangent = Tangent(net)(mx.nd.array(x), mx.nd.array(v)).asnumpy()
    assert tangent.shape == (6, 3, 1)
    exact = directional(net, numbers(net), x, v)
    np.testing.assert_allclose(tangent, exact, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    'options, layer',
    [
        ({'batchnorm': True}, 'BatchNorm'),
        ({'dropout': 0.2}, 'Dropout'),
        ({'kernels': 4}, 'MinibatchDiscrimination'),
        ({'stddev': True}, 'MinibatchStdDev'),
    ],
)
def test_a_layer_that_mixes_samples_or_drops_units_is_refused_by_name(options, layer):
    options = {'batchnorm': False, **options}
    dense = dense_discriminator([64, 8, 1], **options)
    conv = conv_discriminator((1, 8, 8), width=2, depth=2, **options)
    for net in (dense, conv):
        with pytest.raises(TangentError, match=f'^{layer}: cannot be differentiated'):
            Tangent(net)


def test_a_layer_without_a_rule_is_refused():
    class Strange(Conv):
        """Its forward pass may be anything."""

    for layer in (Strange(2, in_channels=1), mx.gluon.nn.Dense(3), MinibatchDiscrimination(4)):
        with pytest.raises(TangentError, match=type(layer).__name__):
            find_rule(layer)
    assert find_rule(Conv(2, in_channels=1)) is RULES[Conv]
