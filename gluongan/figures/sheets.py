"""Sheets of samples by seed and by class, and walks from one sample to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from math import isqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..errors import InputError
from .grids import EMPTY, PAD, check_pixels, grid, save
from .pictures import HEADER, LONGEST_NAME, MARGIN, NARROWEST, PAPER, labelled, titled
from .text import class_labels

WIDTH = 1000  # pixels of a sheet, unless its images are larger than those of most data sets
TILE = 56  # pixels to which small images are enlarged
MOST_ENLARGED = 2000  # images; more of them, enlarged, would take gigabytes
FEWEST_COLS = 8
DATA_COLS = 10  # pictures of each class of a data set
MOST_ROWS = 20  # classes above each other; of more, some stand beside these
GUTTER = LONGEST_NAME + 12  # pixels before a row, at most
TITLE = 100  # pixels above a sheet, about
Shape = tuple[int, ...]


class Layout(NamedTuple):
    """How samples are laid out: images in a row, the scale of each pixel, classes in a block."""

    cols: int
    scale: int
    high: int


def lay_out(
    count: int, shape: Shape, *, classes: int = 0, cols: int | None = None, scale: int | None = None
) -> Layout:
    """Return how a sheet of samples of this shape (C, H, W) is laid out, for `seeds`.

    count: of the seeds. classes: how many of them each seed has a sample of, 0 where it has one
    sample. Raises InputError where the sheet would be too large: this is called before the samples
    are made.
    """
    images = count * max(1, classes)
    scale = scale or _scale(images, shape)
    width, height = (scale * (side + PAD) for side in (shape[2], shape[1]))
    most = _most_cols(width)
    if classes:
        cols = min(cols or most, most, count)
        beside = min(-(-classes // MOST_ROWS), max(1, WIDTH // ((cols + 2) * width)))
        high = -(-classes // beside)
        size = (
            beside * (GUTTER + cols * width + MARGIN),
            -(-count // cols) * (HEADER + high * height + MARGIN),
        )
        _check_page(*size, remedy='fewer `seeds`, one `class`, a smaller `scale`')
        return Layout(cols, scale, high)
    cols = min(cols or min(isqrt(count - 1) + 1, most), count)
    size = GUTTER + cols * width, -(-count // cols) * height
    _check_page(*size, remedy='fewer `seeds`, a smaller `scale`')
    return Layout(cols, scale, 0)


def _check_page(width: int, height: int, remedy: str) -> None:
    """Raise InputError where a sheet with its names and its title would be too large."""
    check_pixels(max(width, NARROWEST) + 2 * MARGIN, height + TITLE, remedy)


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
    layout = lay_out(len(numbers), images.shape[1:], classes=len(classes), cols=cols, scale=scale)
    if classes:
        sheet = _by_class(images, numbers, class_labels(classes), layout)
    else:
        cols = layout.cols
        rows = [numbers[start : start + cols] for start in range(0, len(numbers), cols)]
        sheet = labelled(grid(images, cols, scale=layout.scale), [range_of(row) for row in rows])
    return save(titled(sheet, title, note), path)


def _by_class(
    images: np.ndarray, numbers: Sequence[int], classes: Sequence[str], layout: Layout
) -> Image.Image:
    """Return blocks of at most `cols` seeds, and of fewer classes where they have room."""
    images = images.reshape(len(classes), len(numbers), *images.shape[1:])
    cols, scale, high = layout
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
    shape = images.shape[1:]
    if labels is None:
        most = _largest(DATA_COLS**2, lambda n: lay_out(n, shape, cols=DATA_COLS))
        chosen = _spread(np.arange(len(images)), most)
        return seeds(images[chosen], chosen.tolist(), path, title=title, cols=DATA_COLS)
    shown = _spread(np.unique(labels), _largest(MOST_ROWS, lambda n: lay_out(1, shape, classes=n)))
    most = _largest(DATA_COLS, lambda n: lay_out(n, shape, classes=len(shown)))
    rows = [images[_spread(np.flatnonzero(labels == number), most)] for number in shown]
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


def most_walks(most: int, count: int, shape: Shape) -> int:
    """Return how many walks of `count` images, `most` at most, have room on a sheet."""
    return _largest(most, lambda walks: lay_out_walks(walks, count, shape))


def _largest(most: int, lay: Callable[[int], object]) -> int:
    """Return the largest number, `most` at most, with which a sheet is not too large."""
    for number in range(most, 1, -1):
        with suppress(InputError):
            lay(number)
            return number
    return 1


def _spread(values: np.ndarray, most: int) -> np.ndarray:
    """Return values at equal distances, at most so many."""
    return values[np.linspace(0, len(values) - 1, min(len(values), most)).astype(int)]


def lay_out_walks(walks: int, count: int, shape: Shape) -> tuple[int, int, int]:
    """Return the columns, the scale, and the rows of each walk of `count` images (C, H, W).

    Raises InputError where the sheet would be too large, before the images are made.
    """
    scale = _scale(walks * count, shape)
    width, height = (scale * (side + PAD) for side in (shape[2], shape[1]))
    lines = -(-count // _most_cols(width))
    cols = -(-count // lines)
    size = GUTTER + cols * width, walks * lines * height + HEADER
    _check_page(*size, remedy='fewer `seeds`, fewer `steps`')
    return cols, scale, lines


def walks(
    rows: Sequence[np.ndarray], path: Path, *, title: str, note: str, names: Sequence[str] = ()
) -> Path:
    """Draw walks, each uint8 (steps + 1, C, H, W), as rows, and return the picture's path.

    Above the columns stands which part of the way was walked; a walk that is too long for a row is
    continued below, with the parts at the left. names: of the walks, by default
    '1 to 2', '2 to 3' and so on.
    """
    names = names or [f'{number} to {number + 1}' for number in range(1, len(rows) + 1)]
    count = len(rows[0])
    cols, scale, lines = lay_out_walks(len(rows), count, rows[0].shape[1:])
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


def _scale(images: int, shape: Shape) -> int:
    if images > MOST_ENLARGED:
        return 1
    return max(1, round(TILE / max(shape[1:])))


def _most_cols(width: int) -> int:
    """Return how many images of that width, with their gaps, are in a row at most."""
    return max(FEWEST_COLS, WIDTH // width)


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
