"""The BatchNorm operator against its formula in float64, finite differences and MXNet's own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from gluongan import native, runtime
from gluongan.nn.fusion import BATCHNORM, fused
from gluongan.runtime import mx

pytestmark = pytest.mark.skipif(
    not native.is_available(), reason=f'no operators: {native.reason_missing()}'
)

EPS, MOMENTUM = 1e-3, 0.8
WEIGHTS = ('gamma', 'beta', 'mean', 'var')
SHAPES = [
    (2, 1),
    (2, 7),
    (17, 1),
    (129, 17),
    (7, 129),
    (33, 64),
    (2, 1, 1, 1),
    (2, 7, 3, 5),
    (7, 17, 1, 17),
    (3, 5, 4, 4),
    (2, 129, 7, 1),
    (2, 2, 9, 40),
    (5, 3, 129),
]
ACTIVATIONS = {
    'none': None,
    'relu': lambda y: mx.sym.Activation(y, act_type='relu'),
    'leaky': lambda y: mx.sym.LeakyReLU(y, act_type='leaky', slope=0.2),
}
SLOPES = {'none': 1.0, 'relu': 0.0, 'leaky': 0.2}


class Result(NamedTuple):
    """What a forward and a backward pass give."""

    y: np.ndarray
    of_x: np.ndarray
    of_gamma: np.ndarray
    of_beta: np.ndarray
    mean: np.ndarray
    var: np.ndarray


def draw(shape, seed=3):
    """Samples, an output gradient, and weights and running statistics."""
    random = np.random.RandomState(seed)
    x = random.normal(1, 3, shape).astype(np.float32)
    gradient = random.normal(0, 1, shape).astype(np.float32)
    weights = random.uniform(0.5, 2, (4, shape[1])).astype(np.float32)
    weights[1] -= 1
    return x, gradient, weights


def make_symbol(activation='none', fix_gamma=False):
    variables = [mx.sym.var(name) for name in ('x', *WEIGHTS)]
    y = mx.sym.BatchNorm(*variables, eps=EPS, momentum=MOMENTUM, fix_gamma=fix_gamma)
    return y if activation == 'none' else ACTIVATIONS[activation](y)


def ours(symbol, differentiated=('x', 'gamma', 'beta')):
    symbol = fused(symbol, differentiated, fuse_dense=False)
    assert BATCHNORM in symbol.tojson()
    assert 'Activation' not in symbol.tojson() and 'LeakyReLU' not in symbol.tojson()
    return symbol


def run(symbol, x, gradient, weights, differentiated=('x', 'gamma', 'beta')):
    arrays = {'x': mx.nd.array(x)}
    arrays.update((name, mx.nd.array(value)) for name, value in zip(WEIGHTS[:2], weights))
    gradients = {name: mx.nd.zeros_like(arrays[name]) for name in differentiated}
    statistics = {name: mx.nd.array(value) for name, value in zip(WEIGHTS[2:], weights[2:])}
    executor = symbol.bind(mx.cpu(), arrays, args_grad=gradients, aux_states=statistics)
    y = executor.forward(is_train=True)[0].asnumpy()
    for name, value in zip(WEIGHTS[2:], weights[2:]):  # they move in the backward pass
        np.testing.assert_array_equal(statistics[name].asnumpy(), value)
    executor.backward(mx.nd.array(gradient))
    found = [gradients[name].asnumpy() for name in ('x', 'gamma', 'beta') if name in gradients]
    found += [None] * (3 - len(found))
    return Result(y, *found, *(value.asnumpy() for value in statistics.values()))


def formula(x, gradient, weights, slope, fix_gamma=False):
    """The same in float64."""
    x, gradient, weights = (np.asarray(value, np.float64) for value in (x, gradient, weights))
    axes = (0, *range(2, x.ndim))
    column = (1, -1, *[1] * (x.ndim - 2))
    mean, var = x.mean(axis=axes), x.var(axis=axes)
    gamma = np.ones_like(weights[0]) if fix_gamma else weights[0]
    inverse = (1 / np.sqrt(var + EPS)).reshape(column)
    normal = (x - mean.reshape(column)) * inverse
    y = gamma.reshape(column) * normal + weights[1].reshape(column)
    e = np.where(y > 0, 1, slope) * gradient
    of_gamma, of_beta = (e * normal).sum(axis=axes), e.sum(axis=axes)
    count = x.size / x.shape[1]
    taken_off = (of_beta.reshape(column) + normal * of_gamma.reshape(column)) / count
    return Result(
        np.where(y > 0, y, slope * y),
        gamma.reshape(column) * inverse * (e - taken_off),
        of_gamma * (not fix_gamma),
        of_beta,
        MOMENTUM * weights[2] + (1 - MOMENTUM) * mean,
        MOMENTUM * weights[3] + (1 - MOMENTUM) * var,
    )


def worst(result, expected):
    """The largest error of each array, against its largest number."""
    return [
        np.abs(one - other).max() / max(1, np.abs(other).max())
        for one, other in zip(result, expected)
    ]


def assert_same_bits(one, other):
    for value, same in zip(one, other):
        np.testing.assert_array_equal(value, same)


@pytest.mark.parametrize('activation', ACTIVATIONS)
@pytest.mark.parametrize('shape', SHAPES, ids=str)
def test_it_follows_the_formula(shape, activation):
    values = draw(shape)
    expected = formula(*values, SLOPES[activation])
    result = run(ours(make_symbol(activation)), *values)
    # Of two numbers, both are at one deviation: the gradient is a difference of equal numbers.
    assert max(worst(result, expected)) < (2e-4 if values[0].size <= 2 * shape[1] else 3e-6)


@pytest.mark.parametrize('shape', [(129, 64), (512, 100), (16, 9, 28, 28), (64, 20, 7, 7)], ids=str)
def test_it_is_as_accurate_as_mxnets_own(shape):
    values = draw(shape)
    expected = formula(*values, 0.2)
    errors = worst(run(ours(make_symbol('leaky')), *values), expected)
    mxnets = worst(run(make_symbol('leaky'), *values), expected)
    for error, of_mxnet in zip(errors, mxnets):
        assert error <= 2 * of_mxnet + 1e-7


def test_gamma_can_be_fixed_as_in_mxnet():
    values = draw((9, 5, 4, 4))
    result = run(ours(make_symbol('relu', fix_gamma=True)), *values)
    assert max(worst(result, formula(*values, 0.0, fix_gamma=True))) < 3e-6
    assert max(worst(result, run(make_symbol('relu', fix_gamma=True), *values))) < 3e-6


@pytest.mark.parametrize('shape', [(6, 3), (3, 2, 5)], ids=str)
def test_its_gradients_are_those_of_finite_differences(shape):
    x, gradient, weights = draw(shape)
    symbol = ours(make_symbol('leaky'))
    result = run(symbol, x, gradient, weights)

    def loss(**changed):
        values = {'x': x, 'gamma': weights[0], 'beta': weights[1], **changed}
        rows = np.stack([values['gamma'], values['beta'], *weights[2:]])
        return float((formula(values['x'], gradient, rows, 0.2).y * gradient).sum())

    for name, found in (('x', result.of_x), ('gamma', result.of_gamma), ('beta', result.of_beta)):
        start = {'x': x, 'gamma': weights[0], 'beta': weights[1]}[name].astype(np.float64)
        for index in np.ndindex(start.shape):
            step = np.zeros_like(start)
            step[index] = 1e-5
            slope = (loss(**{name: start + step}) - loss(**{name: start - step})) / 2e-5
            assert found[index] == pytest.approx(slope, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize('shape', [(2, 1), (129, 129), (7, 300), (5, 17, 7, 7), (2, 129, 3, 1)])
def test_the_bits_do_not_depend_on_the_number_of_threads(shape):
    values, results = draw(shape), []
    try:
        for count in (1, 2, 3):
            native.use_threads(count)
            results.append(run(ours(make_symbol('leaky')), *values))
    finally:
        native.use_threads(runtime.threads())
    assert_same_bits(results[0], results[1])
    assert_same_bits(results[0], results[2])


@pytest.mark.parametrize('shape', [(17, 70), (3, 5, 7, 7)], ids=str)
@pytest.mark.parametrize('differentiated', [('x',), ('gamma', 'beta'), ('x', 'gamma', 'beta')])
def test_it_computes_the_gradients_that_are_wanted(shape, differentiated):
    values = draw(shape)
    complete = run(ours(make_symbol('relu')), *values)
    result = run(ours(make_symbol('relu'), differentiated), *values, differentiated)
    wanted = {'x': complete.of_x, 'gamma': complete.of_gamma, 'beta': complete.of_beta}
    expected = [wanted[name] for name in differentiated]
    assert_same_bits([value for value in result[1:4] if value is not None], expected)
    assert_same_bits([result.y, *result[4:]], [complete.y, *complete[4:]])


@pytest.mark.parametrize('activation', ['relu', 'leaky'])
@pytest.mark.parametrize('shape', [(4, 3), (4, 3, 6)], ids=str)
def test_at_zero_the_activation_has_mxnets_slope(shape, activation):
    # Of equal numbers, the normal ones are 0, and beta is 0.
    x, gradient, weights = draw(shape)
    x[:], weights[1] = 2, 0
    result = run(ours(make_symbol(activation)), x, gradient, weights)
    expected = run(make_symbol(activation), x, gradient, weights)
    assert max(worst(result, expected)) < 1e-5


def test_weights_that_do_not_fit_are_refused():
    symbol = ours(make_symbol())
    with pytest.raises(mx.MXNetError, match='do not fit samples of 5 channels'):
        symbol.infer_shape(x=(4, 5), gamma=(3,), beta=(5,), mean=(5,), var=(5,))


def test_shapes_of_weights_follow_from_those_of_the_samples():
    symbol = ours(make_symbol())
    unknown = {name: (0,) for name in WEIGHTS}
    arguments, outputs, statistics = symbol.infer_shape(x=(4, 5, 2), **unknown)
    assert arguments == [(4, 5, 2), (5,), (5,)] and statistics == [(5,), (5,)]
    assert outputs[0] == (4, 5, 2)
