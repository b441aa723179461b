"""The noise: its distributions, and that its state, its seeds and its fixed z are exactly repeatable."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import kstest, truncnorm

from gluongan.gan.noise import DISTRIBUTIONS, Noise, sample, seeded, truncated

EXACT = {
    'normal': ('norm', (0, 1)),
    'uniform': ('uniform', (-1, 2)),
    'truncated': ('truncnorm', (-2, 2)),
}
MOMENTS = {'normal': (0, 1), 'uniform': (0, 1 / np.sqrt(3)), 'truncated': (0, truncnorm.std(-2, 2))}
ENDS = {
    'normal': (3.5, 7),
    'uniform': (0.999, 1),
    'truncated': (1.98, 2),
}  # how far out, at least and at most


def streams(distribution):
    """z from each of the four places that draw."""
    noise = Noise(50, distribution, seed=4)
    return {
        'draw': noise.draw(400).asnumpy(),
        'fixed': noise.fixed(400, seed=4),
        'seeded': seeded([*range(400)], 50, distribution),
        'sample': sample(np.random.default_rng(1), 400, 50, distribution),
    }


def test_every_distribution_is_checked_here():
    assert set(EXACT) == set(DISTRIBUTIONS)


@pytest.mark.parametrize('distribution', DISTRIBUTIONS)
@pytest.mark.parametrize('place', ['draw', 'fixed', 'seeded', 'sample'])
def test_z_has_its_distribution(distribution, place):
    z = streams(distribution)[place]
    assert z.shape == (400, 50) and z.dtype == np.float32
    mean, sd = MOMENTS[distribution]
    assert abs(z.mean() - mean) < 0.02 and abs(z.std() / sd - 1) < 0.02
    name, args = EXACT[distribution]
    assert kstest(z.ravel(), name, args).pvalue > 1e-3
    least, most = ENDS[distribution]
    assert least < -z.min() <= most and least < z.max() <= most


@pytest.mark.parametrize('distribution', DISTRIBUTIONS)
@pytest.mark.parametrize('place', ['draw', 'fixed', 'seeded', 'sample'])
def test_z_are_independent_of_each_other(distribution, place):
    z = streams(distribution)[place]
    for table in (z, z.T):  # between samples, between the values of one
        correlation = np.corrcoef(table) - np.eye(len(table))
        assert np.abs(correlation).max() < 5.5 / np.sqrt(table.shape[1])
    assert len(np.unique(z)) > 0.99 * z.size


@pytest.mark.parametrize('distribution', DISTRIBUTIONS)
@pytest.mark.parametrize('drawn', [0, 1, 3])
def test_restored_noise_goes_on_exactly(distribution, drawn):
    original = Noise(7, distribution, seed=3)
    for count in range(1, drawn + 1):
        original.draw(count)  # odd numbers of 32-bit values: half of a 64-bit word may be waiting
    state = json.loads(json.dumps(original.state()))
    restored = Noise(7, distribution, seed=8)
    restored.draw(2)
    restored.restore(state)
    assert restored.state() == original.state()
    for count in (1, 5, 3):
        np.testing.assert_array_equal(
            restored.draw(count).asnumpy(), original.draw(count).asnumpy()
        )


@pytest.mark.parametrize('bound', [0.1, 0.5, 1.0, 2.0, 3.0])
def test_truncated_noise_is_normal_noise_cut_at_its_bound(bound):
    z = truncated(np.random.default_rng(2), 400, 50, bound)
    assert z.shape == (400, 50) and z.dtype == np.float32
    assert 0.95 * bound < np.abs(z).max() <= bound
    assert kstest(z.ravel(), 'truncnorm', (-bound, bound)).pvalue > 1e-3
    assert abs(z.std() / truncnorm.std(-bound, bound) - 1) < 0.02


def test_truncated_noise_keeps_what_is_within_and_draws_the_rest_again():
    plain = np.random.default_rng(5).standard_normal((40, 50), dtype=np.float32)
    cut = truncated(np.random.default_rng(5), 40, 50, 1.5)
    within = np.abs(plain) <= 1.5
    np.testing.assert_array_equal(cut[within], plain[within])
    assert 0.8 < within.mean() < 0.92 and (cut[~within] != plain[~within]).all()


def test_state_is_whole_numbers_that_no_json_reader_must_round():
    assert all(type(word) is int for word in Noise(3, seed=1).state())


def test_seeds_repeat_and_differ():
    def first(seed):
        return Noise(6, seed=seed).draw(2).asnumpy()

    np.testing.assert_array_equal(first(1), first(1))
    assert not np.isin(first(1), first(2)).any()


def test_noise_of_a_seed_differs_from_the_fixed_and_from_the_seeded_one():
    noise = Noise(6, seed=0)
    fixed, drawn = noise.fixed(4, seed=0), noise.draw(4).asnumpy()
    assert (
        not np.isin(fixed, drawn).any()
        and not np.isin(seeded([0, 1, 2, 3], 6, 'normal'), drawn).any()
    )


def test_fixed_noise_depends_on_its_seed_alone_and_leaves_the_stream_as_it_was():
    noise, other = Noise(6, seed=1), Noise(6, seed=2)
    other.draw(3)
    before = noise.state()
    np.testing.assert_array_equal(noise.fixed(4), other.fixed(4))
    assert noise.state() == before
    assert not np.isin(noise.fixed(4, seed=1), noise.fixed(4, seed=0)).any()


@pytest.mark.parametrize('distribution', DISTRIBUTIONS)
def test_a_seed_gives_the_same_z_in_any_company(distribution):
    together = seeded([5, 6, 7, 2**31 - 1], 9, distribution)
    assert together.shape == (4, 9)
    for place, seed in enumerate([5, 6, 7, 2**31 - 1]):
        np.testing.assert_array_equal(seeded([seed], 9, distribution)[0], together[place])
    np.testing.assert_array_equal(seeded([7, 5], 9, distribution), together[[2, 0]])
    assert len({row.tobytes() for row in together}) == 4


@pytest.mark.parametrize('name', ['gaussian', '', 'Normal'])
def test_an_unknown_distribution_is_refused_and_the_known_ones_are_named(name):
    with pytest.raises(ValueError, match=f'noise {name!r}: must be one of normal, uniform'):
        Noise(3, name)
