"""Pixels in a .csv file: a row for each picture, with its label first, last or not at all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from .arrays import CHANNELS, as_images
from .dataset import DataError, Dataset, NoSplit
from .description import Origin, list_names
from .idx import MAX_SIDE
from .reading import as_data_errors

LABELS = ('label', 'labels', 'class', 'target', 'y')  # what the column of labels is called
MAX_LINE = 2**24  # letters
BLOCK = 1_000  # rows that are parsed at once
MAX_CLASSES = 10_000


class Columns(NamedTuple):
    """What a row holds: how many cells, and where its label is: 0, -1, or None for nowhere."""

    count: int
    label: int | None

    @property
    def pixels(self) -> int:
        """The number of cells that are pixels."""
        return self.count - (self.label is not None)


def load(path: Path, split: str = 'train') -> Dataset:
    """Return the pictures of a table, which has no test split, as uint8 (N, C, side, side).

    They are square, in grey or with three values for each pixel. A heading such as
    `label,pixel0,...` says where the labels are; without one, the number of cells and which column
    holds few values do. Raises DataError where that is not clear, and for cells that are missing
    or no numbers.
    """
    if split != 'train':
        raise NoSplit(f'{path}: has no {split} split; must be an .npz archive with x_test')
    with as_data_errors(path):
        if not path.is_file():
            raise DataError(f'{path}: is not a regular file; must be a .csv file')
        with open(path, encoding='utf-8-sig', errors='replace', newline='') as file:
            return _read(file, path)


def _read(file: TextIO, path: Path) -> Dataset:
    lines = _lines(file, path)
    first = next(lines, None)
    if first is None:
        raise DataError(f'{path}: is empty; must be a row of pixels for each picture')
    cells = [cell.strip().strip('"') for cell in first.split(',')]
    names = _heading(cells)
    rows = itertools.chain([first], lines) if names is None else lines
    texts, values = _parse(rows, len(cells), names, path)
    columns = _columns(names, texts, values, path)
    labels, classes = _labels(texts, values, columns, path)
    pixels = values[:, 1:] if columns.label == 0 else values[:, : columns.pixels]
    side, channels = _shape(columns.pixels)
    shape = (len(values), side, side, channels) if channels > 1 else (len(values), side, side)
    images = as_images(pixels.reshape(shape), str(path))
    where = {0: 'labels first', -1: 'labels last', None: 'no labels'}[columns.label]
    origin = Origin(read_as=', '.join(filter(None, (images.read_as, where))))
    return Dataset(path.stem, images.pixels, labels, classes, origin=origin)


def _heading(cells: list[str]) -> list[str] | None:
    """Return the names of the columns in small letters, None where the first row is a picture."""
    names = [cell.lower() for cell in cells]
    is_numbered = cells == list(map(str, range(len(cells))))  # by pandas, of an array
    is_named = names[0] in LABELS or names[-1] in LABELS
    is_heading = is_named or is_numbered or sum(map(_is_number, cells)) < len(cells) - 1
    return names if is_heading else None


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    """Yield the lines that are not empty. Raises DataError for one without end."""
    while True:
        line = file.readline(MAX_LINE + 1)
        if len(line) > MAX_LINE:
            raise DataError(f'{path}: has a line of over {MAX_LINE:,} letters; must be rows')
        if not line:
            return
        if line.strip():
            yield line.strip()


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _parse(
    rows: Iterator[str], count: int, names: list[str] | None, path: Path
) -> tuple[dict[int, list[str]], np.ndarray]:
    """Return the texts of the first and the last column, and all values as float32 (N, count).

    What is no number in these two columns is NaN.
    """
    texts: dict[int, list[str]] = {0: [], -1: []}
    blocks = []
    number = 1 if names is None else 2
    while block := list(itertools.islice(rows, BLOCK)):
        split = [row.split(',') for row in block]
        for place, row in enumerate(split):
            if len(row) != count:
                raise DataError(
                    f'{path}: has {len(row)} cells in row {number + place}; must be {count}'
                )
            for end in texts:
                texts[end].append(row[end].strip().strip('"'))
                row[end] = row[end] if _is_number(row[end]) else 'nan'
        blocks.append(_numbers(split, number, path))
        number += len(block)
    if not blocks:
        raise DataError(f'{path}: has a heading alone; must be a row of pixels for each picture')
    return texts, np.concatenate(blocks)


def _numbers(rows: list[list[str]], number: int, path: Path) -> np.ndarray:
    try:
        return np.array(rows, np.float32)
    except ValueError:
        pass
    for place, row in enumerate(rows):
        wrong = [cell for cell in row if cell != 'nan' and not _is_number(cell)]
        if wrong:
            raise DataError(
                f'{path}: has the cell {wrong[0][:40]!r} in row {number + place}; must be numbers'
            )
    raise DataError(f'{path}: has cells that are no numbers; must be numbers')


def _shape(pixels: int) -> tuple[int, int] | None:
    """Return side and channels of square pictures of so many values, None where there are none."""
    for channels in CHANNELS:
        side = math.isqrt(pixels // channels)
        if channels * side * side == pixels and 2 <= side <= MAX_SIDE:
            return side, channels
    return None


def _columns(
    names: list[str] | None, texts: dict[int, list[str]], values: np.ndarray, path: Path
) -> Columns:
    count = values.shape[1]
    if names is not None and names[0] != '0':
        label = _named_label(names, path)
    else:
        label = _guessed_label(count, texts, values, path)
    columns = Columns(count, label)
    if _shape(columns.pixels) is None:
        raise DataError(
            f'{path}: has {columns.pixels:,} pixels in a row; must be those of a square, such as '
            '784 or 3,072'
        )
    return columns


def _named_label(names: list[str], path: Path) -> int | None:
    found = [place for place, name in enumerate(names) if name in LABELS]
    if not found:
        return None
    if len(found) > 1 or found[0] not in (0, len(names) - 1):
        raise DataError(
            f'{path}: has {list_names([names[place] for place in found])} in its heading; must be '
            'one column of labels, the first or the last'
        )
    return 0 if found[0] == 0 else -1


def _guessed_label(
    count: int, texts: dict[int, list[str]], values: np.ndarray, path: Path
) -> int | None:
    """Return where the labels are in a table without a heading."""
    with_label, without = _shape(count - 1), _shape(count)
    if not with_label:
        return None
    likely = [end for end in texts if _may_be_labels(texts[end], values[:, end])]
    if without or len(likely) != 1:
        raise DataError(
            f'{path}: has {count:,} cells in a row and no heading, so that its labels may be '
            'first, last or missing; must be given a heading such as label,pixel0,pixel1'
        )
    return likely[0]


def _may_be_labels(texts: list[str], values: np.ndarray) -> bool:
    """Return whether a column may be labels: neither constant, nor mostly of different values."""
    different = len(set(texts))
    is_whole = np.isnan(values).all() or (values == np.rint(values)).all()
    return bool(is_whole and 1 < different <= max(2, len(texts) // 2))


def _labels(
    texts: dict[int, list[str]], values: np.ndarray, columns: Columns, path: Path
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the labels and the names of the classes: numbers in their order, texts by name."""
    if columns.label is None:
        return None, ()
    cells = np.array(texts[columns.label])
    column = values[:, columns.label]
    if np.isnan(column).any() or (column != np.rint(column)).any():
        names, labels = np.unique(cells, return_inverse=True)
        classes = tuple(map(str, names))
    else:
        numbers, labels = np.unique(column.astype(np.int64), return_inverse=True)
        classes = tuple(map(str, numbers))
    if len(classes) > MAX_CLASSES:
        raise DataError(
            f'{path}: has {len(classes):,} different labels; must be at most {MAX_CLASSES:,}'
        )
    return labels.astype(np.int64), classes
