"""All measurements: each is a short function from samples and reference to metrics by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..data import toys
from ..metric_names import metric_name
from . import metrics
from .reference import Floats, Reference
from .samples import Samples

if TYPE_CHECKING:
    from .classifier import Judgement

Values = dict[str, float]

K = 5  # neighbours that set the radius of a ball: precision, recall, density, coverage
FIDELITY_AND_VARIETY = 'precision, recall, density, coverage'
FEWEST = 20  # samples, and images of the data, whose comparison means something
SENSITIVE = 100  # the least number of latent vectors whose spread means something
LEAST = 1e-6  # a distance or a sharpness of the data that others can be divided by
OF_CLASSES = ('score', 'classes', 'kl', 'sure', 'modes', 'share', 'asked')  # stems of `_of_classes`
# From this number of classes on they are called modes (stacked MNIST). One sample covers a mode.
MANY_CLASSES = 100


class Counts(NamedTuple):
    """The maximum number of samples for each kind of measurement.

    A metric's name says how many there were.
    """

    manifold: int = 5_000
    neighbours: int = 2_000
    diversity: int = 2_000
    memory: int = 1_000
    sensitivity: int = 1_000


COUNTS = Counts()

Measure = Callable[[Samples, Reference, Counts], Values]


def measure_pixels(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Return mean and standard deviation of all pixels, and the sharpness relative to the data."""
    x = samples.x
    n = len(samples)
    values = {
        metric_name('pixel', 'mean', n): float(x.mean(dtype=np.float64)),
        metric_name('pixel', 'std', n): float(x.std(dtype=np.float64)),
    }
    if reference.sharpness > LEAST:
        sharpness = metrics.sharpness(x) / reference.sharpness
        values[metric_name('pixel', 'sharpness', n)] = float(sharpness)
    return values


def measure_by_judge(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Return the metrics that need the judge: distances of features, and classes if it has any."""
    net = reference.space
    split = reference.split
    n = len(samples)
    features, probabilities = _judged(samples, reference)
    kernel = metrics.kernel_distance(features, reference.judgement.features)
    frechet = metrics.frechet_distance(metrics.moments(features), reference.moments)
    values = {
        metric_name(net, 'fd', n, split): frechet,
        metric_name(net, 'kd', n, split): kernel.value,
        metric_name(net, 'kd_error', n, split): kernel.error,
    }
    if probabilities is None:
        return values
    return values | _of_classes(probabilities, samples, reference)


@lru_cache(maxsize=1)  # two measurements are of what the judge has computed
def _judged(samples: Samples, reference: Reference) -> Judgement:
    return reference.judge(samples.x)


def _of_classes(probabilities: np.ndarray, samples: Samples, reference: Reference) -> Values:
    """Return the metrics of the judge's class probabilities (N, classes)."""
    net = reference.space
    n = len(samples)
    classes = metrics.classes(probabilities, reference.class_shares)
    label = probabilities.argmax(axis=1)
    is_sure = probabilities.max(axis=1) >= metrics.SURE
    values = {
        metric_name(net, 'score', n): metrics.classifier_score(probabilities),
        metric_name(net, 'classes', n): _expected(reference, classes) - len(classes.missing),
        metric_name(net, 'kl', n, 'uniform'): classes.kl,
        metric_name(net, 'sure', n): float(is_sure.mean()),
    }
    if len(classes.shares) >= MANY_CLASSES:
        values[metric_name(net, 'modes', n)] = len(np.unique(label))
    else:
        for i, share in enumerate(classes.shares):
            values[metric_name(net, 'share', n, str(i))] = float(share)
    # Only where the numbers of its classes mean the same as those of the data.
    if samples.labels is not None and reference.classes == reference.train.classes:
        values[metric_name(net, 'asked', n)] = float((label == samples.labels).mean())
    return values


def _expected(reference: Reference, classes: metrics.Classes) -> int:
    """Return how many classes samples should cover."""
    shares = reference.class_shares
    return len(classes.shares) if shares is None else int(np.count_nonzero(shares))


def measure_manifold(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Return precision, recall, density and coverage in pixel space."""
    n = min(counts.manifold, len(samples), len(reference.images))
    radii = reference.squared_radii(n, K)
    result = metrics.manifold(reference.images[:n], samples.x[:n], k=K, radii=radii)
    details = (f'k{K}', reference.split)
    return _named(result, 'pixel', n, details)


def measure_manifold_of_features(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Return precision, recall, density and coverage in the judge's features.

    A picture that moves by a pixel moves far in pixel space, and hardly there.
    """
    n = min(counts.manifold, len(samples), len(reference.images))
    features = _judged(samples, reference).features[:n]
    radii = reference.squared_radii(n, K, of_features=True)
    result = metrics.manifold(reference.judgement.features[:n], features, k=K, radii=radii)
    return _named(result, reference.space, n, (f'k{K}', reference.split))


def measure_bins(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Return the bins that differ from the training images in pixel space."""
    if reference.distinct < metrics.BINS:
        return {}
    n = len(samples)
    different, divergence = reference.bins.compare(samples.x)
    details = (f'k{len(reference.bins.centres)}', 'train')
    return {
        metric_name('pixel', 'ndb', n, *details): different,
        metric_name('pixel', 'jsd', n, *details): divergence,
    }


def measure_neighbours(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Return both halves of the 1-NN accuracy in pixel space."""
    n = min(counts.neighbours, len(samples), len(reference.images))
    halves = metrics.nearest_neighbour_accuracy(reference.images[:n], samples.x[:n])
    return {
        metric_name('pixel', 'nn_real', n, reference.split): halves.real,
        metric_name('pixel', 'nn_fake', n, reference.split): halves.fake,
    }


def measure_diversity(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Return how different samples are from each other in pixel space."""
    n = min(counts.diversity, len(samples))
    result = metrics.diversity(samples.x[:n], reference.pairs)
    values = _named(result, 'pixel', n, (reference.split,))
    if reference.pairs.mean <= LEAST:
        del values[metric_name('pixel', 'spread', n, reference.split)]
    if reference.pairs.alike <= LEAST**2:
        del values[metric_name('pixel', 'support', n, reference.split)]
    return values


def measure_memory(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Return the copies of training images among the samples."""
    n = min(counts.memory, len(samples))
    memory = _memory(samples, reference, n)
    return {
        metric_name('pixel', 'copies', n, 'train'): memory.copies,
        metric_name('pixel', 'nearest', n, 'train'): float(memory.distance.mean()),
    }


@lru_cache(maxsize=1)  # the figure is drawn from what the metric has computed
def _memory(samples: Samples, reference: Reference, n: int) -> metrics.Memory:
    return metrics.memory(samples.x[:n], Floats(reference.train))


def closest_to_training(
    samples: Samples, reference: Reference, count: int = 16
) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples that are closest to a training image, and those images.

    Each is (count, ...), the closest first. The first 1,000 samples are searched.
    """
    memory = _memory(samples, reference, min(COUNTS.memory, len(samples)))
    order = np.argsort(memory.closeness, kind='stable')[:count]
    return samples.x[order], reference.train.floats(memory.index[order])


def measure_discriminator(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Return the discriminator's accuracy, and its preference for what it was trained on.

    The accuracy is on samples and on data that neither network was trained on. The gap is the
    probability that a training image scores above a test image, minus one half: 0 for a
    discriminator that generalises, 0.5 for one that has memorised its images, on any scale of
    scores.
    """
    n = min(len(samples), len(reference.images))
    y_real = samples.critic(reference.images[:n], _first(reference.labels, n))
    values = {}
    if samples.is_classifier:
        y_fake = samples.critic(samples.x[:n], _first(samples.labels, n))
        accuracy = ((y_real > 0).mean() + (y_fake < 0).mean()) / 2
        values[metric_name('dis', 'accuracy', n, reference.split)] = float(accuracy)
    if reference.split != 'train':
        train = reference.train
        chosen = np.random.RandomState(0).permutation(len(train))[:n]
        labels = None if train.labels is None else train.labels[chosen]
        y_train = samples.critic(train.floats(chosen), labels)
        gap = metrics.chance_above(y_train, y_real) - 0.5
        values[metric_name('dis', 'gap', n, 'train', reference.split)] = gap
    return values


def _first(labels: np.ndarray | None, n: int) -> np.ndarray | None:
    return None if labels is None else labels[:n]


def measure_sensitivity(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Return how much a small step of the latent vector changes a sample, and how evenly."""
    n = min(counts.sensitivity, len(samples))
    result = metrics.sensitivity(samples.slopes(n))
    values = _named(result, 'gen', n, ())
    if result.path <= LEAST:
        del values[metric_name('gen', 'path_spread', n)]
    return values


def measure_mixture(samples: Samples, reference: Reference, counts: Counts) -> Values:
    """Return how points cover a mixture whose modes are known."""
    n = len(samples)
    coverage = metrics.coverage(samples.x, *toys.modes(reference.train.built_in))
    return {
        metric_name('points', 'caught', n): coverage.caught,
        metric_name('points', 'good', n): coverage.good,
        metric_name('points', 'kl', n): coverage.reverse_kl,
    }


def _named(result: NamedTuple, space: str, n: int, details: tuple[str, ...]) -> Values:
    """Return the fields of a result by the names of their metrics."""
    fields = result._asdict().items()
    return {metric_name(space, stem, n, *details): value for stem, value in fields}


def measurements(samples: Samples, reference: Reference) -> dict[str, Measure]:
    """Return the measurements that suit these samples, by the text that progress shows."""
    suitable: dict[str, Measure] = {}
    if not reference.train.is_image:
        if reference.train.built_in in toys.MIXTURES:
            suitable['modes'] = measure_mixture
        return suitable | _of_generator(samples)
    enough = _can_be_compared(samples, reference)
    if enough and reference.judge:
        has_classes = reference.judge.about.has_classes
        suitable['features and classes' if has_classes else 'features'] = measure_by_judge
        suitable[f'{FIDELITY_AND_VARIETY} of features'] = measure_manifold_of_features
    if enough:
        suitable[f'{FIDELITY_AND_VARIETY} of pixels'] = measure_manifold
    if len(samples) >= metrics.BINS:
        suitable['bins'] = measure_bins
    if enough:
        suitable['nearest neighbours'] = measure_neighbours
        suitable['diversity'] = measure_diversity
    suitable['copies of training images'] = measure_memory
    suitable['pixels'] = measure_pixels
    if enough and samples.critic:
        suitable['discriminator'] = measure_discriminator
    return suitable | _of_generator(samples)


def _of_generator(samples: Samples) -> dict[str, Measure]:
    if samples.slopes is None or len(samples) < SENSITIVE:
        return {}
    return {'sensitivity': measure_sensitivity}


def _can_be_compared(samples: Samples, reference: Reference) -> bool:
    return min(len(samples), len(reference.images)) >= FEWEST


def left_out_of(samples: Samples, reference: Reference) -> list[str]:
    """Return a sentence for the metrics that these samples cannot have beside this data.

    >>> from gluongan import data
    >>> ring = Reference(data.load('ring8'))
    >>> left_out_of(Samples('x.npz', ring.images[:200]), ring)
    ['no `path` and no `path_spread`: x.npz has no generator']
    """
    notes = []
    if samples.slopes is None:
        notes.append(f'no `path` and no `path_spread`: {samples.source} has no generator')
    elif len(samples) < SENSITIVE:
        few = f'{len(samples)} samples; must be at least {SENSITIVE}'
        notes.append(f'no `path` and no `path_spread`: {few}')
    if not reference.train.is_image:
        return notes
    if not _can_be_compared(samples, reference):
        notes.append(
            'no metric of variety, features, neighbours or the discriminator: '
            f'{len(samples)} samples and {len(reference.images)} images of {reference.train.name} '
            f'to compare them with; must be at least {FEWEST} each'
        )
    if len(samples) < metrics.BINS <= reference.distinct:
        few = f'{len(samples)} samples; must be at least {metrics.BINS}'
        notes.append(f'no `ndb` and no `jsd`: {few}')
    return notes


def left_out(reference: Reference) -> list[str]:
    """Return a sentence for each metric that has no meaning for this data.

    >>> from gluongan import data
    >>> left_out(Reference(data.Dataset('grey', np.full((200, 1, 8, 8), 99, np.uint8))))[0]
    'no `spread` and no `sharpness`: the images of grey are all alike'
    """
    if not reference.train.is_image:
        return []
    name = reference.train.name
    notes = []
    if reference.judge and not reference.judge.about.has_classes:
        *stems, last = (f'`{stem}`' for stem in OF_CLASSES)
        notes.append(f'no {", ".join(stems)} or {last}: the judge was trained without labels')
    pairs = reference.pairs if len(reference.images) >= FEWEST else None
    if pairs and pairs.mean <= LEAST:
        notes.append(f'no `spread` and no `sharpness`: the images of {name} are all alike')
    elif reference.sharpness <= LEAST:
        notes.append(f'no `sharpness`: the images of {name} have no edges')
    if pairs and pairs.alike <= LEAST**2:
        notes.append(f'no `support`: {name} has copies of images')
    if reference.distinct < metrics.BINS:
        notes.append(
            f'no `ndb` and no `jsd`: {name} has {reference.distinct} different images; '
            f'must be at least {metrics.BINS}'
        )
    return notes


def evaluate(
    samples: Samples,
    reference: Reference,
    *,
    counts: Counts = COUNTS,
    only: Iterable[Measure] | None = None,
    on_step: Callable[[str, float], None] | None = None,
) -> Values:
    """Return every measurement of samples against a reference, by metric name.

    only: the measurements to make, by default all. on_step(name, seconds) is called after each.

    >>> from gluongan import data
    >>> train = data.load('synthetic', image_size=8)
    >>> samples = Samples('training images', train.floats())
    >>> evaluate(samples, Reference(train), only=[measure_memory])['pixel_copies512_train']
    1.0
    """
    values: Values = {}
    for name, measure in measurements(samples, reference).items():
        if only is not None and measure not in only:
            continue
        start = time.perf_counter()
        values.update(measure(samples, reference, counts))
        if on_step is not None:
            on_step(name, time.perf_counter() - start)
    return values
