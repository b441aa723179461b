"""The Parzen window log-likelihood of the first GAN paper. It is history, not a measure of quality.

Blurred images score too well: on MNIST, 2,000 k-means centres score higher than real images do.
"""

from __future__ import annotations

from math import log, pi, sqrt
from typing import NamedTuple

import numpy as np

from ...errors import InputError

SIGMAS = np.logspace(-1, 0, 10)
BLOCK = 500  # rows at a time: 40 MB of distances to 10,000 samples


class Parzen(NamedTuple):
    """Mean log-likelihood of a test sample in nats, its standard error, and the window's width."""

    mean: float
    error: float
    sigma: float


def parzen(samples: np.ndarray, valid: np.ndarray, test: np.ndarray) -> Parzen:
    """Return the log-likelihood of `test` under windows around `samples`, each (N, ...) in [0, 1].

    sigma is the one of SIGMAS that gives `valid` the highest likelihood. Goodfellow et al. 2014
    (arXiv 1406.2661, section 5) take 10,000 samples, 1,000 validation and 10,000 test images.
    Raises InputError if samples differ in shape.

    >>> samples = np.zeros((5, 2))
    >>> round(parzen(samples, samples + 0.1, samples).sigma, 9)  # the narrowest window
    0.1
    """
    shapes = samples.shape[1:], valid.shape[1:], test.shape[1:]
    if not shapes[0] == shapes[1] == shapes[2]:
        raise InputError('shapes {}, {} and {}: must be the same'.format(*shapes))
    scores = log_likelihoods(valid, samples, SIGMAS).mean(axis=1)
    sigma = float(SIGMAS[scores.argmax()])
    likelihoods = log_likelihoods(test, samples, np.array([sigma]))[0]
    error = likelihoods.std() / sqrt(len(likelihoods))
    return Parzen(float(likelihoods.mean()), float(error), sigma)


def log_likelihoods(x: np.ndarray, samples: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Return log p(x) (sigmas, N) for x (N, ...), in nats.

    p is the mean over the samples s of the Gaussian N(x; s, sigma² I).
    """
    x = x.reshape(len(x), -1).astype(np.float64)
    samples = samples.reshape(len(samples), -1).astype(np.float64)
    blocks = []
    for start in range(0, len(x), BLOCK):
        blocks.append(_block_likelihoods(x[start : start + BLOCK], samples, sigmas))
    return np.concatenate(blocks, axis=1)


def _block_likelihoods(x: np.ndarray, samples: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    # |x - s|² = |x|² + |s|² - 2 x·s: one matrix product for all sigmas
    squared = (x**2).sum(axis=1)[:, None] + (samples**2).sum(axis=1) - 2 * x @ samples.T
    rows = []
    for sigma in sigmas:
        normalizer = x.shape[1] * log(sigma * sqrt(2 * pi))
        rows.append(_log_mean_exp(squared / (-2 * sigma**2)) - normalizer)
    return np.stack(rows)


def _log_mean_exp(a: np.ndarray) -> np.ndarray:
    top = a.max(axis=1)
    return top + np.log(np.exp(a - top[:, None]).mean(axis=1))
