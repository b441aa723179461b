"""Images in a NumPy .npz archive, whose headers are checked before their arrays are read."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..files import read_npy
from .dataset import DataError, Dataset, NoSplit, numbered_classes
from .idx import MAX_SIDE
from .reading import MAX_UNPACKED

IMAGES = {'train': ('images', 'x_train', 'x'), 'test': ('x_test',)}
LABELS = {'train': ('labels', 'y_train', 'y'), 'test': ('y_test',)}
CHANNELS = (1, 3)
MAX_CLASSES = 10_000
DEFLATE_RATIO = 1032  # the highest compression that deflate reaches


def load(path: Path, split: str = 'train') -> Dataset:
    """Return the images of `split` as uint8 (N, C, H, W), and their labels if there are any.

    Images are uint8, or floats in [0, 1], of shape (N, H, W), (N, H, W, C) or (N, C, H, W), where
    C is 1 or 3. Labels are integers of shape (N,) or (N, 1). Raises NoSplit where there are no
    images of the split, and DataError for damage, and for pickled arrays.
    """
    with _opened(path) as archive:
        key = _first_key(archive, IMAGES[split])
        if key is None:
            raise NoSplit(
                f'{path}: {_contents(archive, split)}; '
                f'must be an archive with an array named {_one_of(IMAGES[split])}'
            )
        samples = _as_images(_read_array(archive, key, path), f'{path}[{key}]')
        labels = None
        key = _first_key(archive, LABELS[split])
        if key is not None:
            array = _read_array(archive, key, path)
            labels = _as_labels(array, len(samples), f'{path}[{key}]')
    return Dataset(path.stem, samples, labels, numbered_classes(labels), split)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DataError:
        raise
    except Exception as error:  # a damaged archive raises whatever zipfile and zlib let through
        reason = getattr(error, 'strerror', None) or str(error).partition('\n')[0]
        raise DataError(
            f'{path}: is not a readable .npz archive ({reason}); must be written by numpy.savez'
        ) from error


def _contents(archive: zipfile.ZipFile, split: str) -> str:
    # As reprs and not too many, because a damaged archive may hold anything under any name.
    keys = sorted(repr(name.removesuffix('.npy')) for name in archive.namelist())
    if not keys:
        return 'contains no arrays'
    return f'has no images for the {split} split, only {", ".join(keys[:20])}'


def _one_of(names: Sequence[str]) -> str:
    *others, last = names
    return f'{", ".join(others)} or {last}' if others else last


def _first_key(archive: zipfile.ZipFile, keys: tuple[str, ...]) -> str | None:
    names = archive.namelist()
    return next((key for key in keys if f'{key}.npy' in names), None)


def _read_array(archive: zipfile.ZipFile, key: str, path: Path) -> np.ndarray:
    entry = archive.getinfo(f'{key}.npy')
    limit = path.stat().st_size
    if entry.compress_type != zipfile.ZIP_STORED:
        limit = min(MAX_UNPACKED, limit * DEFLATE_RATIO)
    if entry.file_size > limit:
        raise DataError(
            f'{path}[{key}]: unpacks to {entry.file_size} bytes; must be at most {limit}'
        )
    with archive.open(entry) as stream:
        try:
            return read_npy(stream, entry.file_size)
        except ValueError as error:
            raise DataError(f'{path}[{key}]: {error}') from None


def _as_images(array: np.ndarray, where: str) -> np.ndarray:
    """Return uint8 images (N, C, H, W) of any array that `load` allows."""
    if array.dtype != np.uint8 and array.dtype.kind != 'f':
        raise DataError(f'{where}: has the type {array.dtype}; must be uint8 or floats in [0, 1]')
    images = array
    if array.ndim == 3:
        images = array[:, None]
    elif array.ndim == 4 and array.shape[1] not in CHANNELS:
        images = array.transpose(0, 3, 1, 2)
    if not _is_image_shape(images.shape):
        raise DataError(
            f'{where}: has the shape {array.shape}; must be (N, H, W), (N, H, W, C) or '
            f'(N, C, H, W) with N >= 1, C of 1 or 3 and sides from 1 to {MAX_SIDE}'
        )
    if images.dtype != np.uint8:
        images = _as_bytes(images, where)
    return np.ascontiguousarray(images)


def _is_image_shape(shape: tuple[int, ...]) -> bool:
    if len(shape) != 4 or shape[0] < 1 or shape[1] not in CHANNELS:
        return False
    return all(1 <= side <= MAX_SIDE for side in shape[2:])


def _as_bytes(images: np.ndarray, where: str) -> np.ndarray:
    low, high = images.min(), images.max()
    if np.isnan(low):
        raise DataError(f'{where}: contains NaN; must be floats in [0, 1]')
    if low < 0 or high > 1:
        raise DataError(f'{where}: has values from {low} to {high}; must be floats in [0, 1]')
    pixels = np.empty(images.shape, np.uint8)
    for index, image in enumerate(images):  # one by one, to avoid a second float array
        pixels[index] = np.rint(image * 255)
    return pixels


def _as_labels(array: np.ndarray, count: int, where: str) -> np.ndarray:
    if array.dtype.kind not in 'iu':
        raise DataError(f'{where}: has the type {array.dtype}; must be integers')
    if array.shape not in ((count,), (count, 1)):
        raise DataError(
            f'{where}: has the shape {array.shape} for {count} images; must be one label for each'
        )
    if array.min() < 0 or array.max() >= MAX_CLASSES:
        raise DataError(
            f'{where}: has labels from {array.min()} to {array.max()}; '
            f'must be from 0 to {MAX_CLASSES - 1}'
        )
    return array.reshape(-1).astype(np.int64)
