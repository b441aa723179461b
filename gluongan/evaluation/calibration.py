"""Known sets: images with known faults, whose metrics are shown beside those of a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..files import read_text, write_text
from .memory import COPIES, check_memory
from .samples import Samples
from .suite import evaluate

if TYPE_CHECKING:
    from ..data import Dataset
    from .measures import Values
    from .reference import Reference

Random = np.random.RandomState
Maker = Callable[['Dataset', int, Random], np.ndarray]
OnSet = Callable[[str, 'Values'], None]

DRAWS = 3  # of each set; the deviation over them is the spread of the method


def real(dataset: Dataset, count: int, random: Random) -> np.ndarray:
    """Return training images as they are: the best that a generator could do."""
    return dataset.floats(_any(dataset, count, random))


def one_missing(dataset: Dataset, count: int, random: Random) -> np.ndarray:
    """Return training images without the last class: a dropped mode."""
    last = len(dataset.classes) - 1
    return dataset.floats(_some(dataset.labels != last, count, random))


def one_class(dataset: Dataset, count: int, random: Random) -> np.ndarray:
    """Return training images of the second class alone: collapse to one mode."""
    return dataset.floats(_some(dataset.labels == 1, count, random))


def repeated(dataset: Dataset, count: int, random: Random) -> np.ndarray:
    """Return 100 training images again and again: a collapse that no Fréchet distance shows."""
    images = dataset.floats(_any(dataset, 100, random))
    return images[random.randint(100, size=count)]


def noisy(deviation: float) -> Maker:
    """Return a maker of training images with Gaussian noise of this standard deviation."""

    def make(dataset: Dataset, count: int, random: Random) -> np.ndarray:
        x = real(dataset, count, random)
        return np.clip(x + deviation * random.standard_normal(x.shape), 0, 1).astype(np.float32)

    return make


def shifted(dataset: Dataset, count: int, random: Random) -> np.ndarray:
    """Return training images moved one pixel to the right: hardly visible."""
    x = real(dataset, count, random)
    return np.concatenate([x[..., :1], x[..., :-1]], axis=-1)


def binarized(dataset: Dataset, count: int, random: Random) -> np.ndarray:
    """Return training images in pure black and white."""
    return (real(dataset, count, random) > 0.5).astype(np.float32)


def uniform_noise(dataset: Dataset, count: int, random: Random) -> np.ndarray:
    """Return uniform noise: the worst."""
    return random.random_sample((count, *dataset.shape)).astype(np.float32)


KNOWN_SETS: dict[str, Maker] = {
    'real': real,
    'one missing': one_missing,
    'one class': one_class,
    '100 repeated': repeated,
    'noise 0.1': noisy(0.1),
    'noise 0.3': noisy(0.3),
    'shifted': shifted,
    'binarized': binarized,
    'uniform noise': uniform_noise,
}
NEED_CLASSES = ('one missing', 'one class')


def _any(dataset: Dataset, count: int, random: Random) -> np.ndarray:
    """Return the indices of `count` images; some occur twice if there are too few."""
    if count <= len(dataset):
        return random.permutation(len(dataset))[:count]
    return random.randint(len(dataset), size=count)


def _some(chosen: np.ndarray, count: int, random: Random) -> np.ndarray:
    """Return the indices of `count` chosen images; some occur twice if there are too few."""
    indices = np.flatnonzero(chosen)
    if count <= len(indices):
        return random.permutation(indices)[:count]
    return random.choice(indices, count)


def known_sets(dataset: Dataset) -> list[str]:
    """Return the names of the known sets that can be made from this data."""
    if len(dataset.classes) > 1:
        return list(KNOWN_SETS)
    return [name for name in KNOWN_SETS if name not in NEED_CLASSES]


def real_samples(reference: Reference, count: int) -> Samples:
    """Return `count` random training images as Samples, the same ones every time."""
    return Samples('real', real(reference.train, count, Random(0)))


def calibrate(
    reference: Reference, count: int, *, draws: int = DRAWS, on_set: OnSet | None = None
) -> Calibration:
    """Return every metric of every known set: mean and deviation over `draws` draws of `count`.

    on_set(name, means) is called after each set. Raises CalibrationError for data without a test
    split.
    """
    check_held_out(reference)
    check_memory(count, reference.train.shape, copies=2 * COPIES)  # noise is drawn in float64
    sets = {}
    for name in known_sets(reference.train):
        sets[name] = _mean_and_deviation(list(_measured(name, reference, count, draws)))
        if on_set is not None:
            on_set(name, {metric: mean for metric, (mean, _) in sets[name].items()})
    return Calibration(identity(reference), sets)


def _measured(name: str, reference: Reference, count: int, draws: int) -> Iterator[Values]:
    for number in range(draws):
        digest = hashlib.sha256(f'{name} {number}'.encode()).hexdigest()
        random = Random(int(digest[:8], 16))
        yield evaluate(Samples(name, KNOWN_SETS[name](reference.train, count, random)), reference)


def _mean_and_deviation(draws: list[Values]) -> dict[str, tuple[float, float]]:
    result = {}
    for metric in draws[0]:
        values = [draw[metric] for draw in draws]
        result[metric] = float(np.mean(values)), float(np.std(values))
    return result


def identity(reference: Reference) -> dict[str, Any]:
    """Return what a calibration depends on: the data, and the judge's SHA-256."""
    return {
        'data': reference.train.name,
        'data_sha256': reference.sha256,
        'judge': reference.judge.sha256 if reference.judge else None,
    }


class CalibrationError(InputError):
    """A calibration that cannot be used. The message names the file."""


def check_held_out(reference: Reference) -> None:
    """Raise CalibrationError where the reference is what known sets are made of."""
    if not reference.is_held_out:
        raise CalibrationError(
            f'{reference.train.name}: has no test split, so that known sets would be compared with '
            'the images that they are made of; must be data with a test split'
        )


class Calibration:
    """The metrics of known sets.

    identity: which data and which judge they were made with.
    sets: mean and deviation of each metric, by name of the set and name of the metric.
    """

    def __init__(
        self, identity: dict[str, Any], sets: dict[str, dict[str, tuple[float, float]]]
    ) -> None:
        self.identity = identity
        self.sets = sets

    def means(self) -> dict[str, Values]:
        """Return the mean of each metric, by set and metric."""
        result = {}
        for name, metrics in self.sets.items():
            result[name] = {metric: mean for metric, (mean, _) in metrics.items()}
        return result

    def fits(self, reference: Reference) -> bool:
        """Return whether the calibration was made with this judge and this data, by any name."""
        return {**self.identity, 'data': None} == {**identity(reference), 'data': None}

    def write(self, path: Path) -> None:
        """Write the calibration as JSON, one metric a line, completely or not at all."""
        blocks = []
        for name, metrics in self.sets.items():
            lines = [_json_line(metric, pair) for metric, pair in metrics.items()]
            blocks.append(f'  {json.dumps(name)}: {{\n' + ',\n'.join(lines) + '\n  }')
        head = f'{{\n "of": {json.dumps(self.identity)},\n "sets": {{\n'
        write_text(path, head + ',\n'.join(blocks) + '\n }\n}\n')


def _json_line(metric: str, pair: tuple[float, float]) -> str:
    rounded = [float(f'{number:.6g}') for number in pair]
    return f'   {json.dumps(metric)}: {json.dumps(rounded)}'


def read_calibration(path: Path) -> Calibration:
    """Return the calibration in a file. Raises CalibrationError if it is not one."""
    try:
        content = json.loads(read_text(path))
        sets = {}
        for name, metrics in content['sets'].items():
            pairs = metrics.items()
            sets[name] = {metric: (float(mean), float(spread)) for metric, (mean, spread) in pairs}
        return Calibration(dict(content['of']), sets)
    except OSError as error:
        raise CalibrationError(f'{path}: cannot be read ({error.strerror})') from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise CalibrationError(
            f'{path}: is not a calibration; must be a file of `gluongan judge calibrate`'
        ) from None
