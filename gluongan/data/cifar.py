"""CIFAR-10 and CIFAR-100 as they are published: binary or python version, in a folder or archive.

Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html. The python version is made of pickles,
which are read without unpickling.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..files import read_at_most
from .archives import MAX_FILE, storage_order
from .dataset import DataError, Dataset
from .pickled import read_pickled
from .reading import as_data_errors

SIDE = 32
VALUES = 3 * SIDE * SIDE


@dataclass(frozen=True)
class Layout:
    """Which files make up a version of CIFAR, and where labels and names stand in them.

    skipped: bytes of a binary record before its label; None for the python version.
    """

    train: tuple[str, ...]
    test: str
    names: str
    labels: str = ''
    label_names: str = ''
    skipped: int | None = None


BATCHES = tuple(f'data_batch_{number}' for number in range(1, 6))
LAYOUTS = (
    Layout(
        tuple(f'{name}.bin' for name in BATCHES), 'test_batch.bin', 'batches.meta.txt', skipped=0
    ),
    Layout(('train.bin',), 'test.bin', 'fine_label_names.txt', skipped=1),
    Layout(BATCHES, 'test_batch', 'batches.meta', 'labels', 'label_names'),
    Layout(('train',), 'test', 'meta', 'fine_labels', 'fine_label_names'),
)


def find_layout(folder: Path) -> Layout | None:
    """Return which version of CIFAR a folder holds, None where it holds none."""
    for layout in LAYOUTS:
        if (folder / layout.train[0]).is_file() and (folder / layout.names).is_file():
            return layout
    return None


def load(folder: Path, split: str = 'train') -> Dataset:
    """Return the pictures of a split as uint8 (N, 3, 32, 32), with their (fine) classes.

    Raises DataError for a file that is missing or not what it must be.
    """
    layout = find_layout(folder)
    names = layout.train if split == 'train' else (layout.test,)
    paths = [folder / name for name in names]
    for path in paths:
        if not path.is_file():
            raise DataError(f'{path}: is missing; must be beside {layout.names}')
    read = _read_python if layout.skipped is None else _read_binary
    parts: list[Any] = [None] * len(paths)
    for index in storage_order(paths):
        parts[index] = read(paths[index], layout)
    samples = np.concatenate([samples for samples, _ in parts])
    labels = np.concatenate([labels for _, labels in parts])
    classes = _class_names(folder / layout.names, layout)
    if labels.max() >= len(classes):
        raise DataError(
            f'{folder}: has the label {labels.max()}; must be one of the {len(classes)} classes '
            f'in {layout.names}'
        )
    return Dataset(folder.resolve().name, samples, labels, classes, split)


def _content(path: Path) -> bytes:
    if not path.is_file():  # a named pipe would wait for ever
        raise DataError(f'{path}: is not a regular file; must be a file')
    with as_data_errors(path), path.open('rb') as file:
        content = read_at_most(file, MAX_FILE)
    if len(content) > MAX_FILE:
        raise DataError(f'{path}: has over {MAX_FILE:,} bytes; must be fewer')
    return bytes(content)


def _read_binary(path: Path, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    content = np.frombuffer(_content(path), np.uint8)
    record = layout.skipped + 1 + VALUES
    if not len(content) or len(content) % record:
        raise DataError(
            f'{path}: has {len(content):,} bytes; must be records of {record:,} bytes each'
        )
    records = content.reshape(-1, record)
    return _images(records[:, -VALUES:]), records[:, layout.skipped].astype(np.int64)


def _read_python(path: Path, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    batch = _unpickled(path)
    data, labels = batch.get('data'), batch.get(layout.labels)
    is_data = isinstance(data, np.ndarray) and data.ndim == 2 and data.shape[1] == VALUES
    if not is_data or not len(data):
        raise DataError(f'{path}: has no array `data` of rows of {VALUES:,} bytes; must be there')
    if not _are_labels(labels, len(data)):
        raise DataError(
            f'{path}: has no list `{layout.labels}` of {len(data):,} labels; must be there'
        )
    return _images(data), np.array(labels, np.int64)


def _are_labels(labels: Any, count: int) -> bool:
    if not isinstance(labels, list) or len(labels) != count:
        return False
    return all(type(label) is int and 0 <= label < 256 for label in labels)


def _images(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows).reshape(-1, 3, SIDE, SIDE)


def _unpickled(path: Path) -> dict[str, Any]:
    """Return the dict of a pickle file, with texts for keys."""
    try:
        values = read_pickled(_content(path))
    except ValueError as error:
        raise error if isinstance(error, DataError) else DataError(f'{path}: {error}') from None
    if not isinstance(values, dict):
        raise DataError(f'{path}: holds no dict; must be there')
    return {_text(key): value for key, value in values.items()}


def _text(value: str | bytes) -> str:
    return value.decode('latin1') if isinstance(value, bytes) else value


def _class_names(path: Path, layout: Layout) -> tuple[str, ...]:
    if layout.skipped is not None:
        names = _content(path).decode('latin1').split()
    else:
        names = _unpickled(path).get(layout.label_names)
    if not isinstance(names, list) or not all(isinstance(name, (str, bytes)) for name in names):
        raise DataError(f'{path}: has no list `{layout.label_names}` of names; must be there')
    return tuple(map(_text, names))
