"""Known sets: pictures whose faults are known, so that a run's numbers can be read beside theirs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..files import write_text
from .samples import Samples
from .suite import evaluate

if TYPE_CHECKING:
    from ..data import Dataset
    from .reference import Reference
    from .suite import Values

Draw = np.random.RandomState
Maker = Callable[['Dataset', int, Draw], np.ndarray]

DRAWS = 3  # of each set: the deviation over them is the spread of the method


def real(data: Dataset, count: int, draw: Draw) -> np.ndarray:
    """Training images as they are: the best that a generator could do."""
    return data.floats(_any(data, count, draw))


def one_missing(data: Dataset, count: int, draw: Draw) -> np.ndarray:
    """Training images without the last class: a mode is dropped."""
    return data.floats(_some(data.labels != len(data.classes) - 1, count, draw))


def one_class(data: Dataset, count: int, draw: Draw) -> np.ndarray:
    """Training images of the second class alone: collapse to a mode."""
    return data.floats(_some(data.labels == 1, count, draw))


def repeated(data: Dataset, count: int, draw: Draw) -> np.ndarray:
    """A hundred training images, over and over: collapse to copies, which no Fréchet distance alone tells."""
    return data.floats(_any(data, 100, draw))[draw.randint(100, size=count)]


def _noisy(deviation: float) -> Maker:
    def noisy(data: Dataset, count: int, draw: Draw) -> np.ndarray:
        x = real(data, count, draw)
        return np.clip(x + deviation * draw.standard_normal(x.shape), 0, 1).astype(np.float32)

    return noisy


def shifted(data: Dataset, count: int, draw: Draw) -> np.ndarray:
    """Training images moved one pixel to the right: harmless to the eye."""
    x = real(data, count, draw)
    return np.concatenate([x[..., :1], x[..., :-1]], axis=-1)


def binarized(data: Dataset, count: int, draw: Draw) -> np.ndarray:
    """Training images in pure black and white."""
    return (real(data, count, draw) > 0.5).astype(np.float32)


def uniform(data: Dataset, count: int, draw: Draw) -> np.ndarray:
    """Uniform noise: the worst."""
    return draw.random_sample((count, *data.shape)).astype(np.float32)


KNOWN: dict[str, Maker] = {
    'real': real,
    'one missing': one_missing,
    'one class': one_class,
    '100 repeated': repeated,
    'noise 0.1': _noisy(0.1),
    'noise 0.3': _noisy(0.3),
    'shifted': shifted,
    'binarized': binarized,
    'uniform noise': uniform,
}
LABELLED = ('one missing', 'one class')


def _any(data: Dataset, count: int, draw: Draw) -> np.ndarray:
    return (
        draw.permutation(len(data))[:count]
        if count <= len(data)
        else draw.randint(len(data), size=count)
    )


def _some(chosen: np.ndarray, count: int, draw: Draw) -> np.ndarray:
    """Indices of `count` chosen ones, some twice where there are too few."""
    there = np.flatnonzero(chosen)
    return draw.permutation(there)[:count] if count <= len(there) else draw.choice(there, count)


def calibrate(
    reference: Reference,
    count: int,
    *,
    draws: int = DRAWS,
    tell: Callable[[str, Values], None] = lambda name, values: None,
) -> Calibration:
    """Return what every measurement says of every known set: mean and deviation over `draws` draws; `tell` hears of each."""
    rows = {}
    for name in sets(reference.train):
        made = list(_measured(name, reference, count, draws))
        rows[name] = {
            key: (
                float(np.mean([one[key] for one in made])),
                float(np.std([one[key] for one in made])),
            )
            for key in made[0]
        }
        tell(name, {key: mean for key, (mean, _) in rows[name].items()})
    return Calibration(identity(reference), rows)


def sets(data: Dataset) -> list[str]:
    """Return the names of the known sets that can be made from this data."""
    return [name for name in KNOWN if name not in LABELLED or len(data.classes) > 1]


def _measured(name: str, reference: Reference, count: int, draws: int) -> Iterator[Values]:
    for number in range(draws):
        seed = int(hashlib.sha256(f'{name} {number}'.encode()).hexdigest()[:8], 16)
        yield evaluate(Samples(name, KNOWN[name](reference.train, count, Draw(seed))), reference)


def identity(reference: Reference) -> dict[str, Any]:
    """Return what a calibration depends on: the data, and the judge's SHA-256."""
    data = hashlib.sha256(reference.images.tobytes()).hexdigest()
    return {
        'data': reference.train.name,
        'data_sha256': data,
        'judge': reference.judge.sha256 if reference.judge else None,
    }


class CalibrationError(InputError):
    """A calibration that cannot be used: one sentence that names its file."""


class Calibration:
    """Each known set's metrics: mean and deviation, by name; `of` tells which data and which judge they are of."""

    def __init__(self, of: dict[str, Any], rows: dict[str, dict[str, tuple[float, float]]]) -> None:
        self.of, self.rows = of, rows

    def value(self, known: str, metric: str) -> float | None:
        """Return the mean of a metric for a known set, None where it was not measured."""
        return self.rows.get(known, {}).get(metric, (None,))[0]

    def fits(self, reference: Reference) -> bool:
        """Return whether it was made with the same judge and the same data."""
        return self.of == identity(reference)

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all, one metric a line."""
        rows = (
            '  {}: {{\n{}\n  }}'.format(
                json.dumps(name),
                ',\n'.join(
                    f'   {json.dumps(key)}: {json.dumps([_short(number) for number in pair])}'
                    for key, pair in row.items()
                ),
            )
            for name, row in self.rows.items()
        )
        write_text(
            path,
            f'{{\n "of": {json.dumps(self.of)},\n "sets": {{\n' + ',\n'.join(rows) + '\n }\n}\n',
        )


def read(path: Path) -> Calibration:
    """Return the calibration in a file. Raises CalibrationError where it is none."""
    try:
        raw = json.loads(path.read_text(encoding='utf-8'))
        rows = {
            name: {key: (float(mean), float(spread)) for key, (mean, spread) in row.items()}
            for name, row in raw['sets'].items()
        }
        return Calibration(dict(raw['of']), rows)
    except OSError as error:
        raise CalibrationError(f'{path}: cannot be read ({error.strerror})') from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise CalibrationError(
            f'{path}: is no calibration; make one with `gluongan judge calibrate`'
        ) from None


def _short(number: float) -> float:
    return float(f'{number:.6g}')
