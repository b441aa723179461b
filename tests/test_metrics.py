"""Distances of features and metrics of classes, against SciPy, scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import entropy, mannwhitneyu
from sklearn.metrics.pairwise import polynomial_kernel

from gluongan.evaluation import metrics


def features(seed, count=400, size=12):
    """Features that are correlated, shifted and scaled, differently for each seed."""
    random = np.random.RandomState(seed)
    x = random.standard_normal((count, size))
    mixing = random.standard_normal((size, size))
    shift = random.standard_normal(size)
    return (x @ mixing + shift).astype(np.float32)


# The Fréchet distance


def by_sqrtm(a, b, ridge=0.0):
    """The formula as it is printed in the paper."""
    first = np.cov(a, rowvar=False) + ridge * np.eye(a.shape[1])
    second = np.cov(b, rowvar=False) + ridge * np.eye(b.shape[1])
    apart = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    return apart + np.trace(first + second - 2 * sqrtm(first @ second)).real


@pytest.mark.parametrize('size', [2, 12, 84])
def test_frechet_distance_is_scipys(size):
    a, b = (features(seed, 900, size).astype(np.float64) for seed in (0, 1))
    ours = metrics.frechet_distance(metrics.moments(a), metrics.moments(b))
    assert ours == pytest.approx(by_sqrtm(a, b), rel=1e-8)


def test_frechet_distance_is_finite_where_features_are_dead():
    """ReLU features that never fire leave a singular covariance, where a matrix root may be NaN."""
    a, b = np.maximum(features(0), 0), np.maximum(features(1), 0)
    a[:, :3] = b[:, 1:4] = 0
    ours = metrics.frechet_distance(metrics.moments(a), metrics.moments(b))
    expected = by_sqrtm(a.astype(np.float64), b.astype(np.float64), ridge=1e-9)
    assert ours == pytest.approx(expected, rel=1e-4)


def test_frechet_distance_to_itself_is_zero():
    a = metrics.moments(features(0))
    assert metrics.frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_to_a_shifted_copy_is_the_square_of_the_shift():
    a = metrics.moments(features(0))
    shifted = a._replace(mean=a.mean + 2)
    assert metrics.frechet_distance(a, shifted) == pytest.approx(4 * 12, rel=1e-6)


# The kernel distance


def off_diagonal_mean(k):
    n = len(k)
    return (k.sum() - np.trace(k)) / (n * (n - 1))


def by_sklearn(x, y):
    """Unbiased MMD²: means of the kernel matrices without their diagonals."""
    settings = {'degree': 3, 'coef0': 1}
    within = [off_diagonal_mean(polynomial_kernel(each, each, **settings)) for each in (x, y)]
    return sum(within) - 2 * polynomial_kernel(x, y, **settings).mean()


def test_kernel_distance_is_sklearns_over_blocks():
    a, b = features(0), features(1)
    blocks = []
    for start in range(0, 400, 40):
        rows = slice(start, start + 40)
        blocks.append(by_sklearn(a[rows].astype(np.float64), b[rows].astype(np.float64)))
    value, error = metrics.kernel_distance(a, b)
    assert value == pytest.approx(np.mean(blocks), rel=1e-9)
    assert error == pytest.approx(np.std(blocks, ddof=1) / np.sqrt(10), rel=1e-9)


def test_kernel_distance_of_one_source_is_zero_on_average_and_within_its_error():
    results = []
    for seed in range(30):
        a, b = np.random.RandomState(seed).standard_normal((2, 300, 8))
        results.append(metrics.kernel_distance(a, b))
    scores = [value / error for value, error in results]
    values = [value for value, _ in results]
    assert abs(np.mean(scores)) < 4 / np.sqrt(30)
    assert 0.6 < np.std(scores) < 1.8
    assert min(values) < 0 < max(values)


def test_kernel_distance_needs_two_samples_a_block():
    a, b = features(0)[:20], features(1)[:20]
    blocks = [by_sklearn(a[k : k + 2], b[k : k + 2]) for k in range(0, 20, 2)]
    value, _ = metrics.kernel_distance(a, b)
    assert value == pytest.approx(np.mean(blocks), rel=1e-4)


def test_kernel_distance_of_too_few_samples_is_refused():
    with pytest.raises(
        ValueError, match='19 samples: are too few for the kernel distance; must be at least 20'
    ):
        metrics.kernel_distance(features(0, 19), features(1, 40))


# Classes


def certain(*counts):
    """Probabilities of samples that are certainly of their class, with these counts."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.eye(len(counts), dtype=np.float32)[labels]


def test_score_is_exp_of_the_mean_kl():
    p = np.random.RandomState(0).dirichlet(np.full(5, 0.3), 200)
    kl = [entropy(row, p.mean(axis=0)) for row in p]
    ours = metrics.classifier_score(p.astype(np.float32))
    assert ours == pytest.approx(np.exp(np.mean(kl)), rel=1e-5)


def test_score_is_between_one_and_the_number_of_classes():
    assert metrics.classifier_score(certain(20, 20, 20, 20)) == pytest.approx(4)
    assert metrics.classifier_score(certain(80, 0, 0, 0)) == pytest.approx(1)
    assert metrics.classifier_score(np.full((50, 4), 0.25, dtype=np.float32)) == pytest.approx(1)


def test_a_class_counts_only_the_samples_that_are_sure():
    p = certain(50, 30, 20, 0)
    p[50:80] = (0.11, 0.89, 0, 0)
    result = metrics.classes(p)
    assert result.missing == [1, 3]
    assert result.shares.tolist() == [0.5, 0, 0.2, 0]
    assert result.kl == pytest.approx(entropy([0.5, 0.3, 0.2, 0], [0.25] * 4))


def test_a_rare_class_is_missing_by_its_share_in_the_data():
    p = certain(98, 0, 2)
    assert metrics.classes(p).missing == [1, 2]
    assert metrics.classes(p, np.array([0.97, 0.0, 0.03])).missing == []
    assert metrics.classes(p, np.array([0.6, 0.1, 0.3])).missing == [1, 2]


def test_a_probability_of_nine_tenths_is_sure():
    p = certain(50, 30, 20, 0)
    p[50:80] = (0.09, 0.91, 0, 0)
    assert metrics.classes(p).missing == [3]


def test_a_class_is_missing_where_the_judges_own_errors_could_explain_it():
    assert metrics.classes(certain(491, 500, 9)).missing == [2]
    assert metrics.classes(certain(460, 500, 40)).missing == []


def test_uniform_kl_is_scipys():
    expected = entropy([0.3, 0, 0.5, 0.2], [0.25] * 4)
    assert metrics.uniform_kl(np.array([3, 0, 5, 2])) == pytest.approx(expected)
    assert metrics.uniform_kl(np.array([7, 0, 0, 0])) == pytest.approx(np.log(4))


def test_chance_above_is_the_mann_whitney_statistic():
    random = np.random.RandomState(0)
    a, b = random.randint(0, 20, 300), random.randint(3, 23, 200)
    expected = mannwhitneyu(a, b).statistic / (300 * 200)
    assert metrics.chance_above(a, b) == pytest.approx(expected)
    assert metrics.chance_above(np.ones(5), np.ones(3)) == 0.5
