"""One picture: from a file that Pillow reads to uint8 pixels of one size and depth."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .dataset import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

# Pillow reads more formats, and starts other programs for some of them.
FORMATS = ('PNG', 'JPEG', 'BMP', 'GIF', 'WEBP', 'TIFF')
ANIMATED = ('PNG', 'GIF', 'WEBP', 'TIFF')  # whose frames are pictures in their own right
MAX_PIXELS = 2**26
MAX_FRAMES = 10_000  # of one file
ORIENTATION = 0x0112  # in EXIF; from 5 on width and height change places
OPAQUE = 255
GREY_MODES = ('1', 'L', 'LA', 'La', 'I', 'F')
FITS = ('crop', 'pad', 'stretch')
FRAMES = ('first', 'all')
BACKGROUND = 'black'


@dataclass(frozen=True)
class Target:
    """What every picture is made into.

    side: of the square, in pixels. channels: 1 (grey) or 3 (colour). fit: what becomes of other
    aspects, one of FITS. background: the colour behind transparent pixels, and around padded ones.
    """

    side: int
    channels: int
    fit: str = FITS[0]
    background: str = BACKGROUND


class Picture(NamedTuple):
    """A picture as it is read, its width and height as it is stored, and what was lost.

    has_more_frames: the file has frames besides.
    """

    pixels: np.ndarray
    size: tuple[int, int]
    is_made_grey: bool
    is_made_opaque: bool
    has_more_frames: bool


class Header(NamedTuple):
    """What the header of a picture says: its shorter side, and whether it is grey."""

    side: int
    is_grey: bool


def rgb(background: str) -> tuple[int, int, int]:
    """Return the red, green and blue of a colour: a name such as white, or #rrggbb.

    >>> rgb('white'), rgb('#ff8000')
    ((255, 255, 255), (255, 128, 0))
    >>> rgb('whiteish')
    Traceback (most recent call last):
    gluongan.data.dataset.DataError: background whiteish: is not a colour; must be a name such as \
white, or #rrggbb (did you mean white?)
    """
    from PIL import ImageColor

    try:
        return ImageColor.getrgb(background)[:3]
    except (ValueError, AttributeError, TypeError):
        raise DataError(
            'is not a colour; must be a name such as white, or #rrggbb',
            setting='background',
            value=background,
            names=ImageColor.colormap,
        ) from None


def read_header(path: Path) -> Header | None:
    """Return what the header of a picture says, None where it is damaged."""
    if not path.is_file():
        return None
    try:
        with _opened(path) as image:
            return Header(min(image.size), image.mode.partition(';')[0] in GREY_MODES)
    except Exception:  # whatever Pillow lets through; reading the picture will say it
        return None


def count_frames(path: Path) -> int:
    """Return how many frames a picture file has. Raises DataError where they are too many."""
    with _as_data_errors(path), _opened(path) as image:
        count = getattr(image, 'n_frames', 1) if image.format in ANIMATED else 1
    if count > MAX_FRAMES:
        raise DataError(f'{path}: has {count:,} frames; must be at most {MAX_FRAMES:,}')
    return count


def read_picture(path: Path, target: Target) -> np.ndarray:
    """Return a picture file as uint8 (channels, side, side).

    Raises DataError where it is damaged, too large or not a picture.
    """
    return read(path, target).pixels


def read(path: Path, target: Target, frame: int = 0) -> Picture:
    """Return one frame of a picture file. Raises DataError as `read_picture` does."""
    with _as_data_errors(path), _opened(path) as image:
        if image.width * image.height > MAX_PIXELS:
            raise DataError(
                f'{path}: has {image.width} x {image.height} pixels; must be at most {MAX_PIXELS}'
            )
        has_more = image.format in ANIMATED and getattr(image, 'is_animated', False)
        if frame:
            image.seek(frame)
        return _made(image, target, has_more, path)


@contextmanager
def _as_data_errors(path: Path) -> Iterator[None]:
    if not path.is_file():  # a dangling link, or a named pipe that would wait for ever
        problem = 'is not a regular file' if os.path.lexists(path) else 'does not exist'
        raise DataError(f'{path}: {problem}; must be a picture')
    try:
        yield
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


@contextmanager
def _opened(path: Path) -> Iterator[Image]:
    from PIL import Image

    with path.open('rb') as file, warnings.catch_warnings():
        # The limit of `read` is stricter; tags of TIFF that mean nothing here are warned of, too.
        warnings.simplefilter('ignore')
        with Image.open(file, formats=FORMATS) as image:
            yield image


def _made(image: Image, target: Target, has_more: bool, path: Path) -> Picture:
    from PIL import Image, ImageOps

    stored = _upright_size(image)
    # With this Pillow decodes a large JPEG at a fraction of its size.
    image.draft(None, (2 * target.side, 2 * target.side))
    image = _fitted(_in_plain_mode(ImageOps.exif_transpose(image), path), target)
    is_transparent = False
    if image.mode == 'RGBA':  # after the resizing, which weighs colours by their alpha
        is_transparent = image.getextrema()[3][0] < OPAQUE
        behind = Image.new('RGBA', image.size, (*rgb(target.background), OPAQUE))
        image = Image.alpha_composite(behind, image)
    is_made_grey = target.channels == 1 and _is_colour(image)
    if target.channels == 1:
        pixels = np.asarray(image.convert('L'))[None]
    else:
        pixels = np.asarray(image.convert('RGB')).transpose(2, 0, 1)
    return Picture(pixels, stored, is_made_grey, is_transparent, has_more)


def _fitted(image: Image, target: Target) -> Image:
    """Return the picture as a square: its centre, or all of it, with margins or stretched."""
    from PIL import Image, ImageOps

    square = (target.side, target.side)
    if target.fit == 'stretch':
        return image.resize(square, Image.Resampling.LANCZOS)
    if target.fit == 'crop' or image.width == image.height:
        return ImageOps.fit(image, square, Image.Resampling.LANCZOS)
    image = ImageOps.contain(image, square, Image.Resampling.LANCZOS)
    colour = rgb(target.background)
    if image.mode == 'L' and len(set(colour)) > 1:  # a grey margin would not be the background
        image = image.convert('RGB')
    fill = colour[0] if image.mode == 'L' else (*colour, OPAQUE)[: len(image.getbands())]
    padded = Image.new(image.mode, square, fill)
    padded.paste(image, ((target.side - image.width) // 2, (target.side - image.height) // 2))
    return padded


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


def _in_plain_mode(image: Image, path: Path) -> Image:
    """Return the picture in mode L, RGB or RGBA: Pillow resizes the others wrongly."""
    if image.mode.startswith('I') or image.mode == 'F':
        return _from_numbers(image, path)
    if 'transparency' in image.info or image.mode in ('LA', 'La', 'PA', 'RGBA', 'RGBa'):
        return image.convert('RGBA')
    if image.mode == 'L':
        return image
    return image.convert('RGB')


def _from_numbers(image: Image, path: Path) -> Image:
    """Return a picture of one channel of 16 bits or floats; `convert` would clip it at 255."""
    from PIL import Image

    values = np.asarray(image)
    most = 1 if image.mode == 'F' else 2**16 - 1
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= most):  # NaN fails both
        raise DataError(
            f'{path}: has grey values from {low} to {high}; must be in 8 or 16 bits, or floats '
            'from 0 to 1'
        )
    if image.mode == 'F':
        return Image.fromarray(np.rint(values * OPAQUE).astype(np.uint8))
    grey = Image.fromarray((values.astype(np.int64) >> 8).astype(np.uint8))
    if not isinstance(image.info.get('transparency'), int):
        return grey
    grey = grey.convert('RGBA')
    grey.putalpha(
        Image.fromarray(np.where(values == image.info['transparency'], 0, 255).astype('u1'))
    )
    return grey
