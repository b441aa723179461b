"""A folder of pictures: one sub-folder for each class, or all in one folder without classes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median_low
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .dataset import DataError, Dataset
from .description import Origin
from .listing import list_pictures
from .reading import as_data_errors

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow reads more formats, and starts other programs for some of them.
FORMATS = ('PNG', 'JPEG', 'BMP', 'GIF', 'WEBP')
MAX_PIXELS = 2**26
SMALLEST_SIDE, LARGEST_SIDE = 8, 64  # that are chosen by default
ORIENTATION = 0x0112  # in EXIF; from 5 on width and height change places
LOOKED_AT = 100  # pictures whose size and mode decide it
OPAQUE = 255
GREY_MODES = ('1', 'L', 'LA', 'La', 'I', 'F')


def load(
    folder: Path,
    split: str = 'train',
    *,
    image_size: int | None = None,
    channels: int | None = None,
) -> Dataset:
    """Return the pictures as uint8 (N, channels, image_size, image_size), by class and name.

    Each is cropped at the centre to a square and resized; `suited_shape` says to which size by
    default. An animation counts with its first frame; EXIF orientation is applied; transparency
    becomes black. Other files are ignored; `Dataset.origin` counts them. Raises NoSplit where there
    is no test split, and DataError for a picture that cannot be read and for a folder without any.
    """
    with as_data_errors(folder):
        listing = train = list_pictures(folder)
        if split != 'train':
            listing = list_pictures(folder, split)
        side, depth = suited_shape(train.paths)
    samples, origin = _read_all(folder, listing.paths, image_size or side, channels or depth)
    origin = replace(
        origin,
        ignored=listing.ignored,
        left_out=listing.left_out,
        merged=listing.merged,
        mistakable=listing.mistakable,
    )
    name = folder.resolve().name
    return Dataset(name, samples, listing.labels, listing.classes, split, origin=origin)


def _read_all(
    folder: Path, paths: Sequence[Path], side: int, channels: int
) -> tuple[np.ndarray, Origin]:
    """Return the pictures, and what they were in their files."""
    try:
        samples = np.empty((len(paths), channels, side, side), np.uint8)
    except MemoryError as error:
        raise DataError(
            f'{folder}: its pictures ({len(paths)}) do not fit in memory; '
            f'must be fewer, or of an `image_size` below {side}'
        ) from error
    sizes = np.empty((len(paths), 2), np.int64)
    made_grey = made_opaque = 0
    for index, path in enumerate(paths):
        picture = _read(path, side, channels)
        samples[index], sizes[index] = picture.pixels, picture.size
        made_grey += picture.is_made_grey
        made_opaque += picture.is_made_opaque
    return samples, Origin(sizes, made_grey=made_grey, made_opaque=made_opaque)


def suited_shape(paths: Sequence[Path]) -> tuple[int, int]:
    """Return the side and the channels that suit pictures, by the headers of some of them.

    The side is the median of their shorter sides, from 8 to 64. The channels are 1 where all of
    them are stored as grey, else 3. Files that are no pictures count for nothing.
    """
    sides, are_grey = [], True
    for index in np.linspace(0, len(paths) - 1, min(len(paths), LOOKED_AT)).astype(int):
        header = _read_header(paths[index])
        if header:
            side, is_grey = header
            sides.append(side)
            are_grey = are_grey and is_grey
    side = min(max(median_low(sides or [LARGEST_SIDE]), SMALLEST_SIDE), LARGEST_SIDE)
    return side, 1 if are_grey else 3


def _read_header(path: Path) -> tuple[int, bool] | None:
    """Return the shorter side of a picture, and whether it is grey; None where it is damaged."""
    if not path.is_file():
        return None
    try:
        with _open(path) as image:
            return min(image.size), image.mode.partition(';')[0] in GREY_MODES
    except Exception:  # whatever Pillow lets through; reading the picture will say it
        return None


def read_picture(path: Path, size: int, channels: int) -> np.ndarray:
    """Return a picture file as uint8 (channels, size, size).

    Raises DataError where it is damaged, too large or not a picture.
    """
    return _read(path, size, channels).pixels


class _Picture(NamedTuple):
    """A picture as it is read, width and height as it is stored, and what was lost."""

    pixels: np.ndarray
    size: tuple[int, int]
    is_made_grey: bool
    is_made_opaque: bool


def _read(path: Path, size: int, channels: int) -> _Picture:
    if not path.is_file():  # a dangling link, or a named pipe that would wait for ever
        raise DataError(f'{path}: is not a regular file; must be a picture')
    try:
        return _decode(path, size, channels)
    except DataError:
        raise
    except Exception as error:  # for damaged files Pillow raises whatever its decoders let through
        raise DataError(
            f'{path}: is not a readable picture ({_reason(error)}); '
            f'must be one of {", ".join(FORMATS)}'
        ) from error


def _reason(error: Exception) -> str:
    """Return what is wrong with a picture that Pillow cannot read."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):  # its own message would only repeat the path
        return 'its format is unknown'
    if isinstance(error, Image.DecompressionBombError):
        return f'it has more than {MAX_PIXELS} pixels'
    if 'truncated' in str(error):
        return 'it is truncated'
    return getattr(error, 'strerror', None) or 'its content is damaged'


def _open(path: Path) -> Image:
    from PIL import Image

    with warnings.catch_warnings():
        # The limit of `_decode` is stricter.
        warnings.simplefilter('ignore', Image.DecompressionBombWarning)
        return Image.open(path, formats=FORMATS)


def _decode(path: Path, size: int, channels: int) -> _Picture:
    from PIL import Image, ImageOps

    with _open(path) as image:
        if image.width * image.height > MAX_PIXELS:
            raise DataError(
                f'{path}: has {image.width} x {image.height} pixels; must be at most {MAX_PIXELS}'
            )
        stored = _upright_size(image)
        # With this Pillow decodes a large JPEG at a fraction of its size.
        image.draft(None, (2 * size, 2 * size))
        image = _in_plain_mode(ImageOps.exif_transpose(image))
    image = ImageOps.fit(image, (size, size), Image.LANCZOS)
    is_transparent = False
    if image.mode == 'RGBA':  # after the resizing, which weighs colours by their alpha
        is_transparent = image.getextrema()[3][0] < OPAQUE
        image = Image.alpha_composite(Image.new('RGBA', image.size, 'black'), image)
    if channels == 1:
        pixels = np.asarray(image.convert('L'))[None]
        return _Picture(pixels, stored, _is_colour(image), is_transparent)
    pixels = np.asarray(image.convert('RGB')).transpose(2, 0, 1)
    return _Picture(pixels, stored, is_made_grey=False, is_made_opaque=is_transparent)


def _is_colour(image: Image) -> bool:
    """Return whether any pixel is anything but grey."""
    if image.mode == 'L':
        return False
    red, green, blue = np.asarray(image.convert('RGB')).transpose(2, 0, 1)
    return not ((red == green).all() and (green == blue).all())


def _upright_size(image: Image) -> tuple[int, int]:
    width, height = image.size
    is_turned = image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
    return (height, width) if is_turned else (width, height)


def _in_plain_mode(image: Image) -> Image:
    """Return the picture in mode L, RGB or RGBA: Pillow resizes the others wrongly."""
    from PIL import Image

    if image.mode.startswith('I'):  # 16 bits in one channel; `convert` would clip them at 255
        high_bytes = np.asarray(image).astype(np.int64) >> 8
        return Image.fromarray(high_bytes.astype(np.uint8))
    if 'transparency' in image.info or image.mode in ('LA', 'La', 'PA', 'RGBA', 'RGBa'):
        return image.convert('RGBA')
    if image.mode == 'L':
        return image
    return image.convert('RGB')
