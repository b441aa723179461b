"""Sheets of samples by seed and by class, and walks from one sample to the next."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from pathlib import Path

import numpy as np
from PIL import Image

from .grids import EMPTY, PAD, grid, save
from .pictures import MARGIN, PAPER, labelled, titled
from .text import class_labels

WIDTH = 1000  # pixels of a sheet, unless its images are larger than those of most data sets
TILE = 56  # pixels to which small images are enlarged
MOST_ENLARGED = 2000  # images; more of them, enlarged, would take gigabytes
FEWEST_COLS = 8
DATA_COLS = 10  # pictures of each class of a data set
MOST_ROWS = 20  # classes above each other; of more, some stand beside these


def seeds(
    images: np.ndarray,
    numbers: Sequence[int],
    path: Path,
    *,
    title: str,
    note: str = '',
    classes: Sequence[str] = (),
    cols: int | None = None,
    scale: int | None = None,
) -> Path:
    """Draw a sample for each seed, with the seeds beside it, and return the picture's path.

    images: uint8 (N, C, H, W), in the order of `numbers`; with `classes`, all of the first class,
    then all of the second, and so on. Then there is a row for each class and a column for each
    seed. What would be too wide is continued below.
    cols: images in a row, by default a square. scale: of each pixel, by default as the images need.
    """
    scale = scale or _scale(images)
    most = _most_cols(images, scale)
    if classes:
        sheet = _by_class(images, numbers, class_labels(classes), min(cols or most, most), scale)
    else:
        cols = min(cols or min(isqrt(len(images) - 1) + 1, most), len(images))
        rows = [numbers[start : start + cols] for start in range(0, len(numbers), cols)]
        sheet = labelled(grid(images, cols, scale=scale), [range_of(row) for row in rows])
    return save(titled(sheet, title, note), path)


def _by_class(
    images: np.ndarray, numbers: Sequence[int], classes: Sequence[str], cols: int, scale: int
) -> Image.Image:
    """Return blocks of at most `cols` seeds, and of fewer classes where they have room."""
    images = images.reshape(len(classes), len(numbers), *images.shape[1:])
    cols = min(cols, len(numbers))
    tile = scale * (images.shape[-1] + PAD)
    beside = min(-(-len(classes) // MOST_ROWS), max(1, WIDTH // ((cols + 2) * tile)))
    high = -(-len(classes) // beside)
    bands = []
    for start in range(0, len(numbers), cols):
        part = slice(start, start + cols)
        names = [str(number) for number in numbers[part]]
        blocks = []
        for first in range(0, len(classes), high):
            block = images[first : first + high, part]
            sheet = grid(block.reshape(-1, *images.shape[2:]), len(names), scale=scale)
            blocks.append(labelled(sheet, classes[first : first + high], names))
        bands.append(_pasted(blocks, across=True))
    return _pasted(bands, across=False)


def data_sheet(
    images: np.ndarray,
    labels: np.ndarray | None,
    classes: Sequence[str],
    path: Path,
    *,
    title: str,
) -> Path:
    """Draw pictures from all over a data set, with a row for each of up to 20 classes.

    images: uint8 (N, C, H, W). labels: (N,), numbers of `classes`, or None.
    """
    if labels is None:
        chosen = _spread(np.arange(len(images)), DATA_COLS**2)
        return seeds(images[chosen], chosen.tolist(), path, title=title, cols=DATA_COLS)
    shown = _spread(np.unique(labels), MOST_ROWS)
    rows = [images[_spread(np.flatnonzero(labels == number), DATA_COLS)] for number in shown]
    cols = max(map(len, rows))
    note = '' if len(shown) == len(classes) else f'{len(shown)} of {len(classes)} classes'
    return seeds(
        np.concatenate([filled(row, cols) for row in rows]),
        range(1, cols + 1),
        path,
        title=title,
        note=note,
        classes=[classes[number] for number in shown],
    )


def _spread(values: np.ndarray, most: int) -> np.ndarray:
    """Return values at equal distances, at most so many."""
    return values[np.linspace(0, len(values) - 1, min(len(values), most)).astype(int)]


def walks(
    rows: Sequence[np.ndarray], path: Path, *, title: str, note: str, names: Sequence[str] = ()
) -> Path:
    """Draw walks, each uint8 (steps + 1, C, H, W), as rows, and return the picture's path.

    Above the columns stands which part of the way was walked; a walk that is too long for a row is
    continued below, with the parts at the left. names: of the walks, by default
    '1 to 2', '2 to 3' and so on.
    """
    names = names or [f'{number} to {number + 1}' for number in range(1, len(rows) + 1)]
    scale = _scale(np.concatenate(rows))
    count = len(rows[0])
    lines = -(-count // _most_cols(rows[0], scale))  # for each walk
    cols = -(-count // lines)
    places = [f'{place:.2f}' for place in np.linspace(0, 1, count)]
    parts, labels = [], []
    for row, name in zip(rows, names):
        for start in range(0, count, cols):
            part = row[start : start + cols]
            parts.append(filled(part, cols))
            last = places[start + len(part) - 1]
            labels.append(name if lines == 1 else f'{name}: {places[start]} to {last}')
    sheet = grid(np.concatenate(parts), cols, scale=scale)
    note += '; at the left, the part of the way' if lines > 1 else '; above, the part of the way'
    sheet = labelled(sheet, labels, places if lines == 1 else ())
    return save(titled(sheet, title, note), path)


def filled(images: np.ndarray, cols: int) -> np.ndarray:
    """Return a row of images with empty places up to `cols`."""
    empty = np.full((cols - len(images), *images.shape[1:]), EMPTY, np.uint8)
    return np.concatenate([images, empty])


def range_of(numbers: Sequence[int]) -> str:
    """Return numbers in short.

    >>> range_of([0, 1, 2, 3]), range_of([7]), range_of([1, 2]), range_of([3, 14, 15, 92])
    ('0-3', '7', '1, 2', '3, 14, 15, 92')
    """
    first, last = numbers[0], numbers[-1]
    if len(numbers) > 2 and list(numbers) == list(range(first, last + 1)):
        return f'{first}-{last}'
    return ', '.join(map(str, numbers))


def _scale(images: np.ndarray) -> int:
    if len(images) > MOST_ENLARGED:
        return 1
    return max(1, round(TILE / max(images.shape[2:])))


def _most_cols(images: np.ndarray, scale: int) -> int:
    return max(FEWEST_COLS, WIDTH // (scale * (images.shape[-1] + PAD)))


def _pasted(pictures: Sequence[Image.Image], *, across: bool) -> Image.Image:
    """Return pictures beside each other, or below each other, with paper between them."""
    if len(pictures) == 1:
        return pictures[0]
    sizes = [picture.size for picture in pictures]
    along = 0 if across else 1
    places = np.cumsum([0, *(size[along] + MARGIN for size in sizes)])
    extent = [max(size[0] for size in sizes), max(size[1] for size in sizes)]
    extent[along] = int(places[-1]) - MARGIN
    paper = PAPER if pictures[0].mode == 'RGB' else 255
    page = Image.new(pictures[0].mode, (extent[0], extent[1]), paper)
    for place, picture in zip(places.tolist(), pictures):
        page.paste(picture, (place, 0) if across else (0, place))
    return page
