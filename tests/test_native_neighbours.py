"""Dense layers beside others: the slope of the leaky ReLU between them, batches in two halves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gluongan import native, runtime
from gluongan.gan.objectives import DisObjective
from gluongan.nn.chains import apart
from gluongan.nn.fusion import BATCHNORM, DEFAULTS, DENSE, fused
from gluongan.nn.models import dense_discriminator
from gluongan.runtime import mx

pytestmark = pytest.mark.skipif(
    not native.has_products() or not native.is_available('norms'),
    reason=f'no operators: {native.reason_missing()}',
)


@pytest.fixture(autouse=True)
def operators_are_apart():
    with apart():
        yield


SLOPES = (0.0, 0.2, 1.5)
CURVES = ('sigmoid', 'tanh')
# Samples, values of a sample, units of the first and of the second layer. The last ones are enough
# work for several threads.
SIZES = [(2, 1, 1, 1), (3, 5, 7, 1), (17, 9, 33, 15), (65, 31, 129, 49), (130, 70, 97, 61)]


def two_layers(units, activation, between=None):
    """The symbol of a dense layer, an activation or a slope below 0, and a layer behind it."""
    x = mx.sym.FullyConnected(mx.sym.var('x'), num_hidden=units[0], name='one')
    if activation in CURVES:
        x = mx.sym.Activation(x, act_type=activation)
    else:
        x = mx.sym.LeakyReLU(x, act_type='leaky', slope=activation)
    if between == 'batchnorm':
        x = mx.sym.BatchNorm(x, fix_gamma=False, eps=1e-3, name='norm')
    return mx.sym.FullyConnected(x, num_hidden=units[1], name='two')


def nodes(symbol, op):
    content = json.loads(symbol.tojson(remove_amp_cast=False))
    found = [node for node in content['nodes'] if node['op'] == op]
    return [{**node, 'attrs': {**DEFAULTS.get(op, {}), **node['attrs']}} for node in found]


def with_slopes_apart(symbol):
    """The same graph, in which each layer scales the gradient that it gets itself."""
    content = json.loads(symbol.tojson(remove_amp_cast=False))
    for node in content['nodes']:
        if node['op'] in (DENSE, BATCHNORM):
            node['attrs']['slope_before'] = '1'
        if node['op'] == DENSE:
            node['attrs']['is_scaled'] = '0'
    return mx.sym.load_json(json.dumps(content))


def draw(symbol, shape, seed=3):
    """Random numbers for a symbol's arguments, and for the gradient of its output."""
    random = np.random.RandomState(seed)
    shapes, outputs, _ = symbol.infer_shape(x=shape)
    values = {}
    for name, size in zip(symbol.list_arguments(), shapes):
        values[name] = random.normal(0, 1, size).astype(np.float32)
    return values, random.normal(0, 1, outputs[0]).astype(np.float32)


def gradients(symbol, values, gradient):
    """All gradients and the output. MXNet cannot infer the shapes of a graph of ours."""
    arrays = {name: mx.nd.array(value) for name, value in values.items()}
    found = {name: mx.nd.zeros_like(array) for name, array in arrays.items()}
    states = [mx.nd.ones(len(values['norm_gamma'])) for _ in symbol.list_auxiliary_states()]
    executor = symbol.bind(mx.cpu(), arrays, args_grad=found, aux_states=states)
    y = executor.forward(is_train=True)[0]
    executor.backward(mx.nd.array(gradient))
    return {'y': y.asnumpy(), **{name: value.asnumpy() for name, value in found.items()}}


@pytest.mark.parametrize('between', [None, 'batchnorm'])
@pytest.mark.parametrize('slope', SLOPES)
@pytest.mark.parametrize('sizes', SIZES, ids=str)
def test_the_gradients_are_mxnets(sizes, slope, between):
    samples, values, *units = sizes
    symbol = two_layers(units, slope, between)
    ours = fused(symbol, symbol.list_arguments())
    given = draw(symbol, (samples, values))
    expected = gradients(symbol, *given)
    for name, found in gradients(ours, *given).items():
        scale = np.abs(expected[name]).max() + 1
        np.testing.assert_allclose(found, expected[name], rtol=1e-4, atol=2e-5 * scale)


@pytest.mark.parametrize('between', [None, 'batchnorm'])
def test_the_bits_are_those_of_a_layer_that_scales_its_own_gradient(between):
    symbol = two_layers([97, 61], 0.2, between)
    given = draw(symbol, (130, 70))
    symbol = fused(symbol, symbol.list_arguments())
    assert nodes(symbol, DENSE)[0]['attrs']['is_scaled'] == '1'
    together = gradients(symbol, *given)
    apart = gradients(with_slopes_apart(symbol), *given)
    for name, found in together.items():
        np.testing.assert_array_equal(found, apart[name], err_msg=name)


@pytest.mark.parametrize('threads', [2, 3, 4, 7])
@pytest.mark.parametrize(
    'sizes', [(3, 400, 200, 300), (130, 70, 97, 61), (512, 64, 1, 33)], ids=str
)
def test_the_bits_do_not_depend_on_the_number_of_threads(sizes, threads):
    samples, values, *units = sizes
    symbol = two_layers(units, 0.2)
    given = draw(symbol, (samples, values))
    symbol = fused(symbol, symbol.list_arguments())
    native.use_threads(1)
    alone = gradients(symbol, *given)
    native.use_threads(threads)
    try:
        for name, found in gradients(symbol, *given).items():
            np.testing.assert_array_equal(found, alone[name], err_msg=name)
    finally:
        native.use_threads(runtime.threads())


def test_a_layer_whose_output_others_read_scales_its_own_gradient():
    first = mx.sym.FullyConnected(mx.sym.var('x'), num_hidden=7, name='one')
    first = mx.sym.LeakyReLU(first, act_type='leaky', slope=0.2)
    second = mx.sym.FullyConnected(first, num_hidden=7, name='two')
    symbol = fused(first + second, ('x', 'one_weight', 'two_weight'))
    assert [node['attrs']['is_scaled'] for node in nodes(symbol, DENSE)] == ['0', '0']
    assert [node['attrs']['slope_before'] for node in nodes(symbol, DENSE)] == ['1', '1']
    given = draw(first + second, (5, 3))
    expected = gradients(first + second, *given)
    for name, found in gradients(symbol, *given).items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-5, atol=1e-5)


def test_a_layer_whose_input_needs_no_gradient_leaves_the_slope_alone():
    symbol = fused(two_layers([7, 5], 0.2), ('two_weight', 'two_bias'))
    assert [node['attrs']['slope_before'] for node in nodes(symbol, DENSE)] == ['1', '1']


@pytest.mark.parametrize('curve', CURVES)
@pytest.mark.parametrize('sizes', SIZES, ids=str)
def test_the_second_layer_scales_the_gradient_of_a_curve(sizes, curve):
    samples, values, *units = sizes
    symbol = two_layers(units, curve)
    ours = fused(symbol, symbol.list_arguments())
    assert [node['attrs']['is_scaled'] for node in nodes(ours, DENSE)] == ['1', '0']
    assert [node['attrs']['activation_before'] for node in nodes(ours, DENSE)] == ['leaky', curve]
    given = draw(symbol, (samples, values))
    expected = gradients(symbol, *given)
    for name, found in gradients(ours, *given).items():
        np.testing.assert_allclose(found, expected[name], rtol=2e-5, atol=5e-5, err_msg=name)


@pytest.mark.parametrize('curve', CURVES)
def test_before_a_batchnorm_a_layer_with_a_curve_scales_its_own_gradient(curve):
    symbol = two_layers([7, 5], curve, 'batchnorm')
    ours = fused(symbol, symbol.list_arguments())
    assert [node['attrs']['is_scaled'] for node in nodes(ours, DENSE)] == ['0', '0']
    given = draw(symbol, (9, 3))
    expected = gradients(symbol, *given)
    for name, found in gradients(ours, *given).items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-4, atol=1e-4)


# A batch in two halves


def joined(units, halves, bias=True):
    """The symbol of a dense layer that reads two constant halves of a batch as one."""
    x = mx.sym.BlockGrad(mx.sym.concat(*halves, dim=0))
    return mx.sym.FullyConnected(x, num_hidden=units, no_bias=not bias, name='one')


def variables():
    return [mx.sym.var('x'), mx.sym.var('other')]


def halves(samples, values, units, bias=True, seed=4):
    random = np.random.RandomState(seed)
    shapes = {'x': (samples[0], values), 'other': (samples[1], values)}
    shapes |= {'one_weight': (units, values)} | ({'one_bias': (units,)} if bias else {})
    given = {name: random.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}
    return given, random.normal(0, 1, (sum(samples), units)).astype(np.float32)


WEIGHTS = ('one_weight', 'one_bias')


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('samples', [(1, 1), (3, 3), (5, 2), (129, 129), (400, 1), (200, 200)])
@pytest.mark.parametrize('values', [1, 17, 97])
def test_two_halves_give_the_bits_of_the_batch_that_they_are(samples, values, bias):
    given, gradient = halves(samples, values, 33, bias)
    symbol = joined(33, variables(), bias)
    ours = fused(symbol, WEIGHTS)
    assert nodes(ours, DENSE)[0]['attrs']['parts'] == '2'
    assert not nodes(ours, 'Concat')
    copied = fused(symbol, (*WEIGHTS, 'x'))
    assert nodes(copied, DENSE)[0]['attrs']['parts'] == '1'
    expected = gradients(copied, given, gradient)
    found = gradients(ours, given, gradient)
    for name in {'y', *WEIGHTS} & set(found):
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def test_halves_that_are_not_constant_are_copied():
    x = [mx.sym.FullyConnected(half, num_hidden=7, name='before') for half in variables()]
    symbol = joined(5, x)
    ours = fused(symbol, ('before_weight', *WEIGHTS))
    assert nodes(ours, DENSE)[-1]['attrs']['parts'] == '1'


@pytest.mark.parametrize('change', ['axis', 'number', 'reader'])
def test_what_is_joined_otherwise_is_copied(change):
    x = variables()
    if change == 'axis':
        x = mx.sym.concat(*x, dim=1)
    elif change == 'number':
        x = mx.sym.concat(*x, mx.sym.var('third'), dim=0)
    else:
        x = mx.sym.concat(*x, dim=0)
    blocked = mx.sym.BlockGrad(x)
    symbol = mx.sym.FullyConnected(blocked, num_hidden=5, name='one')
    if change == 'reader':
        symbol = mx.sym.Group([symbol, blocked])
    assert nodes(fused(symbol, WEIGHTS), DENSE)[0]['attrs']['parts'] == '1'


def test_samples_that_have_gradients_keep_them_through_an_objective():
    """The discriminator's objective takes them as constants, whatever they are elsewhere."""
    runtime.seed(0)
    objective = DisObjective(dense_discriminator([9, 8, 1], shape=(9,)))
    x_real, x_fake = mx.nd.ones((4, 9)), mx.nd.zeros((4, 9))
    for x in (x_real, x_fake):
        x.attach_grad()
        x.grad[:] = 7
    with mx.autograd.record():
        value, _, _ = objective(x_real, x_fake)
    value.backward()
    for x in (x_real, x_fake):
        np.testing.assert_array_equal(x.grad.asnumpy(), 7)
