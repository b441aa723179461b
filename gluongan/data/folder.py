"""A folder of pictures: one sub-folder for each class, or all in one place without classes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .dataset import DataError, Dataset
from .files import faults

if TYPE_CHECKING:
    from PIL.Image import Image

EXTENSIONS = ('.png', '.jpg', '.jpeg', '.bmp', '.gif', '.webp')
FORMATS = (
    'PNG',
    'JPEG',
    'BMP',
    'GIF',
    'WEBP',
)  # Pillow knows more, among them some that start other programs
MAX_PIXELS = 2**26


def dataset(
    folder: Path, split: str = 'train', *, image_size: int = 32, channels: int = 3
) -> Dataset:
    """Its pictures, sorted by name, centre-cropped and resized to uint8 (N, channels, image_size, image_size).

    Where there are sub-folders train/ and test/, `split` chooses; of animations the first frame counts; EXIF
    orientation is applied; transparency becomes black. Other files are ignored; a picture that cannot be
    read, an empty folder and a missing split are DataErrors.
    """
    with faults(folder):
        files, labels, classes = _listing(_split(folder, split))
    try:
        samples = np.empty((len(files), channels, image_size, image_size), np.uint8)
    except MemoryError as error:
        raise DataError(
            f'{folder}: its {len(files)} pictures do not fit in memory at image_size={image_size}, '
            'allowed is a smaller one'
        ) from error
    for index, path in enumerate(files):
        samples[index] = picture(path, image_size, channels)
    return Dataset(folder.resolve().name, samples, labels, classes, split)


def _split(folder: Path, split: str) -> Path:
    if (folder / 'train').is_dir() and (
        folder / 'test'
    ).is_dir():  # both, for `train` alone may well be a class
        return folder / split
    if split != 'train':
        raise DataError(
            f"{folder}: has no sub-folders train and test, allowed without them is only split='train'"
        )
    return folder


def _listing(folder: Path) -> tuple[list[Path], np.ndarray | None, tuple[str, ...]]:
    flat = _pictures(folder)
    subfolders = {path.name: _pictures(path) for path in _visible(folder) if path.is_dir()}
    classes = {name: files for name, files in subfolders.items() if files}
    if flat and classes:
        raise DataError(
            f'{folder}: holds pictures both in itself and in {next(iter(classes))}, '
            'allowed is one of the two'
        )
    if not flat and not classes:
        raise DataError(
            f'{folder}: holds no pictures, allowed are {" ".join(EXTENSIONS)} in it or one level below'
        )
    if flat:
        return flat, None, ()
    labels = np.repeat(np.arange(len(classes)), [len(files) for files in classes.values()]).astype(
        np.int64
    )
    return [path for files in classes.values() for path in files], labels, tuple(classes)


def _pictures(folder: Path) -> list[Path]:
    return [
        path for path in _visible(folder) if path.suffix.lower() in EXTENSIONS and not path.is_dir()
    ]


def _visible(folder: Path) -> list[Path]:
    # By name as text, because paths sort without regard to case on Windows.
    return sorted(
        (path for path in folder.iterdir() if not path.name.startswith('.')),
        key=lambda path: path.name,
    )


def picture(path: Path, size: int, channels: int) -> np.ndarray:
    """One picture file as uint8 (channels, size, size); DataError when it is damaged, too large or no picture."""
    if not path.is_file():  # a dangling link, or a named pipe that would wait for ever
        raise DataError(f'{path}: is not a regular file, allowed is a picture')
    try:
        return _decoded(path, size, channels)
    except DataError:
        raise
    except (
        Exception
    ) as error:  # on damaged files Pillow lets out whatever struct, zlib and its decoders raise
        raise DataError(
            f'{path}: is not a readable picture ({_reason(error)}), '
            f'allowed are {", ".join(FORMATS)} files'
        ) from error


def _reason(error: Exception) -> str:
    # Pillow's own words would only repeat the path.
    return getattr(error, 'strerror', None) or type(error).__name__


def _decoded(path: Path, size: int, channels: int) -> np.ndarray:
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter(
            'ignore', Image.DecompressionBombWarning
        )  # the limit below is stricter
        image = Image.open(path, formats=FORMATS)
    with image:
        if image.width * image.height > MAX_PIXELS:
            raise DataError(
                f'{path}: has {image.width} x {image.height} pixels, allowed are {MAX_PIXELS} in all'
            )
        image.draft(
            None, (2 * size, 2 * size)
        )  # lets a large JPEG be decoded at a fraction of its size
        image = _plain(ImageOps.exif_transpose(image))
    image = ImageOps.fit(image, (size, size), Image.LANCZOS)
    if image.mode == 'RGBA':  # after the resizing, which weighs colours by their alpha
        image = Image.alpha_composite(Image.new('RGBA', image.size, 'black'), image)
    pixels = np.asarray(image.convert('L' if channels == 1 else 'RGB'))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _plain(image: Image) -> Image:
    """The same picture in one of the modes L, RGB and RGBA, which alone can be resized as they should."""
    from PIL import Image

    if image.mode.startswith('I'):  # 16 bits in one channel; `convert` clips them at 255
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).astype(np.uint8))
    if 'transparency' in image.info or image.mode in ('LA', 'La', 'PA', 'RGBA', 'RGBa'):
        return image.convert('RGBA')
    return image if image.mode == 'L' else image.convert('RGB')
