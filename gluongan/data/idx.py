"""LeCun's idx format, read with distrust: magic number and sizes are checked before any pixel is.

Layout: two zero bytes, a type byte (0x08 = uint8), the rank, `rank` big-endian uint32 sizes, then
the values.
"""

from __future__ import annotations

import hashlib
import math
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..files import read_at_most
from .dataset import DataError, Dataset, NoSplit, number_labels
from .reading import MAX_UNPACKED, open_unpacked

MAX_SIDE = 4096
RANKS = {'images': 3, 'labels': 1}
PREFIXES = {'train': 'train', 'test': 't10k'}


def load(folder: Path, split: str = 'train') -> Dataset:
    """Return the images of `split`, (N, 1, H, W), and their labels if there is a file of them.

    Raises NoSplit where there are no such images, and DataError for a file that is damaged.
    """
    images = _read_images(folder, split)
    labels = _read_labels(folder, split)
    where = find_file(folder, f'{PREFIXES[split]}-labels')
    if labels is not None and len(labels) != len(images):
        raise DataError(
            f'{where}: has {len(labels)} labels for {len(images)} images; must be one for each'
        )
    of_train = labels
    if split != 'train' and find_file(folder, 'train-images'):
        of_train = _read_labels(folder, 'train')
    classes = ()
    if labels is None or of_train is None:  # test labels alone name no class of a run
        labels = None
    else:
        labels, classes = number_labels(labels, of_train, where)
    return Dataset(folder.resolve().name, images[:, None], labels, classes, split)


def _read_images(folder: Path, split: str) -> np.ndarray:
    stem = f'{PREFIXES[split]}-images'
    path = find_file(folder, stem)
    if path is None:
        if find_file(folder, f'{PREFIXES[split]}-labels'):
            raise DataError(f'{folder}: has labels but no {stem} file; must have both or neither')
        spellings = ', '.join(_spellings(stem))
        raise NoSplit(f'{folder}: has no {stem} file; must be a folder with one of {spellings}')
    return read(path, rank=3)


def _read_labels(folder: Path, split: str) -> np.ndarray | None:
    path = find_file(folder, f'{PREFIXES[split]}-labels')
    return None if path is None else read(path, rank=1)


def find_file(folder: Path, stem: str) -> Path | None:
    """Return the file of e.g. 'train-images' under any of its usual names, or None."""
    for name in _spellings(stem):
        path = folder / name
        if path.exists():
            return path
    return None


def _spellings(stem: str) -> list[str]:
    rank = RANKS[stem.rpartition('-')[2]]
    return [f'{stem}{joint}idx{rank}-ubyte{end}' for joint in '-.' for end in ('.gz', '')]


def is_idx_folder(folder: Path) -> bool:
    """Return whether the folder holds at least one idx file under a usual name."""
    stems = [f'{prefix}-{kind}' for prefix in PREFIXES.values() for kind in RANKS]
    return any(find_file(folder, stem) for stem in stems)


def read(
    path: Path, *, rank: int, shape: tuple[int, ...] | None = None, sha256: str | None = None
) -> np.ndarray:
    """Return an idx file, gzipped or not, as uint8 of `rank` dimensions.

    shape, sha256: of the unpacked file, checked where they are given. Raises DataError for any
    file that is not exactly what its header states.
    """
    with open_unpacked(path) as (stream, size):
        return decode(stream, path, rank=rank, shape=shape, sha256=sha256, size=size)


def decode(
    stream: BinaryIO,
    where: object,
    *,
    rank: int,
    shape: tuple[int, ...] | None = None,
    sha256: str | None = None,
    size: int | None = None,
) -> np.ndarray:
    """Do what `read` does, with an open stream of unpacked bytes.

    where: what error messages call it. size: its length in bytes, None where it is not known.

    >>> import io
    >>> content = bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1])    # three labels: 7, 2, 1
    >>> decode(io.BytesIO(content), 'labels', rank=1)
    array([7, 2, 1], dtype=uint8)
    >>> decode(io.BytesIO(content[:-1]), 'labels', rank=1)
    Traceback (most recent call last):
    gluongan.data.dataset.DataError: labels: has 2 bytes of values; must be 3 by its header
    """
    head = bytes(read_at_most(stream, 3 + 4 * rank))
    stated = _read_shape(head, where, rank)
    if shape is not None and stated != shape:
        raise DataError(f'{where}: has the shape {stated}; must be {shape}')
    count = math.prod(stated)
    if size is not None and size != len(head) + count:
        raise DataError(f'{where}: has {size} bytes; must be {len(head) + count} by its header')
    if size is None and count > MAX_UNPACKED:
        raise DataError(f'{where}: unpacks to {count} bytes; must be at most {MAX_UNPACKED}')
    values = read_at_most(stream, count)
    if len(values) != count:
        amount = len(values) if len(values) < count else f'more than {count}'
        raise DataError(f'{where}: has {amount} bytes of values; must be {count} by its header')
    if sha256 is not None:
        _check_sha256(head, values, where, sha256)
    return np.frombuffer(values, np.uint8).reshape(stated)


def _read_shape(head: bytes, where: object, rank: int) -> tuple[int, ...]:
    if len(head) != 4 + 4 * rank:
        raise DataError(
            f'{where}: ends inside its header; must be an idx file of {rank} dimensions'
        )
    magic = bytes((0, 0, 8, rank))
    if head[:4] != magic:
        raise DataError(
            f'{where}: begins with 0x{head[:4].hex()}; must be the idx magic number 0x{magic.hex()}'
        )
    shape = struct.unpack(f'>{rank}I', head[4:])
    if shape[0] < 1 or not all(1 <= side <= MAX_SIDE for side in shape[1:]):
        raise DataError(
            f'{where}: has the shape {shape}; must be N >= 1 and sides from 1 to {MAX_SIDE}'
        )
    return shape


def _check_sha256(head: bytes, values: bytearray, where: object, sha256: str) -> None:
    digest = hashlib.sha256(head)
    digest.update(values)
    if digest.hexdigest() != sha256:
        raise DataError(f'{where}: has the SHA-256 {digest.hexdigest()}; must be {sha256}')
