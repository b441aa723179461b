"""All measurements: which suit samples, which are left out and why, and how all are made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from ..data import toys
from . import metrics
from .intervals import Intervals
from .measures import (
    COUNTS,
    LEAST,
    Counts,
    Measure,
    Values,
    measure_bins,
    measure_by_judge,
    measure_discriminator,
    measure_diversity,
    measure_manifold,
    measure_manifold_of_features,
    measure_memory,
    measure_mixture,
    measure_neighbours,
    measure_pixels,
    measure_sensitivity,
)
from .reference import Reference
from .samples import Samples

FIDELITY_AND_VARIETY = 'precision, recall, density, coverage'
FEWEST = 20  # samples, and images of the data, whose comparison means something
SENSITIVE = 100  # the least number of latent vectors whose spread means something
OF_CLASSES = ('score', 'classes', 'kl', 'sure', 'modes', 'share', 'asked')  # stems of the judge's


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

    >>> import numpy as np
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
    intervals: Intervals | None = None,
) -> Values:
    """Return every measurement of samples against a reference, by metric name.

    only: the measurements to make, by default all. on_step(name, seconds) is called after each.
    intervals: collects the interval of each metric that has one, if given; of at least 20 samples.

    >>> from gluongan import data
    >>> train = data.load('synthetic', image_size=8)
    >>> samples = Samples('training images', train.floats())
    >>> evaluate(samples, Reference(train), only=[measure_memory])['pixel_copies512_train']
    1.0
    """
    values: Values = {}
    if len(samples) < FEWEST:
        intervals = None
    for name, measure in measurements(samples, reference).items():
        if only is not None and measure not in only:
            continue
        start = time.perf_counter()
        values.update(measure(samples, reference, counts, intervals))
        if on_step is not None:
            on_step(name, time.perf_counter() - start)
    return values
