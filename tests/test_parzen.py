"""The Parzen window log-likelihood is SciPy's and NumPy's own by hand, and its protocol that of the paper."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from gluongan.evaluation.metrics import parzen
from gluongan.evaluation.metrics.parzen import BLOCK, SIGMAS, log_likelihoods

RANDOM = np.random.RandomState(0)
SAMPLES, X = RANDOM.rand(50, 1, 3, 4), RANDOM.rand(7, 1, 3, 4)


def by_scipy(x, samples, sigma):
    x, samples = x.reshape(len(x), -1), samples.reshape(len(samples), -1)
    each = [[multivariate_normal.logpdf(a, s, sigma**2) for s in samples] for a in x]
    return logsumexp(np.array(each), axis=1) - np.log(len(samples))


@pytest.mark.parametrize('sigma', [0.1, 0.5, 1.0])
def test_log_likelihood_is_scipys(sigma):
    (found,) = log_likelihoods(X.astype(np.float32), SAMPLES.astype(np.float32), np.array([sigma]))
    np.testing.assert_allclose(found, by_scipy(X, SAMPLES, sigma), rtol=1e-5)


def test_log_likelihood_is_that_of_a_kernel_density():
    density = pytest.importorskip('sklearn.neighbors', reason='needs scikit-learn').KernelDensity
    flat, x = SAMPLES.reshape(50, -1), X.reshape(7, -1)
    (found,) = log_likelihoods(X, SAMPLES, np.array([0.3]))
    np.testing.assert_allclose(found, density(bandwidth=0.3).fit(flat).score_samples(x), rtol=1e-6)


def test_far_images_stay_finite():
    found = log_likelihoods(np.full((2, 784), 100.0), np.zeros((3, 784)), np.array([0.1]))
    assert np.isfinite(found).all() and (found < -1e8).all()


def test_blocks_change_nothing():
    x = RANDOM.rand(2 * BLOCK + 3, 5)
    whole = log_likelihoods(x, SAMPLES.reshape(50, -1)[:, :5], np.array([0.2]))
    parts = [
        log_likelihoods(x[i : i + 1], SAMPLES.reshape(50, -1)[:, :5], np.array([0.2]))
        for i in (0, BLOCK, 2 * BLOCK + 2)
    ]
    np.testing.assert_allclose(whole[0, [0, BLOCK, 2 * BLOCK + 2]], np.ravel(parts), rtol=1e-9)


@pytest.mark.parametrize('width', [0.13, 0.4, 0.9])
def test_sigma_is_the_one_of_ten_that_the_validation_images_like_best(width):
    """Data that lies `width` around the samples."""
    centres = RANDOM.rand(40, 30) * 10
    valid, test = (
        centres[RANDOM.randint(40, size=500)] + width * RANDOM.randn(500, 30) for _ in range(2)
    )
    found = parzen(centres, valid, test)
    assert len(SIGMAS) == 10 and SIGMAS[[0, -1]] == pytest.approx([0.1, 1.0])
    assert found.sigma == min(SIGMAS, key=lambda sigma: abs(np.log(sigma / width)))
    few = parzen(centres, valid, test[:50])
    scores = by_scipy(test[:50], centres, found.sigma)
    assert few.mean == pytest.approx(scores.mean(), rel=1e-9)
    assert few.error == pytest.approx(scores.std() / np.sqrt(50), rel=1e-9)


def test_samples_of_another_shape_are_refused():
    with pytest.raises(ValueError, match='must be the same'):
        parzen(SAMPLES, X, X[..., :3])
