"""Distances of features and what classes tell, against SciPy, scikit-learn and counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import entropy, mannwhitneyu
from sklearn.metrics.pairwise import polynomial_kernel

from gluongan.evaluation import metrics


def features(seed, count=400, size=12):
    """Features that are correlated, shifted and scaled, another kind for each seed."""
    draw = np.random.RandomState(seed)
    x, mixing, shift = (
        draw.standard_normal(shape) for shape in ((count, size), (size, size), size)
    )
    return (x @ mixing + shift).astype(np.float32)


# The Fréchet distance


def by_sqrtm(a, b, ridge=0.0):
    """The formula as it is printed."""
    means = [x.mean(axis=0) for x in (a, b)]
    first, second = (np.cov(x, rowvar=False) + ridge * np.eye(x.shape[1]) for x in (a, b))
    return (
        np.square(means[0] - means[1]).sum()
        + np.trace(first + second - 2 * sqrtm(first @ second)).real
    )


@pytest.mark.parametrize('size', [2, 12, 84])
def test_frechet_distance_is_scipys(size):
    a, b = (features(seed, 900, size).astype(np.float64) for seed in (0, 1))
    assert metrics.frechet_distance(metrics.moments(a), metrics.moments(b)) == pytest.approx(
        by_sqrtm(a, b), rel=1e-8
    )


def test_frechet_distance_stays_a_number_where_features_are_dead():
    """ReLU features that never fire leave a covariance without full rank, where a matrix root is complex or NaN."""
    a, b = np.maximum(features(0), 0), np.maximum(features(1), 0)
    a[:, :3] = b[:, 1:4] = 0
    value = metrics.frechet_distance(metrics.moments(a), metrics.moments(b))
    assert value == pytest.approx(
        by_sqrtm(a.astype(np.float64), b.astype(np.float64), ridge=1e-9), rel=1e-4
    )


def test_frechet_distance_is_zero_for_itself_and_the_square_of_a_shift():
    a = features(0)
    assert metrics.frechet_distance(metrics.moments(a), metrics.moments(a)) == pytest.approx(
        0, abs=1e-6
    )
    shifted = metrics.moments(a)._replace(mean=metrics.moments(a).mean + 2)
    assert metrics.frechet_distance(metrics.moments(a), shifted) == pytest.approx(4 * 12, rel=1e-6)


# The kernel distance


def by_sklearn(x, y):
    """Unbiased MMD²: means of the kernel matrices, without their diagonals."""
    xx, yy, xy = (polynomial_kernel(*pair, degree=3, coef0=1) for pair in ((x, x), (y, y), (x, y)))
    n = len(x)
    return sum((k.sum() - np.trace(k)) / (n * (n - 1)) for k in (xx, yy)) - 2 * xy.mean()


def test_kernel_distance_is_sklearns_over_blocks():
    a, b = features(0), features(1)
    blocks = [
        by_sklearn(a[i : i + 40].astype(np.float64), b[i : i + 40].astype(np.float64))
        for i in range(0, 400, 40)
    ]
    value, error = metrics.kernel_distance(a, b)
    assert value == pytest.approx(np.mean(blocks), rel=1e-9)
    assert error == pytest.approx(np.std(blocks, ddof=1) / np.sqrt(10), rel=1e-9)


def test_kernel_distance_of_one_source_is_zero_on_average_and_within_its_error():
    pairs = [
        metrics.kernel_distance(*(np.random.RandomState(seed).standard_normal((2, 300, 8))))
        for seed in range(30)
    ]
    scores = [value / error for value, error in pairs]
    assert abs(np.mean(scores)) < 4 / np.sqrt(30) and 0.6 < np.std(scores) < 1.8
    assert min(value for value, _ in pairs) < 0 < max(value for value, _ in pairs)


def test_kernel_distance_of_too_few_is_refused():
    with pytest.raises(ValueError, match='19 samples'):
        metrics.kernel_distance(features(0, 19), features(1, 40))


# Classes


def certain(*counts):
    """Probabilities of samples that are surely of their class, so many of each."""
    return np.eye(len(counts), dtype=np.float32)[np.repeat(np.arange(len(counts)), counts)]


def test_score_is_exp_of_the_mean_kl():
    p = np.random.RandomState(0).dirichlet(np.full(5, 0.3), 200)
    expected = np.exp(np.mean([entropy(one, p.mean(axis=0)) for one in p]))
    assert metrics.classifier_score(p.astype(np.float32)) == pytest.approx(expected, rel=1e-5)


def test_score_runs_from_one_to_the_number_of_classes():
    assert metrics.classifier_score(certain(20, 20, 20, 20)) == pytest.approx(4)
    assert metrics.classifier_score(certain(80, 0, 0, 0)) == pytest.approx(1)
    assert metrics.classifier_score(np.full((50, 4), 0.25, dtype=np.float32)) == pytest.approx(1)


def test_class_counts_only_by_samples_that_are_sure():
    p = certain(50, 30, 20, 0)
    p[50:80] = (0.11, 0.89, 0, 0)
    found = metrics.classes(p)
    assert (found.missing, found.shares.tolist()) == ([1, 3], [0.5, 0, 0.2, 0])
    assert found.kl == pytest.approx(entropy([0.5, 0.3, 0.2, 0], [0.25] * 4))
    p[50:80] = (0.09, 0.91, 0, 0)
    assert metrics.classes(p).missing == [3]


def test_class_is_missing_where_the_judges_own_errors_could_make_it():
    assert metrics.classes(certain(491, 500, 9)).missing == [2]
    assert metrics.classes(certain(460, 500, 40)).missing == []


def test_uniform_kl_is_scipys():
    assert metrics.uniform_kl(np.array([3, 0, 5, 2])) == pytest.approx(
        entropy([0.3, 0, 0.5, 0.2], [0.25] * 4)
    )
    assert metrics.uniform_kl(np.array([7, 0, 0, 0])) == pytest.approx(np.log(4))


def test_chance_above_is_the_mann_whitney_statistic():
    draw = np.random.RandomState(0)
    a, b = draw.randint(0, 20, 300), draw.randint(3, 23, 200)
    assert metrics.chance_above(a, b) == pytest.approx(mannwhitneyu(a, b).statistic / (300 * 200))
    assert metrics.chance_above(np.ones(5), np.ones(3)) == 0.5
