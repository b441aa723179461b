"""Spectral normalisation against NumPy's singular values.

Its vectors u and v are part of everything that saves or shares weights.
"""

from __future__ import annotations

import numpy as np
import pytest
from critics import forward, numbers, scatter, weight_slopes

from gluongan import runtime
from gluongan.gan.objectives import DisObjective
from gluongan.gan.steps import update_dis
from gluongan.nn.layers import Conv, Dense, frozen, power_iteration, spectral_weight, weights
from gluongan.nn.models import conv_discriminator, dense_discriminator
from gluongan.nn.optimizer import Optimizer
from gluongan.runtime import mx

LAYERS = {
    'dense': lambda: Dense(7, in_units=12, spectral=True),
    'conv': lambda: Conv(6, in_channels=3, spectral=True),
}
NETS = {
    'dense': lambda: dense_discriminator(
        [12, 7, 1], 'tanh', shape=(3, 2, 2), spectral=True, init='glorot'
    ),
    'conv': lambda: conv_discriminator(
        (2, 4, 4),
        width=3,
        depth=1,
        activation='tanh',
        batchnorm=False,
        spectral=True,
        init='glorot',
    ),
}


def make_layer(name, scale=0.7):
    runtime.seed(2)
    layer = LAYERS[name]()
    layer.initialize(mx.init.Normal(scale))
    return layer


def make_net(name):
    runtime.seed(2)
    return scatter(NETS[name]())


def normalised_layers(net):
    return [layer for layer in net if getattr(layer, 'u', None) is not None]


def matrix(layer):
    weight = layer.weight.data().asnumpy().astype(np.float64)
    return weight.reshape(len(weight), -1)


def vectors(layer):
    return tuple(p.data().asnumpy().astype(np.float64) for p in (layer.u, layer.v))


def sigma(layer):
    u, v = vectors(layer)
    return (u.T @ matrix(layer) @ v).item()


def unit(x):
    return x / np.linalg.norm(x)


def largest_singular_value(m):
    return np.linalg.svd(m, compute_uv=False)[0]


@pytest.mark.parametrize('name', LAYERS)
def test_power_iteration_finds_the_largest_singular_value(name):
    layer = make_layer(name)
    largest = largest_singular_value(matrix(layer))
    assert abs(sigma(layer) / largest - 1) > 0.1  # the initial vectors are random
    power_iteration(layer, steps=50)
    assert sigma(layer) == pytest.approx(largest, rel=1e-5)
    left, _, right = np.linalg.svd(matrix(layer))
    for vector, exact in zip(vectors(layer), (left[:, 0], right[0])):
        assert abs(vector[:, 0] @ exact) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize('name', LAYERS)
def test_normalised_weight_has_one_as_its_largest_singular_value(name):
    layer = make_layer(name, scale=3.0)
    power_iteration(layer, steps=50)
    weight = spectral_weight(mx.nd, layer.weight.data(), layer.u.data(), layer.v.data())
    assert weight.shape == layer.weight.shape
    largest = largest_singular_value(weight.asnumpy().reshape(len(weight), -1))
    assert largest == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize('name', LAYERS)
def test_one_iteration_is_that_of_algorithm_one(name):
    layer = make_layer(name)
    u, _ = vectors(layer)
    power_iteration(layer)
    v = unit(matrix(layer).T @ u)
    u = unit(matrix(layer) @ v)
    for vector, exact in zip(vectors(layer), (u, v)):
        np.testing.assert_allclose(vector, exact, rtol=1e-5, atol=1e-6)


def test_a_weight_of_zeros_leaves_the_vectors_finite():
    layer = make_layer('dense')
    layer.weight.data()[:] = 0
    power_iteration(layer, steps=3)
    assert all(np.isfinite(vector).all() for vector in vectors(layer))


@pytest.mark.parametrize('name', NETS)
def test_initial_vectors_of_a_network_are_close_to_the_singular_vectors(name):
    for layer in normalised_layers(make_net(name)):
        assert sigma(layer) == pytest.approx(largest_singular_value(matrix(layer)), rel=0.05)


@pytest.mark.parametrize('name', NETS)
def test_forward_divides_every_weight_by_its_sigma_and_no_bias(name):
    dis = make_net(name)
    x = np.random.RandomState(1).standard_normal((5, *dis.shape_in))
    y = dis(mx.nd.array(x)).asnumpy()
    np.testing.assert_allclose(y, forward(dis, numbers(dis), x), rtol=1e-4, atol=1e-6)
    for layer in normalised_layers(dis):
        layer.weight.data()[:] *= 7  # sigma grows as much
    np.testing.assert_allclose(dis(mx.nd.array(x)).asnumpy(), y, rtol=1e-4, atol=1e-6)


def test_without_the_option_there_are_no_vectors_and_the_weight_is_as_it_is():
    layer = Dense(7, in_units=12)
    assert set(layer._collect_params_with_prefix()) == {'weight', 'bias'}
    weight = mx.nd.ones((2, 3))
    assert spectral_weight(mx.nd, weight, None, None) is weight


@pytest.mark.parametrize('name', NETS)
def test_gradient_runs_through_sigma_while_its_vectors_are_constant(name):
    dis = make_net(name)
    draw = np.random.RandomState(1)
    x, head = draw.standard_normal((5, *dis.shape_in)), draw.standard_normal(5)
    parameters = dis._collect_params_with_prefix()
    trainable = {name: p for name, p in parameters.items() if p.grad_req != 'null'}
    assert not any(name.endswith(('u', 'v')) for name in trainable)
    exact = weight_slopes(lambda w: (forward(dis, w, x) * head).sum(), numbers(dis), trainable)
    before = numbers(dis)
    with mx.autograd.record():
        total = (dis(mx.nd.array(x)) * mx.nd.array(head)).sum()
    total.backward()
    size = max(np.abs(value).max() for value in exact.values())
    for name, parameter in trainable.items():
        gradient = parameter.grad().asnumpy()
        np.testing.assert_allclose(gradient, exact[name], rtol=0, atol=1e-5 * size, err_msg=name)
    for name, value in numbers(dis).items():  # the pass has not moved anything
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize('name', NETS)
def test_an_update_moves_the_weights_by_the_optimizer_and_the_vectors_by_one_iteration(name):
    dis = make_net(name)
    optimizer = Optimizer(dis, 'sgd', lr=0.5, momentum=0.0)
    layers = [name.removesuffix('u') for name in weights(dis) if name.endswith('.u')]
    assert len(layers) == 2
    assert not any(p.name.endswith(('_u', '_v')) for p in optimizer.parameters)
    x_real, x_fake = (mx.nd.random.normal(shape=(4, *dis.shape_in)) for _ in range(2))
    before = numbers(dis)
    update_dis(DisObjective(dis), optimizer, x_real, x_fake)
    after = numbers(dis)
    for layer in layers:
        # One iteration, from the vectors before the step and with the weights after it.
        w = after[f'{layer}weight']
        w = w.reshape(len(w), -1)
        v = unit(w.T @ before[f'{layer}u'])
        np.testing.assert_allclose(after[f'{layer}v'], v, rtol=1e-5, atol=1e-6)
        u = unit(w @ after[f'{layer}v'])
        np.testing.assert_allclose(after[f'{layer}u'], u, rtol=1e-5, atol=1e-6)
    assert any((after[f'{layer}v'] != before[f'{layer}v']).any() for layer in layers)


@pytest.mark.parametrize('name', NETS)
def test_a_frozen_view_shares_the_vectors_and_follows_them(name):
    dis = make_net(name)
    view = frozen(dis)
    x = mx.nd.random.normal(shape=(5, *dis.shape_in))
    np.testing.assert_allclose(view(x).asnumpy(), dis(x).asnumpy(), rtol=1e-5, atol=1e-6)
    before = view(x).asnumpy()
    for layer in normalised_layers(dis):
        layer.u.data()[:] *= 0.5  # half of sigma, twice the weight
    assert np.abs(view(x).asnumpy() - before).max() > 1e-2
    np.testing.assert_allclose(view(x).asnumpy(), dis(x).asnumpy(), rtol=1e-5, atol=1e-6)


def test_vectors_are_part_of_the_updaters_state_and_are_restored(tiny_updater):
    updater = tiny_updater(dis={'spectral': True})
    for _ in range(3):
        updater.update()
    arrays, meta = updater.state()
    assert {'dis/1.u', 'dis/1.v', 'dis/2.u', 'dis/2.v'} <= set(arrays)
    assert arrays['dis/1.u'].shape == (8, 1)
    assert arrays['dis/2.v'].shape == (8, 1)
    resumed = tiny_updater(seed=5, dis={'spectral': True})
    assert (resumed.state()[0]['dis/1.u'] != arrays['dis/1.u']).any()
    resumed.restore(arrays, meta)
    for name in ('dis/1.u', 'dis/1.v', 'dis/2.u'):
        np.testing.assert_array_equal(resumed.state()[0][name], arrays[name])
