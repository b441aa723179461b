"""Images in an .npz archive or .npy file of NumPy: headers are checked before arrays are read."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import reason
from ..files import read_npy
from .arrays import Range, as_images, range_of
from .dataset import DataError, Dataset, NoSplit, number_labels
from .description import Origin
from .reading import MAX_UNPACKED, as_data_errors

# Names of the images and of the labels that belong to them.
KEYS = {
    'train': {
        'images': 'labels',
        'x_train': 'y_train',
        'x': 'y',
        'train_images': 'train_labels',
        'data': 'target',
        'arr_0': 'arr_1',  # without names
    },
    'test': {'x_test': 'y_test', 'test_images': 'test_labels'},
}
CLASS_NAMES = 'class_names'  # of the labels 0, 1, ...
MAX_CLASSES = 10_000
DEFLATE_RATIO = 1032  # the highest compression that deflate reaches


def load(path: Path, split: str = 'train') -> Dataset:
    """Return the images of `split` as uint8 (N, C, H, W), and their labels if there are any.

    `arrays.as_images` says which types, ranges and shapes images may have. Labels are integers of
    shape (N,) or (N, 1); an array of texts `class_names` says what 0, 1, ... are called. Raises
    NoSplit where there are no images of the split, and DataError for
    damage, and for pickled arrays.
    """
    with _opened(path) as archive:
        key = _first_key(archive, KEYS[split])
        if key is None:
            raise _no_images(archive, split, path)
        array, where = _read_array(archive, key, path), f'{path}[{key}]'
        images = as_images(array, where, _range_of_train(archive, split, array.dtype, path))
        samples = images.pixels
        labels, classes = _read_labels(archive, split, len(samples), path)
        origin = Origin(unused=_unused(archive), read_as=images.read_as)
    return Dataset(path.stem, samples, labels, classes, split, origin=origin)


def load_npy(path: Path, split: str = 'train') -> Dataset:
    """Return the images of an .npy file, which has neither labels nor a test split."""
    if split != 'train':
        raise NoSplit(f'{path}: has no {split} split; must be an .npz archive with x_test')
    with as_data_errors(path):
        if not path.is_file():
            raise DataError(f'{path}: is not a regular file; must be an .npy file')
        with open(path, 'rb') as stream:
            try:
                array = read_npy(stream, path.stat().st_size)
            except ValueError as error:
                raise DataError(f'{path}: {error}') from None
    images = as_images(array, str(path))
    return Dataset(path.stem, images.pixels, origin=Origin(read_as=images.read_as))


def _range_of_train(
    archive: zipfile.ZipFile, split: str, kind: np.dtype, path: Path
) -> Range | None:
    """Return the range of the training images, which those of a test split have too."""
    key = _first_key(archive, KEYS['train'])
    if split == 'train' or key is None or kind == np.uint8:
        return None
    array = _read_array(archive, key, path)
    return range_of(array, f'{path}[{key}]') if array.dtype.kind == kind.kind else None


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
    labels, classes = _number_labels(archive, split, labels, path)
    return labels, _named(archive, classes, path)


def _number_labels(
    archive: zipfile.ZipFile, split: str, labels: np.ndarray, path: Path
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    if split == 'train' or not _first_key(archive, KEYS['train']):
        return number_labels(labels)
    train_key = _label_key(archive, 'train')
    if train_key is None:  # test labels alone name no class of a run
        return None, ()
    array = _read_array(archive, train_key, path)
    of_train = _as_labels(array, array.shape[0] if array.ndim else 0, f'{path}[{train_key}]')
    return number_labels(labels, of_train, f'{path}[{_label_key(archive, split)}]')


def _named(archive: zipfile.ZipFile, numbers: tuple[str, ...], path: Path) -> tuple[str, ...]:
    """Return the names of classes that are called by numbers, where the archive holds names."""
    if not numbers or _first_key(archive, [CLASS_NAMES]) is None:
        return numbers
    array, where = _read_array(archive, CLASS_NAMES, path), f'{path}[{CLASS_NAMES}]'
    if array.dtype.kind != 'U' or array.ndim != 1:
        raise DataError(
            f'{where}: has the type {array.dtype} and the shape {array.shape}; '
            'must be texts (K,), one for each class'
        )
    highest = max(map(int, numbers))
    if highest >= len(array):
        raise DataError(
            f'{where}: has {len(array)} names for labels up to {highest}; '
            f'must be at least {highest + 1}'
        )
    try:
        return tuple(str(array[int(number)]) for number in numbers)
    except (ValueError, SystemError) as error:  # no code points
        raise DataError(f'{where}: holds no text ({reason(error)}); must be texts') from None


def _unused(archive: zipfile.ZipFile) -> tuple[str, ...]:
    """Return the names of what is neither images nor labels of a split."""
    used = set()
    for split, keys in KEYS.items():
        key = _first_key(archive, keys)
        labels = _label_key(archive, split) if key else None
        used |= {key, labels, CLASS_NAMES if labels else None}
    names = [name.removesuffix('.npy') for name in archive.namelist()]
    return tuple(name for name in names if name not in used)


def _label_key(archive: zipfile.ZipFile, split: str) -> str | None:
    """Return the name of the labels of a split: those of its images, else any that are there."""
    own = KEYS[split][_first_key(archive, KEYS[split])]
    return _first_key(archive, [own, *KEYS[split].values()])


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    if path.exists() and not path.is_file():  # a named pipe would wait for ever
        raise DataError(f'{path}: is not a regular file; must be an .npz archive')
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
