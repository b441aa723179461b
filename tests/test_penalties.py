"""The gradient penalties and their gradients by D's weights, against float64 differences of a critic in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from critics import forward, input_gradient, numbers, scatter, weight_slopes

from gluongan import runtime
from gluongan.gan.labels import with_label
from gluongan.gan.losses import LOSSES
from gluongan.gan.penalties import PENALTIES, GradientPenalty, around, between
from gluongan.gan.steps import update_dis
from gluongan.gan.updater import weights
from gluongan.nn.jvp import TangentError
from gluongan.nn.layers import Dense, frozen, power_iteration
from gluongan.nn.models import conv_discriminator, dense_discriminator
from gluongan.nn.optimizer import Optimizer
from gluongan.runtime import mx

# P = factor · weight · mean (‖grad_x D‖ - target)², from the papers.
PAPERS = {'gp': (1, 1.0), 'dragan': (1, 1.0), 'r1': (0.5, 0.0), 'r2': (0.5, 0.0)}
CRITICS = {
    'dense': lambda: dense_discriminator([16, 7, 5, 1], 'tanh', init='glorot'),
    'leaky': lambda: dense_discriminator([16, 7, 5, 1], slope=0.3, init='glorot'),
    'spectral': lambda: dense_discriminator(
        [16, 7, 5, 1], 'softplus', spectral=True, init='glorot'
    ),
    'packed': lambda: dense_discriminator([16, 7, 1], 'swish', pack=2, init='glorot'),
    'softmax': lambda: dense_discriminator([16, 7, 2], 'elu', head='softmax', init='glorot'),
    'conv': lambda: conv_discriminator(
        (1, 4, 8), width=2, depth=2, activation='tanh', batchnorm=False, init='glorot'
    ),
    'conv-leaky': lambda: conv_discriminator(
        (1, 4, 8), width=2, depth=2, batchnorm=False, init='glorot'
    ),
    'conv-spectral': lambda: conv_discriminator(
        (1, 4, 8),
        width=2,
        depth=1,
        activation='gelu',
        batchnorm=False,
        spectral=True,
        init='glorot',
    ),
    'conv-packed': lambda: conv_discriminator(
        (1, 4, 8), width=2, depth=1, activation='softplus', batchnorm=False, pack=2, init='glorot'
    ),
    'conv-labelled': lambda: conv_discriminator(
        (3, 4, 4), width=3, depth=1, activation='sigmoid', batchnorm=False, init='glorot'
    ),
    'projection': lambda: dense_discriminator(
        [18, 7, 5, 1], 'tanh', shape=(18,), projected=2, init='glorot'
    ),
    'projection-spectral': lambda: dense_discriminator(
        [18, 7, 1], 'swish', shape=(18,), projected=2, spectral=True, init='glorot'
    ),
    'conv-projection': lambda: conv_discriminator(
        (3, 4, 4), width=3, depth=1, activation='tanh', batchnorm=False, projected=2, init='glorot'
    ),
}
CLASSES = {
    name: 2 for name in CRITICS if 'projection' in name
}  # the norm is not of the gradient by the label


def critic(name):
    runtime.seed(3)
    return scatter(CRITICS[name]())


def batches(dis, count=4):
    """Real and generated samples of D's input shape; the last two of 3 planes, or of 18 values, are labels."""
    draw, shape = np.random.RandomState(5), dis.shape_in
    found = [mx.nd.array(draw.random_sample((count, *shape)) * scale) for scale in (1, 0.7)]
    if shape[0] in (3, 18):
        label = mx.nd.array(np.eye(2)[np.arange(count) % 2])
        found = [with_label(x[:, :-2], label) for x in found]
    return found


def value_of(dis, w, x, kind, weight, classes=0):
    """The penalty at the points x, in float64."""
    factor, target = PAPERS[kind]
    gradient = input_gradient(dis, w, x)
    gradient = (
        gradient.reshape(len(gradient), dis.shape_in[0], -1)[:, :-classes] if classes else gradient
    )
    norm = np.sqrt((gradient**2).reshape(len(gradient), -1).sum(axis=1))
    return factor * weight * ((norm - target) ** 2).mean()


def learning(dis):
    return {
        name: p for name, p in dis._collect_params_with_prefix().items() if p.grad_req != 'null'
    }


def surrogate_gradients(dis, penalty, point):
    dis.collect_params().zero_grad()
    with mx.autograd.record():
        value = penalty.surrogate(point)
    value.backward()
    return {name: p.grad().asnumpy() for name, p in learning(dis).items()}


def assert_equal_to_rounding(mine, exact, relative):
    size = max(np.abs(value).max() for value in exact.values())
    assert size > 1e-3
    for name, value in exact.items():
        np.testing.assert_allclose(mine[name], value, rtol=0, atol=relative * size, err_msg=name)


def test_every_penalty_has_its_paper_here():
    assert set(PAPERS) == set(PENALTIES)


@pytest.mark.parametrize('kind', PENALTIES)
@pytest.mark.parametrize('name', CRITICS)
def test_value_and_weight_gradient_are_those_of_float64_differences(name, kind):
    dis, classes = critic(name), CLASSES.get(name, 0)
    penalty = GradientPenalty(dis, frozen(dis), kind, 3.0, classes=classes)
    point = penalty.at(*batches(dis))
    w, x = numbers(dis), point.x.asnumpy().astype(np.float64)
    np.testing.assert_allclose(
        point.value.asscalar(), value_of(dis, w, x, kind, 3.0, classes), rtol=2e-5
    )
    exact = weight_slopes(lambda w: value_of(dis, w, x, kind, 3.0, classes), w, learning(dis))
    assert_equal_to_rounding(surrogate_gradients(dis, penalty, point), exact, 1e-5)


@pytest.mark.parametrize('kind', PENALTIES)
@pytest.mark.parametrize('name', ['dense', 'spectral', 'packed', 'conv'])
def test_dis_moves_down_the_gradient_of_loss_and_penalty_together(name, kind):
    dis = critic(name)
    penalty, x_real = GradientPenalty(dis, frozen(dis), kind, 2.0), batches(dis)[0]
    x_fake = batches(dis)[1]
    runtime.seed(9)
    x = penalty.at(x_real, x_fake).x.asnumpy().astype(np.float64)
    real, fake = (each.asnumpy().astype(np.float64) for each in (x_real, x_fake))
    before = numbers(dis)

    def total(w):
        loss = (
            np.logaddexp(0, -forward(dis, w, real)).mean()
            + np.logaddexp(0, forward(dis, w, fake)).mean()
        )
        return loss + value_of(dis, w, x, kind, 2.0)

    exact = weight_slopes(total, before, learning(dis))
    runtime.seed(9)  # the same points again
    value, y_real, _ = update_dis(
        dis,
        Optimizer(dis, 'sgd', lr=1.0, momentum=0.0),
        x_real,
        x_fake,
        loss=LOSSES['nonsaturating'],
        penalty=penalty,
    )
    np.testing.assert_allclose(value.asscalar(), total(before), rtol=1e-5)
    np.testing.assert_allclose(y_real.asnumpy(), forward(dis, before, real), rtol=1e-4, atol=1e-6)
    after = numbers(dis)
    assert_equal_to_rounding({n: before[n] - after[n] for n in exact}, exact, 2e-5)
    assert all(np.abs(before[n] - after[n]).max() > 1e-6 for n in exact)


def test_steps_with_a_penalty_alone_lead_the_norm_to_its_target():
    dis = critic('dense')
    penalty, (x_real, x_fake) = GradientPenalty(dis, frozen(dis), 'gp', 1.0), batches(dis, 16)
    optimizer = Optimizer(dis, 'adam', lr=0.02)
    values = []
    for _ in range(150):
        point = penalty.at(x_real, x_fake)
        values.append(point.value.asscalar())
        with mx.autograd.record():
            surrogate = penalty.surrogate(point)
        surrogate.backward()
        optimizer.step()
    assert values[0] > 0.02 and max(values[-10:]) < values[0] / 20
    assert np.linalg.norm(
        input_gradient(dis, numbers(dis), x_real.asnumpy()), axis=1
    ).mean() == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize('kind', PENALTIES)
def test_a_critic_without_slope_gives_finite_numbers_and_no_step(kind):
    dis = critic('dense')
    for value in weights(dis).values():
        value[:] = 0
    penalty = GradientPenalty(dis, frozen(dis), kind, 3.0)
    point = penalty.at(*batches(dis))
    factor, target = PAPERS[kind]
    assert point.value.asscalar() == pytest.approx(3 * factor * target**2)
    assert all(
        (gradient == 0).all() for gradient in surrogate_gradients(dis, penalty, point).values()
    )


def test_r1_looks_at_the_real_samples_and_r2_at_the_generated():
    dis = critic('dense')
    x_real, x_fake = batches(dis)
    for kind, x in (('r1', x_real), ('r2', x_fake)):
        np.testing.assert_array_equal(
            GradientPenalty(dis, frozen(dis), kind).at(x_real, x_fake).x.asnumpy(), x.asnumpy()
        )


def test_points_between_are_on_the_lines_and_all_along_them():
    runtime.seed(1)
    x_real, x_fake = (
        mx.nd.random.uniform(shape=(2000, 1, 2, 2)),
        mx.nd.random.uniform(shape=(2000, 1, 2, 2)) + 2,
    )
    share = ((between(x_real, x_fake) - x_fake) / (x_real - x_fake)).asnumpy().reshape(2000, 4)
    np.testing.assert_allclose(share, share[:, :1] * np.ones(4), atol=1e-5)  # one share a sample
    assert -1e-5 < share.min() < 0.01 and 0.99 < share.max() < 1 + 1e-5
    assert abs(share.mean() - 0.5) < 0.02 and abs(share[:, 0].std() - 12**-0.5) < 0.01


def test_points_around_leave_the_real_ones_by_half_a_deviation_at_most():
    runtime.seed(1)
    x_real = mx.nd.random.normal(3, 2, shape=(2000, 1, 2, 2))
    moved = (around(x_real, x_real + 50) - x_real).asnumpy().reshape(
        2000, 4
    ) / x_real.asnumpy().std()
    assert moved.min() > -1e-6 and 0.45 < moved.max() < 0.5 + 1e-6
    assert abs(moved.mean() - 0.125) < 0.01  # ½ · mean U(0, 1) · mean U(0, 1)
    assert (
        np.corrcoef(moved[:, 0], moved[:, 1])[0, 1] > 0.2
    )  # the values of a sample have one share


def test_weight_is_ten_unless_given():
    dis = critic('dense')
    for kind, (factor, _) in PAPERS.items():
        assert GradientPenalty(dis, frozen(dis), kind).scale == 10 * factor
        assert GradientPenalty(dis, frozen(dis), kind, 0.0).scale == 0


@pytest.mark.parametrize('kind', ['', 'GP', 'wgan-gp', 'r3'])
def test_an_unknown_penalty_is_refused_and_the_known_ones_are_named(kind):
    dis = critic('dense')
    with pytest.raises(ValueError, match=f'penalty {kind!r}: must be one of gp, dragan, r1, r2'):
        GradientPenalty(dis, frozen(dis), kind)


def test_a_critic_that_mixes_samples_is_refused():
    dis = dense_discriminator([16, 8, 1], batchnorm=True)
    with pytest.raises(TangentError, match='BatchNorm'):
        GradientPenalty(dis, frozen(dis), 'gp')


def test_power_iteration_moves_the_vectors_only_after_a_penalised_step():
    dis = critic('spectral')
    before = numbers(dis)
    penalty = GradientPenalty(dis, frozen(dis), 'r1')
    surrogate_gradients(dis, penalty, penalty.at(*batches(dis)))
    for name, value in numbers(dis).items():
        np.testing.assert_array_equal(value, before[name])
    dis[1].weight.data()[:] *= mx.nd.random.uniform(0.5, 1.5, shape=dis[1].weight.shape)
    power_iteration(dis)
    assert (numbers(dis)['1.u'] != before['1.u']).any()


def test_native_second_order_gradients_are_still_wrong_or_refused():
    """The reason for all this. Should it fail one day, MXNet can do it, and tangent.py may go."""
    runtime.seed(0)
    first, second = (
        Dense(6, in_units=4),
        Dense(1, in_units=6),
    )  # without hybridize, which refuses outright
    for layer in (first, second):
        layer.initialize(mx.init.Xavier())
    x = mx.nd.random.normal(shape=(3, 4))
    x.attach_grad()
    w = [layer.weight.data().asnumpy().astype(np.float64) for layer in (first, second)]

    points = x.asnumpy().astype(np.float64)

    def squared_norm(w1, w2):
        return (((1 - np.tanh(points @ w1.T) ** 2) * w2) @ w1) ** 2

    exact = weight_slopes(
        lambda w: squared_norm(w['a'], w['b']).sum(), {'a': w[0], 'b': w[1]}, ['a', 'b']
    )
    with mx.autograd.record():
        slope = mx.autograd.grad(
            second(mx.nd.tanh(first(x))), [x], create_graph=True, retain_graph=True
        )[0]
        squares = mx.nd.square(slope)  # even a sum would raise
    squares.backward()
    off = np.abs(first.weight.grad().asnumpy() - exact['a']).max() / np.abs(exact['a']).max()
    assert off > 0.1, 'autograd.grad(create_graph=True) has been mended'
    assert np.abs(exact['b']).max() > 0.1 and (second.weight.grad().asnumpy() == 0).all()
    net = dense_discriminator([4, 6, 1], 'tanh', shape=(4,))
    with pytest.raises(mx.MXNetError, match='higher order'), mx.autograd.record():
        mx.autograd.grad(net(x), [x], create_graph=True)[0].backward()
