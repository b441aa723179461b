"""BatchNorm that the generator's input modulates: in NumPy, in C++ and in a network."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import nodes_of

from gluongan import native, runtime
from gluongan.errors import InputError
from gluongan.nn.fused import FusedNet
from gluongan.nn.fusion import fused
from gluongan.nn.layers import ModulatedBatchNorm, ModulatedChain
from gluongan.nn.models import conv_generator
from gluongan.nn.modulations import MODULATE
from gluongan.runtime import mx

needs_operator = pytest.mark.skipif(
    not native.is_available('norms'), reason=f'no operators: {native.reason_missing()}'
)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def arrays(*values):
    return [mx.nd.array(value) for value in values]


def modulated(channels=3, inputs=2, seed=0):
    runtime.seed(seed)
    layer = ModulatedBatchNorm(channels, inputs=inputs, momentum=0.9)
    layer.initialize(mx.init.Normal(0.5))
    return layer


def by_hand(layer, x, s, eps=1e-5):
    """What a layer gives for a batch in training, in float64."""
    mean, variance = x.mean(axis=(0, 2, 3), keepdims=True), x.var(axis=(0, 2, 3), keepdims=True)
    scale = 1 + s @ layer.scale.weight.data().asnumpy().T.astype(np.float64)
    shift = s @ layer.shift.weight.data().asnumpy().T.astype(np.float64)
    return (x - mean) / np.sqrt(variance + eps) * scale[..., None, None] + shift[..., None, None]


def differences(function, value, step=1e-5):
    """The slopes of a function of an array, from both sides."""
    slopes = np.zeros_like(value)
    for index in np.ndindex(value.shape):
        moved = np.zeros_like(value)
        moved[index] = step
        slopes[index] = (function(value + moved) - function(value - moved)) / (2 * step)
    return slopes


def test_it_normalises_by_the_batch_and_then_scales_and_shifts_each_sample():
    layer, x, s = modulated(), 3 + 2 * numbers(5, 3, 4, 2), numbers(5, 2, seed=1)
    with mx.autograd.train_mode():
        y = layer(*arrays(x, s)).asnumpy()
    np.testing.assert_allclose(y, by_hand(layer, x, s), rtol=0, atol=1e-5)


def test_a_label_alone_makes_the_scale_and_shift_of_its_class():
    layer, x = modulated(inputs=4), numbers(6, 3, 4, 4)
    labels = np.array([2, 0, 2, 1, 3, 2])
    with mx.autograd.train_mode():
        y = layer(*arrays(x, np.eye(4)[labels])).asnumpy()
    plain = by_hand(layer, x, np.zeros((6, 4)))
    for sample, label in enumerate(labels):
        scale = 1 + layer.scale.weight.data().asnumpy()[:, label]
        shift = layer.shift.weight.data().asnumpy()[:, label]
        expected = plain[sample] * scale[:, None, None] + shift[:, None, None]
        np.testing.assert_allclose(y[sample], expected, rtol=0, atol=1e-5)


def test_gradients_are_those_of_float64_differences():
    layer, x, s, head = modulated(), numbers(4, 3, 2, 3), numbers(4, 2, seed=1), numbers(4, 3, 2, 3)
    inputs = arrays(x, s)
    for value in inputs:
        value.attach_grad()
    with mx.autograd.record():
        total = (layer(*inputs) * mx.nd.array(head)).sum()
    total.backward()
    functions = {
        0: lambda value: (by_hand(layer, value, s) * head).sum(),
        1: lambda value: (by_hand(layer, x, value) * head).sum(),
    }
    for place, value in enumerate((x, s)):
        expected = differences(functions[place], value)
        np.testing.assert_allclose(inputs[place].grad.asnumpy(), expected, rtol=1e-3, atol=1e-4)


# The operator


def operator_of(shape):
    """y = s ∘ x + t of symbols, as the layer writes it."""
    x, s, t = (mx.sym.var(name) for name in 'xst')
    scale, shift = (mx.sym.reshape(value, shape=(0, 0, 1, 1)) for value in (s, t))
    return mx.sym.broadcast_add(mx.sym.broadcast_mul(x, scale), shift)


def passed(symbol, values, head):
    """The output and the gradients of a graph of x, s and t."""
    given = dict(zip('xst', arrays(*values)))
    gradients = {name: mx.nd.full(value.shape, 7.0) for name, value in given.items()}
    executor = symbol.bind(mx.cpu(), given, gradients)
    (y,) = executor.forward(is_train=True)
    executor.backward(mx.nd.array(head))
    return [y.asnumpy(), *(gradients[name].asnumpy() for name in 'xst')]


SHAPES = [(4, 3, 5, 7), (1, 1, 1, 1), (2, 33, 4, 4), (3, 2, 1, 17), (5, 16, 14, 14)]


@needs_operator
@pytest.mark.parametrize('shape', SHAPES)
def test_the_operator_gives_what_numpy_gives(shape):
    x, s, t = numbers(*shape), numbers(*shape[:2], seed=1), numbers(*shape[:2], seed=2)
    head = numbers(*shape, seed=3)
    symbol = fused(operator_of(shape), 'xst')
    assert [node['op'] for node in nodes_of(symbol)].count(MODULATE) == 1
    expected = [
        x * s[..., None, None] + t[..., None, None],
        head * s[..., None, None],
        (head * x).sum(axis=(2, 3)),
        head.sum(axis=(2, 3)),
    ]
    for one, other in zip(passed(symbol, (x, s, t), head), expected):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-4)


@needs_operator
def test_bits_of_the_operator_do_not_depend_on_the_number_of_threads():
    values = numbers(6, 20, 5, 9), numbers(6, 20, seed=1), numbers(6, 20, seed=2)
    results = []
    try:
        for threads in (1, 2, 5):
            native.use_threads(threads)
            outputs = passed(fused(operator_of(values[0].shape), 'xst'), values, values[0])
            results.append([output.tobytes() for output in outputs])
    finally:
        native.use_threads(runtime.threads())
    assert results[0] == results[1] == results[2]


@needs_operator
def test_sums_that_are_no_modulation_stay_those_of_mxnet():
    x, s, t = (mx.sym.var(name) for name in 'xst')
    scale, shift = (mx.sym.reshape(value, shape=(0, 0, 1, 1)) for value in (s, t))
    product = mx.sym.broadcast_mul(x, scale)
    others = [
        mx.sym.broadcast_add(product, shift) + product,  # the product is read elsewhere, too
        mx.sym.broadcast_add(product, t),  # of another shape
        mx.sym.broadcast_add(mx.sym.broadcast_mul(x, s), shift),
        mx.sym.broadcast_add(x, shift),
        mx.sym.broadcast_sub(product, shift),
    ]
    for symbol in others:
        assert MODULATE not in [node['op'] for node in nodes_of(fused(symbol, 'xst'))]


# In a network


def generator(**more):
    runtime.seed(2)
    return conv_generator(6, (1, 8, 8), width=3, modulated=True, **more)


@needs_operator
@pytest.mark.parametrize('extra', [0, 1])
def test_a_generator_in_training_gives_the_same_with_the_operators(extra):
    net, z = generator(extra=extra), mx.nd.array(numbers(5, 6))
    fast = FusedNet(net)
    results = []
    for block in (net, fast):
        net.collect_params().zero_grad()
        with mx.autograd.record():
            y = block(z)
            total = (y * y).sum()
        total.backward()
        gradients = [
            p.grad().asnumpy() for p in net.collect_params().values() if p.grad_req != 'null'
        ]
        results.append([y.asnumpy(), *gradients])
    assert MODULATE in [node['op'] for node in nodes_of(fast._cached_graph[1])]
    for one, other in zip(*results):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_without_batchnorm_there_is_nothing_to_modulate():
    with pytest.raises(InputError, match=r'^modulated: modulates BatchNorm, which is off'):
        generator(batchnorm=False)


def test_the_table_of_a_modulated_network_counts_what_it_holds():
    net = generator()
    rows = net.rows()
    counted = sum(row.parameters for row in rows)
    held = sum(value.data().size for value in net.collect_params().values())
    assert counted == held
    (first,) = [row for row in rows if row.layer == 'ModulatedBatchNorm'][:1]
    assert first.parameters == 4 * 3 + 2 * 3 * 6  # running statistics and constants; both layers
    assert first.flops == 2 * 2 * 3 * 6


def test_layers_that_are_not_modulated_see_the_layer_before_them_alone():
    runtime.seed(0)
    double = mx.gluon.nn.HybridLambda(lambda F, x: 2 * x)
    norm = modulated(channels=1, inputs=1)
    net = ModulatedChain(
        double, mx.gluon.nn.HybridLambda(lambda F, x: F.reshape(x, (0, 1, 1, 1))), norm
    )
    x = mx.nd.array([[1], [3]])
    with mx.autograd.train_mode():
        expected = norm((2 * x).reshape((0, 1, 1, 1)), x)
        np.testing.assert_array_equal(net(x).asnumpy(), expected.asnumpy())
