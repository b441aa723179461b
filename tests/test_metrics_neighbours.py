"""Metrics of neighbours, against prdc, scikit-learn, SciPy and sets whose answer is known."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from prdc import compute_prdc
from scipy.spatial.distance import cdist, jensenshannon, pdist
from sklearn.cluster import KMeans
from sklearn.neighbors import KNeighborsClassifier

from gluongan.errors import InputError
from gluongan.evaluation import metrics
from gluongan.evaluation.metrics import distances
from gluongan.evaluation.metrics.bins import ROUNDS, centres


def pictures(seed, count=300, scale=1.0):
    """Grey pictures of 6×6 pixels; two seeds are two draws from one source."""
    random = np.random.RandomState(seed)
    basis = np.random.RandomState(99).standard_normal((5, 36))
    x = scale * random.standard_normal((count, 5)) @ basis / 5
    x = x + 0.05 * random.standard_normal((count, 36))
    return x.reshape(count, 1, 6, 6).astype(np.float32)


def rows(x):
    return x.reshape(len(x), -1).astype(np.float64)


# Distances


@pytest.fixture
def two_sets(monkeypatch):
    """Two sets of rows, and blocks of which the last is a short one."""
    monkeypatch.setattr(distances, 'BLOCK', 70)
    return distances.flat(pictures(0)), distances.flat(pictures(1, 200) + 3)


def test_blocks_of_distances_are_scipys(two_sets):
    a, b = two_sets
    blocks = [block for _, block in distances.squared_distances(a, b)]
    expected = cdist(a.astype(np.float64), b.astype(np.float64)) ** 2
    assert np.concatenate(blocks) == pytest.approx(expected, rel=1e-4)


def test_the_nearest_is_that_of_all_distances(two_sets):
    a, b = two_sets
    expected = cdist(a, b)
    index, distance = distances.nearest(a, b)
    assert np.array_equal(index, expected.argmin(axis=1))
    assert distance == pytest.approx(expected.min(axis=1), rel=1e-4)


def test_the_nearest_other_one_is_not_the_row_itself(two_sets):
    _, b = two_sets
    expected = cdist(b, b)
    np.fill_diagonal(expected, np.inf)
    index, distance = distances.nearest(b, b, other_than=np.arange(200))
    assert np.array_equal(index, expected.argmin(axis=1))
    assert distance == pytest.approx(expected.min(axis=1), rel=1e-3)


def test_radii_reach_to_the_kth_neighbour_not_counting_the_row_itself():
    x = np.array([[0.0], [1.0], [3.0], [7.0]], dtype=np.float32)
    assert np.sqrt(distances.squared_radii(x, 1)) == pytest.approx([1, 1, 2, 4])
    assert np.sqrt(distances.squared_radii(x, 2)) == pytest.approx([3, 2, 3, 6])


# Precision, recall, density, coverage


@pytest.mark.parametrize('k', [3, 5])
@pytest.mark.parametrize('scale', [0.5, 1.0, 2.0])
def test_manifold_is_prdcs(k, scale):
    real, fake = pictures(0), pictures(1, 240, scale)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints the numbers of samples
        expected = compute_prdc(rows(real), rows(fake), nearest_k=k)
    assert metrics.manifold(real, fake, k=k)._asdict() == pytest.approx(expected, rel=1e-9)


def test_narrow_samples_have_precision_without_recall():
    narrow = metrics.manifold(pictures(0), pictures(1, scale=0.3))
    assert narrow.precision > 0.9 > 2 * narrow.recall


def test_samples_far_from_the_data_have_neither():
    real = pictures(0)
    assert metrics.manifold(real, real + 9) == (0, 0, 0, 0)


def test_samples_of_the_same_source_have_full_coverage_and_density():
    same = metrics.manifold(pictures(0), pictures(1))
    assert same.coverage == pytest.approx(1 - 2**-5, abs=0.05)
    assert same.density == pytest.approx(1, abs=0.15)


def test_radii_that_are_known_change_nothing():
    real, fake = pictures(0), pictures(1)
    radii = distances.squared_radii(distances.flat(real), 5)
    assert metrics.manifold(real, fake, radii=radii) == metrics.manifold(real, fake)


def test_manifold_of_too_few_samples_is_refused():
    with pytest.raises(
        ValueError, match='5 and 300 samples: are too few for 5 neighbours each; must be at least 6'
    ):
        metrics.manifold(pictures(0, 5), pictures(1))


# Nearest neighbours


def test_halves_are_sklearns_leave_one_out():
    real, fake = pictures(0, 80), pictures(1, 80, 0.6)
    both, kind = rows(np.concatenate([real, fake])), np.repeat([1, 0], 80)
    correct = []
    for i in range(160):
        others = KNeighborsClassifier(1).fit(np.delete(both, i, 0), np.delete(kind, i))
        correct.append(others.predict(both[i : i + 1])[0] == kind[i])
    expected = np.mean(correct[:80]), np.mean(correct[80:])
    assert metrics.nearest_neighbour_accuracy(real, fake) == pytest.approx(expected)


def test_halves_are_near_one_half_for_one_source():
    halves = metrics.nearest_neighbour_accuracy(pictures(0), pictures(1))
    assert halves == pytest.approx((0.5, 0.5), abs=0.1)


def test_halves_are_one_for_two_sets_that_are_far_apart():
    assert metrics.nearest_neighbour_accuracy(pictures(0), pictures(1) + 50) == (1, 1)


def test_copies_are_found_with_their_originals():
    train, fresh = pictures(0, 400), pictures(1, 60)
    copied = train[100:140] + 0.01
    memory = metrics.memory(np.concatenate([copied, fresh]), train)
    assert np.array_equal(memory.index[:40], np.arange(100, 140))
    assert memory.closeness[:40].max() < 0.5
    assert memory.distance[:40] == pytest.approx(0.01 * 6, rel=1e-3)
    assert memory.copies == pytest.approx(0.4, abs=0.05)


def test_fresh_samples_are_not_copies():
    assert metrics.memory(pictures(1, 60), pictures(0, 400)).copies < 0.05


def test_closeness_is_relative_to_the_originals_own_neighbour():
    train = np.array([[0.0], [0.2], [10.0], [16.0]])
    memory = metrics.memory(np.array([[10.0 + 2.9], [0.0 + 0.08], [0.3]]), train)
    assert memory.index.tolist() == [2, 0, 1]
    assert memory.closeness == pytest.approx([2.9 / 6, 0.4, 0.5], rel=1e-3)


# Bins


def inertia(data, centres):
    """The mean squared distance to the nearest centre, which k-means minimises."""
    return np.square(cdist(rows(data), centres).min(axis=1)).mean()


def test_centres_are_as_good_as_sklearns():
    data = pictures(0, 3_000)
    sklearn = KMeans(20, n_init=1, max_iter=ROUNDS, random_state=0).fit(rows(data))
    expected = inertia(data, sklearn.cluster_centers_)
    assert inertia(data, centres(data, 20)) == pytest.approx(expected, rel=0.05)


def shares(x, bins):
    nearest = cdist(rows(x), bins.centres).argmin(axis=1)
    return np.bincount(nearest, minlength=len(bins.centres)) / len(x)


def test_shares_and_divergence_are_those_of_counting():
    data, samples = pictures(0, 3_000), pictures(1, 900, 0.7)
    bins = metrics.Bins(data, 20)
    p, q = shares(data, bins), shares(samples, bins)
    assert bins.shares == pytest.approx(p)
    assert p.min() > 0

    pooled = (3_000 * p + 900 * q) / 3_900
    z = (p - q) / np.sqrt(pooled * (1 - pooled) * (1 / 3_000 + 1 / 900))
    different, divergence = bins.compare(samples)
    assert different == (abs(z) > 3).sum() > 0
    assert divergence == pytest.approx(jensenshannon(p, q) ** 2, rel=1e-9)


def test_bins_of_one_source_hardly_differ_and_a_missing_mode_shows():
    bins = metrics.Bins(pictures(0, 3_000), 20)
    data = pictures(2, 3_000)
    same = bins.compare(pictures(1, 3_000))
    without_half = bins.compare(data[data[:, 0, 0, 0] > 0])
    assert same.different <= 1
    assert without_half.different > 8
    assert without_half.divergence > 10 * same.divergence


def test_the_same_seed_makes_the_same_bins():
    data = pictures(0, 500)
    assert np.array_equal(centres(data, 7, seed=3), centres(data, 7, seed=3))
    assert not np.array_equal(centres(data, 7, seed=3), centres(data, 7, seed=4))


# Fewest samples

FEWEST = {
    'pairs': (metrics.pairs, 2),
    'kernel distance': (lambda x: metrics.kernel_distance(x, x, blocks=4), 8),
    'manifold': (lambda x: metrics.manifold(x, x, k=3), 4),
    'radii': (lambda x: distances.squared_radii(x, 2), 3),
    'manifold, by default': (lambda x: metrics.manifold(x, x), 6),
}


@pytest.mark.parametrize('measure, fewest', FEWEST.values(), ids=FEWEST)
def test_the_fewest_samples_that_are_stated_are_enough_and_no_fewer(measure, fewest):
    x = rows(pictures(0, fewest)).astype(np.float32)
    assert np.isfinite(measure(x)).all()
    with pytest.raises(InputError, match=rf'^{fewest - 1} .*must be at least {fewest}\b'):
        measure(x[:-1])


# Diversity


def test_pairs_are_scipys():
    data = pictures(0)
    pairs, expected = metrics.pairs(data), pdist(rows(data))
    assert pairs.mean == pytest.approx(expected.mean(), rel=1e-5)
    assert pairs.alike == pytest.approx(np.quantile(expected**2, 1e-4), rel=1e-3)


@pytest.mark.parametrize('count', [1, 10, 100])
def test_support_is_the_number_of_distinct_images(count):
    data = metrics.pairs(pictures(0, 1_000))
    indices = np.random.RandomState(0).randint(count, size=1_000)
    samples = pictures(1, count)[indices]
    assert metrics.diversity(samples, data).support == pytest.approx(count, rel=0.15)


def test_fresh_samples_are_as_diverse_as_the_data():
    data = metrics.pairs(pictures(0, 1_000))
    fresh = metrics.diversity(pictures(1, 1_000), data)
    assert fresh.support > 3_000
    assert fresh.spread == pytest.approx(1, abs=0.05)


def test_one_image_repeated_has_no_spread():
    data = metrics.pairs(pictures(0, 1_000))
    assert metrics.diversity(np.zeros((100, 1, 6, 6)), data) == (0, pytest.approx(1))


def test_spread_is_the_ratio_of_mean_distances():
    data = metrics.pairs(pictures(0))
    assert metrics.diversity(pictures(0) / 2, data).spread == pytest.approx(0.5, rel=1e-5)


# Sharpness


def test_sharpness_is_that_of_counting_by_hand():
    x = np.zeros((1, 1, 2, 3), dtype=np.float32)
    x[0, 0] = [[0, 1, 1], [0, 0.5, 1]]
    change = (0 + 0.5 + 0) / 3 + (1 + 0 + 0.5 + 0.5) / 4
    contrast = (2 * 7 + 3 * 5 + 1) / 12 / 6  # distances from the mean, 7 / 12
    assert metrics.sharpness(x) == pytest.approx(change / contrast)


def test_blurred_pictures_have_less_sharpness_and_noisy_ones_more():
    x = pictures(0)
    blurred = (x[..., :-1] + x[..., 1:]) / 2
    noisy = x + np.random.RandomState(0).standard_normal(x.shape)
    assert metrics.sharpness(blurred) < 0.9 * metrics.sharpness(x) < 0.9 * metrics.sharpness(noisy)


def test_sharpness_does_not_depend_on_contrast_and_brightness():
    x = pictures(0)
    assert metrics.sharpness(x / 3 + 2) == pytest.approx(metrics.sharpness(x), rel=1e-4)
    assert metrics.sharpness(np.ones((2, 1, 4, 4))) == 0
