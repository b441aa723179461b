"""The fully connected operator against its formula in float64, finite differences and MXNet's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from gluongan import native, runtime
from gluongan.nn.fusion import DENSE, fused
from gluongan.runtime import mx

pytestmark = pytest.mark.skipif(
    not native.has_products(), reason=f'no products: {native.reason_missing()}'
)

# Samples, values of a sample, units.
SIZES = [(1, 1, 1), (1, 7, 17), (2, 1, 3), (7, 17, 1), (17, 129, 7), (129, 33, 257), (5, 784, 64)]
SLOPES = {'none': 1.0, 'relu': 0.0, 'leaky': 0.2}
CURVES = ('sigmoid', 'tanh')
ALL = ('x', 'weight', 'bias')


class Result(NamedTuple):
    """What a forward and a backward pass give; None where there is no such gradient."""

    y: np.ndarray
    of_x: np.ndarray | None
    of_weight: np.ndarray | None
    of_bias: np.ndarray | None


def draw(samples, values, units, seed=2):
    """Samples, weights, biases and an output gradient."""
    random = np.random.RandomState(seed)
    shapes = [(samples, values), (units, values), (units,), (samples, units)]
    return [random.normal(0, 1, shape).astype(np.float32) for shape in shapes]


def activate(y, activation):
    if activation in ('relu', *CURVES):
        return mx.sym.Activation(y, act_type=activation)
    if activation == 'leaky':
        return mx.sym.LeakyReLU(y, act_type='leaky', slope=0.2)
    return y


def make_symbol(units, activation='none', bias=True):
    variables = [mx.sym.var(name) for name in (ALL if bias else ALL[:2])]
    y = mx.sym.FullyConnected(*variables, num_hidden=units, no_bias=not bias)
    return activate(y, activation)


def ours(symbol, differentiated=ALL):
    symbol = fused(symbol, differentiated, fuse_dense=True)
    assert DENSE in symbol.tojson()
    assert 'Activation' not in symbol.tojson() and 'LeakyReLU' not in symbol.tojson()
    return symbol


def run(symbol, x, weight, bias, gradient, differentiated=ALL):
    values = dict(zip(ALL, (x, weight, bias)))
    arrays = {name: mx.nd.array(values[name]) for name in symbol.list_arguments()}
    gradients = {name: mx.nd.zeros_like(arrays[name]) for name in differentiated if name in arrays}
    executor = symbol.bind(mx.cpu(), arrays, args_grad=gradients)
    y = executor.forward(is_train=True)[0].asnumpy()
    executor.backward(mx.nd.array(gradient))
    found = [gradients[name].asnumpy() if name in gradients else None for name in ALL]
    return Result(y, *found)


def activated(v, activation):
    """f(v) and f'(v)."""
    if activation == 'sigmoid':
        y = 1 / (1 + np.exp(-v))
        return y, y * (1 - y)
    if activation == 'tanh':
        return np.tanh(v), 1 - np.tanh(v) ** 2
    slope = np.where(v > 0, 1, SLOPES[activation])
    return slope * v, slope


def formula(x, weight, bias, gradient, activation):
    """The same in float64."""
    x, weight, bias, gradient = (
        np.asarray(value, np.float64) for value in (x, weight, bias, gradient)
    )
    y, slope = activated(x.reshape(len(x), -1) @ weight.T + bias, activation)
    e = slope * gradient
    of_x = (e @ weight).reshape(x.shape)
    return Result(y, of_x, e.T @ x.reshape(len(x), -1), e.sum(axis=0))


def assert_close(result, expected, inner):
    for one, other in zip(result, expected):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6 * inner**0.5)


def assert_same_bits(one, other):
    for value, same in zip(one, other):
        np.testing.assert_array_equal(value, same)


@pytest.mark.parametrize('activation', [*SLOPES, *CURVES])
@pytest.mark.parametrize('sizes', SIZES, ids=str)
def test_it_follows_the_formula_and_mxnet(sizes, activation):
    values = draw(*sizes)
    symbol = make_symbol(sizes[-1], activation)
    result = run(ours(symbol), *values)
    assert_close(result, formula(*values, activation), max(sizes))
    assert_close(result, run(symbol, *values), max(sizes))


def test_pictures_are_read_as_vectors():
    x, weight, bias, gradient = draw(5, 24, 7)
    x = x.reshape(5, 2, 3, 4)
    result = run(ours(make_symbol(7, 'relu')), x, weight, bias, gradient)
    assert_close(result, formula(x, weight, bias, gradient, 'relu'), 24)


def test_a_layer_may_have_no_bias():
    values = draw(5, 24, 7)
    symbol = make_symbol(7, 'leaky', bias=False)
    result = run(ours(symbol), *values)
    assert result.of_bias is None
    without = [values[0], values[1], np.zeros(7), values[3]]
    assert_close(result[:3], formula(*without, 'leaky')[:3], 24)


@pytest.mark.parametrize('activation', ['leaky', *CURVES])
def test_its_gradients_are_those_of_finite_differences(activation):
    x, weight, bias, gradient = draw(4, 5, 3)
    result = run(ours(make_symbol(3, activation)), x, weight, bias, gradient)
    for name, found in zip(ALL, result[1:]):
        start = {'x': x, 'weight': weight, 'bias': bias}
        for index in np.ndindex(found.shape):
            losses = []
            for step in (1e-6, -1e-6):
                moved = {key: value.astype(np.float64) for key, value in start.items()}
                moved[name][index] += step
                losses.append((formula(*moved.values(), gradient, activation).y * gradient).sum())
            assert found[index] == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-4, abs=1e-5)


def biased(biases, activation):
    """The activations of some numbers: a layer whose input is 0."""
    biases = np.asarray(biases, np.float32)
    zero = np.zeros((1, len(biases)), np.float32)
    symbol = ours(make_symbol(len(biases), activation))
    return run(symbol, zero[:, :1], zero.T, biases, zero).y[0]


@pytest.mark.parametrize('activation', CURVES)
def test_an_activation_is_right_to_the_last_digits_and_at_the_ends(activation):
    random = np.random.RandomState(0)
    numbers = [random.normal(0, scale, 4000) for scale in (1e-6, 1e-2, 1, 10)]
    numbers = np.concatenate(numbers).astype(np.float32)
    expected, _ = activated(numbers.astype(np.float64), activation)
    np.testing.assert_allclose(biased(numbers, activation), expected, rtol=4e-7)
    ends = biased([-np.inf, -1e30, -100, 100, 1e30, np.inf], activation)
    lowest = -1.0 if activation == 'tanh' else 0.0
    np.testing.assert_allclose(ends, [lowest] * 3 + [1.0] * 3, atol=2e-38)
    assert np.isnan(biased([0, np.nan], activation)).tolist() == [False, True]


@pytest.mark.parametrize('sizes', SIZES, ids=str)
def test_the_bits_do_not_depend_on_the_number_of_threads(sizes):
    values, results = draw(*sizes), []
    symbol = ours(make_symbol(sizes[-1], 'tanh'))
    try:
        for count in (1, 2, 3, 6):
            native.use_threads(count)
            results.append(run(symbol, *values))
    finally:
        native.use_threads(runtime.threads())
    for result in results[1:]:
        assert_same_bits(results[0], result)


@pytest.mark.parametrize('activation', ['leaky', *CURVES])
@pytest.mark.parametrize('sizes', SIZES, ids=str)
def test_the_bits_do_not_depend_on_the_width_of_the_vectors(sizes, activation):
    values = draw(*sizes)
    symbol = ours(make_symbol(sizes[-1], activation))
    widest = native.use_lanes(16)
    try:
        results = {native.use_lanes(most): run(symbol, *values) for most in (4, 8, 16)}
    finally:
        native.use_lanes(widest)
    for result in results.values():
        assert_same_bits(result, results[widest])


@pytest.mark.parametrize('differentiated', [('x',), ('weight', 'bias'), ALL], ids=str)
def test_it_computes_the_gradients_that_are_wanted(differentiated):
    values = draw(9, 33, 18)
    symbol = make_symbol(18, 'leaky')
    complete = run(ours(symbol), *values)
    result = run(ours(symbol, differentiated), *values, differentiated)
    assert_same_bits([result.y], [complete.y])
    for name, found, expected in zip(ALL, result[1:], complete[1:]):
        assert (found is not None) == (name in differentiated)
        if found is not None:
            np.testing.assert_array_equal(found, expected)


def test_a_value_that_two_layers_read_gets_the_sum_of_both_gradients():
    # A library's operator overwrites what it is asked to add to; MXNet must not ask.
    x = mx.sym.var('x')
    layers = []
    for i in range(2):
        weight = mx.sym.var(f'weight{i}')
        layers.append(mx.sym.FullyConnected(x, weight, num_hidden=3, no_bias=True))
    values = {name: np.ones((3, 4), np.float32) * (i + 1) for i, name in enumerate(('a', 'b'))}
    symbol = fused(layers[0] + layers[1], {'x'}, fuse_dense=True)
    assert symbol.tojson().count(DENSE) == 2
    arrays = {'x': mx.nd.ones((2, 4)), 'weight0': values['a'], 'weight1': values['b']}
    arrays = {name: mx.nd.array(value) for name, value in arrays.items()}
    gradients = {'x': mx.nd.zeros((2, 4))}
    executor = symbol.bind(mx.cpu(), arrays, args_grad=gradients)
    executor.forward(is_train=True)
    executor.backward(mx.nd.ones((2, 3)))
    np.testing.assert_array_equal(gradients['x'].asnumpy(), np.full((2, 4), 9))


@pytest.mark.parametrize('at_zero', ['relu', 'leaky'])
def test_at_zero_the_activation_has_mxnets_slope(at_zero):
    x, weight, bias, gradient = draw(4, 3, 5)
    symbol = make_symbol(5, at_zero)
    values = (x, weight * 0, bias * 0, gradient)
    assert_close(run(ours(symbol), *values), run(symbol, *values), 3)


def test_shapes_of_weights_follow_from_those_of_the_samples():
    symbol = ours(make_symbol(6))
    arguments, outputs, _ = symbol.infer_shape(x=(4, 5, 2), weight=(0, 0), bias=(0,))
    assert arguments == [(4, 5, 2), (6, 10), (6,)]
    assert outputs == [(4, 6)]


def test_weights_that_do_not_fit_are_refused():
    symbol = ours(make_symbol(6))
    with pytest.raises(mx.MXNetError, match='do not fit samples of 10 values'):
        symbol.infer_shape(x=(4, 10), weight=(6, 9), bias=(6,))


def test_samples_of_unknown_shape_are_refused():
    symbol = ours(make_symbol(6))
    with pytest.raises(mx.MXNetError, match='the shape of the samples must be known'):
        symbol.infer_shape(x=(0, 10), weight=(6, 10), bias=(6,))
