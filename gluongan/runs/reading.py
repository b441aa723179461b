"""What a run folder holds, read without MXNet.

A missing file reads as None or as an empty list, because a run may be interrupted anywhere. For the
same reason, a last line without its end is ignored. A broken file raises RunError, which names it.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import reason
from ..files import read_bytes, read_text
from ..metric_names import find_metric, metric_meaning
from .folder import (
    ENVIRONMENT,
    FACTS,
    IMAGES,
    JUDGED,
    METRICS,
    POINTS,
    REALS,
    SAMPLES_FOLDER,
    RunError,
)

LARGEST_SIDE = 4096  # pixels
MOST_ENVIRONMENT = 1 << 20  # bytes
MOST_ROWS = 1 << 32  # bytes

Columns = dict[str, np.ndarray]
Row = dict[str, float]  # of a .jsonl file: `iteration`, and numbers by name


@dataclass(frozen=True)
class Facts:
    """What `run.json` says of a run.

    shape: of a sample: (C, H, W) with C of 1 or 3 for images, (2,) for points.
    count, mean, std, fingerprint: of the data that the run was trained on; None in older runs.

    >>> facts = Facts('mnist', (1, 28, 28), recipe='dense', iterations_per_epoch=468)
    >>> facts.about, facts.has_points, facts.epochs(1_000)
    ('dense on mnist', False, 2)
    """

    data: str
    shape: tuple[int, ...]
    classes: tuple[str, ...] = ()
    recipe: str = 'run'
    loss: str = ''
    score: str = 'probability'
    binarize: bool = False
    iterations_per_epoch: float = 0
    mean: float | None = None
    std: float | None = None
    count: int | None = None
    fingerprint: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, 'shape', tuple(self.shape))
        object.__setattr__(self, 'classes', tuple(self.classes))
        is_whole = all(type(side) is int for side in self.shape)
        if not is_whole or not (self.has_points or _is_image_shape(self.shape)):
            raise ValueError(
                f'shape {list(self.shape)}: must be [1, H, W], [3, H, W] or [2], '
                f'with sides up to {LARGEST_SIDE}'
            )
        if not all(isinstance(name, str) for name in self.classes):
            raise ValueError('classes: must be names')

    @property
    def has_points(self) -> bool:
        """Whether the data are points in the plane rather than images."""
        return self.shape == (2,)

    @property
    def suffix(self) -> str:
        """The suffix of the files that hold samples."""
        return POINTS if self.has_points else IMAGES

    @property
    def about(self) -> str:
        """The recipe and its data, for titles."""
        return f'{self.recipe} on {self.data}'

    def epochs(self, iteration: int) -> int:
        """Return how many epochs are complete after an iteration."""
        # A hair is added, since 468 / (468 / 5) may fall short of 5.
        return int(iteration / self.iterations_per_epoch + 1e-9)


_TEXT = (str, 'text')
_NUMBER = ((int, float), 'a number')
_FACT_KINDS: dict[str, tuple[Any, str]] = {
    'data': _TEXT,
    'shape': (list, 'a list of whole numbers'),
    'classes': (list, 'a list of names'),
    'recipe': _TEXT,
    'loss': _TEXT,
    'score': _TEXT,
    'binarize': (bool, 'true or false'),
    'iterations_per_epoch': _NUMBER,
    'mean': _NUMBER,
    'std': _NUMBER,
    'count': (int, 'a whole number'),
    'fingerprint': _TEXT,
}


def _is_image_shape(shape: tuple[int, ...]) -> bool:
    if len(shape) != 3 or shape[0] not in (1, 3):
        return False
    return min(shape) >= 1 and max(shape) <= LARGEST_SIDE


def read_facts(run: Path) -> Facts | None:
    """Return the facts in `run.json`, None without that file. Keys it does not know are ignored."""
    path = run / FACTS
    if not path.is_file():
        return None
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(
            f'{path}: cannot be read as JSON ({reason(error)}); must be as gluongan wrote it'
        ) from error
    try:
        return Facts(**_facts_in(content))
    except ValueError as error:
        raise RunError(f'{path}: {error}') from error


def read_environment(run: Path) -> dict[str, Any]:
    """Return what `environment.json` says; nothing where it cannot be read."""
    try:
        content = json.loads(read_bytes(run / ENVIRONMENT, most=MOST_ENVIRONMENT))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _facts_in(content: Any) -> dict[str, Any]:
    """Return the facts in the content of `run.json`. Raises ValueError where one is no fact."""
    if not isinstance(content, dict):
        raise ValueError('is not a JSON object; must hold the facts of a run')
    values = {}
    for name, (kind, description) in _FACT_KINDS.items():
        value = content.get(name)
        if value is None:
            continue
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f'{name} {value!s:.40}: must be {description}')
        values[name] = value
    for name in ('data', 'shape'):
        if name not in values:
            raise ValueError(f'{name}: is missing; must be {_FACT_KINDS[name][1]}')
    return values


def sample_shape(run: str | Path) -> tuple[int, ...]:
    """Return the shape of one sample of a run. Raises RunError where its run.json is missing."""
    return _required_facts(Path(run)).shape


def class_names(run: str | Path) -> list[str]:
    """Return the class names of a run's data. Raises RunError where its run.json is missing."""
    return list(_required_facts(Path(run)).classes)


def _required_facts(run: Path) -> Facts:
    facts = read_facts(run)
    if facts is None:
        raise RunError(f'{run}: has no {FACTS}; must have it, as it holds the shape of samples')
    return facts


def sample_files(run: Path, facts: Facts) -> list[tuple[int, Path]]:
    """Return (iteration, file) of each file of samples, oldest first."""
    files = []
    for path in (run / SAMPLES_FOLDER).glob('*' + facts.suffix):
        if path.stem.isdecimal():
            files.append((int(path.stem), path))
    return sorted(files)


def reals_file(run: Path, facts: Facts) -> Path | None:
    """Return the file of real samples, None where there is none."""
    path = run / (REALS + facts.suffix)
    return path if path.is_file() else None


def table(
    path: Path, *columns: str, optional: Collection[str] = ()
) -> dict[str, np.ndarray] | None:
    """Return the named columns of a CSV of numbers, each (rows,) float64; None without a row.

    Rows are ordered by the first column. NaN and infinity are kept.
    optional: further columns, which older versions did not write.
    Raises RunError where the file is not a table of numbers, or lacks a column.
    """
    lines = _complete_lines(path)
    if len(lines) < 2:
        return None
    names = lines[0].split(',')
    for name in columns:
        if name not in names:
            given = lines[0][:80]
            raise RunError(f'{path}: has the columns {given}; must have {name!r} among them')
    values = _numbers(path, lines[1:], len(names))
    found = [*columns, *(name for name in optional if name in names)]
    return {name: values[:, names.index(name)] for name in found}


def _complete_lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    try:
        text = read_text(path, MOST_ROWS)
    except ValueError as error:
        raise RunError(
            f'{path}: cannot be read ({reason(error)}); must be as gluongan wrote it'
        ) from error
    # A kill can cut the last line anywhere, even inside a number, where the remainder still parses.
    return text[: text.rfind('\n') + 1].splitlines()


def _numbers(path: Path, lines: list[str], width: int) -> np.ndarray:
    # np.fromstring with a separator is C code in every NumPy; np.loadtxt is slow before 1.23.
    with warnings.catch_warnings():
        warnings.simplefilter('error', DeprecationWarning)
        try:
            flat = np.fromstring(','.join(lines), sep=',')
        except (ValueError, DeprecationWarning) as error:
            raise RunError(
                f'{path}: has a cell that is not a number; must be as gluongan wrote it'
            ) from error
    commas = {line.count(',') for line in lines}
    if commas != {width - 1} or flat.size != len(lines) * width:
        raise RunError(f'{path}: has rows of another length; must be {width} numbers each')
    return _ordered(flat.reshape(-1, width))


def _ordered(values: np.ndarray) -> np.ndarray:
    if np.all(np.diff(values[:, 0]) > 0):
        return values
    # A resumed run repeats some iterations; the last repetition is the one it continued from.
    newest_first = values[::-1]
    _, firsts = np.unique(newest_first[:, 0], return_index=True)
    return newest_first[firsts]


def json_rows(path: Path) -> list[Row]:
    """Return the rows of a .jsonl file as they were written, [] without the file; null is NaN.

    Raises RunError where a line is not a JSON object of numbers that has an `iteration`.
    """
    rows = []
    for number, line in enumerate(_complete_lines(path), start=1):
        if not line.strip():
            continue
        try:
            rows.append(parse_json_row(line))
        except ValueError as error:
            raise RunError(f'{path}: line {number} {error}') from error
    return rows


def json_rows_from(path: Path, offset: int) -> tuple[list[Row], int]:
    """Return the rows of a .jsonl file from a byte on, and the byte behind the last of them.

    For a file that grows: a last line without its end is left for the next time. Raises RunError.
    """
    if not path.is_file():
        return [], offset
    with open(path, 'rb') as file:
        file.seek(offset)
        content = file.read()
    whole = content[: content.rfind(b'\n') + 1]
    try:
        rows = [parse_json_row(line) for line in whole.decode().splitlines()]
    except ValueError as error:
        raise RunError(f'{path}: has a line that {reason(error)}') from error
    return rows, offset + len(whole)


def parse_json_row(line: str) -> Row:
    """Return the numbers of one line of a .jsonl file by name; null is NaN.

    Raises ValueError, in one sentence without a subject, where it is not a row.

    >>> parse_json_row('{"iteration": 500, "samples/swd": null}')
    {'iteration': 500, 'samples/swd': nan}
    """
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'is not JSON ({reason(error)})') from None
    if not isinstance(values, dict) or type(values.get('iteration')) is not int:
        raise ValueError('is not a row; must be a JSON object with a whole number `iteration`')
    return {name: _number(name, value) for name, value in values.items()}


def _number(name: str, value: Any) -> float:
    if value is None:
        return float('nan')
    is_number = isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)
    if not is_number:
        raise ValueError(f'has {name} {str(value)[:40]}; must be a number')
    return value


def newest(run: Path, file: str = METRICS) -> Row:
    """Return the last row of a .jsonl file of a run, {} where there is none."""
    rows = json_rows(run / file)
    return rows[-1] if rows else {}


def series(run: Path, name: str, file: str = METRICS) -> tuple[np.ndarray, np.ndarray]:
    """Return (iterations, values), both (n,), oldest first, of one column of a .jsonl file.

    Both are empty where it was never measured.
    """
    values = {}
    for row in json_rows(run / file):
        if name in row:
            values[row['iteration']] = row[name]
    return _by_iteration(values)


def history(run: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (iterations, values), both (n,), oldest first, from a run's metrics and evaluations.

    name: as it is written there, or the stem of a metric, such as `fd` for lenet_fd2k_test.
    """
    values = {}
    for row in json_rows(run / METRICS) + json_rows(run / JUDGED):
        value = row.get(name, find_metric(row, name))
        if value is not None:
            values[row['iteration']] = value
    return _by_iteration(values)


def has_stalled(run: Path, name: str, patience: int) -> bool:
    """Return whether a run's metric has not improved for `patience` measurements in a row."""
    _, values = history(run, name)
    return len(values) > 0 and len(values) - 1 - best_index(name, values) >= patience


def best_index(name: str, values: np.ndarray) -> int:
    """Return the index of the best of a metric's values (n,)."""
    sign = 1 if metric_meaning(name).better == 'low' else -1
    return int(np.argmin(sign * values))


def _by_iteration(values: dict[float, float]) -> tuple[np.ndarray, np.ndarray]:
    iterations = sorted(values)
    ordered = [values[iteration] for iteration in iterations]
    return np.array(iterations, dtype=int), np.array(ordered, dtype=float)
