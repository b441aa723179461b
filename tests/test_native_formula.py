"""The operator for formulas, such as losses, against float64, finite differences and MXNet's."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from graphs import nodes_of

from gluongan import native
from gluongan.gan.losses import LOSSES, make_loss
from gluongan.nn.formulas import FORMULA
from gluongan.nn.fusion import DENSE, fused
from gluongan.runtime import mx

pytestmark = pytest.mark.skipif(
    not native.has_products(), reason=f'no products: {native.reason_missing()}'
)

SIZES = (1, 2, 7, 128, 1001)
SMOOTHED = {
    'smoothed': make_loss('nonsaturating', real_target=0.9, fake_target=0.1),
    'smoothed squares': make_loss('least_squares', real_target=0.8, fake_target=0.2),
}
ALL = LOSSES | SMOOTHED


def run(symbol, values, gradients=None):
    """Outputs and the gradients of all inputs; `gradients` are those of the outputs."""
    arrays = {name: mx.nd.array(values[name]) for name in symbol.list_arguments()}
    found = {name: mx.nd.zeros_like(array) for name, array in arrays.items()}
    executor = symbol.bind(mx.cpu(), arrays, args_grad=found)
    outputs = executor.forward(is_train=True)
    if gradients is None:
        gradients = [np.ones(output.shape) for output in outputs]
    executor.backward([mx.nd.array(gradient) for gradient in gradients])
    return [y.asnumpy() for y in outputs], {name: g.asnumpy() for name, g in found.items()}


def operators(symbol):
    return [node['op'] for node in nodes_of(symbol) if node['op'] != 'null']


def dis_symbol(loss):
    """The discriminator's loss of logits that lie one half behind the other, and the logits."""
    y_real, y_fake = mx.sym.split(mx.sym.var('y'), num_outputs=2, axis=0)
    logits = mx.sym.BlockGrad(y_real), mx.sym.BlockGrad(y_fake)
    return mx.sym.Group([loss.dis(y_real, y_fake), *logits])


def log_sigmoid(v):
    return -np.logaddexp(0, -v)


def cross_entropy(y, target):
    return -np.mean(target * log_sigmoid(y) + (1 - target) * log_sigmoid(-y))


# By hand, in float64: D's loss of y_real, y_fake, and G's.
BY_HAND = {
    'minimax': (
        lambda r, f: cross_entropy(r, 1) + cross_entropy(f, 0),
        lambda f, r: np.mean(log_sigmoid(-f)),
    ),
    'nonsaturating': (
        lambda r, f: cross_entropy(r, 1) + cross_entropy(f, 0),
        lambda f, r: -np.mean(log_sigmoid(f)),
    ),
    'least_squares': (
        lambda r, f: np.mean((r - 1) ** 2) / 2 + np.mean(f**2) / 2,
        lambda f, r: np.mean((f - 1) ** 2) / 2,
    ),
    'wasserstein': (lambda r, f: f.mean() - r.mean(), lambda f, r: -f.mean()),
    'hinge': (
        lambda r, f: np.mean(np.maximum(0, 1 - r)) + np.mean(np.maximum(0, 1 + f)),
        lambda f, r: -f.mean(),
    ),
    'relativistic': (
        lambda r, f: cross_entropy(r - f.mean(), 1) + cross_entropy(f - r.mean(), 0),
        lambda f, r: cross_entropy(f - r.mean(), 1) + cross_entropy(r - f.mean(), 0),
    ),
    'smoothed': (
        lambda r, f: cross_entropy(r, 0.9) + cross_entropy(f, 0.1),
        lambda f, r: -np.mean(log_sigmoid(f)),
    ),
    'smoothed squares': (
        lambda r, f: np.mean((r - 0.8) ** 2) / 2 + np.mean((f - 0.2) ** 2) / 2,
        lambda f, r: np.mean((f - 1) ** 2) / 2,
    ),
}


def slopes(function, *values, step=1e-5):
    """∂function / ∂values by finite differences in float64."""
    found = []
    for index, value in enumerate(values):
        slope = np.zeros(len(value))
        for place in range(len(value)):
            ends = []
            for sign in (1, -1):
                moved = [np.array(v, dtype=np.float64) for v in values]
                moved[index][place] += sign * step
                ends.append(function(*moved))
            slope[place] = (ends[0] - ends[1]) / (2 * step)
        found.append(slope)
    return found


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('name', ALL)
def test_loss_of_the_discriminator_is_the_one_by_hand(name, size):
    y = np.random.RandomState(size).normal(0, 3, 2 * size).astype(np.float32)
    symbol = fused(dis_symbol(ALL[name]), {'y'})
    assert operators(symbol) == [FORMULA]
    (value, y_real, y_fake), _ = run(symbol, {'y': y})
    np.testing.assert_array_equal(np.concatenate([y_real, y_fake]), y)
    expected = BY_HAND[name][0](*np.split(y.astype(np.float64), 2))
    np.testing.assert_allclose(value, [expected], rtol=3e-7, atol=3e-7)


@pytest.mark.parametrize('name', ALL)
def test_gradients_of_the_discriminators_loss_are_finite_differences(name):
    y = np.random.RandomState(4).normal(0, 3, 14).astype(np.float32)
    symbol = fused(dis_symbol(ALL[name]), {'y'})
    upstream = [[-2.5], np.full(7, 100.0), np.full(7, 100.0)]  # none comes back through the logits
    _, found = run(symbol, {'y': y}, upstream)
    expected = np.concatenate(slopes(BY_HAND[name][0], *np.split(y, 2)))
    np.testing.assert_allclose(found['y'], -2.5 * expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('name', ALL)
def test_loss_of_the_generator_and_its_gradients_are_the_ones_by_hand(name):
    random = np.random.RandomState(5)
    values = {key: random.normal(0, 3, 7).astype(np.float32) for key in ('f', 'r')}
    symbol = fused(ALL[name].gen(mx.sym.var('f'), mx.sym.var('r')), {'f', 'r'})
    assert operators(symbol) == [FORMULA]
    (value,), found = run(symbol, values)
    by_hand = BY_HAND[name][1]
    doubles = [values[key].astype(np.float64) for key in ('f', 'r')]
    np.testing.assert_allclose(value, [by_hand(*doubles)], rtol=3e-7, atol=3e-7)
    for key, slope in zip(('f', 'r'), slopes(by_hand, *doubles)):
        if key in found:
            np.testing.assert_allclose(found[key], slope, rtol=1e-5, atol=1e-6)
    assert ('r' in found) == ALL[name].is_relative


@pytest.mark.parametrize('name', ALL)
def test_loss_and_gradients_are_mxnets(name):
    y = np.random.RandomState(6).normal(0, 3, 256).astype(np.float32)
    symbol = dis_symbol(ALL[name])
    (value, *_), found = run(fused(symbol, {'y'}), {'y': y})
    (expected, *_), gradients = run(symbol, {'y': y})
    np.testing.assert_allclose(value, expected, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(found['y'], gradients['y'], rtol=2e-5, atol=1e-8)


@pytest.mark.parametrize('name', ALL)
def test_logits_of_a_sure_discriminator_give_numbers(name):
    y = np.array([1000, -1000, 0, 1000, -1000, 0], dtype=np.float32)
    (value, *_), found = run(fused(dis_symbol(ALL[name]), {'y'}), {'y': y})
    expected = BY_HAND[name][0](*np.split(y.astype(np.float64), 2))
    np.testing.assert_allclose(value, [expected], rtol=1e-6)
    assert np.isfinite(found['y']).all()


def test_nan_in_a_logit_is_nan_in_the_loss():
    y = np.zeros(6, dtype=np.float32)
    y[1] = np.nan
    for name in ('nonsaturating', 'hinge', 'least_squares', 'wasserstein'):
        (value, *_), _ = run(fused(dis_symbol(LOSSES[name]), {'y'}), {'y': y})
        assert np.isnan(value).all(), name


def test_softplus_keeps_the_digits_of_a_small_loss():
    y = np.linspace(-80, 80, 641).astype(np.float32)
    symbol = mx.sym.Activation(mx.sym.var('y'), act_type='softrelu').mean()
    for logit in y:
        (value,), found = run(fused(symbol, {'y'}), {'y': np.array([logit])})
        np.testing.assert_allclose(value, np.logaddexp(0, float(logit)), rtol=5e-7)
        sigmoid = np.exp(log_sigmoid(float(logit)))
        np.testing.assert_allclose(found['y'], [sigmoid], rtol=1e-6)


def two_columns(y):
    left = mx.sym.slice_axis(y, axis=1, begin=0, end=1)
    right = mx.sym.slice_axis(y, axis=1, begin=1, end=2)
    return mx.sym.reshape(left - right, (-1,))


def test_columns_sums_and_numbers_are_mxnets():
    y = mx.sym.var('y')
    column = two_columns(y)
    symbol = mx.sym.Group(
        [
            (2 - mx.sym.square(column - 0.25)).mean(),
            mx.sym.broadcast_add(column + 1.5, column.mean()).mean() + 0.5 * column.mean(),
            mx.sym.relu(column),
        ]
    )
    ours = fused(symbol, {'y'})
    assert operators(ours) == [FORMULA]
    random = np.random.RandomState(7)
    values = {'y': random.normal(0, 1, (9, 2)).astype(np.float32)}
    gradients = [np.array([0.5]), np.array([-3.0]), random.normal(0, 1, 9)]
    outputs, found = run(ours, values, gradients)
    expected, expected_gradients = run(symbol, values, gradients)
    for output, other in zip(outputs, expected):
        np.testing.assert_allclose(output, other, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found['y'], expected_gradients['y'], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('number', [np.nan, np.inf, -np.inf, 1e-44, 1e30, -0.0, 123456.789])
def test_any_number_can_be_in_it(number):
    symbol = (mx.sym.var('y') * number).mean()
    ours = fused(symbol, {'y'})
    assert operators(ours) == [FORMULA]
    values = {'y': np.ones(3, dtype=np.float32)}
    expected = 0 if abs(number) < 1e-38 else run(symbol, values)[0][0]  # a subnormal one
    np.testing.assert_allclose(run(ours, values)[0][0], expected, rtol=1e-6)


def test_values_of_any_shape_are_mxnets():
    y = mx.sym.var('y')
    pixel = mx.sym.slice_axis(y, axis=1, begin=2, end=3)  # (N, 1, 2, 3)
    symbol = mx.sym.Group(
        [
            mx.sym.broadcast_sub(y.mean() * 2, pixel),  # one number, and a value of many
            mx.sym.broadcast_add(pixel, 3 - y.mean()),
            mx.sym.square(mx.sym.reshape(pixel, (-1,))).mean(),
        ]
    )
    ours = fused(symbol, {'y'})
    assert operators(ours) == [FORMULA]
    random = np.random.RandomState(8)
    values = {'y': random.normal(0, 1, (4, 5, 2, 3)).astype(np.float32)}
    gradients = [random.normal(0, 1, shape) for shape in ((4, 1, 2, 3), (4, 1, 2, 3), (1,))]
    outputs, found = run(ours, values, gradients)
    expected, expected_gradients = run(symbol, values, gradients)
    for output, other in zip(outputs, expected):
        assert output.shape == other.shape
        np.testing.assert_allclose(output, other, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found['y'], expected_gradients['y'], rtol=1e-5, atol=1e-6)


def test_what_it_cannot_do_stays_mxnets():
    y = mx.sym.var('y')
    others = {
        'no mean': mx.sym.square(y),
        'a mean along an axis': mx.sym.mean(y, axis=0),
        'a mean that keeps its axes': mx.sym.mean(y, keepdims=True),
        'a mean of other axes': mx.sym.mean(y, exclude=True),
        'another operator at the end': mx.sym.exp(y.mean()),
        'no gradient': mx.sym.square(mx.sym.var('x')).mean(),
    }
    for name, symbol in others.items():
        assert FORMULA not in operators(fused(symbol, {'y'})), name


def test_values_that_are_brought_to_another_shape_are_left_to_mxnet():
    y = mx.sym.var('y')
    symbol = mx.sym.broadcast_add(y, mx.sym.slice_axis(y, axis=1, begin=0, end=1)).mean()
    ours = fused(symbol, {'y'})
    assert 'broadcast_add' in operators(ours)
    values = {'y': np.random.RandomState(9).normal(0, 1, (3, 2)).astype(np.float32)}
    (value,), found = run(ours, values)
    (expected,), gradients = run(symbol, values)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(found['y'], gradients['y'], rtol=1e-6)


def test_gradient_that_another_operator_shares_is_not_left_to_it():
    y = mx.sym.exp(mx.sym.var('x'))  # read by the mean, and by MXNet's sum
    symbol = mx.sym.Group([mx.sym.square(y).mean(), mx.sym.sum(y)])
    ours = fused(symbol, {'x'})
    assert FORMULA not in operators(ours)
    values = {'x': np.array([0.5, -1], dtype=np.float32)}
    np.testing.assert_allclose(run(ours, values)[1]['x'], run(symbol, values)[1]['x'], rtol=1e-6)
    constant = mx.sym.Group([mx.sym.square(y).mean(), mx.sym.BlockGrad(y)])
    assert operators(fused(constant, {'x'})) == ['exp', FORMULA]


def test_only_what_is_behind_the_last_layer_is_in_it():
    x = mx.sym.relu(mx.sym.FullyConnected(mx.sym.var('x'), num_hidden=3, name='one') + 1)
    y = mx.sym.FullyConnected(x, num_hidden=1, name='two')
    symbol = fused(mx.sym.relu(1 - y).mean(), {'one_weight', 'two_weight'})
    assert operators(symbol) == [DENSE, '_plus_scalar', 'relu', DENSE, FORMULA]


@pytest.mark.parametrize(
    'program',
    [
        '',
        'mean 0',
        'mean 1;output 1',
        'shout 0;output 1',
        'add 0;output 1',
        'scale 0;',
        'scale 0 x;',
    ],
)
def test_broken_program_is_refused_in_words(program):
    node = {'op': FORMULA, 'name': 'loss', 'attrs': {'inputs': '1', 'program': program}}
    nodes = [{'op': 'null', 'name': 'y', 'inputs': []}, {**node, 'inputs': [[0, 0, 0]]}]
    content = {'nodes': nodes, 'arg_nodes': [0], 'heads': [[1, 0, 0]]}
    with pytest.raises(mx.base.MXNetError, match='gluongan_formula: not a program'):
        mx.sym.load_json(json.dumps(content)).list_outputs()


def test_halves_of_an_odd_number_are_refused_in_words():
    symbol = fused(dis_symbol(LOSSES['hinge']), {'y'})
    with pytest.raises(mx.base.MXNetError, match='shapes that do not fit'):
        run(symbol, {'y': np.ones(3)})


def test_tiny_gradients_take_no_longer_than_others():
    """Subnormal numbers count as 0; processors take far longer for them."""
    x = np.full((256, 512), 1e-20, dtype=np.float32)
    symbol = fused(mx.sym.FullyConnected(mx.sym.var('x'), num_hidden=512, no_bias=True), {'x'})
    weight = symbol.list_arguments()[1]
    tiny = {'x': x, weight: np.full((512, 512), 1e-20, dtype=np.float32)}
    outputs, _ = run(symbol, tiny)
    assert (outputs[0] == 0).all()  # 512 · 1e-40
    plain = {name: np.ones_like(value) for name, value in tiny.items()}
    times = []
    for values in (plain, tiny):
        arrays = {name: mx.nd.array(value) for name, value in values.items()}
        executor = symbol.bind(mx.cpu(), arrays)
        best = np.inf
        for _ in range(7):
            begin = time.perf_counter()
            executor.forward(is_train=True)[0].wait_to_read()
            best = min(best, time.perf_counter() - begin)
        times.append(best)
    assert times[1] < 3 * times[0]


def test_other_code_of_the_thread_keeps_its_subnormal_numbers():
    symbol = fused(dis_symbol(LOSSES['hinge']), {'y'})
    run(symbol, {'y': np.ones(4)})
    assert np.float32(1e-20) * np.float32(1e-20) > 0
