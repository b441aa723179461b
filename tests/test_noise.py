"""The noise: its distributions, and that its state, its seeds and its fixed z repeat exactly."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import kstest, truncnorm

from gluongan.errors import as_typed
from gluongan.gan.noise import (
    BOUNDS,
    DISTRIBUTIONS,
    Noise,
    draw_noise,
    fill_with_noise,
    interpolate,
    noise_from_seeds,
    truncated_normal,
)

EXACT = {
    'normal': ('norm', (0, 1)),
    'uniform': ('uniform', (-1, 2)),
    'truncated': ('truncnorm', (-2, 2)),
}
MOMENTS = {'normal': (0, 1), 'uniform': (0, 1 / np.sqrt(3)), 'truncated': (0, truncnorm.std(-2, 2))}
# The largest absolute value: at least, and at most.
EXTREMES = {'normal': (3.5, 7), 'uniform': (0.999, 1), 'truncated': (1.98, 2)}

# The four ways to draw z.
SOURCES = {
    'draw': lambda distribution: Noise(50, distribution, seed=4).draw(400).asnumpy(),
    'fixed': lambda distribution: Noise(50, distribution, seed=4).fixed(400, seed=4),
    'noise_from_seeds': lambda distribution: noise_from_seeds([*range(400)], 50, distribution),
    'draw_noise': lambda distribution: draw_noise(np.random.default_rng(1), 400, 50, distribution),
}


def test_every_distribution_is_checked_here():
    assert set(EXACT) == set(DISTRIBUTIONS)


@pytest.mark.parametrize('distribution', DISTRIBUTIONS)
@pytest.mark.parametrize('source', SOURCES)
def test_z_has_its_distribution(distribution, source):
    z = SOURCES[source](distribution)
    assert z.shape == (400, 50)
    assert z.dtype == np.float32
    mean, sd = MOMENTS[distribution]
    assert abs(z.mean() - mean) < 0.02
    assert abs(z.std() / sd - 1) < 0.02
    name, args = EXACT[distribution]
    assert kstest(z.ravel(), name, args).pvalue > 1e-3
    least, most = EXTREMES[distribution]
    assert least < -z.min() <= most
    assert least < z.max() <= most


@pytest.mark.parametrize('distribution', DISTRIBUTIONS)
@pytest.mark.parametrize('source', SOURCES)
def test_z_are_independent_of_each_other(distribution, source):
    z = SOURCES[source](distribution)
    for table in (z, z.T):  # between samples, between the values of one
        correlation = np.corrcoef(table) - np.eye(len(table))
        assert np.abs(correlation).max() < 5.5 / np.sqrt(table.shape[1])
    assert len(np.unique(z)) > 0.99 * z.size


@pytest.mark.parametrize('distribution', DISTRIBUTIONS)
@pytest.mark.parametrize('size', [3, 1000])
def test_the_number_of_threads_changes_no_bit(distribution, size, monkeypatch):
    drawn = []
    for count in (1, 2):
        monkeypatch.setattr('gluongan.gan.noise.threads', lambda count=count: count)
        noise = Noise(size, distribution, seed=5)
        drawn.append(np.concatenate([noise.draw(9).asnumpy() for _ in range(40)]))
    np.testing.assert_array_equal(*drawn)
    assert len(np.unique(drawn[0])) > 0.97 * drawn[0].size


@pytest.mark.parametrize('distribution', DISTRIBUTIONS)
def test_noise_is_filled_in_as_it_is_drawn(distribution):
    z = np.full((5, 7), np.nan, np.float32)
    fill_with_noise(z, np.random.default_rng(3), distribution)
    expected = draw_noise(np.random.default_rng(3), 5, 7, distribution)
    np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize('distribution', DISTRIBUTIONS)
@pytest.mark.parametrize('draws', [0, 1, 3])
def test_restored_noise_continues_exactly(distribution, draws):
    original = Noise(7, distribution, seed=3)
    for count in range(1, draws + 1):
        original.draw(count)  # odd numbers of 32-bit values: half of a 64-bit word may be left
    state = json.loads(json.dumps(original.state()))
    restored = Noise(7, distribution, seed=8)
    restored.draw(2)
    restored.restore(state)
    assert restored.state() == original.state()
    for count in (1, 5, 3):
        expected = original.draw(count).asnumpy()
        np.testing.assert_array_equal(restored.draw(count).asnumpy(), expected)


@pytest.mark.parametrize('bound', [0.1, 0.5, 1.0, 2.0, 3.0])
def test_truncated_noise_is_normal_noise_cut_at_its_bound(bound):
    z = truncated_normal(np.random.default_rng(2), 400, 50, bound)
    assert z.shape == (400, 50)
    assert z.dtype == np.float32
    assert 0.95 * bound < np.abs(z).max() <= bound
    assert kstest(z.ravel(), 'truncnorm', (-bound, bound)).pvalue > 1e-3
    assert abs(z.std() / truncnorm.std(-bound, bound) - 1) < 0.02


def test_truncated_noise_draws_only_the_values_beyond_its_bound_again():
    plain = np.random.default_rng(5).standard_normal((40, 50), dtype=np.float32)
    cut = truncated_normal(np.random.default_rng(5), 40, 50, 1.5)
    within = np.abs(plain) <= 1.5
    np.testing.assert_array_equal(cut[within], plain[within])
    assert (cut[~within] != plain[~within]).all()
    assert 0.8 < within.mean() < 0.92


def test_state_is_integers_which_json_keeps_exactly():
    assert all(type(number) is int for number in Noise(3, seed=1).state())


def test_seeds_repeat_and_differ():
    def first(seed):
        return Noise(6, seed=seed).draw(2).asnumpy()

    np.testing.assert_array_equal(first(1), first(1))
    assert not np.isin(first(1), first(2)).any()


def test_the_stream_the_fixed_noise_and_the_noise_from_seeds_have_no_number_in_common():
    noise = Noise(6, seed=0)
    stream, fixed = noise.draw(4).asnumpy(), noise.fixed(4, seed=0)
    assert not np.isin(fixed, stream).any()
    assert not np.isin(noise_from_seeds([0, 1, 2, 3], 6, 'normal'), stream).any()


def test_fixed_noise_depends_on_its_seed_alone_and_leaves_the_stream_as_it_was():
    noise, other = Noise(6, seed=1), Noise(6, seed=2)
    other.draw(3)
    before = noise.state()
    np.testing.assert_array_equal(noise.fixed(4), other.fixed(4))
    assert noise.state() == before
    assert not np.isin(noise.fixed(4, seed=1), noise.fixed(4, seed=0)).any()


@pytest.mark.parametrize('distribution', DISTRIBUTIONS)
def test_a_seed_gives_the_same_z_whatever_the_other_seeds(distribution):
    seeds = [5, 6, 7, 2**31 - 1]
    together = noise_from_seeds(seeds, 9, distribution)
    assert together.shape == (4, 9)
    for seed, z in zip(seeds, together):
        np.testing.assert_array_equal(noise_from_seeds([seed], 9, distribution)[0], z)
    np.testing.assert_array_equal(noise_from_seeds([7, 5], 9, distribution), together[[2, 0]])
    assert len({z.tobytes() for z in together}) == 4


def test_truncating_uniform_noise_is_refused():
    with pytest.raises(ValueError, match=r'^trunc 0.5: uniform noise has no tails'):
        noise_from_seeds([1], 3, 'uniform', trunc=0.5)


def test_truncated_noise_can_be_truncated_further_but_not_beyond_its_bound():
    assert 0.9 < np.abs(noise_from_seeds([1, 2], 50, 'truncated', trunc=1)).max() <= 1
    same = noise_from_seeds([1, 2], 50, 'truncated')
    np.testing.assert_array_equal(noise_from_seeds([1, 2], 50, 'truncated', trunc=2), same)
    with pytest.raises(ValueError, match=r'^trunc 2.1: .*beyond ±2; must be at most 2'):
        noise_from_seeds([1], 3, 'truncated', trunc=2.1)
    assert np.abs(noise_from_seeds([*range(99)], 50, 'normal', trunc=3)).max() > 2


@pytest.mark.parametrize('distribution', DISTRIBUTIONS)
def test_a_path_goes_through_its_points_at_the_length_of_its_distribution(distribution):
    z = draw_noise(np.random.default_rng(3), 3, 500, distribution)
    path = interpolate(z, 4, distribution)
    assert path.shape == (9, 500)
    assert path.dtype == np.float32
    np.testing.assert_allclose(path[[0, 4, 8]], z, atol=1e-6)
    length = np.linalg.norm(path, axis=1)
    if distribution == 'uniform':  # the middle of a straight line is nearer to 0
        np.testing.assert_allclose(path[2], (z[0] + z[1]) / 2, atol=1e-6)
    else:
        assert length.min() > 0.95 * np.linalg.norm(z, axis=1).min()


def slerp(a, b, share):
    """White's formula (arXiv 1609.04468), as his code has it."""
    angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    return (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)


def test_the_path_of_normal_noise_is_whites():
    z = draw_noise(np.random.default_rng(4), 2, 100, 'normal')
    a, b = z.astype(np.float64)
    path = interpolate(z, 8, 'normal')
    for step in range(9):
        np.testing.assert_allclose(path[step], slerp(a, b, step / 8), atol=1e-6)


OPPOSITE = {
    'opposite': ([3, 4, 0], [-3, -4, 0]),
    'opposite and longer': ([0, 0, 1], [0, 0, -3]),
    'almost opposite': ([3, 4, 0], [-3, -4, 1e-5]),
    'two numbers': ([1, 0], [-2, 1e-7]),
    'wide, of other lengths': ([0.1, 0], [-2, 0.3]),
}


@pytest.mark.parametrize('ends', OPPOSITE.values(), ids=OPPOSITE)
def test_a_path_between_opposite_points_turns_evenly_and_its_length_changes_evenly(ends):
    a, b = np.array(ends, np.float64)
    path = interpolate(np.array(ends, np.float32), 8, 'normal').astype(np.float64)
    np.testing.assert_allclose(path[[0, -1]], [a, b], atol=1e-6)
    lengths = np.linalg.norm(path, axis=1)
    expected = np.linspace(np.linalg.norm(a), np.linalg.norm(b), 9)
    np.testing.assert_allclose(lengths, expected, rtol=1e-4)
    directions = path / lengths[:, None]
    steps = np.arccos((directions[:-1] * directions[1:]).sum(axis=1))
    np.testing.assert_allclose(steps, steps.mean(), rtol=1e-3)
    assert 2.5 < steps.sum() < np.pi + 1e-3


STRAIGHT = {
    'one number': ([1.5], [-0.5]),
    'one number, opposite': ([1], [-1]),
    'from zero': ([0, 0], [2, 1]),
    'to zero': ([2, 1], [0, 0]),
    'zero': ([0, 0, 0], [0, 0, 0]),
    'the same point': ([2, 1], [2, 1]),
    'the same direction': ([2, 1], [4, 2]),
}


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('ends', STRAIGHT.values(), ids=STRAIGHT)
def test_a_path_without_a_great_circle_is_straight(ends):
    path = interpolate(np.array(ends, np.float32), 4, 'normal')
    np.testing.assert_allclose(path, np.linspace(*ends, 5), atol=1e-6)


def test_no_path_leaves_the_bounds_of_its_noise_or_passes_a_point_longer_than_its_ends():
    for size in (1, 2, 3, 10):
        for distribution in DISTRIBUTIONS:
            z = draw_noise(np.random.default_rng(6), 300, size, distribution)
            path = interpolate(z, 6, distribution)
            if distribution in BOUNDS:
                assert np.abs(path).max() <= BOUNDS[distribution]
            lengths = np.linalg.norm(z, axis=1)
            longest = np.repeat(np.maximum(lengths[:-1], lengths[1:]), 6)
            # Where an end is short, White's formula passes points that are slightly longer.
            assert (np.linalg.norm(path, axis=1)[:-1] <= 1.16 * longest).all()


@pytest.mark.parametrize('name', ['gaussian', '', 'Normal'])
def test_an_unknown_distribution_is_refused_and_the_known_ones_are_named(name):
    with pytest.raises(
        ValueError, match=f'^noise {as_typed(name)}: must be one of normal, uniform'
    ):
        Noise(3, name)
