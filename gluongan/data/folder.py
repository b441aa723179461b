"""A folder of pictures: one sub-folder for each class, or all in one folder without classes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .dataset import DataError, Dataset, NoSplit
from .reading import as_data_errors

if TYPE_CHECKING:
    from PIL.Image import Image

EXTENSIONS = ('.png', '.jpg', '.jpeg', '.bmp', '.gif', '.webp')
# Pillow reads more formats, and starts other programs for some of them.
FORMATS = ('PNG', 'JPEG', 'BMP', 'GIF', 'WEBP')
MAX_PIXELS = 2**26


def load(folder: Path, split: str = 'train', *, image_size: int = 32, channels: int = 3) -> Dataset:
    """Return the pictures, sorted by name, as uint8 (N, channels, image_size, image_size).

    Each is cropped at the centre to a square and resized. Where there are sub-folders train/ and
    test/, `split` chooses one. An animation counts with its first frame; EXIF orientation is
    applied; transparency becomes black. Other files are ignored. Raises NoSplit where there is no
    test/, and DataError for a picture that cannot be read and for a folder without pictures.
    """
    with as_data_errors(folder):
        paths, labels, classes = _list_classes(_choose_split(folder, split))
    try:
        samples = np.empty((len(paths), channels, image_size, image_size), np.uint8)
    except MemoryError as error:
        raise DataError(
            f'{folder}: its pictures ({len(paths)}) do not fit in memory; '
            f'must be fewer, or of an `image_size` below {image_size}'
        ) from error
    for index, path in enumerate(paths):
        samples[index] = read_picture(path, image_size, channels)
    return Dataset(folder.resolve().name, samples, labels, classes, split)


def _choose_split(folder: Path, split: str) -> Path:
    # Only where both exist, because `train` alone may be a class.
    if (folder / 'train').is_dir() and (folder / 'test').is_dir():
        return folder / split
    if split != 'train':
        raise NoSplit(
            f'{folder}: has no sub-folders train and test; must be a folder with both for {split}'
        )
    return folder


def _list_classes(folder: Path) -> tuple[list[Path], np.ndarray | None, tuple[str, ...]]:
    """Return the pictures, and their labels and class names where they are in sub-folders."""
    direct = _list_pictures(folder)
    classes = {}
    for subfolder in _list_visible(folder):
        pictures = _list_pictures(subfolder) if subfolder.is_dir() else []
        if pictures:
            classes[subfolder.name] = pictures
    if direct and classes:
        raise DataError(
            f'{folder}: has pictures in itself and in {next(iter(classes))}; '
            'must be in one of the two'
        )
    if direct:
        return direct, None, ()
    if not classes:
        raise DataError(
            f'{folder}: has no pictures; '
            f'must be a folder with {" ".join(EXTENSIONS)} files in it or one level below'
        )
    paths = [path for pictures in classes.values() for path in pictures]
    counts = [len(pictures) for pictures in classes.values()]
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
    return paths, labels, tuple(classes)


def _list_pictures(folder: Path) -> list[Path]:
    visible = _list_visible(folder)
    return [path for path in visible if path.suffix.lower() in EXTENSIONS and not path.is_dir()]


def _list_visible(folder: Path) -> list[Path]:
    visible = [path for path in folder.iterdir() if not path.name.startswith('.')]
    # By name as text, because Windows compares paths without regard to case.
    return sorted(visible, key=lambda path: path.name)


def read_picture(path: Path, size: int, channels: int) -> np.ndarray:
    """Return a picture file as uint8 (channels, size, size).

    Raises DataError where it is damaged, too large or not a picture.
    """
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


def _decode(path: Path, size: int, channels: int) -> np.ndarray:
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        # The limit below is stricter.
        warnings.simplefilter('ignore', Image.DecompressionBombWarning)
        image = Image.open(path, formats=FORMATS)
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise DataError(
                f'{path}: has {image.width} x {image.height} pixels; must be at most {MAX_PIXELS}'
            )
        # With this Pillow decodes a large JPEG at a fraction of its size.
        image.draft(None, (2 * size, 2 * size))
        image = _in_plain_mode(ImageOps.exif_transpose(image))
    image = ImageOps.fit(image, (size, size), Image.LANCZOS)
    if image.mode == 'RGBA':  # after the resizing, which weighs colours by their alpha
        image = Image.alpha_composite(Image.new('RGBA', image.size, 'black'), image)
    if channels == 1:
        return np.asarray(image.convert('L'))[None]
    return np.asarray(image.convert('RGB')).transpose(2, 0, 1)


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
