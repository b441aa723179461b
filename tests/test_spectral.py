"""Spectral normalisation against NumPy's singular values, and its vectors' part in everything that keeps or shares weights."""

from __future__ import annotations

import numpy as np
import pytest
from critics import forward, numbers, scatter, weight_slopes

from gluongan import runtime
from gluongan.gan.steps import update_dis
from gluongan.gan.updater import weights
from gluongan.nn.layers import Conv, Dense, frozen, normalised, power_iteration
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


def layer(name, scale=0.7):
    runtime.seed(2)
    made = LAYERS[name]()
    made.initialize(mx.init.Normal(scale))
    return made


def net(name):
    runtime.seed(2)
    return scatter(NETS[name]())


def matrix(of):
    return of.weight.data().asnumpy().astype(np.float64).reshape(of.weight.shape[0], -1)


def pair(of):
    return of.u.data().asnumpy().astype(np.float64), of.v.data().asnumpy().astype(np.float64)


def sigma(of):
    u, v = pair(of)
    return (u.T @ matrix(of) @ v).item()


def top(m):
    return np.linalg.svd(m, compute_uv=False)[0]


@pytest.mark.parametrize('name', LAYERS)
def test_power_iteration_finds_the_largest_singular_value(name):
    made = layer(name)
    assert abs(sigma(made) / top(matrix(made)) - 1) > 0.1  # random vectors know nothing
    power_iteration(made, steps=50)
    left, _, right = np.linalg.svd(matrix(made))
    assert sigma(made) == pytest.approx(top(matrix(made)), rel=1e-5)
    for mine, exact in zip(pair(made), (left[:, 0], right[0])):
        assert abs(mine[:, 0] @ exact) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize('name', LAYERS)
def test_normalised_weight_has_one_as_its_largest_singular_value(name):
    made = layer(name, scale=3.0)
    power_iteration(made, steps=50)
    found = normalised(mx.nd, *(p.data() for p in (made.weight, made.u, made.v)))
    assert found.shape == made.weight.shape
    assert top(found.asnumpy().reshape(len(found), -1)) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize('name', LAYERS)
def test_one_iteration_is_that_of_algorithm_one(name):
    made = layer(name)
    u, _ = pair(made)
    power_iteration(made)
    v = matrix(made).T @ u
    v /= np.linalg.norm(v)
    u = matrix(made) @ v
    u /= np.linalg.norm(u)
    for mine, exact in zip(pair(made), (u, v)):
        np.testing.assert_allclose(mine, exact, rtol=1e-5, atol=1e-6)


def test_a_weight_of_zeros_does_no_harm_to_the_vectors():
    made = layer('dense')
    made.weight.data()[:] = 0
    power_iteration(made, steps=3)
    assert all(np.isfinite(value).all() for value in pair(made))


@pytest.mark.parametrize('name', NETS)
def test_initial_vectors_are_near_their_goal_already(name):
    for made in (x for x in net(name) if getattr(x, 'u', None) is not None):
        assert sigma(made) == pytest.approx(top(matrix(made)), rel=0.05)


@pytest.mark.parametrize('name', NETS)
def test_forward_divides_every_weight_by_its_sigma_and_no_bias(name):
    dis = net(name)
    x = np.random.RandomState(1).standard_normal((5, *dis.shape_in))
    y = dis(mx.nd.array(x)).asnumpy()
    np.testing.assert_allclose(y, forward(dis, numbers(dis), x), rtol=1e-4, atol=1e-6)
    for layer in dis:
        if getattr(layer, 'u', None) is not None:
            layer.weight.data()[:] *= 7  # which sigma takes away again
    np.testing.assert_allclose(dis(mx.nd.array(x)).asnumpy(), y, rtol=1e-4, atol=1e-6)


def test_without_the_option_there_are_no_vectors_and_the_weight_is_as_it_is():
    made = Dense(7, in_units=12)
    assert set(made._collect_params_with_prefix()) == {'weight', 'bias'}
    weight = mx.nd.ones((2, 3))
    assert normalised(mx.nd, weight, None, None) is weight


@pytest.mark.parametrize('name', NETS)
def test_gradient_runs_through_sigma_while_its_vectors_are_constant(name):
    dis = net(name)
    draw = np.random.RandomState(1)
    x, head = draw.standard_normal((5, *dis.shape_in)), draw.standard_normal(5)
    learning = {n: p for n, p in dis._collect_params_with_prefix().items() if p.grad_req != 'null'}
    exact = weight_slopes(lambda w: (forward(dis, w, x) * head).sum(), numbers(dis), learning)
    before = numbers(dis)
    with mx.autograd.record():
        total = (dis(mx.nd.array(x)) * mx.nd.array(head)).sum()
    total.backward()
    size = max(np.abs(value).max() for value in exact.values())
    for place, parameter in learning.items():
        np.testing.assert_allclose(
            parameter.grad().asnumpy(), exact[place], rtol=0, atol=1e-5 * size, err_msg=place
        )
    for place, value in numbers(dis).items():  # nor has the pass moved anything
        np.testing.assert_array_equal(value, before[place])
    assert not any(place.endswith(('u', 'v')) for place in learning)


@pytest.mark.parametrize('name', NETS)
def test_a_step_of_the_optimizer_moves_weights_and_an_update_the_vectors_once(name):
    dis = net(name)
    optimizer = Optimizer(dis, 'sgd', lr=0.5, momentum=0.0)
    vectors = {place for place in weights(dis) if place.endswith(('.u', '.v'))}
    assert len(vectors) == 4 and not {p.name for p in optimizer.parameters} & {
        weights_name(dis, v) for v in vectors
    }
    x_real, x_fake = (mx.nd.random.normal(shape=(4, *dis.shape_in)) for _ in range(2))
    before = numbers(dis)
    update_dis(dis, optimizer, x_real, x_fake)
    after = numbers(dis)
    for place in vectors:
        if place.endswith(
            '.v'
        ):  # one iteration, from the vectors before and with the weights after the step
            w = after[place[:-1] + 'weight']
            v = w.reshape(len(w), -1).T @ before[place[:-1] + 'u']
            np.testing.assert_allclose(after[place], v / np.linalg.norm(v), rtol=1e-5, atol=1e-6)
            u = w.reshape(len(w), -1) @ after[place]
            np.testing.assert_allclose(
                after[place[:-1] + 'u'], u / np.linalg.norm(u), rtol=1e-5, atol=1e-6
            )
    assert any((after[place] != before[place]).any() for place in vectors)


def weights_name(dis, place):
    return dis._collect_params_with_prefix()[place].name


@pytest.mark.parametrize('name', NETS)
def test_a_frozen_view_has_the_same_vectors_and_sees_them_move(name):
    dis = net(name)
    view = frozen(dis)
    x = mx.nd.random.normal(shape=(5, *dis.shape_in))
    np.testing.assert_allclose(view(x).asnumpy(), dis(x).asnumpy(), rtol=1e-5, atol=1e-6)
    before = view(x).asnumpy()
    for place, value in weights(dis).items():
        if place.endswith('.u'):
            value[:] *= 0.5  # half the sigma, twice the weight
    assert np.abs(view(x).asnumpy() - before).max() > 1e-2
    np.testing.assert_allclose(view(x).asnumpy(), dis(x).asnumpy(), rtol=1e-5, atol=1e-6)


def test_vectors_are_part_of_a_runs_state_and_come_back(tiny_updater):
    updater = tiny_updater(dis={'spectral': True})
    for _ in range(3):
        updater.update()
    arrays, meta = updater.state()
    assert {'dis/1.u', 'dis/1.v', 'dis/2.u', 'dis/2.v'} <= set(arrays)
    again = tiny_updater(seed=5, dis={'spectral': True})
    assert (again.state()[0]['dis/1.u'] != arrays['dis/1.u']).any()
    again.restore(arrays, meta)
    for name in ('dis/1.u', 'dis/1.v', 'dis/2.u'):
        np.testing.assert_array_equal(again.state()[0][name], arrays[name])
    assert arrays['dis/2.v'].shape == (8, 1) and arrays['dis/1.u'].shape == (8, 1)
