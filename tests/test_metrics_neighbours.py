"""What neighbours tell, against prdc, scikit-learn, SciPy and sets whose answer is known."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from prdc import compute_prdc
from scipy.spatial.distance import cdist, jensenshannon, pdist
from sklearn.cluster import KMeans
from sklearn.neighbors import KNeighborsClassifier

from gluongan.evaluation import metrics
from gluongan.evaluation.metrics import distances


def pictures(seed, count=300, scale=1.0):
    """Grey pictures of 6×6 pixels; two seeds are two draws of one source."""
    draw = np.random.RandomState(seed)
    basis = np.random.RandomState(99).standard_normal((5, 36))
    return (
        (
            scale * draw.standard_normal((count, 5)) @ basis / 5
            + 0.05 * draw.standard_normal((count, 36))
        )
        .reshape(count, 1, 6, 6)
        .astype(np.float32)
    )


def rows(x):
    return x.reshape(len(x), -1).astype(np.float64)


# Distances


def test_blocks_of_distances_are_scipys(monkeypatch):
    monkeypatch.setattr(distances, 'BLOCK', 70)  # so that the last block is a short one
    a, b = distances.flat(pictures(0)), distances.flat(pictures(1, 200) + 3)
    found = np.concatenate([block for _, block in distances.squared_distances(a, b)])
    assert found == pytest.approx(cdist(a.astype(np.float64), b.astype(np.float64)) ** 2, rel=1e-4)
    index, distance = distances.nearest(a, b)
    whole = cdist(a, b)
    assert np.array_equal(index, whole.argmin(axis=1)) and distance == pytest.approx(
        whole.min(axis=1), rel=1e-4
    )
    itself = np.arange(200)
    whole = cdist(b, b)
    np.fill_diagonal(whole, np.inf)
    index, distance = distances.nearest(b, b, other_than=itself)
    assert np.array_equal(index, whole.argmin(axis=1)) and distance == pytest.approx(
        whole.min(axis=1), rel=1e-3
    )


def test_reach_is_to_the_kth_neighbour_without_itself():
    x = np.array([[0.0], [1.0], [3.0], [7.0]], dtype=np.float32)
    assert np.sqrt(distances.reach(x, 1)) == pytest.approx([1, 1, 2, 4])
    assert np.sqrt(distances.reach(x, 2)) == pytest.approx([3, 2, 3, 6])


# Precision, recall, density, coverage


@pytest.mark.parametrize('k', [3, 5])
@pytest.mark.parametrize('scale', [0.5, 1.0, 2.0])
def test_manifold_is_prdcs(k, scale):
    real, fake = pictures(0), pictures(1, 240, scale)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints the numbers of samples
        expected = compute_prdc(rows(real), rows(fake), nearest_k=k)
    assert metrics.manifold(real, fake, k=k)._asdict() == pytest.approx(expected, rel=1e-9)


def test_precision_and_recall_tell_what_is_wrong():
    real = pictures(0)
    narrow, noisy = metrics.manifold(real, pictures(1, scale=0.3)), metrics.manifold(real, real + 9)
    assert narrow.precision > 0.9 > 2 * narrow.recall and noisy[:4] == (0, 0, 0, 0)
    same = metrics.manifold(real, pictures(1))
    assert same.coverage == pytest.approx(1 - 2**-5, abs=0.05) and same.density == pytest.approx(
        1, abs=0.15
    )


def test_radii_that_are_known_change_nothing():
    real, fake = pictures(0), pictures(1)
    radii = distances.reach(distances.flat(real), 5)
    assert metrics.manifold(real, fake, radii=radii) == metrics.manifold(real, fake)


def test_manifold_of_too_few_is_refused():
    with pytest.raises(ValueError, match='k = 5'):
        metrics.manifold(pictures(0, 5), pictures(1))


# Nearest neighbours


def test_halves_are_sklearns_by_leave_one_out():
    real, fake = pictures(0, 80), pictures(1, 80, 0.6)
    both, kind = rows(np.concatenate([real, fake])), np.repeat([1, 0], 80)
    right = [
        KNeighborsClassifier(1)
        .fit(np.delete(both, i, 0), np.delete(kind, i))
        .predict(both[i : i + 1])[0]
        == kind[i]
        for i in range(160)
    ]
    assert metrics.nearest_neighbour_accuracy(real, fake) == pytest.approx(
        (np.mean(right[:80]), np.mean(right[80:]))
    )


def test_halves_are_near_a_half_for_one_source_and_one_for_two_that_lie_apart():
    assert metrics.nearest_neighbour_accuracy(pictures(0), pictures(1)) == pytest.approx(
        (0.5, 0.5), abs=0.1
    )
    assert metrics.nearest_neighbour_accuracy(pictures(0), pictures(1) + 50) == (1, 1)


def test_copies_are_found_and_their_originals_named():
    train, fresh = pictures(0, 400), pictures(1, 60)
    copied = train[100:140] + 0.01
    found = metrics.memory(np.concatenate([copied, fresh]), train)
    assert (
        np.array_equal(found.index[:40], np.arange(100, 140)) and found.closeness[:40].max() < 0.5
    )
    assert found.distance[:40] == pytest.approx(
        0.01 * 6, rel=1e-3
    ) and found.copies == pytest.approx(0.4, abs=0.05)
    assert metrics.memory(fresh, train).copies < 0.05


def test_closeness_is_measured_by_the_originals_own_neighbour():
    train = np.array([[0.0], [0.2], [10.0], [16.0]])
    found = metrics.memory(np.array([[10.0 + 2.9], [0.0 + 0.08], [0.3]]), train)
    assert found.index.tolist() == [2, 0, 1] and found.closeness == pytest.approx(
        [2.9 / 6, 0.4, 0.5], rel=1e-3
    )


# Bins


def test_centres_are_as_good_as_sklearns():
    data = pictures(0, 3_000)

    def inertia(centres):
        return np.square(cdist(rows(data), centres).min(axis=1)).mean()

    expected = KMeans(20, n_init=1, max_iter=metrics.bins.ROUNDS, random_state=0).fit(rows(data))
    ours = inertia(metrics.bins.centres(data, 20))
    assert ours == pytest.approx(inertia(expected.cluster_centers_), rel=0.05)


def test_shares_and_divergence_are_what_one_counts():
    data, samples = pictures(0, 3_000), pictures(1, 900, 0.7)
    found = metrics.Bins(data, 20)
    p, q = (
        np.bincount(cdist(rows(x), found.centres).argmin(axis=1), minlength=20) / len(x)
        for x in (data, samples)
    )
    assert found.shares == pytest.approx(p) and p.min() > 0
    different, divergence = found.compare(samples)
    pooled = (3_000 * p + 900 * q) / 3_900
    z = (p - q) / np.sqrt(pooled * (1 - pooled) * (1 / 3_000 + 1 / 900))
    assert different == (abs(z) > 3).sum() > 0
    assert divergence == pytest.approx(jensenshannon(p, q) ** 2, rel=1e-9)


def test_bins_of_one_source_hardly_differ_and_a_mode_that_is_missing_shows():
    found = metrics.Bins(pictures(0, 3_000), 20)
    same, data = pictures(1, 3_000), pictures(2, 3_000)
    assert found.compare(same).different <= 1
    gap = data[data[:, 0, 0, 0] > 0]
    assert (
        found.compare(gap).different > 8
        and found.compare(gap).divergence > 10 * found.compare(same).divergence
    )


def test_the_same_seed_makes_the_same_bins():
    data = pictures(0, 500)
    assert np.array_equal(
        metrics.bins.centres(data, 7, seed=3), metrics.bins.centres(data, 7, seed=3)
    )
    assert not np.array_equal(
        metrics.bins.centres(data, 7, seed=3), metrics.bins.centres(data, 7, seed=4)
    )


# Diversity


def test_pairs_are_scipys():
    data = pictures(0)
    found, expected = metrics.pairs(data), pdist(rows(data))
    assert found.mean == pytest.approx(expected.mean(), rel=1e-5)
    assert found.alike == pytest.approx(np.quantile(expected**2, 1e-4), rel=1e-3)


def test_support_is_the_number_of_pictures_that_are_drawn_from():
    data = metrics.pairs(pictures(0, 1_000))
    for count in (1, 10, 100):
        drawn = pictures(1, count)[np.random.RandomState(0).randint(count, size=1_000)]
        assert metrics.diversity(drawn, data).support == pytest.approx(count, rel=0.15)
    fresh = metrics.diversity(pictures(1, 1_000), data)
    assert fresh.support > 3_000 and fresh.spread == pytest.approx(1, abs=0.05)
    assert metrics.diversity(np.zeros((100, 1, 6, 6)), data) == (0, pytest.approx(1))


def test_spread_is_the_ratio_of_mean_distances():
    data = metrics.pairs(pictures(0))
    assert metrics.diversity(pictures(0) / 2, data).spread == pytest.approx(0.5, rel=1e-5)


def test_sharpness_is_what_one_counts_by_hand():
    x = np.zeros((1, 1, 2, 3), dtype=np.float32)
    x[0, 0] = [[0, 1, 1], [0, 0.5, 1]]
    change, contrast = (
        (0 + 0.5 + 0) / 3 + (1 + 0 + 0.5 + 0.5) / 4,
        (2 * 7 + 3 * 5 + 1) / 12 / 6,
    )  # from the mean, 7 / 12
    assert metrics.sharpness(x) == pytest.approx(change / contrast)


def test_sharpness_tells_blur_and_noise_and_no_contrast():
    x = pictures(0)
    blurred = (x[..., :-1] + x[..., 1:]) / 2
    noisy = x + np.random.RandomState(0).standard_normal(x.shape)
    assert metrics.sharpness(blurred) < 0.9 * metrics.sharpness(x) < 0.9 * metrics.sharpness(noisy)
    assert metrics.sharpness(x / 3 + 2) == pytest.approx(metrics.sharpness(x), rel=1e-4)
    assert metrics.sharpness(np.ones((2, 1, 4, 4))) == 0
