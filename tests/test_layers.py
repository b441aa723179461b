"""Chain, the layers that Gluon lacks, and `frozen`, against NumPy and the original network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf, expit, softmax

from gluongan.nn.layers import (
    ACTIVATIONS,
    Activation,
    Chain,
    Dense,
    Reshape,
    TwoUnitSoftmax,
    format_table,
    frozen,
    parameter_count,
)
from gluongan.nn.models import dense_discriminator, dense_generator
from gluongan.runtime import mx

# Klambauer et al. 2017, section 2
SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772

FORMULAS = {
    'identity': lambda x: x,
    'relu': lambda x: np.maximum(x, 0),
    'leaky_relu': lambda x: np.where(x > 0, x, 0.3 * x),
    'tanh': np.tanh,
    'sigmoid': expit,
    'softplus': lambda x: np.logaddexp(0, x),
    'elu': lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    'selu': lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))),
    'gelu': lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    'swish': lambda x: x * expit(x),
    'unit_tanh': lambda x: (np.tanh(x) + 1) / 2,
}
X = np.concatenate([np.linspace(-8, 8, 161), [-1000, -100, 100, 1000]])


def test_every_activation_has_a_formula_here():
    assert set(FORMULAS) == set(ACTIVATIONS)


@pytest.mark.parametrize('hybridize', [False, True], ids=['imperative', 'hybrid'])
@pytest.mark.parametrize('name', FORMULAS)
def test_activation_is_its_formula(name, hybridize):
    layer = Activation(name, slope=0.3)
    layer.hybridize(hybridize)
    y = layer(mx.nd.array(X)).asnumpy()
    np.testing.assert_allclose(y, FORMULAS[name](X), rtol=2e-6, atol=5e-7)


@pytest.mark.parametrize('name', FORMULAS)
def test_activation_gradient_is_the_slope_of_its_formula(name):
    points = X[np.abs(X) > 1e-3]  # not at the kinks
    x = mx.nd.array(points)
    x.attach_grad()
    with mx.autograd.record():
        y = Activation(name, slope=0.3)(x)
    y.backward()
    formula = FORMULAS[name]
    slope = (formula(points + 1e-5) - formula(points - 1e-5)) / 2e-5
    np.testing.assert_allclose(x.grad.asnumpy(), slope, rtol=1e-4, atol=2e-6)


def test_unknown_activation_is_refused_and_the_known_ones_are_named():
    with pytest.raises(ValueError, match=r'^activation ReLU: must be one of .*leaky_relu.*tanh'):
        Activation('ReLU')


def test_dense_is_activation_of_affine_map():
    layer = Dense(3, 'tanh', in_units=5)
    layer.initialize(mx.init.Normal(1))
    x = np.random.RandomState(0).standard_normal((7, 5)).astype(np.float32)
    w = layer.weight.data().asnumpy()
    b = np.array([1.0, -2.0, 0.5], np.float32)
    layer.bias.set_data(mx.nd.array(b))
    y = layer(mx.nd.array(x)).asnumpy()
    np.testing.assert_allclose(y, np.tanh(x @ w.T + b), rtol=1e-5, atol=1e-6)


@given(st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=2))
@settings(max_examples=50, deadline=None)
def test_sigmoid_of_two_unit_logit_is_the_softmax_first_unit(h):
    logit = TwoUnitSoftmax()(mx.nd.array([h])).asnumpy()
    assert logit.shape == (1, 1)
    probability = softmax(np.float64(h))[0]
    np.testing.assert_allclose(expit(np.float64(logit[0, 0])), probability, rtol=1e-5)


def test_two_unit_logit_behind_tanh_stays_within_two():
    net = Chain(Dense(2, 'tanh', in_units=4), TwoUnitSoftmax())
    net.initialize(mx.init.Normal(1))
    y = net(mx.nd.array(np.random.RandomState(0).standard_normal((500, 4)))).asnumpy()
    assert -2 < y.min() < -1 and 1 < y.max() < 2


# Chain


def test_slices_share_parameters_and_compose_to_the_original():
    gen = dense_generator([5, 8, 16], init='glorot')
    first, last = gen[:2], gen[2:]
    x = mx.nd.random.normal(shape=(3, 5))
    assert isinstance(first, Chain)
    assert len(first) + len(last) == len(gen)
    assert first[0] is gen[0]
    assert first[0].weight is gen[0].weight
    np.testing.assert_array_equal(last(first(x)).asnumpy(), gen(x).asnumpy())
    gen[0].weight.set_data(gen[0].weight.data() * 0)
    assert not first[0].weight.data().asnumpy().any()


def test_rows_follow_the_shape_through_every_layer():
    table = dense_discriminator([48, 6, 1], dropout=0.5).rows()
    assert [(row.layer, row.activation, row.output, row.parameters) for row in table] == [
        ('input', '', (3, 4, 4), 0),
        ('Flatten', '', (48,), 0),
        ('Dense', 'leaky_relu', (6,), 294),
        ('Dropout', '', (6,), 0),
        ('Dense', '', (1,), 7),
        ('Reshape', '', (), 0),
    ]


def test_rows_of_a_chain_without_shape_in_say_that_it_is_missing():
    net = Chain(Dense(2, in_units=3))
    with pytest.raises(ValueError, match=r'^shape_in: is missing'):
        net.rows()
    assert net.rows((3,))[-1].output == (2,)


def test_table_is_aligned_and_ends_in_the_total():
    net = dense_generator([100, 256, 784])
    lines = format_table(net.rows()).splitlines()
    assert lines[0].split() == ['layer', 'activation', 'output', 'parameters', 'FLOPs']
    assert lines[2].split() == ['Dense', 'leaky_relu', '256', '25,856', '51,200']
    assert lines[-2].split() == ['Reshape', '1', '×', '28', '×', '28', '0', '0']
    assert lines[-1].split() == [
        'total',
        f'{parameter_count(net):,}',
        f'{2 * (100 * 256 + 256 * 784):,}',
    ]
    assert len({len(line) for line in lines}) == 1
    assert repr(net) == '\n'.join(lines)


def test_repr_of_a_slice_shows_no_output_shape():
    row = repr(dense_generator([5, 8, 16])[:1]).splitlines()[1]
    assert row.split() == ['Dense', '48'], row


def test_parameter_count_includes_the_running_statistics():
    net = dense_generator([3, 4, 16])
    assert parameter_count(net) == (3 * 4 + 4) + 4 * 4 + (4 * 16 + 16)


# frozen: a view of a discriminator without weight gradients

DIS_OPTIONS = [
    {},
    {'batchnorm': True},
    {'dropout': 0.5},
    {'batchnorm': True, 'dropout': 0.3, 'activation': 'tanh'},
]


@pytest.fixture(params=DIS_OPTIONS, ids=str)
def dis(request):
    return dense_discriminator([16, 8, 6, 1], init='glorot', **request.param)


def images(n=9):
    return mx.nd.array(np.random.RandomState(1).random_sample((n, 1, 4, 4)))


@pytest.mark.same_bits
def test_frozen_computes_the_same_and_moves_when_the_original_moves(dis):
    view, x = frozen(dis), images()
    before = dis(x).asnumpy()
    np.testing.assert_array_equal(view(x).asnumpy(), before)
    for parameter in dis.collect_params().values():
        parameter.data()[:] = parameter.data() * 1.5 + 0.01
    assert (np.abs(dis(x).asnumpy() - before) > 1e-6).all()
    np.testing.assert_array_equal(view(x).asnumpy(), dis(x).asnumpy())


def gradient(net, x, seed=3):
    """The gradient of net's weighted sum of outputs at its input; `seed` is dropout's."""
    x = x.copy()
    x.attach_grad()
    mx.random.seed(seed)
    with mx.autograd.record():
        y = (net(x) * mx.nd.arange(1, len(x) + 1)).sum()
    y.backward()
    return x.grad.asnumpy()


def test_frozen_has_the_same_input_gradient(dis):
    expected = gradient(dis, images())
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(gradient(frozen(dis), images()), expected, rtol=1e-5, atol=1e-7)


def test_frozen_does_not_touch_the_gradients_of_the_original_and_has_none(dis):
    trainable = [p for p in dis.collect_params().values() if p.grad_req != 'null']
    assert len(trainable) >= 6
    for parameter in trainable:
        parameter.grad()[:] = 77
    view = frozen(dis)
    gradient(view, images())
    mx.nd.waitall()
    for parameter in trainable:
        assert (parameter.grad().asnumpy() == 77).all()
    for parameter in view.collect_params().values():
        assert parameter.grad_req == 'null'
        with pytest.raises(RuntimeError):
            parameter.grad()
    gradient(dis, images())  # the original still has gradients
    for parameter in trainable:
        assert (parameter.grad().asnumpy() != 77).all()


def test_reshape_to_an_empty_shape_gives_one_number_a_sample():
    assert Reshape(())(mx.nd.ones((4, 1))).shape == (4,)
    assert Reshape((2, 3))(mx.nd.ones((4, 6))).shape == (4, 2, 3)
