"""The tangent pass against complex steps in NumPy and against autograd's input gradient, for every layer and activation."""

from __future__ import annotations

import numpy as np
import pytest
from critics import FUNCTIONS, directional, numbers, scatter, weight_slopes

from gluongan import runtime
from gluongan.gan.updater import weights
from gluongan.nn.jvp import RULES, Tangent, TangentError, rule
from gluongan.nn.layers import (
    ACTIVATIONS,
    DERIVATIVES,
    Activation,
    Chain,
    Conv,
    Dense,
    MinibatchDiscrimination,
    Reshape,
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


def made(name, act):
    runtime.seed(4)
    return scatter(NETS[name](act))


def pair(net, count=6):
    """Points x of all signs, and directions v."""
    draw = np.random.RandomState(7)
    return draw.standard_normal((count, *net.shape_in)), draw.standard_normal(
        (count, *net.shape_in)
    )


def test_every_activation_of_a_critic_has_a_derivative_and_a_formula_here():
    assert (
        set(DERIVATIVES) == set(FUNCTIONS) == set(ACTIVATIONS) - {'unit_tanh'}
    )  # which only ends a G


@pytest.mark.parametrize('act', DERIVATIVES)
def test_derivative_is_that_of_the_formula(act):
    x = np.concatenate([np.linspace(-6, 6, 41), [-40, 40]])
    x = x[x != 0]
    exact = FUNCTIONS[act](x + 1e-30j, 0.3).imag / 1e-30
    mine = DERIVATIVES[act](mx.nd, mx.nd.array(x), 0.3).asnumpy()
    np.testing.assert_allclose(mine, exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('act', DERIVATIVES)
@pytest.mark.parametrize('name', NETS)
def test_tangent_is_the_derivative_along_v(name, act):
    net = made(name, act)
    x, v = pair(net)
    mine = Tangent(net)(mx.nd.array(x), mx.nd.array(v))
    exact = directional(net, numbers(net), x, v)
    assert mine.shape == net(mx.nd.array(x)).shape and np.abs(exact).max() > 1e-3
    np.testing.assert_allclose(mine.asnumpy(), exact, rtol=0, atol=1e-5 * np.abs(exact).max())


@pytest.mark.parametrize('act', DERIVATIVES)
def test_gradient_of_the_tangent_by_every_weight_is_that_of_float64_differences(act):
    net = made('dense', act)
    x, v = pair(net)
    names = [name for name, p in net._collect_params_with_prefix().items() if p.grad_req != 'null']
    exact = weight_slopes(lambda w: directional(net, w, x, v).sum(), numbers(net), names)
    net.collect_params().zero_grad()
    tangent = Tangent(net)
    with mx.autograd.record():
        total = tangent(mx.nd.array(x), mx.nd.array(v)).sum()
    total.backward()
    size = max(np.abs(value).max() for value in exact.values())
    for name in names:
        mine = net._collect_params_with_prefix()[name].grad().asnumpy()
        np.testing.assert_allclose(mine, exact[name], rtol=0, atol=1e-5 * size, err_msg=name)


@pytest.mark.parametrize('name', [name for name in NETS if name not in ('packed', 'conv-spectral')])
def test_tangent_is_autograds_input_gradient_times_v(name):
    net = made(name, 'leaky_relu')
    x, v = map(mx.nd.array, pair(net))
    x.attach_grad()
    with mx.autograd.record():
        y = net(x)
    y.backward()
    along = (x.grad * v).reshape((len(x), -1)).sum(axis=1)
    np.testing.assert_allclose(Tangent(net)(x, v).asnumpy(), along.asnumpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('name', NETS)
def test_tangent_is_linear_in_v(name):
    net = made(name, 'softplus')
    x, v = map(mx.nd.array, pair(net))
    tangent = Tangent(net)
    np.testing.assert_allclose(
        (tangent(x, 3 * v) / 3).asnumpy(), tangent(x, v).asnumpy(), rtol=1e-4, atol=1e-6
    )
    assert (tangent(x, 0 * v).asnumpy() == 0).all()


@pytest.mark.parametrize('name', NETS)
def test_hybridized_tangent_is_the_imperative_one(name):
    net = made(name, 'tanh')
    x, v = map(mx.nd.array, pair(net))
    tangent = Tangent(net)
    quick = tangent(x, v).asnumpy()
    for block in (tangent, net):
        block.hybridize(False)
    np.testing.assert_allclose(tangent(x, v).asnumpy(), quick, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('name', ['dense', 'spectral', 'conv'])
def test_tangent_has_the_weights_of_its_net_and_moves_with_them(name):
    net = made(name, 'tanh')
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
    net = made('conv', 'elu')
    tangent = Tangent(net)
    for count in (6, 2, 9):
        x, v = pair(net, count)
        exact = directional(net, numbers(net), x, v)
        np.testing.assert_allclose(
            tangent(mx.nd.array(x), mx.nd.array(v)).asnumpy(), exact, rtol=1e-4, atol=1e-5
        )


def test_a_chain_of_ones_own_may_end_in_several_outputs():
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
    mine = Tangent(net)(mx.nd.array(x), mx.nd.array(v)).asnumpy()
    assert mine.shape == (6, 3, 1)
    np.testing.assert_allclose(mine, directional(net, numbers(net), x, v), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    'options, layer',
    [
        ({'batchnorm': True}, 'BatchNorm'),
        ({'dropout': 0.2}, 'Dropout'),
        ({'kernels': 4}, 'MinibatchDiscrimination'),
        ({'stddev': True}, 'MinibatchStdDev'),
    ],
)
@pytest.mark.parametrize(
    'make',
    [
        lambda **options: dense_discriminator([64, 8, 1], **options),
        lambda **options: conv_discriminator(
            (1, 8, 8), width=2, depth=2, **{'batchnorm': False, **options}
        ),
    ],
    ids=['dense', 'conv'],
)
def test_a_layer_that_mixes_samples_or_drops_units_is_refused_by_name(make, options, layer):
    with pytest.raises(TangentError, match=f'^{layer}: no tangent'):
        Tangent(make(**options))


def test_a_layer_that_nobody_taught_the_rule_is_refused_too():
    class Strange(Conv):
        """Its own forward pass may be anything."""

    for layer in (Strange(2, in_channels=1), mx.gluon.nn.Dense(3), MinibatchDiscrimination(4)):
        with pytest.raises(TangentError, match=type(layer).__name__):
            rule(layer)
    assert Conv in RULES and rule(Conv(2, in_channels=1)) is RULES[Conv]
