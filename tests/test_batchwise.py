"""Layers that look at several samples at once, against NumPy and results worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gluongan import runtime
from gluongan.nn.layers import Chain, MinibatchDiscrimination, MinibatchStdDev, Pack, mixes_samples
from gluongan.nn.models import (
    conv_discriminator,
    conv_generator,
    dense_discriminator,
    dense_generator,
)
from gluongan.runtime import mx


def batch(*shape, seed=0):
    return np.random.RandomState(seed).standard_normal(shape).astype(np.float32)


def discrimination(in_units, kernels, width, sd=0.5):
    runtime.seed(1)
    layer = MinibatchDiscrimination(in_units, kernels, width)
    layer.initialize(mx.init.Normal(sd))
    return layer


def similarity(x, weight, kernels, width):
    """Salimans et al. 2016, section 3.2: o(x_i)_b = sum over j ≠ i of exp(-|M_ib - M_jb|)."""
    m = (x.astype(np.float64) @ weight.astype(np.float64).T).reshape(len(x), kernels, width)
    o = np.zeros((len(x), kernels))
    for i in range(len(x)):
        for j in range(len(x)):
            if j != i:
                o[i] += np.exp(-np.abs(m[i] - m[j]).sum(axis=1))
    return o


@pytest.mark.parametrize('hybridize', [False, True])
@pytest.mark.parametrize(
    'count, in_units, kernels, width', [(5, 4, 3, 2), (1, 4, 3, 2), (8, 6, 1, 1), (2, 1, 4, 5)]
)
def test_discrimination_is_its_formula(count, in_units, kernels, width, hybridize):
    layer, x = discrimination(in_units, kernels, width), batch(count, in_units)
    layer.hybridize(hybridize)
    y = layer(mx.nd.array(x)).asnumpy()
    assert y.shape == (count, in_units + kernels)
    np.testing.assert_array_equal(y[:, :in_units], x)
    exact = similarity(x, layer.weight.data().asnumpy(), kernels, width)
    np.testing.assert_allclose(y[:, in_units:], exact, rtol=1e-5, atol=2e-6)


def test_discrimination_has_32_kernels_of_5_values_where_nothing_is_said():
    assert MinibatchDiscrimination(7).weight.shape == (32 * 5, 7)


def test_discrimination_by_hand():
    layer = discrimination(1, 1, 1)
    layer.weight.data()[:] = 2
    y = layer(mx.nd.array([[0.0], [0.5], [2.0]])).asnumpy()  # M = 0, 1, 4
    near, middle, far = np.exp([-1, -3, -4])
    np.testing.assert_allclose(y[:, 1], [near + far, near + middle, far + middle], rtol=1e-5)


def test_discrimination_tells_a_batch_of_one_picture_from_a_batch_of_many():
    layer = discrimination(6, 4, 5, sd=1)
    repeated = mx.nd.array(np.tile(batch(1, 6), (10, 1)))
    distinct = mx.nd.array(batch(10, 6))
    np.testing.assert_allclose(layer(repeated).asnumpy()[:, 6:], 9, rtol=1e-5)
    assert layer(distinct).asnumpy()[:, 6:].mean() < 1


def test_gradient_of_the_discrimination_is_that_of_float64_differences():
    layer, x, head = discrimination(3, 2, 2), batch(4, 3), batch(4, 2, seed=2)
    weight = layer.weight.data().asnumpy()

    def weighted_sum(index, step):
        moved = x.astype(np.float64)
        moved[index] += step
        return (similarity(moved, weight, 2, 2) * head).sum()

    exact = np.empty((4, 3))
    for index in np.ndindex(4, 3):
        exact[index] = (weighted_sum(index, 1e-6) - weighted_sum(index, -1e-6)) / 2e-6
    inputs = mx.nd.array(x)
    inputs.attach_grad()
    with mx.autograd.record():
        total = (layer(inputs)[:, 3:] * mx.nd.array(head)).sum()
    total.backward()
    np.testing.assert_allclose(inputs.grad.asnumpy(), exact, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('hybridize', [False, True])
@pytest.mark.parametrize('count, in_units', [(5, 4), (2, 1), (1, 3)])
def test_standard_deviation_is_the_mean_of_each_features_and_the_same_for_all(
    count, in_units, hybridize
):
    layer, x = MinibatchStdDev(), batch(count, in_units) * 3 + 1
    layer.hybridize(hybridize)
    y = layer(mx.nd.array(x)).asnumpy()
    assert y.shape == (count, in_units + 1)
    np.testing.assert_array_equal(y[:, :-1], x)
    deviations = np.sqrt(x.astype(np.float64).var(axis=0) + 1e-8)
    np.testing.assert_allclose(y[:, -1], deviations.mean(), rtol=1e-5)


def test_standard_deviation_of_equal_samples_is_zero_and_its_gradient_finite():
    x = mx.nd.array(np.tile(batch(1, 4), (6, 1)))
    x.attach_grad()
    with mx.autograd.record():
        y = MinibatchStdDev()(x)
    y.backward()
    assert (np.abs(y.asnumpy()[:, -1]) < 2e-4).all()
    assert np.isfinite(x.grad.asnumpy()).all()


@pytest.mark.parametrize('m, shape', [(2, (1, 4, 4)), (3, (3, 2, 2)), (4, (5,))])
def test_a_pack_is_its_samples_one_after_the_other(m, shape):
    x = batch(12, *shape)
    y = Pack(m, shape)(mx.nd.array(x)).asnumpy()
    np.testing.assert_array_equal(y, x.reshape(12 // m, m * shape[0], *shape[1:]))
    for i in range(m):  # the first pack's planes are those of the first m samples
        np.testing.assert_array_equal(y[0, i * shape[0] : (i + 1) * shape[0]], x[i])


@pytest.mark.parametrize('m', [1, 2, 3, 4])
@pytest.mark.parametrize(
    'make',
    [
        lambda m: dense_discriminator([48, 8, 1], shape=(3, 4, 4), pack=m, init='glorot'),
        lambda m: dense_discriminator([5, 8, 2], head='softmax', shape=(5,), pack=m, init='glorot'),
        lambda m: conv_discriminator(
            (3, 8, 8), width=2, depth=1, pack=m, batchnorm=False, init='glorot'
        ),
    ],
    ids=['dense', 'softmax', 'conv'],
)
def test_packed_dis_gives_one_logit_a_pack_and_it_depends_on_that_pack_alone(make, m):
    runtime.seed(0)
    dis = make(m)
    x = batch(12, *dis.shape_in)
    y = dis(mx.nd.array(x)).asnumpy()
    assert y.shape == (12 // m,)
    for sample in range(12):
        moved = x.copy()
        moved[sample] += 1
        change = np.abs(dis(mx.nd.array(moved)).asnumpy() - y)
        assert list(np.flatnonzero(change > 1e-6)) == [sample // m]


MIXES = [
    (lambda: dense_discriminator([64, 8, 1]), False),
    (lambda: dense_discriminator([64, 8, 1], dropout=0.5), False),
    (lambda: dense_discriminator([64, 8, 1], spectral=True, pack=2), False),
    (lambda: dense_discriminator([64, 8, 1], batchnorm=True), True),
    (lambda: dense_discriminator([64, 8, 1], kernels=2), True),
    (lambda: dense_discriminator([64, 8, 1], stddev=True), True),
    (lambda: conv_discriminator((1, 8, 8), width=2, depth=2), True),
    # The only convolution has no BatchNorm.
    (lambda: conv_discriminator((1, 8, 8), width=2, depth=1), False),
    (lambda: conv_discriminator((1, 8, 8), width=2, batchnorm=False, spectral=True), False),
    (lambda: conv_discriminator((1, 8, 8), width=2, batchnorm=False, stddev=True), True),
    (lambda: conv_generator(5, (1, 8, 8), width=2), True),
    (lambda: conv_generator(5, (1, 8, 8), batchnorm=False), False),
    (lambda: dense_generator([5, 8, 16]), True),
    (lambda: dense_generator([5, 8, 16], batchnorm=False), False),
    (MinibatchStdDev, True),
    (lambda: Pack(2, (1, 4, 4)), False),
    (lambda: Chain(Chain(MinibatchStdDev())), True),
]


@pytest.mark.parametrize('make, mixes', MIXES)
def test_mixes_samples_knows_which_networks_mix_the_samples_of_a_batch(make, mixes):
    assert mixes_samples(make()) is mixes


# All discriminators but the one with dropout, which changes a sample by itself.
@pytest.mark.parametrize('make, mixes', [MIXES[0], *MIXES[2:10]])
def test_in_training_exactly_those_networks_mix_samples(make, mixes):
    runtime.seed(0)
    dis = make()
    x = batch(8, 1, 8, 8)
    for name, parameter in dis.collect_params().items():
        if name.endswith('weight'):
            parameter.data()[:] *= 10  # from N(0, 0.02), so that the effect of others shows
    outputs = []
    for others in (x[4:], x[4:] * 2 + 1):
        with mx.autograd.train_mode():
            y = dis(mx.nd.array(np.concatenate([x[:4], others])))
        outputs.append(y.asnumpy()[: len(y) // 2])  # the logits of the first half
    assert (np.abs(outputs[0] - outputs[1]).max() > 1e-6) == mixes
