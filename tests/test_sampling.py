"""Samples: a z gives the same bits in any company, the network is left as it was, and pixels round to the nearest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluongan.gan.sampling import generate, pixels
from gluongan.nn import models as nets
from gluongan.nn.passes import ROWS
from gluongan.runtime import mx


@pytest.fixture(scope='module')
def gen():
    """As wide as system A's, for narrow layers are computed alike in any batch; its statistics have moved."""
    net = nets.dense_generator([100, 256, 512, 784], dropout=0.5, init='he')
    for _ in range(3):
        with mx.autograd.record():
            y = net(mx.nd.random.normal(2, 3, (16, 100)))
        y.backward()
    return net


Z = np.random.RandomState(0).standard_normal((3 * ROWS + 5, 100)).astype(np.float32)


@pytest.mark.same_bits
@pytest.mark.parametrize('count', [1, 2, 7, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS, len(Z)])
def test_a_z_gives_the_same_bits_alone_and_in_company(gen, count):
    together = generate(gen, Z)
    assert together.shape == (len(Z), 1, 28, 28) and together.dtype == np.float32
    np.testing.assert_array_equal(generate(gen, Z[:count]), together[:count])
    np.testing.assert_array_equal(generate(gen, Z[-count:]), together[-count:])


@pytest.mark.same_bits
def test_order_follows_the_z(gen):
    order = np.random.RandomState(1).permutation(len(Z))
    np.testing.assert_array_equal(generate(gen, Z[order]), generate(gen, Z)[order])


def test_samples_are_those_of_the_network_with_running_statistics_and_without_dropout(gen):
    np.testing.assert_allclose(
        generate(gen, Z), gen(mx.nd.array(Z)).asnumpy(), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(generate(gen, Z), generate(gen, Z))
    with mx.autograd.train_mode():
        trained = gen(mx.nd.array(Z)).asnumpy()
    assert np.abs(trained - generate(gen, Z)).max() > 0.1


def test_sampling_leaves_the_network_as_it_was(gen):
    before = {name: p.data().asnumpy() for name, p in gen.collect_params().items()}
    generate(gen, Z)
    for name, parameter in gen.collect_params().items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), before[name])


@pytest.mark.parametrize('recording', [mx.autograd.record, mx.autograd.train_mode])
def test_samples_do_not_depend_on_who_is_training_around_them(gen, recording):
    expected = generate(gen, Z[:3])
    with recording():
        found = generate(gen, Z[:3])
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-2, 3, width=32), min_size=1, max_size=20))
def test_pixels_round_to_the_nearest_byte_and_clip(values):
    x = np.array(values, np.float32)
    found = pixels(x)
    assert found.dtype == np.uint8
    assert (np.abs(found - np.clip(x.astype(np.float64), 0, 1) * 255) <= 0.5 + 1e-4).all()


def test_pixels_of_every_byte_are_that_byte():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(pixels(every.astype(np.float32) / 255), every)
    assert pixels(every) is every
    np.testing.assert_array_equal(
        pixels(np.float32([-0.1, 0, 0.0019, 0.002, 0.998, 0.9981, 1, 7])),
        [0, 0, 0, 1, 254, 255, 255, 255],
    )
