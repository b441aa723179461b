"""Pictures to evaluate: whether they are of the size that the data has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..data.decoding import FORMATS
from ..data.listing import list_pictures
from ..runs.folder import RunError


def check_sizes(place: Path, height: int, width: int, data: str) -> None:
    """Raise RunError where a picture, or one in a folder, has other sides than those of the data.

    Pictures that were resized without a word would be judged as something that nobody made: a sheet
    of 64 samples as one blurred sample.
    """
    for path, size in _sizes(place):
        if size != (width, height):
            raise RunError(
                f'{path}: has {size[0]} × {size[1]} pixels; must be {width} × {height}, as the '
                f'pictures of {data}, or be given with `resize`'
            )


def check_stored_sizes(
    place: Path, sizes: np.ndarray, expected: tuple[int, int], data: str
) -> None:
    """Raise RunError where pictures (N, 2) in an archive have another width or height."""
    for width, height in sizes:
        if (width, height) != expected:
            raise RunError(
                f'{place}: has a picture of {width} × {height} pixels; must be {expected[0]} × '
                f'{expected[1]}, as the pictures of {data}, or be given with `resize`'
            )


def _sizes(place: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    """Yield width and height of each picture that is read, without the damaged ones."""
    from PIL import Image

    for path in list_pictures(place).paths if place.is_dir() else [place]:
        if not path.is_file():  # a named pipe would wait for ever
            continue
        try:
            with Image.open(path, formats=FORMATS) as image:
                size = image.size
        except Exception:  # whatever Pillow lets through; reading the pictures refuses it by name
            continue
        yield path, size
