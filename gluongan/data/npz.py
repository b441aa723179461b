"""Images in a NumPy .npz archive, whose headers are checked before their arrays are read."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import reason
from ..files import read_npy
from .dataset import DataError, Dataset, NoSplit, number_labels
from .description import Origin
from .idx import MAX_SIDE
from .reading import MAX_UNPACKED

# Names of the images and of the labels that belong to them.
KEYS = {
    'train': {
        'images': 'labels',
        'x_train': 'y_train',
        'x': 'y',
        'train_images': 'train_labels',
    },
    'test': {'x_test': 'y_test', 'test_images': 'test_labels'},
}
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
        key = _first_key(archive, KEYS[split])
        if key is None:
            raise _no_images(archive, split, path)
        samples = _as_images(_read_array(archive, key, path), f'{path}[{key}]')
        labels, classes = _read_labels(archive, split, len(samples), path)
        origin = Origin(unused=_unused(archive))
    return Dataset(path.stem, samples, labels, classes, split, origin=origin)


def _no_images(archive: zipfile.ZipFile, split: str, path: Path) -> DataError:
    labels = _first_key(archive, KEYS[split].values()) if split != 'train' else None
    if labels:
        return DataError(f'{path}[{labels}]: are labels without images; must be both or neither')
    return NoSplit(
        f'{path}: {_contents(archive, split)}; '
        f'must be an archive with an array named {_one_of(list(KEYS[split]))}'
    )


def _read_labels(
    archive: zipfile.ZipFile, split: str, count: int, path: Path
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the labels of a split and the classes, both numbered as in the training split."""
    key = _label_key(archive, split)
    if key is None:
        return None, ()
    labels = _as_labels(_read_array(archive, key, path), count, f'{path}[{key}]')
    if split == 'train' or not _first_key(archive, KEYS['train']):
        return number_labels(labels)
    train_key = _label_key(archive, 'train')
    if train_key is None:  # test labels alone name no class of a run
        return None, ()
    array = _read_array(archive, train_key, path)
    of_train = _as_labels(array, array.shape[0] if array.ndim else 0, f'{path}[{train_key}]')
    return number_labels(labels, of_train, f'{path}[{key}]')


def _unused(archive: zipfile.ZipFile) -> tuple[str, ...]:
    """Return the names of what is neither images nor labels of a split."""
    used = set()
    for split, keys in KEYS.items():
        key = _first_key(archive, keys)
        used |= {key, _label_key(archive, split) if key else None}
    names = [name.removesuffix('.npy') for name in archive.namelist()]
    return tuple(name for name in names if name not in used)


def _label_key(archive: zipfile.ZipFile, split: str) -> str | None:
    """Return the name of the labels of a split: those of its images, else any that are there."""
    own = KEYS[split][_first_key(archive, KEYS[split])]
    return _first_key(archive, [own, *KEYS[split].values()])


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DataError:
        raise
    except Exception as error:  # a damaged archive raises whatever zipfile and zlib let through
        raise DataError(
            f'{path}: is not a readable .npz archive ({reason(error)}); '
            'must be written by numpy.savez'
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


def _first_key(archive: zipfile.ZipFile, keys: Iterable[str]) -> str | None:
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
    elif array.ndim == 4 and array.shape[1] in CHANNELS and array.shape[3] in CHANNELS:
        raise DataError(
            f'{where}: has the shape {array.shape}, whose channels may be first or last; '
            'must have sides of at least 4'
        )
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
