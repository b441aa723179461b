"""The measurements: each a short function from samples and reference to numbers by name; `evaluate` makes them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..data import toys
from ..metric_names import named
from . import metrics
from .reference import Floats, Reference
from .samples import Samples

Values = dict[str, float]

K = 5  # neighbours that make a ball, in precision, recall, density and coverage
MANY = 100  # classes from which on they are called modes, and count with a single sample (stacked MNIST)


class Counts(NamedTuple):
    """How many samples each kind of measurement takes at most; their metrics' names say how many there were."""

    manifold: int = 5_000
    neighbours: int = 2_000
    diversity: int = 2_000
    memory: int = 1_000


COUNTS = Counts()


def pixel_statistics(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Mean and deviation of all pixels, and their sharpness over the data's."""
    x, n = samples.x, len(samples)
    values = {
        'mean': x.mean(dtype=np.float64),
        'std': x.std(dtype=np.float64),
        'sharpness': metrics.sharpness(x) / max(reference.sharpness, 1e-12),
    }
    return {named('pixel', stem, n): float(value) for stem, value in values.items()}


def judged(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """What the judge sees: distances of features, and classes."""
    seen, n = reference.judge(samples.x), len(samples)
    value, error = metrics.kernel_distance(seen.features, reference.judged.features)
    found = metrics.classes(seen.probabilities)
    label = seen.probabilities.argmax(axis=1)
    values = {
        named(reference.net, 'fd', n, reference.split): metrics.frechet_distance(
            metrics.moments(seen.features), reference.moments
        ),
        named(reference.net, 'kd', n, reference.split): value,
        named(reference.net, 'kd_error', n, reference.split): error,
        named(reference.net, 'score', n): metrics.classifier_score(seen.probabilities),
        named(reference.net, 'classes', n): len(found.shares) - len(found.missing),
        named(reference.net, 'kl', n, 'uniform'): found.kl,
        named(reference.net, 'sure', n): float(
            (seen.probabilities.max(axis=1) >= metrics.SURE).mean()
        ),
    }
    if len(found.shares) >= MANY:
        values[named(reference.net, 'modes', n)] = len(np.unique(label))
    else:
        values.update(
            {
                named(reference.net, 'share', n, str(i)): float(share)
                for i, share in enumerate(found.shares)
            }
        )
    if samples.asked is not None:
        values[named(reference.net, 'asked', n)] = float((label == samples.asked).mean())
    return values


def manifold(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Precision, recall, density and coverage among pixels."""
    n = min(counts.manifold, len(samples), len(reference.images))
    found = metrics.manifold(reference.images[:n], samples.x[:n], k=K, radii=reference.radii(n, K))
    return {
        named('pixel', stem, n, f'k{K}', reference.split): value
        for stem, value in found._asdict().items()
    }


def bins(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Statistically different bins among pixels, against the training images."""
    found = reference.bins.compare(samples.x)
    rest = (f'k{len(reference.bins.centres)}', 'train')
    return {
        named('pixel', 'ndb', len(samples), *rest): found.different,
        named('pixel', 'jsd', len(samples), *rest): found.divergence,
    }


def neighbours(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """1-NN accuracy among pixels, as two halves."""
    n = min(counts.neighbours, len(samples), len(reference.images))
    halves = metrics.nearest_neighbour_accuracy(reference.images[:n], samples.x[:n])
    return {
        named('pixel', f'nn_{half}', n, reference.split): value
        for half, value in halves._asdict().items()
    }


def diversity(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """How different samples are from each other."""
    n = min(counts.diversity, len(samples))
    found = metrics.diversity(samples.x[:n], reference.pairs)
    return {
        named('pixel', stem, n, reference.split): value for stem, value in found._asdict().items()
    }


@lru_cache(maxsize=1)  # for the figure that comes after the number
def remembered(samples: Samples, reference: Reference, n: int) -> metrics.Memory:
    """Return the training images that the first n samples are nearest to."""
    return metrics.memory(samples.x[:n], Floats(reference.train))


def closest(
    samples: Samples, reference: Reference, count: int = 16
) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples that are closest to a training image, and those images: (count, ...) each, the closest first."""
    found = remembered(samples, reference, min(COUNTS.memory, len(samples)))
    order = np.argsort(found.closeness, kind='stable')[:count]
    return samples.x[order], reference.train.floats(found.index[order])


def memory(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Copies of training images."""
    n = min(counts.memory, len(samples))
    found = remembered(samples, reference, n)
    return {
        named('pixel', 'copies', n, 'train'): found.copies,
        named('pixel', 'nearest', n, 'train'): float(found.distance.mean()),
    }


def discriminator(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """D's accuracy on samples and data that neither network has seen, and how much higher it scores what it was trained on.

    The gap is the chance that a training image scores above a test image, less a half: 0 for a D that generalises, 0.5 for one
    that knows its images by heart; whatever the scale of its scores.
    """
    n = min(len(samples), len(reference.images))
    fake = samples.critic(samples.x[:n], None if samples.asked is None else samples.asked[:n])
    held = samples.critic(
        reference.images[:n], None if reference.labels is None else reference.labels[:n]
    )
    values = {}
    if samples.decides:
        right = ((held > 0).mean() + (fake < 0).mean()) / 2
        values[named('dis', 'accuracy', n, reference.split)] = float(right)
    if reference.split != 'train':
        chosen = np.random.RandomState(0).permutation(len(reference.train))[:n]
        labels = None if reference.train.labels is None else reference.train.labels[chosen]
        seen = samples.critic(reference.train.floats(chosen), labels)
        values[named('dis', 'gap', n, 'train', reference.split)] = (
            metrics.chance_above(seen, held) - 0.5
        )
    return values


def mixture(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """How points cover a mixture whose modes are known."""
    found = metrics.coverage(samples.x, *toys.modes(reference.train.name))
    rest = {'caught': found.caught, 'good': found.good, 'kl': found.reverse_kl}
    return {named('points', stem, len(samples)): value for stem, value in rest.items()}


Step = tuple[str, Callable[[Samples, Reference, Counts], Values]]


def steps(samples: Samples, reference: Reference) -> list[Step]:
    """Return the measurements that make sense for these samples, with the words that progress shows."""
    if not reference.train.is_image:
        known = reference.train.name in toys.MIXTURES
        return [('modes', mixture)] if known else []
    return [
        *([('what the judge sees', judged)] if reference.judge else []),
        ('precision, recall, density, coverage', manifold),
        ('bins', bins),
        ('nearest neighbours', neighbours),
        ('diversity', diversity),
        ('copies of training images', memory),
        ('pixels', pixel_statistics),
        *([('discriminator', discriminator)] if samples.critic else []),
    ]


def evaluate(
    samples: Samples,
    reference: Reference,
    *,
    counts: Counts = COUNTS,
    only: Iterable[Callable[..., Values]] | None = None,
    tell: Callable[[str, float], None] = lambda words, seconds: None,
) -> Values:
    """Return every measurement of samples against a reference, by name; `tell` hears of each step with the seconds it took.

    only: the measurements to make, where not all of them.
    """
    values: Values = {}
    for words, step in steps(samples, reference):
        if only is None or step in only:
            begun = time.perf_counter()
            values.update(step(samples, reference, counts))
            tell(words, time.perf_counter() - begun)
    return values
