"""Dense networks: the published tables, initial weights, ranges, shapes, and bad sizes."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluongan import runtime
from gluongan.nn.layers import parameter_count
from gluongan.nn.models import HEAD_UNITS, dense_discriminator, dense_generator
from gluongan.runtime import mx

# The published tables of system A. The layer of 512 LeakyReLU units is misprinted there, but not
# the total: it has 131,584 parameters.
GENERATOR = [
    (100, 0),
    (256, 25_856),
    (256, 1_024),
    (512, 131_584),
    (512, 2_048),
    (1024, 525_312),
    (1024, 4_096),
    (784, 803_600),
    (784, 0),
]
DISCRIMINATOR = [(784, 0), (784, 0), (512, 401_920), (256, 131_328), (1, 257), (1, 0)]


@pytest.mark.parametrize(
    ('make', 'published', 'total'),
    [
        (lambda: dense_generator([100, 256, 512, 1024, 784]), GENERATOR, 1_493_520),
        (lambda: dense_discriminator([784, 512, 256, 1]), DISCRIMINATOR, 533_505),
    ],
    ids=['G', 'D'],
)
def test_system_a_has_its_published_number_of_parameters_row_by_row(make, published, total):
    net = make()
    assert [(prod(row.output), row.parameters) for row in net.rows()] == published
    assert parameter_count(net) == total
    assert sum(row.parameters for row in net.rows()) == total
    assert sum(p.data().size for p in net.collect_params().values()) == total


def test_system_a_lays_out_its_layers_as_published():
    rows = dense_generator([100, 256, 512, 1024, 784]).rows()
    hidden = [('Dense', 'leaky_relu'), ('BatchNorm', '')]
    expected = [('input', ''), *hidden * 3, ('Dense', 'sigmoid'), ('Reshape', '')]
    assert [(row.layer, row.activation) for row in rows] == expected


# Any list of two or more sizes

SIZES = st.lists(st.integers(1, 12), min_size=2, max_size=5)
KINDS = st.fixed_dictionaries(
    {
        'batchnorm': st.booleans(),
        'dropout': st.sampled_from([0.0, 0.4]),
        'activation': st.sampled_from(['relu', 'leaky_relu', 'tanh', 'gelu', 'swish']),
    }
)


def imperative_and_hybrid(net, x):
    fast = net(x).asnumpy()
    net.hybridize(active=False)
    return net(x).asnumpy(), fast


@settings(max_examples=25, deadline=None)
@given(SIZES, KINDS)
def test_a_generator_of_any_two_or_more_sizes_is_the_same_hybridized(sizes, kind):
    net = dense_generator(sizes, **kind, init='glorot')
    slow, fast = imperative_and_hybrid(net, mx.nd.random.normal(shape=(3, sizes[0])))
    assert fast.shape == (3, *net.rows()[-1].output)
    assert fast[0].size == sizes[-1]
    np.testing.assert_allclose(slow, fast, rtol=0, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(SIZES, KINDS, st.sampled_from(['logit', 'softmax']))
def test_a_discriminator_of_any_two_or_more_sizes_is_the_same_hybridized(sizes, kind, head):
    sizes = [*sizes[:-1], HEAD_UNITS[head]]
    net = dense_discriminator(sizes, head=head, **kind, init='glorot')
    slow, fast = imperative_and_hybrid(net, mx.nd.random.uniform(shape=(3, *net.shape_in)))
    assert fast.shape == (3,)
    np.testing.assert_allclose(slow, fast, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('make', [dense_generator, dense_discriminator])
@pytest.mark.parametrize('sizes', [[], [784]])
def test_a_list_of_fewer_than_two_sizes_is_refused(make, sizes):
    with pytest.raises(ValueError, match=r'^sizes \S+: must be two or more'):
        make(sizes)


@pytest.mark.parametrize('sizes', [[784, 0, 1], [-784, 1], [784, 2.5, 1]])
def test_a_size_that_is_not_a_whole_number_of_at_least_one_is_refused(sizes):
    with pytest.raises(ValueError, match='whole number of at least 1'):
        dense_discriminator(sizes)
    with pytest.raises(ValueError, match='whole number of at least 1'):
        dense_generator(sizes[::-1])


@pytest.mark.parametrize(
    ('sizes', 'head', 'units'),
    [([16, 2], 'logit', 1), ([16, 1], 'softmax', 2), ([16, 3], 'logit', 1)],
)
def test_a_discriminator_whose_last_size_does_not_fit_its_head_is_refused(sizes, head, units):
    with pytest.raises(ValueError, match=f'^sizes: the last size is .; must be {units} for head'):
        dense_discriminator(sizes, head=head)


@pytest.mark.parametrize('make', [dense_generator, dense_discriminator])
@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'init': 'xavier'}, '^init xavier: must be one of glorot, he, normal'),
        ({'activation': 'ReLU'}, '^activation ReLU: must be one of identity, relu'),
    ],
)
def test_an_unknown_name_is_refused_and_the_known_ones_are_named(make, options, message):
    with pytest.raises(ValueError, match=message):
        make([16, 4, 1], **options)


def test_an_unknown_output_or_head_is_refused():
    with pytest.raises(ValueError, match=r'^activation softmax2: must be one of'):
        dense_generator([5, 16], output='softmax2')
    with pytest.raises(ValueError, match=r'^head sigmoid: must be one of logit, softmax'):
        dense_discriminator([16, 1], head='sigmoid')


@pytest.mark.parametrize(
    'make',
    [
        lambda: dense_generator([5, 16], shape=(1, 5, 5)),
        lambda: dense_discriminator([16, 1], shape=(1, 5, 5)),
    ],
    ids=['G', 'D'],
)
def test_a_sample_shape_of_another_size_is_refused(make):
    with pytest.raises(ValueError, match=r'^shape 1,5,5: has 25 values, but `sizes` gives .* 16;'):
        make()


# Shapes and ranges


@pytest.mark.parametrize(
    ('values', 'shape'),
    [
        (784, (1, 28, 28)),
        (3072, (3, 32, 32)),
        (1024, (1, 32, 32)),
        (2, (2,)),
        (1, (1,)),
        (3, (3,)),
        (12, (3, 2, 2)),
        (785, (785,)),
    ],
)
def test_sample_shape_is_the_square_picture_where_there_is_one(values, shape):
    assert dense_generator([4, values])(mx.nd.ones((2, 4))).shape == (2, *shape)
    assert dense_discriminator([values, 1]).shape_in == shape


def test_sample_shape_can_be_given():
    assert dense_generator([4, 24], shape=(2, 3, 4))(mx.nd.ones((2, 4))).shape == (2, 2, 3, 4)
    assert dense_generator([4, 16], shape=(16,)).rows()[-1].output == (16,)


@pytest.mark.parametrize(
    ('output', 'low', 'high'), [('sigmoid', 0, 1), ('tanh', 0, 1), ('identity', -np.inf, np.inf)]
)
def test_pictures_lie_in_the_unit_interval_and_use_all_of_it(output, low, high):
    net = dense_generator([8, 16], output=output, init='he')
    y = net(mx.nd.random.normal(0, 20, (200, 8))).asnumpy()
    assert low <= y.min() < 0.01
    assert 0.99 < y.max() <= high
    if output == 'identity':
        assert y.min() < -5
        assert y.max() > 5


def test_tanh_output_is_half_of_one_plus_tanh():
    runtime.seed(4)
    plain = dense_generator([3, 16], output='identity', init='he')
    runtime.seed(4)
    scaled = dense_generator([3, 16], output='tanh', init='he')
    z = mx.nd.random.normal(shape=(5, 3))
    expected = (1 + np.tanh(plain(z).asnumpy())) / 2
    np.testing.assert_allclose(scaled(z).asnumpy(), expected, rtol=1e-5, atol=1e-6)


# Initial weights


def initial_weights(init):
    runtime.seed(0)
    net = dense_discriminator([784, 500, 200, 1], init=init)
    return {name: p.data().asnumpy() for name, p in net._collect_params_with_prefix().items()}


STANDARD_DEVIATIONS = {
    'he': lambda fan_in, fan_out: 1 / np.sqrt(fan_in / 2),
    'glorot': lambda fan_in, fan_out: np.sqrt(2 / (fan_in + fan_out)),  # U(±sqrt(6 / (in + out)))
    'normal': lambda fan_in, fan_out: 0.02,
}


@pytest.mark.parametrize('init', STANDARD_DEVIATIONS)
def test_initial_weights_have_their_standard_deviation_and_biases_are_zero(init):
    arrays = initial_weights(init)
    for name in ('1.weight', '2.weight'):
        w = arrays[name]
        fan_out, fan_in = w.shape
        sd = STANDARD_DEVIATIONS[init](fan_in, fan_out)
        assert abs(w.std() / sd - 1) < 0.01, name
        assert abs(w.mean()) < 0.02 * sd, name
        # A uniform distribution ends at sqrt(3) standard deviations.
        assert (np.abs(w).max() > 3 * sd) == (init != 'glorot'), name
    for name, value in arrays.items():
        assert not name.endswith('bias') or not value.any(), name


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    def first(seed):
        runtime.seed(seed)
        return dense_generator([5, 16])[0].weight.data().asnumpy()

    np.testing.assert_array_equal(first(1), first(1))
    assert (first(1) != first(2)).all()


def test_leaky_slope_and_batchnorm_momentum_reach_their_layers():
    net = dense_generator([2, 3, 4], slope=0.35, momentum=0.7, output='identity')
    x = mx.nd.array([[-1, -2], [3, 4]])
    with mx.autograd.record():
        y = net(x)
    y.backward()
    h = net[0](x).asnumpy()
    running_mean = net[1].running_mean.data().asnumpy()
    np.testing.assert_allclose(running_mean, 0.3 * h.mean(axis=0), rtol=1e-4, atol=1e-7)
    before = x.asnumpy() @ net[0].weight.data().asnumpy().T
    np.testing.assert_allclose(h, np.where(before > 0, before, 0.35 * before), rtol=1e-5)
