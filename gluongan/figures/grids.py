"""Images laid out as one picture and taken apart again, and pictures written to disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

from ..errors import InputError, reason
from ..files import replacing
from ..runs.folder import RunError
from .text import drawable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAD = 2  # pixels between two tiles, and around all of them
# White as paper: a grey would look like a dull sample. An empty place looks alike, and is told by
# its value from a sample that is white all over.
SEPARATOR, EMPTY = 255, 254
MOST_PIXELS = 2**25  # of a picture: it takes up to 1 GB to make, and nobody looks at more

Item = TypeVar('Item')


def check_pixels(width: int, height: int, remedy: str) -> None:
    """Raise InputError for a picture that is too large, before anything is made for it.

    remedy: what makes it smaller.

    >>> check_pixels(5_000, 5_000, 'fewer samples')
    >>> check_pixels(50_000, 5_000, 'fewer samples')
    Traceback (most recent call last):
    gluongan.errors.InputError: the picture would have 50,000 × 5,000 pixels, 250 million; must be \
at most 33 million (fewer samples)
    """
    if width * height > MOST_PIXELS:
        raise InputError(
            f'the picture would have {width:,} × {height:,} pixels, '
            f'{max(34, round(width * height / 1e6)):,} million; must be at most '
            f'{MOST_PIXELS // 10**6} million ({remedy})'
        )


def check_grid(count: int, shape: tuple[int, ...], cols: int) -> None:
    """Raise InputError where a `grid` of that many images (C, H, W) would be too large."""
    _, height, width = shape
    rows = -(-count // cols)
    size = cols * (width + PAD) + PAD, rows * (height + PAD) + PAD
    check_pixels(*size, remedy='fewer `samples`, a smaller `image_size`')


def most_images(shape: tuple[int, ...], scale: int = 1) -> int:
    """Return how many images (C, H, W) have room in a picture of MOST_PIXELS, at least one.

    >>> most_images((1, 30, 30)), most_images((1, 30, 30), scale=8)
    (32768, 512)
    """
    _, height, width = shape
    return max(1, MOST_PIXELS // (scale**2 * (height + PAD) * (width + PAD)))


def grid(images: np.ndarray, cols: int = 8, *, scale: int = 1) -> Image.Image:
    """Lay images out row by row with thin white gaps.

    images: uint8 (N, C, H, W), N >= 1, C of 1 (grey) or 3 (colour).
    scale: each pixel becomes scale × scale pixels.
    Empty places in the last row are white. Raises ValueError for any other array.

    >>> grid(np.zeros((6, 1, 28, 28), np.uint8), cols=3).size
    (92, 62)
    """
    is_images = images.dtype == np.uint8 and images.ndim == 4 and images.shape[1] in (1, 3)
    if not is_images or images.size == 0:
        raise ValueError(
            f'images {images.dtype} {images.shape}: must be uint8 (N, C, H, W), with C of 1 or 3'
        )
    count, channels, height, width = images.shape
    cols = min(cols, count)
    rows = -(-count // cols)
    sheet = np.full((rows * cols, channels, height + PAD, width + PAD), SEPARATOR, np.uint8)
    sheet[:count, :, PAD:, PAD:] = images
    sheet[count:, :, PAD:, PAD:] = EMPTY
    sheet = sheet.reshape(rows, cols, channels, height + PAD, width + PAD).transpose(0, 3, 1, 4, 2)
    sheet = sheet.reshape(rows * (height + PAD), cols * (width + PAD), channels)
    sheet = np.pad(sheet, ((0, PAD), (0, PAD), (0, 0)), constant_values=SEPARATOR)
    if channels == 1:
        sheet = sheet[..., 0]
    return enlarged(Image.fromarray(sheet), scale)


def tiles(picture: str | Path | Image.Image, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the images that `grid` laid out at scale 1, exactly: uint8 (N, C, H, W).

    shape: (C, H, W) of each. Trailing places without an image are left out, also in the sheets of
    older versions, whose gaps were grey. Raises RunError where the picture is not such a grid.

    >>> images = np.arange(7 * 64, dtype=np.uint8).reshape(7, 1, 8, 8)
    >>> np.array_equal(tiles(grid(images, cols=4), (1, 8, 8)), images)
    True
    """
    channels, height, width = shape
    if isinstance(picture, Image.Image):
        name, image = 'the picture', picture
    else:
        name, image = str(picture), _read(picture)
    sheet = _pixels(name, image, channels)
    rows, below = divmod(sheet.shape[0] - PAD, height + PAD)
    cols, beside = divmod(sheet.shape[1] - PAD, width + PAD)
    if below or beside or rows < 1 or cols < 1:
        raise RunError(
            f'{name}: is {sheet.shape[1]}x{sheet.shape[0]} pixels; '
            f'must be a grid of {width}x{height} images'
        )
    empty = EMPTY if sheet[0, 0, 0] == SEPARATOR else sheet[0, 0, 0]
    sheet = sheet[:-PAD, :-PAD].reshape(rows, height + PAD, cols, width + PAD, channels)
    sheet = sheet.transpose(0, 2, 4, 1, 3)
    images = sheet.reshape(rows * cols, channels, height + PAD, width + PAD)[:, :, PAD:, PAD:]
    filled = np.flatnonzero((images != empty).any(axis=(1, 2, 3)))
    least = (rows - 1) * cols + 1  # the last row holds at least one image
    count = max(least, filled.max(initial=0) + 1)
    return np.ascontiguousarray(images[:count])


def _pixels(name: str, image: Image.Image, channels: int) -> np.ndarray:
    """Return the pixels of an image, (H, W, C)."""
    mode = 'L' if channels == 1 else 'RGB'
    # PNG optimisers turn a few greys into a palette, which converts exactly.
    if image.mode not in (mode, 'P', '1'):
        raise RunError(f'{name}: is a picture of mode {image.mode}; must be {mode}')
    return np.atleast_3d(np.asarray(image.convert(mode)))


def _read(path: str | Path) -> Image.Image:
    if os.path.exists(path) and not os.path.isfile(path):  # a named pipe would wait for ever
        raise RunError(f'{path}: is not a regular file; must be a picture')
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow lets through whatever its decoders raise
        raise RunError(f'{path}: cannot be read as a picture ({reason(error)})') from error


def enlarged(image: Image.Image, scale: int) -> Image.Image:
    """Return the picture with each pixel repeated scale × scale times."""
    if scale == 1:
        return image
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def enlarged_to(image: Image.Image, width: int) -> Image.Image:
    """Return the picture enlarged by the whole number that brings it closest to `width` pixels.

    >>> enlarged_to(Image.new('L', (30, 10)), 100).size
    (90, 30)
    """
    return enlarged(image, max(1, round(width / image.width)))


def fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    """Return the picture as large as fits into a box, its pixels even and its shape kept.

    >>> fitted(Image.new('L', (20, 10)), 50, 50).size
    (50, 25)
    """
    share = min(width / image.width, height / image.height)
    sides = [max(1, round(side * share)) for side in image.size]
    larger = enlarged(image, max(1, -(-sides[0] // image.width)))
    return larger.resize((sides[0], sides[1]), Image.Resampling.BOX)


def save(image: Image.Image | Figure, path: str | Path) -> Path:
    """Write a picture or a matplotlib Figure as PNG, whole or not at all; its folder is made."""
    with replacing(path) as temporary:
        if isinstance(image, Image.Image):
            image.save(temporary, format='PNG', optimize=True)
        else:
            _make_literal(image)
            # Without matplotlib's version in the file, equal figures are equal bytes for longer.
            metadata = {'Software': None}
            image.savefig(temporary, format='png', metadata=metadata, facecolor='white')
    return Path(path)


def _make_literal(figure: Figure) -> None:
    """Let names in a figure be drawn as they are: `$` begins no formula, what has no glyph escaped.

    The numbers of an axis, which matplotlib sets as formulas, stay.
    """
    from matplotlib.axis import Axis
    from matplotlib.text import Text

    numbers = {id(text) for axis in figure.findobj(Axis) for text in axis.findobj(Text)}
    labels = {id(axis.label) for axis in figure.findobj(Axis)}
    for text in figure.findobj(Text):
        if id(text) in numbers - labels:
            continue
        text.set_parse_math(False)
        text.set_text('\n'.join(map(drawable, text.get_text().split('\n'))))


def sheet_of(path: Path, shape: tuple[int, ...]) -> Image.Image:
    """Return the images (C, H, W) of a file as a grid with as many columns as the file has."""
    return grid(tiles(path, shape), columns_of(path, shape))


def columns_of(path: Path, shape: tuple[int, ...]) -> int:
    """Return how many columns the grid of images (C, H, W) in a file has."""
    with Image.open(path) as image:
        return image.width // (shape[2] + PAD)


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most `most` of the items, evenly spread; the first and the last are among them.

    >>> evenly(range(100), 5)
    [0, 25, 50, 74, 99]
    """
    if len(items) <= most:
        return list(items)
    chosen = np.linspace(0, len(items) - 1, most).round().astype(int)
    return [items[index] for index in chosen]
