"""The grammar of metric names. A name carries its protocol, so only equal names are comparable.

`lenet_fd10k_test` is a Fréchet distance (`fd`) in the feature space of LeNet, of 10,000 samples
against the test images. `lenet` alone is the judge that ships with the package for the data; any
other judge is called by its hash as well, as in `lenet-0123abcd_fd10k_test`, or, without labels,
`autoencoder-0123abcd_fd10k_test`. The accuracies of LeNets that are trained for `evaluate
--utility` are called by the network and the steps, as in `lenet_accuracy_samples60k_s2000_test`.
Quick metrics are shorter: `samples/swd` has a space and a stem alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Meaning(NamedTuple):
    """What a metric means, and which values are good.

    better: `low`, `high`, or `data` where the ideal is the value that the data itself has.
    """

    text: str
    better: str


MEANINGS = {
    'fd': Meaning('Fréchet distance of features', 'low'),
    'kd': Meaning('kernel distance of features', 'low'),
    'kd_error': Meaning('standard error of the kernel distance', 'data'),
    'score': Meaning('classifier score, exp of a mean KL', 'high'),
    'classes': Meaning('classes covered', 'high'),
    'modes': Meaning('modes covered', 'high'),
    'share': Meaning('share confidently in this class', 'data'),
    'kl': Meaning('KL from uniform class shares', 'low'),
    'sure': Meaning('share classified confidently', 'data'),
    'asked': Meaning('share of the requested class', 'high'),
    'precision': Meaning('share of samples near the data', 'high'),
    'recall': Meaning('share of the data near samples', 'high'),
    'density': Meaning('density of the data around samples', 'data'),
    'coverage': Meaning('share of the data with a sample nearby', 'high'),
    'ndb': Meaning('bins whose shares differ', 'low'),
    'jsd': Meaning('Jensen-Shannon divergence of bins', 'low'),
    'nn_real': Meaning('1-NN accuracy on the data', 'data'),
    'nn_fake': Meaning('1-NN accuracy on the samples', 'data'),
    'spread': Meaning('mean distance between samples', 'data'),
    'support': Meaning('distinct images, at most 10,000', 'high'),
    'copies': Meaning('share that copies training images', 'low'),
    'nearest': Meaning('distance to the training images', 'data'),
    'mean': Meaning('mean of all pixels', 'data'),
    'std': Meaning('standard deviation of all pixels', 'data'),
    'sharpness': Meaning('sharpness, relative to the data', 'data'),
    'accuracy': Meaning('accuracy of the discriminator', 'data'),
    'accuracy_samples': Meaning('test images right by a network trained on samples', 'high'),
    'accuracy_real': Meaning('the same, trained on real images', 'data'),
    'accuracy_both': Meaning('the same, trained on samples and real images', 'high'),
    'gap': Meaning("discriminator's preference for training images", 'low'),
    'path': Meaning('sample change per latent step', 'data'),
    'path_spread': Meaning('unevenness of that change, 0 if even', 'low'),
    'caught': Meaning('modes caught', 'high'),
    'good': Meaning('share of points near a mode', 'high'),
    'swd': Meaning('sliced Wasserstein distance', 'low'),
}
UNKNOWN = Meaning('', 'low')

_WITH_COUNT = re.compile(
    r'(?P<space>[a-z0-9]+(-[0-9a-f]{8})?)_(?P<stem>[a-z]+(_[a-z]+)?)'
    r'(?P<count>\d+)(?P<thousands>k?)(_(?P<details>.*))?'
)


class MetricName(NamedTuple):
    """A metric's name in its parts.

    space: what was compared: `pixel`, `points`, `dis`, or the judge whose features were.
    stem: a key of MEANINGS. count: the number of samples, None for a quick metric.
    details: what else the value depends on, such as the split of the data.

    >>> name = MetricName.parse('lenet_fd10k_test')
    >>> name.space, name.stem, name.count, name.details
    ('lenet', 'fd', 10000, ('test',))
    >>> str(name)
    'lenet_fd10k_test'
    >>> MetricName.parse('samples/swd').stem
    'swd'
    >>> MetricName.parse('dis/loss') is None
    True
    """

    space: str
    stem: str
    count: int | None = None
    details: tuple[str, ...] = ()

    @classmethod
    def parse(cls, name: str) -> MetricName | None:
        """Return a name in its parts, None where it is not the name of a metric."""
        match = _WITH_COUNT.fullmatch(name)
        if match is None:
            space, _, stem = name.partition('/')
            return cls(space, stem) if stem in MEANINGS else None
        if match['stem'] not in MEANINGS:
            return None
        count = int(match['count']) * (1000 if match['thousands'] else 1)
        details = tuple(match['details'].split('_')) if match['details'] else ()
        return cls(match['space'], match['stem'], count, details)

    def __str__(self) -> str:
        if self.count is None:
            return f'{self.space}/{self.stem}'
        return '_'.join([self.space, f'{self.stem}{_short_count(self.count)}', *self.details])


def _short_count(count: int) -> str:
    return f'{count // 1000}k' if count % 1000 == 0 else str(count)


def judge_space(net: str, sha256: str | None = None) -> str:
    """Return the space of a judge's features: its network, and the start of its hash.

    sha256: None for the judge that ships with the package for the data in question.

    >>> judge_space('lenet'), judge_space('lenet', '0123abcd' * 8)
    ('lenet', 'lenet-0123abcd')
    """
    return net if sha256 is None else f'{net}-{sha256[:8]}'


def metric_name(space: str, stem: str, count: int, *details: str) -> str:
    """Return the name of a metric; the arguments are the fields of MetricName.

    >>> metric_name('pixel', 'coverage', 5_000, 'k5', 'test')
    'pixel_coverage5k_k5_test'
    """
    return str(MetricName(space, stem, count, details))


def metric_stem(name: str) -> str | None:
    """Return the stem of a metric's name, None where it is not the name of a metric.

    >>> metric_stem('pixel_nn_real512_train'), metric_stem('iteration')
    ('nn_real', None)
    """
    parsed = MetricName.parse(name)
    return None if parsed is None else parsed.stem


def count_of(name: str) -> int | None:
    """Return the number of samples in a metric's name, None where there is none.

    >>> count_of('lenet_fd2k_test'), count_of('samples/swd'), count_of('iteration')
    (2000, None, None)
    """
    parsed = MetricName.parse(name)
    return None if parsed is None else parsed.count


def metric_meaning(name: str) -> Meaning:
    """Return what a metric means, UNKNOWN where `name` is not the name of a metric."""
    return MEANINGS.get(metric_stem(name) or '', UNKNOWN)


def find_metric_name(names: Iterable[str], stem: str, space: str | None = None) -> str | None:
    """Return the first of the names that has a stem, None where there is none.

    space: only names of this space count, by default of any.

    >>> names = ['iteration', 'lenet_recall2k_k5_test', 'pixel_recall2k_k5_test']
    >>> find_metric_name(names, 'recall')
    'lenet_recall2k_k5_test'
    >>> find_metric_name(names, 'recall', 'pixel')
    'pixel_recall2k_k5_test'
    """
    for name in names:
        parsed = MetricName.parse(name)
        if parsed and parsed.stem == stem and space in (None, parsed.space):
            return name
    return None


def find_metric(values: Mapping[str, float], stem: str, space: str | None = None) -> float | None:
    """Return the value of the metric with a stem, and of a space if given; None if there is none.

    >>> find_metric({'iteration': 500, 'lenet_fd2k_test': 3.5}, 'fd')
    3.5
    """
    name = find_metric_name(values, stem, space)
    return None if name is None else values[name]


def find_metrics(values: Mapping[str, float], stem: str) -> list[float]:
    """Return the values of all metrics with a stem, such as the share of each class."""
    return [value for name, value in values.items() if metric_stem(name) == stem]
