"""The gradient penalties, and their gradients by D's weights, against float64 differences."""

from __future__ import annotations

import numpy as np
import pytest
from critics import forward, input_gradient, numbers, scatter, weight_slopes

from gluongan import runtime
from gluongan.errors import as_typed
from gluongan.gan.labels import append_labels
from gluongan.gan.losses import LOSSES
from gluongan.gan.objectives import DisObjective
from gluongan.gan.penalties import PENALTIES, GradientPenalty, around, between
from gluongan.gan.steps import update_dis
from gluongan.nn.jvp import TangentError
from gluongan.nn.layers import Dense, frozen, power_iteration, weights
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
    'conv-extra': lambda: conv_discriminator(
        (1, 4, 8), width=2, depth=1, extra=1, activation='tanh', batchnorm=False, init='glorot'
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
    'conv-beside': lambda: conv_discriminator(
        (1, 4, 8),
        width=2,
        depth=1,
        beside=(6, 3),
        activation='tanh',
        batchnorm=False,
        init='glorot',
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
    'beside-projection': lambda: conv_discriminator(
        (3, 4, 4),
        width=2,
        depth=1,
        beside=(5,),
        activation='tanh',
        batchnorm=False,
        projected=2,
        spectral=True,
        init='glorot',
    ),
    'conv-projection': lambda: conv_discriminator(
        (3, 4, 4), width=3, depth=1, activation='tanh', batchnorm=False, projected=2, init='glorot'
    ),
}
# The number of classes; the norm leaves the gradient by the label out.
CLASSES = {'projection': 2, 'projection-spectral': 2, 'conv-projection': 2, 'beside-projection': 2}


def critic(name):
    runtime.seed(3)
    return scatter(CRITICS[name]())


def batches(dis, count=4):
    """Real and generated samples of D's input shape.

    The last two of 3 channels, or of 18 values, are labels.
    """
    generator, shape = np.random.RandomState(5), dis.shape_in
    x_real = mx.nd.array(generator.random_sample((count, *shape)))
    x_fake = mx.nd.array(generator.random_sample((count, *shape)) * 0.7)
    if shape[0] in (3, 18):
        labels = mx.nd.array(np.eye(2)[np.arange(count) % 2])
        x_real, x_fake = (append_labels(x[:, :-2], labels) for x in (x_real, x_fake))
    return x_real, x_fake


def value_of(dis, w, x, kind, weight, classes=0):
    """The penalty at the points x, in float64."""
    factor, target = PAPERS[kind]
    gradient = input_gradient(dis, w, x)
    if classes:
        gradient = gradient.reshape(len(gradient), dis.shape_in[0], -1)[:, :-classes]
    norm = np.sqrt((gradient**2).reshape(len(gradient), -1).sum(axis=1))
    return factor * weight * ((norm - target) ** 2).mean()


def trainable(dis):
    parameters = dis._collect_params_with_prefix()
    return {name: p for name, p in parameters.items() if p.grad_req != 'null'}


def surrogate_gradients(dis, penalty, point):
    dis.collect_params().zero_grad()
    with mx.autograd.record():
        value = penalty.surrogate(point)
    value.backward()
    return {name: p.grad().asnumpy() for name, p in trainable(dis).items()}


def assert_equal_to_rounding(gradients, exact, relative):
    size = max(np.abs(value).max() for value in exact.values())
    assert size > 1e-3
    for name, value in exact.items():
        np.testing.assert_allclose(
            gradients[name], value, rtol=0, atol=relative * size, err_msg=name
        )


def test_every_penalty_has_its_paper_here():
    assert set(PAPERS) == set(PENALTIES)


@pytest.mark.parametrize('kind', PENALTIES)
@pytest.mark.parametrize('name', CRITICS)
def test_value_and_weight_gradient_are_those_of_float64_differences(name, kind):
    dis, classes = critic(name), CLASSES.get(name, 0)
    penalty = GradientPenalty(dis, frozen(dis), kind, 3.0, classes=classes)
    point = penalty.at(*batches(dis))
    w, x = numbers(dis), point.x.asnumpy().astype(np.float64)
    value = value_of(dis, w, x, kind, 3.0, classes)
    np.testing.assert_allclose(point.value.asscalar(), value, rtol=2e-5)
    exact = weight_slopes(lambda w: value_of(dis, w, x, kind, 3.0, classes), w, trainable(dis))
    assert_equal_to_rounding(surrogate_gradients(dis, penalty, point), exact, 1e-5)


@pytest.mark.parametrize('kind', PENALTIES)
@pytest.mark.parametrize('name', ['dense', 'spectral', 'packed', 'conv'])
def test_dis_moves_down_the_gradient_of_loss_and_penalty_together(name, kind):
    dis = critic(name)
    penalty = GradientPenalty(dis, frozen(dis), kind, 2.0)
    x_real, x_fake = batches(dis)
    runtime.seed(9)
    x = penalty.at(x_real, x_fake).x.asnumpy().astype(np.float64)
    real, fake = (each.asnumpy().astype(np.float64) for each in (x_real, x_fake))
    before = numbers(dis)

    def total(w):
        real_side = np.logaddexp(0, -forward(dis, w, real)).mean()
        fake_side = np.logaddexp(0, forward(dis, w, fake)).mean()
        return real_side + fake_side + value_of(dis, w, x, kind, 2.0)

    exact = weight_slopes(total, before, trainable(dis))
    runtime.seed(9)  # the same points again
    optimizer = Optimizer(dis, 'sgd', lr=1.0, momentum=0.0)
    objective = DisObjective(dis, LOSSES['nonsaturating'])
    value, y_real, _ = update_dis(objective, optimizer, x_real, x_fake, penalty=penalty)
    np.testing.assert_allclose(value.asscalar(), total(before), rtol=1e-5)
    np.testing.assert_allclose(y_real.asnumpy(), forward(dis, before, real), rtol=1e-4, atol=1e-6)
    after = numbers(dis)
    steps = {name: before[name] - after[name] for name in exact}
    assert_equal_to_rounding(steps, exact, 2e-5)
    assert all(np.abs(step).max() > 1e-6 for step in steps.values())


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
    assert values[0] > 0.02
    assert max(values[-10:]) < values[0] / 20
    norm = np.linalg.norm(input_gradient(dis, numbers(dis), x_real.asnumpy()), axis=1)
    assert norm.mean() == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize('kind', PENALTIES)
def test_a_critic_without_slope_gives_finite_numbers_and_no_step(kind):
    dis = critic('dense')
    for value in weights(dis).values():
        value[:] = 0
    penalty = GradientPenalty(dis, frozen(dis), kind, 3.0)
    point = penalty.at(*batches(dis))
    factor, target = PAPERS[kind]
    assert point.value.asscalar() == pytest.approx(3 * factor * target**2)
    gradients = surrogate_gradients(dis, penalty, point)
    assert all((gradient == 0).all() for gradient in gradients.values())


def test_r1_looks_at_the_real_samples_and_r2_at_the_generated():
    dis = critic('dense')
    x_real, x_fake = batches(dis)
    for kind, x in (('r1', x_real), ('r2', x_fake)):
        point = GradientPenalty(dis, frozen(dis), kind).at(x_real, x_fake)
        np.testing.assert_array_equal(point.x.asnumpy(), x.asnumpy())


def test_points_between_are_on_the_lines_and_all_along_them():
    runtime.seed(1)
    x_real = mx.nd.random.uniform(shape=(2000, 1, 2, 2))
    x_fake = mx.nd.random.uniform(shape=(2000, 1, 2, 2)) + 2
    share = ((between(x_real, x_fake) - x_fake) / (x_real - x_fake)).asnumpy().reshape(2000, 4)
    np.testing.assert_allclose(share, share[:, :1] * np.ones(4), atol=1e-5)  # one share a sample
    assert -1e-5 < share.min() < 0.01
    assert 0.99 < share.max() < 1 + 1e-5
    assert abs(share.mean() - 0.5) < 0.02
    assert abs(share[:, 0].std() - 12**-0.5) < 0.01


def test_points_around_are_within_half_a_deviation_of_the_real_ones():
    runtime.seed(1)
    x_real = mx.nd.random.normal(3, 2, shape=(2000, 1, 2, 2))
    moved = (around(x_real, x_real + 50) - x_real).asnumpy().reshape(2000, 4)
    moved /= x_real.asnumpy().std()
    assert moved.min() > -1e-6
    assert 0.45 < moved.max() < 0.5 + 1e-6
    assert abs(moved.mean() - 0.125) < 0.01  # ½ · mean U(0, 1) · mean U(0, 1)
    correlation = np.corrcoef(moved[:, 0], moved[:, 1])[0, 1]
    assert correlation > 0.2  # the values of a sample have one share


def test_weight_is_ten_unless_given():
    dis = critic('dense')
    for kind, (factor, _) in PAPERS.items():
        assert GradientPenalty(dis, frozen(dis), kind).scale == 10 * factor
        assert GradientPenalty(dis, frozen(dis), kind, 0.0).scale == 0


def test_a_lazy_penalty_is_in_one_of_so_many_updates_and_as_many_times_as_strong(
    tiny_updater, monkeypatch
):
    scales = []

    def watched(*arguments, penalty=None, **options):
        scales.append(penalty.scale if penalty else None)
        return update_dis(*arguments, penalty=penalty, **options)

    monkeypatch.setattr('gluongan.gan.updater.update_dis', watched)
    settings = {'penalty': 'r1', 'penalty_weight': 4.0, 'penalty_every': 3, 'dis_steps': 2}
    whole, resumed = tiny_updater(**settings), tiny_updater(**settings)
    for _ in range(5):
        whole.update()
    assert scales == [6.0, None, None, 6.0, None, None, 6.0, None, None, 6.0]
    half = tiny_updater(**settings)
    half.update()
    half.update()
    resumed.restore(*half.state())
    scales.clear()
    resumed.update()
    assert scales == [None, None]  # updates 4 and 5 of the discriminator


@pytest.mark.parametrize('kind', ['', 'GP', 'wgan-gp', 'r3'])
def test_an_unknown_penalty_is_refused_and_the_known_ones_are_named(kind):
    dis = critic('dense')
    with pytest.raises(
        ValueError, match=f'^penalty {as_typed(kind)}: must be one of gp, dragan, r1, r2'
    ):
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
    """The reason for nn/jvp.py: if this fails one day, MXNet can do it, and that module may go."""
    runtime.seed(0)
    # Without hybridize, which refuses outright.
    first, second = Dense(6, in_units=4), Dense(1, in_units=6)
    for layer in (first, second):
        layer.initialize(mx.init.Xavier())
    x = mx.nd.random.normal(shape=(3, 4))
    x.attach_grad()
    w1, w2 = (layer.weight.data().asnumpy().astype(np.float64) for layer in (first, second))
    points = x.asnumpy().astype(np.float64)

    def squared_norm(w1, w2):
        return (((1 - np.tanh(points @ w1.T) ** 2) * w2) @ w1) ** 2

    w = {'a': w1, 'b': w2}
    exact = weight_slopes(lambda w: squared_norm(w['a'], w['b']).sum(), w, ['a', 'b'])
    with mx.autograd.record():
        y = second(mx.nd.tanh(first(x)))
        (slope,) = mx.autograd.grad(y, [x], create_graph=True, retain_graph=True)
        squares = mx.nd.square(slope)  # even a sum would raise
    squares.backward()
    difference = np.abs(first.weight.grad().asnumpy() - exact['a']).max()
    message = 'autograd.grad(create_graph=True) has been mended'
    assert difference > 0.1 * np.abs(exact['a']).max(), message
    assert np.abs(exact['b']).max() > 0.1
    assert (second.weight.grad().asnumpy() == 0).all()
    net = dense_discriminator([4, 6, 1], 'tanh', shape=(4,))
    with pytest.raises(mx.MXNetError, match='higher order'), mx.autograd.record():
        mx.autograd.grad(net(x), [x], create_graph=True)[0].backward()
