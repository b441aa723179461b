"""Arrays of images in any usual layout and range, as uint8 (N, C, H, W)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .dataset import DataError
from .idx import MAX_SIDE

ALLOWED = 'bytes, whole numbers from 0 to 255, or floats in [0, 1], [-1, 1] or [0, 255]'
CHANNELS = (1, 3)
UNCLEAR = 2  # floats whose highest value is between 1 and this are of no range


class Range(NamedTuple):
    """A range of values, called as in `floats in [-1, 1]`."""

    name: str
    low: float
    high: float


BYTES = Range('', 0, 255)
UNIT = Range('floats in [0, 1]', 0, 1)
SIGNED = Range('floats in [-1, 1]', -1, 1)
WIDE = Range('floats in [0, 255]', 0, 255)
WHOLE = Range('whole numbers in [0, 255]', 0, 255)


class Images(NamedTuple):
    """Images as uint8 (N, C, H, W), and what they were read as: '' where nothing is to be said."""

    pixels: np.ndarray
    read_as: str


def as_images(array: np.ndarray, where: str, known: Range | None = None) -> Images:
    """Return images of shape (N, H, W), (N, H, W, C) or (N, C, H, W) with C of 1 or 3.

    They are bytes, whole numbers in [0, 255], or floats in [0, 1], [-1, 1] or [0, 255].
    known: the range of the training data, where there is one. Raises DataError for anything else,
    and for what may be read in two ways.

    >>> as_images(np.full((2, 8, 8, 3), -1.0), 'x').read_as
    'floats in [-1, 1], channels last'
    """
    images, layout = _channels_first(array, where)
    if not _is_image_shape(images.shape):
        raise DataError(
            f'{where}: has the shape {array.shape}; must be (N, H, W), (N, H, W, C) or '
            f'(N, C, H, W) with N >= 1, C of 1 or 3 and sides from 1 to {MAX_SIDE}'
        )
    if known is None:
        known = range_of(array, where)
    else:
        check_within(array, known, where)
    pixels = np.ascontiguousarray(as_bytes(images, known))
    return Images(pixels, ', '.join(filter(None, (known.name, layout))))


def _channels_first(array: np.ndarray, where: str) -> tuple[np.ndarray, str]:
    """Return an array with its channels first, and where they were."""
    if array.ndim == 3:
        return array[:, None], ''
    if array.ndim != 4:
        return array, ''
    if array.shape[1] in CHANNELS and array.shape[3] in CHANNELS:
        raise DataError(
            f'{where}: has the shape {array.shape}, whose channels may be first or last; '
            'must have sides of at least 4'
        )
    if array.shape[1] in CHANNELS:
        return array, 'channels first'
    return array.transpose(0, 3, 1, 2), 'channels last'


def _is_image_shape(shape: tuple[int, ...]) -> bool:
    if len(shape) != 4 or shape[0] < 1 or shape[1] not in CHANNELS:
        return False
    return all(1 <= side <= MAX_SIDE for side in shape[2:])


def range_of(values: np.ndarray, where: str) -> Range:
    """Return the range of values. Raises DataError where it is none, or might be two.

    >>> range_of(np.array([0.0, 0.5]), 'x').name, range_of(np.array([-0.2, 0.5]), 'x').name
    ('floats in [0, 1]', 'floats in [-1, 1]')
    >>> range_of(np.array([0.0, 1.5]), 'x')
    Traceback (most recent call last):
    gluongan.data.dataset.DataError: x: has values from 0.0 to 1.5, which may be a dark [0, 255] \
or beyond [0, 1]; must be bytes, whole numbers from 0 to 255, or floats in [0, 1], [-1, 1] or \
[0, 255]
    """
    if values.dtype == np.uint8:
        return BYTES
    if values.dtype.kind not in 'fiu':
        raise DataError(f'{where}: has the type {values.dtype}; must be {ALLOWED}')
    low, high = values.min(), values.max()
    if np.isnan(low):
        raise DataError(f'{where}: contains NaN; must be {ALLOWED}')
    if values.dtype.kind != 'f':
        found = [WHOLE] if low >= 0 and high <= WHOLE.high else []
    elif 1 < high < UNCLEAR and low >= 0:
        raise DataError(
            f'{where}: has values from {low} to {high}, which may be a dark [0, 255] or beyond '
            f'[0, 1]; must be {ALLOWED}'
        )
    else:
        found = [each for each in (UNIT, SIGNED, WIDE) if each.low <= low and high <= each.high]
    if not found:
        raise DataError(f'{where}: has values from {low} to {high}; must be {ALLOWED}')
    return found[0]


def check_within(values: np.ndarray, known: Range, where: str) -> None:
    """Raise DataError where values are beyond the range of the training data."""
    of_values = range_of(values, where)
    if of_values.low < known.low or of_values.high > known.high:
        raise DataError(
            f'{where}: has values from {values.min()} to {values.max()}; must be '
            f'{known.name or "bytes"}, as the training data'
        )


def as_bytes(values: np.ndarray, known: Range) -> np.ndarray:
    """Return values of a range as uint8, rounded to the nearest.

    >>> as_bytes(np.array([[-1.0, 0.0, 1.0]]), SIGNED).tolist()
    [[0, 128, 255]]
    """
    if values.dtype == np.uint8:
        return values
    pixels = np.empty(values.shape, np.uint8)
    scale = 255 / (known.high - known.low)
    for index, each in enumerate(values):  # one by one, to avoid a second float array
        pixels[index] = np.rint((each.astype(np.float64) - known.low) * scale)
    return pixels
