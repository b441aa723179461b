"""What a run folder holds, read without MXNet.

A missing file reads as None or as an empty list, because a run may have been interrupted anywhere; a broken file
raises RunError, which names it.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..metric_names import find_metric
from .folder import FACTS, JUDGED, METRICS, SAMPLES_FOLDER, RunError


LARGEST_SIDE = 4096  # pixels


@dataclass(frozen=True)
class Facts:
    """What `run.json` says of a run; `shape` is (C, H, W) with C of 1 or 3 for images and (2,) for points."""

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

    def __post_init__(self) -> None:
        object.__setattr__(self, 'shape', tuple(int(side) for side in self.shape))
        object.__setattr__(self, 'classes', tuple(self.classes))
        if self.shape != (2,) and not _is_image_shape(self.shape):
            raise ValueError(
                f'shape is {list(self.shape)}; must be [1, H, W], [3, H, W] or [2], sides up to {LARGEST_SIDE}'
            )
        if not all(isinstance(name, str) for name in self.classes):
            raise ValueError('classes are not names')

    @property
    def points(self) -> bool:
        """Whether the data are points in the plane rather than images."""
        return len(self.shape) == 1

    def epochs(self, iteration: int) -> int:
        """How many epochs are complete after an iteration; a hair is added, since 468 / (468 / 5) may fall short of 5."""
        return int(iteration / self.iterations_per_epoch + 1e-9)

    @property
    def about(self) -> str:
        """The recipe and its data, as titles say it."""
        return f'{self.recipe} on {self.data}'


def _is_image_shape(shape: tuple[int, ...]) -> bool:
    if len(shape) != 3 or shape[0] not in (1, 3):
        return False
    return 1 <= min(shape) and max(shape) <= LARGEST_SIDE


def read_facts(run: Path) -> Facts | None:
    """The facts in `run.json`, None without that file; keys it does not know are left alone."""
    path = run / FACTS
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        known = [field.name for field in fields(Facts) if content.get(field.name) is not None]
        return Facts(**{name: content[name] for name in known})
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f'{path}: does not hold the facts of a run ({error})') from error


def sample_shape(run: str | Path) -> tuple[int, ...]:
    """Return the shape of one sample of a run. Raises RunError where its run.json does not tell."""
    return _required_facts(Path(run)).shape


def class_names(run: str | Path) -> list[str]:
    """Return the names of the classes of a run's data. Raises RunError where its run.json does not tell."""
    return list(_required_facts(Path(run)).classes)


def _required_facts(run: Path) -> Facts:
    facts = read_facts(run)
    if facts is None:
        raise RunError(f'{run}: has no {FACTS}, which tells the shape of its samples')
    return facts


def table(path: Path, *columns: str) -> dict[str, np.ndarray] | None:
    """The named columns of a CSV of numbers, each (rows,) float64; None where there is no row yet.

    Rows are ordered by the first column. NaN and inf are kept.
    Raises RunError when the file is no table of numbers or lacks a column.
    """
    lines = _whole_lines(path)
    if len(lines) < 2:
        return None
    names = lines[0].split(',')
    lacking = [name for name in columns if name not in names]
    if lacking:
        raise RunError(
            f'{path} has no column {lacking[0]!r}: its first line is {lines[0][:80]!r}'
        )
    values = _numbers(path, lines[1:], len(names))
    return {name: values[:, names.index(name)] for name in columns}


def _whole_lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    try:
        text = path.read_text(encoding='utf-8')
    except ValueError as error:
        raise RunError(f'{path} is not text: {error}') from error
    # A kill can cut the last line anywhere, even inside a number, where what is left would still parse.
    return text[: text.rfind('\n') + 1].splitlines()


def _numbers(path: Path, lines: list[str], width: int) -> np.ndarray:
    # np.fromstring with a separator is C code in every NumPy; np.loadtxt is only since 1.23, and slow before.
    with warnings.catch_warnings():
        warnings.simplefilter('error', DeprecationWarning)
        try:
            flat = np.fromstring(','.join(lines), sep=',')
        except (ValueError, DeprecationWarning) as error:
            raise RunError(f'{path} holds something that is not a number') from error
    if flat.size != len(lines) * width or {line.count(',') for line in lines} != {width - 1}:
        raise RunError(f'{path} has rows that are not {width} numbers each')
    return _ordered(flat.reshape(-1, width))


def _ordered(rows: np.ndarray) -> np.ndarray:
    if np.all(np.diff(rows[:, 0]) > 0):
        return rows
    # A resumed run does some iterations over again; what it did last is what it went on from.
    _, first_from_behind = np.unique(rows[::-1, 0], return_index=True)
    return rows[::-1][first_from_behind]


def series(run: Path, name: str, file: str = METRICS) -> tuple[np.ndarray, np.ndarray]:
    """Iterations and values, each (n,) float64, of one quantity in a file of rows; empty where never measured."""
    path = run / file
    try:
        rows = [json.loads(line) for line in _whole_lines(path) if line.strip()]
        # dict(), because a list or a string has an `in` as well.
        found = {float(row['iteration']): _number(row[name]) for row in rows if name in dict(row)}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunError(
            f'{path} needs one JSON object of numbers, iteration included, a line: {error!r}'
        ) from error
    x = np.array(sorted(found))
    return x, np.array([found[iteration] for iteration in x])


def newest(run: Path, file: str = METRICS) -> dict[str, float]:
    """The numbers in the last row of a file of rows; {} where there is none."""
    path = run / file
    lines = [line for line in _whole_lines(path) if line.strip()]
    try:
        return (
            {key: _number(value) for key, value in json.loads(lines[-1]).items()} if lines else {}
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise RunError(f'{path} needs one JSON object of numbers a line: {error!r}') from error


def _number(value: Any) -> float:
    return float('nan') if value is None else float(value)


def samples(run: Path, facts: Facts) -> list[tuple[int, Path]]:
    """(iteration, file) of each file of samples, oldest first."""
    found = (run / SAMPLES_FOLDER).glob('*.npy' if facts.points else '*.png')
    return sorted((int(path.stem), path) for path in found if path.stem.isdecimal())


def evenly(items: list, most: int) -> list:
    """At most `most` of the items, spread evenly, the first and the last always among them."""
    if len(items) <= most:
        return items
    return [items[place] for place in np.linspace(0, len(items) - 1, most).round().astype(int)]


def history(run: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (iterations, values), both (n,), oldest first, of one number among a run's metrics and evaluations.

    name: as it is there, or the stem of a metric, such as `fd` for lenet_fd2k_test.
    """
    values = {}
    for file in (METRICS, JUDGED):
        for row in _json_rows(run / file):
            value = row.get(name, find_metric(row, name))
            if value is not None:
                values[row['iteration']] = value
    iterations = sorted(values)
    ordered = [values[iteration] for iteration in iterations]
    return np.array(iterations, dtype=int), np.array(ordered, dtype=float)


def _json_rows(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in _whole_lines(path) if line.strip()]
