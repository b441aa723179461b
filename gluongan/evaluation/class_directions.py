"""Which z makes which class: a linear classifier of z, and the way to each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from ..gan.sampling import Sampler
    from ..runtime import mx
    from .classifier import Judge

TRAINED_ON = 0.8  # the share of the samples; the classifier is tested on the others
STRENGTH = 1.0  # of the penalty on the weights


class ClassDirections(NamedTuple):
    """What a linear classifier finds of the classes in z.

    vectors: (K, latent), of length 1: the way in which each class becomes more likely.
    accuracy: the share of held-out z whose class it names. largest: the share of the largest class
    among them, which is what naming that one always would get. held_out: their number.
    """

    vectors: np.ndarray
    accuracy: float
    largest: float
    held_out: int


def linear_classifier(z: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the weights (classes, latent + 1) of multinomial logistic regression on z (N, latent).

    The last column is the intercept. It minimises the sum of the cross-entropies and half of the
    sum of the squared weights, without the intercepts (Hastie et al. 2009, The Elements of
    Statistical Learning, section 4.4). The minimum is unique but for a constant in the intercepts.

    >>> weights = linear_classifier(np.array([[-2.0], [-1], [1], [2]]), np.array([0, 0, 1, 1]), 2)
    >>> bool(weights[1, 0] > 0 > weights[0, 0])
    True
    """
    from scipy.optimize import minimize  # here, because the import takes a second

    x = np.column_stack([z.astype(np.float64), np.ones(len(z))])
    targets = np.eye(classes)[labels]

    def loss_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(classes, -1)
        penalised = weights * (np.arange(weights.shape[1]) < z.shape[1]) * STRENGTH
        logits = x @ weights.T
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        total = odds.sum(axis=1, keepdims=True)
        loss = np.log(total).sum() - (logits * targets).sum() + (penalised * weights).sum() / 2
        slope = (odds / total - targets).T @ x + penalised
        return float(loss), slope.ravel()

    start = np.zeros(classes * x.shape[1])
    found = minimize(loss_and_slope, start, jac=True, method='L-BFGS-B', options={'maxiter': 500})
    return found.x.reshape(classes, -1)


def class_directions(z: np.ndarray, labels: np.ndarray, classes: int) -> ClassDirections:
    """Return the directions of z (N, latent) along which it becomes of each class (N,).

    The first four fifths train a linear classifier, the rest test it. Raises InputError where the
    samples are too few, or of one class.

    >>> z = np.random.default_rng(0).standard_normal((500, 2))
    >>> found = class_directions(z, (z[:, 1] > 0).astype(int), 2)
    >>> found.accuracy > 0.95, found.vectors[:, 1].round(1).tolist()
    (True, [-1.0, 1.0])
    """
    count = int(TRAINED_ON * len(z))
    if count == len(z) or len(np.unique(labels[:count])) < 2:
        raise InputError(
            f'{len(z)} samples of {len(np.unique(labels))} classes are too few; '
            'must be at least 5, of two classes'
        )
    weights = linear_classifier(z[:count], labels[:count], classes)
    held_out = labels[count:]
    scores = z[count:] @ weights[:, :-1].T + weights[:, -1]
    vectors = weights[:, :-1] - weights[:, :-1].mean(axis=0)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return ClassDirections(
        vectors / np.maximum(lengths, 1e-12),
        float((scores.argmax(axis=1) == held_out).mean()),
        float(np.bincount(held_out).max() / len(held_out)),
        len(held_out),
    )


def named_samples(sampler: Sampler, judge: Judge, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return z (count, latent) of a generator without classes, and the classes of their pictures.

    The judge names the classes (count,).
    """
    z = sampler.inputs(count, 0, None)
    return z, judge(sampler.of_noise(z)).probabilities.argmax(axis=1)


def in_turns(labels: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the first `count` of each class, the classes by turns.

    labels: (N,). A class that has fewer takes fewer turns.

    >>> in_turns(np.array([1, 1, 1, 0, 0]), 2).tolist()
    [3, 0, 4, 1]
    """
    order = np.argsort(labels, kind='stable')
    turn = np.empty(len(labels), int)
    turn[order] = np.arange(len(labels)) - np.searchsorted(labels[order], labels[order])
    chosen = np.flatnonzero(turn < count)
    return chosen[np.lexsort((labels[chosen], turn[chosen]))]


def share_of_class(gen: mx.gluon.HybridBlock, judge: Judge, z: np.ndarray, number: int) -> float:
    """Return the share of the pictures of z (N, latent) that a judge takes for one class."""
    from ..gan.sampling import generate  # here, because it imports MXNet

    labels = judge(generate(gen, z)).probabilities.argmax(axis=1)
    return float((labels == number).mean())
