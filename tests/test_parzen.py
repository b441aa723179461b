"""The Parzen window log-likelihood equals that of SciPy, scikit-learn and a loop by hand."""

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
    terms = [[multivariate_normal.logpdf(a, s, sigma**2) for s in samples] for a in x]
    return logsumexp(np.array(terms), axis=1) - np.log(len(samples))


def likelihoods(x, samples, sigma):
    return log_likelihoods(x, samples, np.array([sigma]))[0]


@pytest.mark.parametrize('sigma', [0.1, 0.5, 1.0])
def test_log_likelihood_is_scipys(sigma):
    ours = likelihoods(X.astype(np.float32), SAMPLES.astype(np.float32), sigma)
    np.testing.assert_allclose(ours, by_scipy(X, SAMPLES, sigma), rtol=1e-5)


def test_log_likelihood_is_that_of_a_kernel_density():
    neighbors = pytest.importorskip('sklearn.neighbors', reason='needs scikit-learn')
    density = neighbors.KernelDensity(bandwidth=0.3).fit(SAMPLES.reshape(50, -1))
    expected = density.score_samples(X.reshape(7, -1))
    np.testing.assert_allclose(likelihoods(X, SAMPLES, 0.3), expected, rtol=1e-6)


def test_images_far_away_stay_finite():
    far = likelihoods(np.full((2, 784), 100.0), np.zeros((3, 784)), 0.1)
    assert np.isfinite(far).all()
    assert (far < -1e8).all()


def test_blocks_change_nothing():
    x = RANDOM.rand(2 * BLOCK + 3, 5)
    samples = SAMPLES.reshape(50, -1)[:, :5]
    together = likelihoods(x, samples, 0.2)
    for i in (0, BLOCK, 2 * BLOCK + 2):
        alone = likelihoods(x[i : i + 1], samples, 0.2)
        np.testing.assert_allclose(together[i], alone[0], rtol=1e-9)


@pytest.mark.parametrize('width', [0.13, 0.4, 0.9])
def test_sigma_is_the_one_of_ten_under_which_the_validation_images_are_likeliest(width):
    """Validation and test images have the distance `width` from the samples."""
    centres = RANDOM.rand(40, 30) * 10
    valid = centres[RANDOM.randint(40, size=500)] + width * RANDOM.randn(500, 30)
    test = centres[RANDOM.randint(40, size=500)] + width * RANDOM.randn(500, 30)
    assert len(SIGMAS) == 10
    assert SIGMAS[[0, -1]] == pytest.approx([0.1, 1.0])
    sigma = parzen(centres, valid, test).sigma
    assert sigma == min(SIGMAS, key=lambda each: abs(np.log(each / width)))

    few = parzen(centres, valid, test[:50])
    scores = by_scipy(test[:50], centres, sigma)
    assert few.mean == pytest.approx(scores.mean(), rel=1e-9)
    assert few.error == pytest.approx(scores.std() / np.sqrt(50), rel=1e-9)


def test_samples_of_another_shape_are_refused():
    with pytest.raises(ValueError, match='must be the same'):
        parzen(SAMPLES, X, X[..., :3])
