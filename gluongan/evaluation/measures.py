"""The measurements: each is a short function from samples and reference to metrics by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..data import toys
from ..data.dataset import Floats
from ..metric_names import MetricName, metric_name
from . import metrics
from .intervals import Intervals, groups_of
from .reference import Reference
from .samples import Samples

if TYPE_CHECKING:
    from .classifier import Judgement

Values = dict[str, float]

K = 5  # neighbours that set the radius of a ball: precision, recall, density, coverage
LEAST = 1e-6  # a distance or a sharpness of the data that others can be divided by
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

Measure = Callable[[Samples, Reference, Counts, 'Intervals | None'], Values]


def measure_pixels(
    samples: Samples, reference: Reference, counts: Counts, intervals: Intervals | None = None
) -> Values:
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
    if intervals is not None:
        mean, deviation, sharp = metrics.pixels_without(x, groups_of(samples, n))
        without = mean, deviation, sharp / max(reference.sharpness, LEAST)
        for (name, value), of_metric in zip(values.items(), without):
            intervals.of_groups(name, value, of_metric)
    return values


def measure_by_judge(
    samples: Samples, reference: Reference, counts: Counts, intervals: Intervals | None = None
) -> Values:
    """Return the metrics that need the judge: distances of features, and classes if it has any."""
    net = reference.space
    split = reference.split
    n = len(samples)
    features, probabilities = _judged(samples, reference)
    blocks = metrics.kernel_blocks(features, reference.judgement.features)
    kernel = blocks.distance()
    frechet = metrics.frechet_distance(metrics.moments(features), reference.moments)
    values = {
        metric_name(net, 'fd', n, split): frechet,
        metric_name(net, 'kd', n, split): kernel.value,
        metric_name(net, 'kd_error', n, split): kernel.error,
    }
    if intervals is not None:
        left = metrics.moments_without(features, groups_of(samples, n))
        without = np.array([metrics.frechet_distance(of, reference.moments) for of in left])
        intervals.of_groups(metric_name(net, 'fd', n, split), frechet, without)
        intervals.of_mean(metric_name(net, 'kd', n, split), kernel.value, blocks.parts)
    if probabilities is None:
        return values
    return values | _of_classes(probabilities, samples, reference, intervals)


@lru_cache(maxsize=1)  # two measurements are of what the judge has computed
def _judged(samples: Samples, reference: Reference) -> Judgement:
    return reference.judge(samples.x)


def _of_classes(
    probabilities: np.ndarray,
    samples: Samples,
    reference: Reference,
    intervals: Intervals | None,
) -> Values:
    """Return the metrics of the judge's class probabilities (N, classes)."""
    net = reference.space
    n = len(samples)
    classes = metrics.classes(probabilities, reference.class_shares)
    k = len(classes.shares)
    label, is_sure = _labels(probabilities)
    values = {
        metric_name(net, 'score', n): metrics.classifier_score(probabilities),
        metric_name(net, 'classes', n): _expected(reference, k) - len(classes.missing),
        metric_name(net, 'kl', n, 'uniform'): classes.kl,
        metric_name(net, 'sure', n): float(is_sure.mean()),
    }
    if k >= MANY_CLASSES:
        values[metric_name(net, 'modes', n)] = len(np.unique(label))
    else:
        for i, share in enumerate(classes.shares):
            values[metric_name(net, 'share', n, str(i))] = float(share)
    # Only where the numbers of its classes mean the same as those of the data.
    if samples.labels is not None and reference.classes == reference.train.classes:
        values[metric_name(net, 'asked', n)] = float((label == samples.labels).mean())
    if intervals is not None:
        _add_intervals_of_classes(probabilities, values, samples, reference, intervals)
    return values


def _add_intervals_of_classes(
    probabilities: np.ndarray,
    values: Values,
    samples: Samples,
    reference: Reference,
    intervals: Intervals,
) -> None:
    """Add the intervals of the metrics of the judge's class probabilities (N, classes)."""
    n, k = probabilities.shape
    label, is_sure = _labels(probabilities)
    group = groups_of(samples, n)
    without = metrics.classes_without(probabilities, group)
    for name, value in values.items():
        parsed = MetricName.parse(name)
        if parsed.stem == 'score':
            intervals.of_groups(name, value, without.score, most=k)
        elif parsed.stem == 'classes':
            shares = metrics.classes(probabilities, reference.class_shares).shares
            redrawn = metrics.redrawn_missing(shares, n, reference.class_shares)
            intervals.of_redraws(name, value, redrawn, most=_expected(reference, k))
        elif parsed.stem == 'kl':
            intervals.of_groups(name, value, without.kl)
        elif parsed.stem == 'modes':
            intervals.of_groups(name, value, without.seen, most=k)
        elif parsed.stem == 'sure':
            intervals.of_share(name, is_sure)
        elif parsed.stem == 'share':
            intervals.of_share(name, is_sure & (label == int(parsed.details[0])))
        elif parsed.stem == 'asked':
            intervals.of_share(name, label == samples.labels)


def _labels(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the most probable class of each sample, and whether it is sure, (N,) each."""
    return probabilities.argmax(axis=1), probabilities.max(axis=1) >= metrics.SURE


def _expected(reference: Reference, classes: int) -> int:
    """Return how many of the judge's classes samples should cover."""
    shares = reference.class_shares
    return classes if shares is None else int(np.count_nonzero(shares))


def measure_manifold(
    samples: Samples, reference: Reference, counts: Counts, intervals: Intervals | None = None
) -> Values:
    """Return precision, recall, density and coverage in pixel space."""
    n = min(counts.manifold, len(samples), len(reference.images))
    radii = reference.squared_radii(n, K)
    group = None if intervals is None else groups_of(samples, n)
    overlap = metrics.overlap(reference.images[:n], samples.x[:n], k=K, radii=radii, group=group)
    return _of_overlap(overlap, 'pixel', reference.split, intervals)


def _of_overlap(
    overlap: metrics.Overlap, space: str, split: str, intervals: Intervals | None
) -> Values:
    """Return precision, recall, density and coverage, and add their intervals."""
    n = len(overlap.balls)
    names = {
        stem: metric_name(space, stem, n, f'k{overlap.k}', split)
        for stem in metrics.Manifold._fields
    }
    found = overlap.manifold()
    if intervals is not None:
        intervals.of_share(names['precision'], overlap.balls > 0)
        intervals.of_groups(names['recall'], found.recall, overlap.recall_without)
        intervals.of_mean(names['density'], found.density, overlap.balls / overlap.k)
        intervals.of_groups(names['coverage'], found.coverage, overlap.coverage_without)
    return {names[stem]: value for stem, value in found._asdict().items()}


def measure_manifold_of_features(
    samples: Samples, reference: Reference, counts: Counts, intervals: Intervals | None = None
) -> Values:
    """Return precision, recall, density and coverage in the judge's features.

    A picture that moves by a pixel moves far in pixel space, and hardly there.
    """
    n = min(counts.manifold, len(samples), len(reference.images))
    features = _judged(samples, reference).features[:n]
    radii = reference.squared_radii(n, K, of_features=True)
    group = None if intervals is None else groups_of(samples, n)
    overlap = metrics.overlap(
        reference.judgement.features[:n], features, k=K, radii=radii, group=group
    )
    return _of_overlap(overlap, reference.space, reference.split, intervals)


def measure_bins(
    samples: Samples, reference: Reference, counts: Counts, intervals: Intervals | None = None
) -> Values:
    """Return the bins that differ from the training images in pixel space."""
    if reference.distinct < metrics.BINS:
        return {}
    n = len(samples)
    found = reference.bins.compare(samples.x)
    k = len(reference.bins.centres)
    ndb, jsd = (metric_name('pixel', stem, n, f'k{k}', 'train') for stem in ('ndb', 'jsd'))
    if intervals is not None:
        redrawn = reference.bins.redrawn_different(samples.x)
        intervals.of_redraws(ndb, found.different, redrawn, most=k)
        without = reference.bins.divergences_without(samples.x, groups_of(samples, n))
        intervals.of_groups(jsd, found.divergence, without)
    return {ndb: found.different, jsd: found.divergence}


def measure_neighbours(
    samples: Samples, reference: Reference, counts: Counts, intervals: Intervals | None = None
) -> Values:
    """Return both halves of the 1-NN accuracy in pixel space."""
    n = min(counts.neighbours, len(samples), len(reference.images))
    group = None if intervals is None else groups_of(samples, n)
    found = metrics.halves(reference.images[:n], samples.x[:n], group)
    real, fake = (metric_name('pixel', stem, n, reference.split) for stem in ('nn_real', 'nn_fake'))
    if intervals is not None:
        intervals.of_groups(real, found.halves.real, found.real_without)
        intervals.of_groups(fake, found.halves.fake, found.fake_without)
    return {real: found.halves.real, fake: found.halves.fake}


def measure_diversity(
    samples: Samples, reference: Reference, counts: Counts, intervals: Intervals | None = None
) -> Values:
    """Return how different samples are from each other in pixel space."""
    n = min(counts.diversity, len(samples))
    result = metrics.diversity(samples.x[:n], reference.pairs)
    values = _named(result, 'pixel', n, (reference.split,))
    spread, support = values
    if reference.pairs.mean <= LEAST:
        del values[spread]
    if reference.pairs.alike <= LEAST**2:
        del values[support]
    if intervals is not None:
        parts = metrics.diversity_parts(samples.x[:n], reference.pairs)
        if spread in values:  # each pair is of two samples, which both move the mean of all pairs
            distance = 2 * parts.distance / reference.pairs.mean
            intervals.of_mean(spread, values[spread], distance)
        if support in values:
            low, high = np.maximum(metrics.pair_share_interval(parts.alike), metrics.ALIKE)
            intervals.add(support, metrics.Interval(1 / high, 1 / low))
    return values


def measure_memory(
    samples: Samples, reference: Reference, counts: Counts, intervals: Intervals | None = None
) -> Values:
    """Return the copies of training images among the samples."""
    n = min(counts.memory, len(samples))
    memory = _memory(samples, reference, n)
    copies, nearest = (metric_name('pixel', stem, n, 'train') for stem in ('copies', 'nearest'))
    values = {copies: memory.copies, nearest: float(memory.distance.mean())}
    if intervals is not None:
        intervals.of_share(copies, memory.is_copy)
        intervals.of_mean(nearest, values[nearest], memory.distance)
    return values


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


def measure_discriminator(
    samples: Samples, reference: Reference, counts: Counts, intervals: Intervals | None = None
) -> Values:
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
        name = metric_name('dis', 'accuracy', n, reference.split)
        values[name] = float(accuracy)
        if intervals is not None and len(y_fake):
            ends = metrics.share_interval(y_fake < 0)
            intervals.add(
                name, metrics.Interval(*((np.mean(y_real > 0) + end) / 2 for end in ends))
            )
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


def measure_sensitivity(
    samples: Samples, reference: Reference, counts: Counts, intervals: Intervals | None = None
) -> Values:
    """Return how much a small step of the latent vector changes a sample, and how evenly."""
    n = min(counts.sensitivity, len(samples))
    slopes = samples.slopes(n)
    result = metrics.sensitivity(slopes)
    values = _named(result, 'gen', n, ())
    if result.path <= LEAST:
        del values[metric_name('gen', 'path_spread', n)]
    if intervals is not None:
        left = [metrics.sensitivity(slopes[kept]) for kept in _without_each(samples, n)]
        for (name, value), without in zip(values.items(), np.array(left).T):
            intervals.of_groups(name, value, without)
    return values


def measure_mixture(
    samples: Samples, reference: Reference, counts: Counts, intervals: Intervals | None = None
) -> Values:
    """Return how points cover a mixture whose modes are known."""
    n = len(samples)
    modes = toys.modes(reference.train.built_in)
    coverage = metrics.coverage(samples.x, *modes)
    values = {
        metric_name('points', 'caught', n): coverage.caught,
        metric_name('points', 'good', n): coverage.good,
        metric_name('points', 'kl', n): coverage.reverse_kl,
    }
    if intervals is not None:
        left = [metrics.coverage(samples.x[kept], *modes) for kept in _without_each(samples, n)]
        for (name, value), without in zip(values.items(), np.array(left).T):
            intervals.of_groups(name, value, without, most=len(modes[0]))
    return values


def _without_each(samples: Samples, count: int) -> Iterator[np.ndarray]:
    """Yield for each group which of the first `count` samples remain without it."""
    return metrics.without_each(groups_of(samples, count))


def _named(result: NamedTuple, space: str, n: int, details: tuple[str, ...]) -> Values:
    """Return the fields of a result by the names of their metrics."""
    fields = result._asdict().items()
    return {metric_name(space, stem, n, *details): value for stem, value in fields}
