"""What samples are worth as training data: a classifier learns from them and is tested on the data.

Train on synthetic, test on real (TSTR, Esteban et al. 2017, arXiv 1706.02633); the classification
accuracy score of Ravuri and Vinyals 2019 (arXiv 1905.10887) is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..data import has_clusters
from ..errors import InputError
from ..metric_names import metric_name
from ..runtime import seed as seed_mxnet
from . import classifier

if TYPE_CHECKING:
    from ..data import Dataset
    from ..data.batches import Batches
    from .reference import Reference

STEPS = 2_000
BATCH = 128
REPEATS = 3
TRAININGS = 3 * REPEATS  # on samples, on real pictures and on both

OnTrained = Callable[[str, float], None]


@dataclass(frozen=True)
class Utility:
    """Test accuracies of one classifier, trained from several seeds on each kind of pictures.

    net: its network. steps: of each training.
    samples, real: how many there were to train on. test: how many to test on.
    on_samples, on_real, on_both: the accuracy of each seed, in [0, 1].

    >>> accuracies = (0.75, 0.75), (0.5, 0.5), (0.875, 0.875)
    >>> utility = Utility('lenet', 2_000, 500, 100, 10_000, *accuracies)
    >>> utility.values()['lenet_accuracy_samples500_s2000_test']
    0.75
    >>> utility.effect
    'help'
    >>> utility.sentence()
    'lenet is 75.0% right on test pictures when trained on 500 samples, 50.0% on 100 real \
pictures, 87.5% on both: the samples help'
    """

    net: str
    steps: int
    samples: int
    real: int
    test: int
    on_samples: tuple[float, ...]
    on_real: tuple[float, ...]
    on_both: tuple[float, ...]

    def values(self) -> dict[str, float]:
        """Return the mean accuracies by metric name."""
        kinds = {
            'accuracy_samples': (self.samples, self.on_samples),
            'accuracy_real': (self.real, self.on_real),
            'accuracy_both': (self.samples + self.real, self.on_both),
        }
        return {
            metric_name(self.net, stem, count, f's{self.steps}', 'test'): float(np.mean(accuracies))
            for stem, (count, accuracies) in kinds.items()
        }

    @property
    def effect(self) -> str:
        """Whether samples beside real pictures `help`, `hurt`, or `make no clear difference`.

        A difference is clear where every seed agrees, and the means differ by twice the standard
        error that the number of test pictures leaves.
        """
        difference = np.mean(self.on_both) - np.mean(self.on_real)
        mean = (np.mean(self.on_both) + np.mean(self.on_real)) / 2
        error = np.sqrt(2 * mean * (1 - mean) / self.test)
        if abs(difference) < 2 * error:
            return 'make no clear difference'
        if min(self.on_both) > max(self.on_real):
            return 'help'
        if max(self.on_both) < min(self.on_real):
            return 'hurt'
        return 'make no clear difference'

    def sentence(self) -> str:
        """Return what the accuracies mean."""
        return (
            f'{self.net} is {np.mean(self.on_samples):.1%} right on test pictures when trained on '
            f'{self.samples:,} samples, {np.mean(self.on_real):.1%} on {self.real:,} real '
            f'pictures, {np.mean(self.on_both):.1%} on both: the samples {self.effect}'
        )

    def note(self) -> str:
        """Return in one line how the accuracies were measured, and how seeds differ."""
        return (
            f'utility: {self.net} trained from {len(self.on_real)} seeds, {self.steps:,} steps of '
            f'up to {BATCH} pictures each; test accuracy on {self.test:,} real pictures '
            f'{_range(self.on_samples)} after samples, {_range(self.on_real)} after real '
            f'pictures, {_range(self.on_both)} after both'
        )


def _range(accuracies: Sequence[float]) -> str:
    return f'{min(accuracies):.2%} to {max(accuracies):.2%}'


def check_utility(reference: Reference) -> None:
    """Raise InputError for data that a classifier cannot be trained on and tested with."""
    train = reference.train
    problem = ''
    if not train.is_image:
        problem = 'is made of points; must be pictures'
    elif len(train.classes) < 2:
        problem = 'has no classes to tell apart; must have two or more'
    elif has_clusters(train):
        problem = 'has clusters instead of classes; must have labels of its own'
    elif not reference.is_held_out or reference.labels is None:
        problem = 'has no test pictures with labels; must have some to test a classifier on'
    elif min(train.shape[1:]) < classifier.SMALLEST:
        problem = f'has smaller pictures; must be at least {classifier.SMALLEST} pixels a side'
    if problem:
        raise InputError(f'{train.name} {problem}', setting='utility')


def measure_utility(
    samples: Dataset,
    reference: Reference,
    *,
    seeds: Sequence[int] = range(REPEATS),
    steps: int = STEPS,
    device: str = 'cpu',
    on_trained: OnTrained | None = None,
) -> Utility:
    """Return the accuracies on test pictures of classifiers trained on samples, real ones and both.

    samples: labelled by the class that was asked for, of the same classes as the data. Of both,
    each batch is half samples and half real pictures, however many there are of each.
    steps: of each training, the same for all. on_trained(pictures, accuracy) is called after each.
    Raises InputError for data without labelled test pictures.
    """
    check_utility(reference)
    train = reference.train
    net = classifier.default_net(train)
    kinds = {'samples': [samples], 'real pictures': [train], 'both': [samples, train]}
    accuracies: dict[str, list[float]] = {kind: [] for kind in kinds}
    for seed in seeds:
        for kind, sources in kinds.items():
            judge = _trained(net, sources, seed, steps, device)
            accuracy = judge.accuracy(reference.images, reference.labels)
            accuracies[kind].append(accuracy)
            if on_trained is not None:
                on_trained(kind, accuracy)
    counts = len(samples), len(train), len(reference.images)
    return Utility(net, steps, *counts, *(tuple(values) for values in accuracies.values()))


def _trained(
    net: str, sources: Sequence[Dataset], seed: int, steps: int, device: str
) -> classifier.Judge:
    """Return a classifier trained on data sets, whose parts of a batch are equal."""
    first = sources[0]
    seed_mxnet(seed)
    about = classifier.About(net, first.name, first.shape, first.classes, seed=seed)
    judge = classifier.Judge(
        about, classifier.initialised(net, first.shape, len(first.classes), device)
    )
    batches = [_batches(source, BATCH // len(sources), seed, device) for source in sources]
    classifier.fit(judge.net, batches, steps)
    return judge


def _batches(source: Dataset, batch: int, seed: int, device: str) -> Batches:
    return source.batches(min(batch, len(source)), seed=seed, device=device)
