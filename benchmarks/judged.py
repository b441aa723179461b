"""Does the Fréchet distance of a judge rank faults that are known? A table of sets with each fault.

    gluongan judge train --data mnist --net autoencoder --out autoencoder.judge

    python -m benchmarks.judged --data mnist autoencoder.judge shipped
    python -m benchmarks.judged --data emoji --background white --image-size 32 emoji.judge

One half of the training images gets a fault of several strengths and is compared with the other
half, so that nothing else differs. In a row, a distance should be below the next one, and all
should be above that of images without a fault; where one is not, it is bold. Each judge is a file,
or `shipped` for the one that ships with the package. `untrained` is an autoencoder with random
weights: training must give more than that. Ranks are compared over all sets (Spearman).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from gluongan.build import load_data
from gluongan.config import Config
from gluongan.evaluation import Reference, Samples, classifier, evaluate, find_metric
from gluongan.evaluation.calibration import binarized, noisy, real, uniform_noise
from gluongan.evaluation.classifier import autoencoding
from gluongan.evaluation.classifier.networks import initialised
from gluongan.evaluation.suite import measure_by_judge
from gluongan.runtime import seed

if TYPE_CHECKING:
    from gluongan.data import Dataset

Random = np.random.RandomState
Faulty = Callable[['Dataset', int, Random, float], np.ndarray]


def noise(dataset: Dataset, count: int, random: Random, deviation: float) -> np.ndarray:
    """Gaussian noise of this standard deviation."""
    return noisy(deviation)(dataset, count, random)


def blur(dataset: Dataset, count: int, random: Random, pixels: float) -> np.ndarray:
    """A Gaussian blur of this standard deviation."""
    return gaussian_filter(real(dataset, count, random), (0, 0, pixels, pixels))


def missing(dataset: Dataset, count: int, random: Random, share: float) -> np.ndarray:
    """Without this share of the data: the last classes."""
    order = np.argsort(dataset.labels, kind='stable')
    kept = order[: round((1 - share) * len(order))]
    return dataset.floats(random.choice(kept, count, replace=count > len(kept)))


def copies(dataset: Dataset, count: int, random: Random, different: float) -> np.ndarray:
    """This number of images, again and again."""
    images = real(dataset, int(different), random)
    return images[random.randint(len(images), size=count)]


def shifted(dataset: Dataset, count: int, random: Random, pixels: float) -> np.ndarray:
    """Moved to the right; the first column is repeated."""
    x = real(dataset, count, random)
    return np.pad(x, ((0, 0), (0, 0), (0, 0), (int(pixels), 0)), 'edge')[..., : x.shape[3]]


def mixed(dataset: Dataset, count: int, random: Random, share: float) -> np.ndarray:
    """Mixed with this share of another image."""
    x = real(dataset, count, random)
    return (1 - share) * x + share * x[random.permutation(count)]


def pale(dataset: Dataset, count: int, random: Random, share: float) -> np.ndarray:
    """Contrast that is lower by this share."""
    x = real(dataset, count, random)
    return (1 - share) * x + share * x.mean(dtype=np.float64).astype(np.float32)


FAULTS: dict[str, tuple[Faulty, tuple[float, ...]]] = {
    'noise': (noise, (0.02, 0.05, 0.1, 0.3)),
    'blur, pixels': (blur, (0.5, 1, 2)),
    'classes missing, share': (missing, (0.1, 0.3, 0.6, 0.9)),
    'copies of N images': (copies, (1_000, 300, 100, 10)),
    'shifted, pixels': (shifted, (1, 2, 4)),
    'mixed in pairs': (mixed, (0.1, 0.3, 0.5)),
    'paler': (pale, (0.1, 0.3, 0.6)),
    'binarized': (lambda dataset, count, random, _: binarized(dataset, count, random), (1,)),
    'uniform noise': (
        lambda dataset, count, random, _: uniform_noise(dataset, count, random),
        (1,),
    ),
}
REAL = 'without a fault'


def faulty_sets(dataset: Dataset, count: int) -> Iterator[tuple[str, float, np.ndarray]]:
    """Yield the name, the strength and the images of each set that suits the data.

    They are made of the same images, so that a difference is due to the fault.
    """
    yield REAL, 0, real(dataset, count, Random(0))
    for name, (make, strengths) in FAULTS.items():
        if make is missing and len(dataset.classes) < 2:
            continue
        for strength in strengths:
            if make is copies and strength >= len(dataset):
                continue
            yield name, strength, make(dataset, count, Random(0), strength)


def halves(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """Return two random halves of the data."""
    order = Random(0).permutation(len(dataset))
    return tuple(
        replace(
            dataset,
            samples=dataset.samples[chosen],
            labels=None if dataset.labels is None else dataset.labels[chosen],
        )
        for chosen in (np.sort(order[::2]), np.sort(order[1::2]))
    )


def untrained(dataset: Dataset) -> classifier.Judge:
    """An autoencoder with random weights, whose features have the scale of a trained one."""
    seed(0)
    net = initialised('autoencoder', dataset.shape, 0)
    autoencoding.standardise(net, dataset)
    return classifier.Judge(classifier.About('autoencoder', 'none', dataset.shape, ()), net)


def find_judges(dataset: Dataset, names: list[str]) -> dict[str, classifier.Judge]:
    """Return the judges by name, and first an untrained one."""
    found = {'untrained': untrained(dataset)}
    for name in names:
        found[name] = classifier.find_judge(dataset, None if name == 'shipped' else Path(name))
    return found


def row(distances: dict[float, float], least: float) -> str:
    """Return the distances of a fault; bold where one is not above the one before and `least`."""
    cells = []
    for value in distances.values():
        cells.append(f'{value:.3g}' if value > least else f'**{value:.3g}**')
        least = max(least, value)
    return ', '.join(cells)


def main() -> None:
    """Print the table, and the correlations below it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('judges', nargs='*')
    parser.add_argument('--data', required=True)
    parser.add_argument('--background')
    parser.add_argument('--image-size', type=int)
    parser.add_argument('--samples', type=int, default=5_000)
    given = parser.parse_args()
    names = ('data', 'background', 'image_size')
    settings = {name: getattr(given, name) for name in names}
    config = Config(**{name: value for name, value in settings.items() if value is not None})
    dataset = load_data(config)
    faulty, compared = halves(dataset)
    judges = find_judges(dataset, given.judges)
    references = {name: Reference(compared, None, judge) for name, judge in judges.items()}
    found: dict[str, dict[str, dict[float, float]]] = {name: {} for name in judges}
    for fault, strength, x in faulty_sets(faulty, given.samples):
        for name, reference in references.items():
            values = evaluate(Samples(fault, x), reference, only=[measure_by_judge])
            found[name].setdefault(fault, {})[strength] = find_metric(values, 'fd')
    show(found)


def show(found: dict[str, dict[str, dict[float, float]]]) -> None:
    """Print distances by judge, fault and strength as a table, and the rank correlations."""
    names = list(found)
    print('| fault | ' + ' | '.join(names) + ' |')
    print('|---|' + '---|' * len(names))
    for fault, distances in found[names[0]].items():
        strengths = ', '.join(f'{strength:g}' for strength in distances)
        cells = []
        for name in names:
            least = -1.0 if fault == REAL else found[name][REAL][0]
            cells.append(row(found[name][fault], least))
        title = fault if len(distances) == 1 else f'{fault}: {strengths}'
        print(f'| {title} | ' + ' | '.join(cells) + ' |')
    flat = {n: [d for of in found[n].values() for d in of.values()] for n in names}
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            print(f'rank correlation of {first} and {second}: ', end='')
            print(f'{spearmanr(flat[first], flat[second]).statistic:.3f}')


if __name__ == '__main__':
    main()
