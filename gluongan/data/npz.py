"""Images in a NumPy .npz archive, whose headers are checked before their arrays are made."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .dataset import DataError, Dataset, numbered
from .files import MAX_UNPACKED
from .idx import MAX_SIDE

IMAGES = {'train': ('images', 'x_train', 'x'), 'test': ('x_test',)}
LABELS = {'train': ('labels', 'y_train', 'y'), 'test': ('y_test',)}
MAX_CLASSES = 10_000
DEFLATE_RATIO = 1032  # the most that deflate can shrink anything


def dataset(path: Path, split: str = 'train') -> Dataset:
    """The images of `split` as uint8 (N, C, H, W), and its labels if there are any; DataError for anything amiss.

    Images are uint8, or floats in [0, 1], of shape (N, H, W), (N, H, W, C) or (N, C, H, W), where C is 1 or 3;
    labels are integers of shape (N,) or (N, 1). Pickled arrays are refused.
    """
    with _archive(path) as archive:
        key = _first(archive, IMAGES[split])
        if key is None:
            raise DataError(
                f'{path}: holds {_keys(archive) or "no arrays"}, allowed for the images of '
                f'split={split!r} are {", ".join(IMAGES[split])}'
            )
        samples = _images(_array(archive, key, path), f'{path}[{key}]')
        key = _first(archive, LABELS[split])
        labels = (
            None
            if key is None
            else _labels(_array(archive, key, path), len(samples), f'{path}[{key}]')
        )
    return Dataset(path.stem, samples, labels, numbered(labels), split)


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except DataError:
        raise
    except (
        Exception
    ) as error:  # a damaged archive lets out whatever zipfile, zlib, ast and numpy raise
        reason = getattr(error, 'strerror', None) or str(error).partition('\n')[0]
        raise DataError(
            f'{path}: is not a readable .npz archive ({reason}), allowed is what numpy.savez writes'
        ) from error


def _keys(archive: zipfile.ZipFile) -> str:
    # As reprs and not too many, because a damaged archive may hold anything under any name.
    return ', '.join(sorted(repr(name.removesuffix('.npy')) for name in archive.namelist())[:20])


def _first(archive: zipfile.ZipFile, keys: tuple[str, ...]) -> str | None:
    return next((key for key in keys if f'{key}.npy' in archive.namelist()), None)


def _array(archive: zipfile.ZipFile, key: str, path: Path) -> np.ndarray:
    info = archive.getinfo(f'{key}.npy')
    with archive.open(info) as member:
        _check_header(member.read(4096), info, path)
    with archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _check_header(head: bytes, info: zipfile.ZipInfo, path: Path) -> None:
    """Refuse what numpy would unpickle, and sizes that the file cannot hold, for numpy allocates what a header says."""
    stream = io.BytesIO(head)
    if np.lib.format.read_magic(stream) != (
        1,
        0,
    ):  # later versions exist for structured arrays only
        raise DataError(
            f'{path}: {info.filename} is not of .npy version 1.0, allowed is a plain array'
        )
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.hasobject:
        raise DataError(
            f'{path}: {info.filename} holds pickled Python objects, allowed are numbers'
        )
    if math.prod(shape) * dtype.itemsize + stream.tell() != info.file_size:
        raise DataError(
            f'{path}: {info.filename} says it is {dtype} {shape}, '
            f'allowed is what fits its {info.file_size} bytes'
        )
    stored = info.compress_type == zipfile.ZIP_STORED
    limit = (
        path.stat().st_size if stored else min(MAX_UNPACKED, path.stat().st_size * DEFLATE_RATIO)
    )
    if info.file_size > limit:
        raise DataError(
            f'{path}: {info.filename} promises {info.file_size} bytes, allowed are {limit} in this archive'
        )


def _images(array: np.ndarray, where: str) -> np.ndarray:
    shape = array.shape
    if array.dtype != np.uint8 and array.dtype.kind != 'f':
        raise DataError(
            f'{where}: is of type {array.dtype}, allowed are uint8 and floats in [0, 1]'
        )
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and shape[1] not in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if (
        array.ndim != 4
        or len(array) < 1
        or array.shape[1] not in (1, 3)
        or not all(1 <= side <= MAX_SIDE for side in array.shape[2:])
    ):
        raise DataError(
            f'{where}: has shape {shape}, allowed are (N, H, W), (N, H, W, C) and (N, C, H, W) '
            f'with N >= 1, C of 1 or 3 and sides of 1..{MAX_SIDE}'
        )
    return np.ascontiguousarray(array if array.dtype == np.uint8 else _bytes(array, where))


def _bytes(floats: np.ndarray, where: str) -> np.ndarray:
    low, high = floats.min(), floats.max()
    if not (low >= 0 and high <= 1):  # so written that NaN, which is never >= 0, does not pass
        raise DataError(f'{where}: holds values from {low} to {high}, allowed are floats in [0, 1]')
    pixels = np.empty(floats.shape, np.uint8)
    for index, values in enumerate(floats):  # one by one, to spare a second float array
        pixels[index] = np.rint(values * 255)
    return pixels


def _labels(array: np.ndarray, count: int, where: str) -> np.ndarray:
    if array.dtype.kind not in 'iu':
        raise DataError(f'{where}: is of type {array.dtype}, allowed are integers')
    if array.shape not in ((count,), (count, 1)):
        raise DataError(
            f'{where}: has shape {array.shape} for {count} images, allowed is one label for each'
        )
    if array.min() < 0 or array.max() >= MAX_CLASSES:
        raise DataError(
            f'{where}: holds labels from {array.min()} to {array.max()}, allowed are 0..{MAX_CLASSES - 1}'
        )
    return array.reshape(-1).astype(np.int64)
