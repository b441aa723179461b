"""LeCun's idx format, read with distrust: magic and sizes are checked before any pixel is.

Layout: two zero bytes, a type byte (0x08 = uint8), the rank, `rank` big-endian uint32 sizes, then the values.
"""

from __future__ import annotations

import hashlib
import math
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .dataset import DataError, Dataset, numbered
from .files import MAX_UNPACKED, read_at_most, unpacked

MAX_SIDE = 4096
RANKS = {'images': 3, 'labels': 1}
PREFIXES = {'train': 'train', 'test': 't10k'}


def dataset(folder: Path, split: str = 'train') -> Dataset:
    """The images of `split`, (N, 1, H, W), and its labels if their file is there; DataError for anything amiss."""
    images = read(_required(folder, f'{PREFIXES[split]}-images'), rank=3)
    labels = _labels(folder, f'{PREFIXES[split]}-labels', len(images))
    return Dataset(folder.resolve().name, images[:, None], labels, numbered(labels), split)


def _required(folder: Path, stem: str) -> Path:
    path = find(folder, stem)
    if path is None:
        raise DataError(f'{folder}: has no {stem} file, allowed are {", ".join(_spellings(stem))}')
    return path


def _labels(folder: Path, stem: str, count: int) -> np.ndarray | None:
    path = find(folder, stem)
    if path is None:
        return None
    labels = read(path, rank=1)
    if len(labels) != count:
        raise DataError(
            f'{path}: holds {len(labels)} labels for {count} images, allowed is one for each'
        )
    return labels.astype(np.int64)


def find(folder: Path, stem: str) -> Path | None:
    """The file of e.g. 'train-images' under any of its usual names, or None."""
    candidates = (folder / name for name in _spellings(stem))
    return next((path for path in candidates if path.exists()), None)


def _spellings(stem: str) -> list[str]:
    rank = RANKS[stem.rpartition('-')[2]]
    return [f'{stem}{joint}idx{rank}-ubyte{end}' for joint in '-.' for end in ('.gz', '')]


def is_idx_folder(folder: Path) -> bool:
    """Whether the folder holds at least one idx file under a usual name."""
    return any(find(folder, f'{prefix}-{kind}') for prefix in PREFIXES.values() for kind in RANKS)


def read(
    path: Path, *, rank: int, shape: tuple[int, ...] | None = None, sha256: str | None = None
) -> np.ndarray:
    """One idx file, gzipped or not, as uint8 of `rank` dimensions; DataError for anything amiss.

    shape and sha256 (of the unpacked file) are demanded when they are given.
    """
    with unpacked(path) as (stream, size):
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
    """What `read` does, from an open stream of unpacked bytes; `where` names it, `size` is its length if known."""
    head = bytes(read_at_most(stream, 3 + 4 * rank))
    found = _shape(head, where, rank)
    if shape is not None and found != shape:
        raise DataError(f'{where}: its header says {found}, allowed is {shape}')
    promised = math.prod(found)
    if size is not None and size != len(head) + promised:
        raise DataError(
            f'{where}: is {size} bytes long, allowed are {len(head) + promised} by its header'
        )
    if size is None and promised > MAX_UNPACKED:
        raise DataError(
            f'{where}: promises {promised} bytes, allowed are {MAX_UNPACKED} in a packed file'
        )
    body = read_at_most(stream, promised)
    _check_body(head, body, where, promised, sha256)
    return np.frombuffer(body, np.uint8).reshape(found)


def _shape(head: bytes, where: object, rank: int) -> tuple[int, ...]:
    if len(head) != 4 + 4 * rank:
        raise DataError(
            f'{where}: ends inside its header, allowed is an idx file of {rank} dimensions'
        )
    if head[:4] != bytes((0, 0, 8, rank)):
        raise DataError(
            f'{where}: begins with 0x{head[:4].hex()}, allowed is the idx magic number 0x000008{rank:02x}'
        )
    shape = struct.unpack(f'>{rank}I', head[4:])
    if shape[0] < 1 or not all(1 <= side <= MAX_SIDE for side in shape[1:]):
        raise DataError(
            f'{where}: its header says {shape}, allowed are N >= 1 and sides of 1..{MAX_SIDE}'
        )
    return shape


def _check_body(
    head: bytes, body: bytearray, where: object, promised: int, sha256: str | None
) -> None:
    if len(body) != promised:
        held = f'only {len(body)}' if len(body) < promised else 'more'
        raise DataError(
            f'{where}: holds {held} bytes of values, allowed are the {promised} that its header promises'
        )
    if sha256 is not None:
        digest = hashlib.sha256(head)
        digest.update(body)
        if digest.hexdigest() != sha256:
            raise DataError(f'{where}: has SHA-256 {digest.hexdigest()}, allowed is {sha256}')
