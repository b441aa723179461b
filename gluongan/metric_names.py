"""The names of metrics, which carry their protocol: numbers of different names are never to be compared.

`lenet_fd10k_test` is by the features of LeNet, of 10,000 samples, against the test images.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Meaning(NamedTuple):
    """What a metric means, in a few words, and which end of it is good: `low`, `high`, or `data`, near the data's own."""

    words: str
    better: str


MEANINGS = {
    'fd': Meaning('Fréchet distance of features', 'low'),
    'kd': Meaning('kernel distance of features', 'low'),
    'kd_error': Meaning('its standard error', 'data'),
    'score': Meaning('exp KL of class probabilities', 'high'),
    'classes': Meaning('classes covered', 'high'),
    'modes': Meaning('modes with a sample', 'high'),
    'share': Meaning('share surely of a class', 'data'),
    'kl': Meaning('KL of classes from even', 'low'),
    'sure': Meaning('share surely classified', 'data'),
    'asked': Meaning('share of the class asked for', 'high'),
    'precision': Meaning('samples among the data', 'high'),
    'recall': Meaning('data among samples', 'high'),
    'density': Meaning('density around samples', 'data'),
    'coverage': Meaning('data with a sample near', 'high'),
    'ndb': Meaning('bins that differ', 'low'),
    'jsd': Meaning('Jensen-Shannon divergence', 'low'),
    'nn_real': Meaning('1-NN accuracy on the data', 'data'),
    'nn_fake': Meaning('1-NN accuracy on samples', 'data'),
    'spread': Meaning('distance of two samples', 'data'),
    'support': Meaning('different pictures, at most', 'high'),
    'copies': Meaning('copies of training data', 'low'),
    'nearest': Meaning('distance to training data', 'data'),
    'mean': Meaning('mean of all pixels', 'data'),
    'std': Meaning('deviation of all pixels', 'data'),
    'sharpness': Meaning('sharpness, the data has 1', 'data'),
    'accuracy': Meaning('accuracy of D', 'data'),
    'gap': Meaning('D on train against test', 'low'),
    'caught': Meaning('modes caught', 'high'),
    'good': Meaning('points near a mode', 'high'),
    'swd': Meaning('sliced Wasserstein distance', 'low'),
}

_FORM = re.compile(r'[a-z0-9]+_(?P<stem>[a-z]+(?:_[a-z]+)?)\d+k?(?:_.*)?')


def named(space: str, stem: str, count: int, *rest: str) -> str:
    """Return a metric's name: what it looks at, its stem, how many samples, and what else its value depends on."""
    return '_'.join([space, f'{stem}{short(count)}', *rest])


def short(count: int) -> str:
    """Return a number as names say it: 10k for 10,000, 512 for 512."""
    return f'{count // 1000}k' if count % 1000 == 0 else str(count)


def stem(name: str) -> str | None:
    """Return the stem of a metric's name, None for what is none."""
    match = _FORM.fullmatch(name)
    found = match['stem'] if match else name.partition('/')[2]
    return found if found in MEANINGS else None


def meaning(name: str) -> Meaning:
    """Return what a metric means, and nothing in particular for a name that is none."""
    return MEANINGS.get(stem(name) or '', Meaning('', 'low'))


def every(values: dict[str, float], wanted: str) -> list[float]:
    """Return the values of all metrics with that stem."""
    return [value for name, value in values.items() if stem(name) == wanted]


def find(values: dict[str, float], wanted: str) -> float | None:
    """Return the value of the one metric in `values` with that stem, or None."""
    return next(iter(every(values, wanted)), None)
