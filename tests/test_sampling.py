"""Samples: the same bits for a z in any batch, an unchanged network, pixels that are rounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gluongan.gan.labels import one_hot
from gluongan.gan.noise import Noise, interpolate, noise_from_seeds
from gluongan.gan.sampling import Sampler, SamplingError, generate, pixels
from gluongan.nn.models import dense_generator
from gluongan.nn.passes import ROWS
from gluongan.runtime import mx


@pytest.fixture(scope='module')
def gen():
    """As wide as recipe A's: narrow layers are computed alike in any batch.

    Its running statistics have moved.
    """
    net = dense_generator([100, 256, 512, 784], dropout=0.5, init='he')
    for _ in range(3):
        with mx.autograd.record():
            y = net(mx.nd.random.normal(2, 3, (16, 100)))
        y.backward()
    return net


Z = np.random.RandomState(0).standard_normal((3 * ROWS + 5, 100)).astype(np.float32)


@pytest.mark.same_bits
@pytest.mark.parametrize('count', [1, 2, 7, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS, len(Z)])
def test_a_z_gives_the_same_bits_alone_and_with_others(gen, count):
    together = generate(gen, Z)
    assert together.shape == (len(Z), 1, 28, 28)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(generate(gen, Z[:count]), together[:count])
    np.testing.assert_array_equal(generate(gen, Z[-count:]), together[-count:])


@pytest.mark.same_bits
def test_samples_have_the_order_of_the_z(gen):
    order = np.random.RandomState(1).permutation(len(Z))
    np.testing.assert_array_equal(generate(gen, Z[order]), generate(gen, Z)[order])


def test_samples_are_those_of_the_network_with_running_statistics_and_without_dropout(gen):
    x = generate(gen, Z)
    np.testing.assert_allclose(x, gen(mx.nd.array(Z)).asnumpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(x, generate(gen, Z))
    with mx.autograd.train_mode():
        x_training = gen(mx.nd.array(Z)).asnumpy()
    assert np.abs(x_training - x).max() > 0.1


def test_sampling_leaves_the_network_as_it_was(gen):
    before = {name: p.data().asnumpy() for name, p in gen.collect_params().items()}
    generate(gen, Z)
    for name, parameter in gen.collect_params().items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), before[name])


@pytest.mark.parametrize('recording', [mx.autograd.record, mx.autograd.train_mode])
def test_samples_do_not_depend_on_the_mode_of_the_caller(gen, recording):
    expected = generate(gen, Z[:3])
    with recording():
        x = generate(gen, Z[:3])
    np.testing.assert_array_equal(x, expected)


# The sampler

CLASSES = ('cat', 'dog', 'owl')


@pytest.fixture(scope='module')
def sampler():
    gen = dense_generator([5 + len(CLASSES), 16, 64], init='he')
    return Sampler(gen, 'normal', 5, CLASSES)


def with_class(z, k):
    labels = one_hot(np.full(len(z), k), len(CLASSES))
    return np.concatenate([z, labels], axis=1)


def test_a_grid_has_a_row_of_all_seeds_for_each_class_or_one_sample_a_seed(sampler):
    x, columns = sampler.sample_grid([4, 9])
    assert x.shape == (6, 1, 8, 8)
    assert columns == 2
    z = noise_from_seeds([4, 9], 5, 'normal')
    for k, name in enumerate(CLASSES):
        row = generate(sampler._gen, with_class(z, k))
        np.testing.assert_array_equal(x[2 * k : 2 * k + 2], row)
        for class_name in (name, f'#{k}'):
            alone, columns = sampler.sample_grid([4, 9], class_name)
            np.testing.assert_array_equal(alone, row)
            assert columns is None


def test_samples_of_a_seed_are_the_fixed_noise_of_training_and_the_classes_take_turns(sampler):
    x, labels = sampler.sample(7, seed=3)
    assert labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    z = np.concatenate([Noise(5).fixed(7, seed=3), one_hot(labels, 3)], axis=1)
    np.testing.assert_array_equal(x, generate(sampler._gen, z))


@pytest.mark.parametrize(('name', 'k'), [(None, 0), ('owl', 2)])
def test_interpolated_samples_follow_the_path_of_the_noise_in_one_class(sampler, name, k):
    path = interpolate(noise_from_seeds([1, 2], 5, 'normal'), 4, 'normal')
    x = sampler.interpolate([1, 2], 4, name)
    np.testing.assert_array_equal(x, generate(sampler._gen, with_class(path, k)))


@pytest.mark.parametrize('name', ['horse', '3', '-1', '²', '1' * 30])
def test_an_unknown_class_is_refused_and_the_known_ones_are_named(sampler, name):
    allowed = 'must be one of cat, dog, owl, or a number from #0 to #2'
    with pytest.raises(SamplingError, match=f'^class {name}: {allowed}$'):
        sampler.sample_grid([1], name)


def test_what_a_generator_cannot_do_is_refused(gen):
    with pytest.raises(SamplingError, match=r'^class cat: this run is not conditional'):
        Sampler(gen, 'normal', 100).sample_grid([1], 'cat')
    with pytest.raises(SamplingError, match=r'^trunc 0.5: this run draws uniform noise'):
        Sampler(gen, 'uniform', 100).sample_grid([1], trunc=0.5)
    with pytest.raises(SamplingError, match=r'^trunc 3: this run draws truncated noise'):
        Sampler(gen, 'truncated', 100).interpolate([1, 2], 3, trunc=3)


def test_weights_that_generate_nan_are_refused():
    gen = dense_generator([5, 16, 64])
    gen[0].weight.data()[:] = np.nan
    with pytest.raises(SamplingError, match='these weights generate NaN or infinity'):
        Sampler(gen, 'normal', 5).sample_grid([1])


# Pixels


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-2, 3, width=32), min_size=1, max_size=20))
def test_pixels_round_to_the_nearest_byte_and_clip(values):
    x = np.array(values, np.float32)
    rounded = pixels(x)
    exact = np.clip(x.astype(np.float64), 0, 1) * 255
    assert rounded.dtype == np.uint8
    assert (np.abs(rounded - exact) <= 0.5 + 1e-4).all()


def test_pixels_of_every_byte_are_that_byte():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(pixels(every.astype(np.float32) / 255), every)
    assert pixels(every) is every
    x = np.float32([-0.1, 0, 0.0019, 0.002, 0.998, 0.9981, 1, 7])
    np.testing.assert_array_equal(pixels(x), [0, 0, 0, 1, 254, 255, 255, 255])
