"""Decoded pictures that are many: in a file, made once and mapped into memory.

The system reads a mapped file as it is needed, and gives the memory back when something else needs
it. An entry is a folder that holds `samples.npy`, `notes.npy` and `about.json`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..files import as_json, publish, remove_leftovers, staging
from .dataset import DataError
from .mapped import BLOCK

log = logging.getLogger(__name__)

SAMPLES, NOTES, ABOUT = 'samples.npy', 'notes.npy', 'about.json'
VERSION = 1  # of what an entry holds
FROM = 2**29  # bytes of decoded pictures that are kept in a file instead of in memory

Row = tuple[int, np.ndarray, tuple[int, ...]]  # the number of a picture, it, and its notes


class Entry(NamedTuple):
    """What is kept of one data set: its folder, what it was made from, its pictures and bytes."""

    path: Path
    source: str
    pictures: int
    size: int


def place() -> Path:
    """Return the folder of all entries. Raises DataError where it is something else.

    It is $GLUONGAN_CACHE, else gluongan in $XDG_CACHE_HOME or in ~/.cache.
    """
    named = os.environ.get('GLUONGAN_CACHE')
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    folder = Path(named) if named else Path(base, 'gluongan')
    if os.path.lexists(folder) and not folder.is_dir():
        raise DataError(f'{folder}: is not a folder; must be one, or GLUONGAN_CACHE must name one')
    return folder


def entries() -> list[Entry]:
    """Return the entries of the cache, by the names of their sources."""
    if not place().is_dir():
        return []
    found = [_entry(path) for path in place().iterdir() if (path / ABOUT).is_file()]
    return sorted(entry for entry in found if entry)


def _entry(path: Path) -> Entry | None:
    about = _read_about(path)
    if about is None:
        return None
    size = sum(file.stat().st_size for file in path.iterdir())
    return Entry(path, about['source'], about['pictures'], size)


def remove_all() -> list[Entry]:
    """Remove all entries, and what killed processes left of others. Return what was removed."""
    removed = entries()
    for entry in removed:
        shutil.rmtree(entry.path)
    if place().is_dir():
        remove_leftovers(place())
    return removed


def key_of(facts: object) -> str:
    """Return the name of the entry for pictures of which `facts`, JSON values, are known."""
    text = json.dumps([VERSION, facts], sort_keys=True)
    return hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:32]


def kept(
    source: str, key: str, shape: tuple[int, ...], rows: Callable[[], Iterable[Row]]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the samples (N, C, H, W) of an entry, mapped into memory, and its notes (N, numbers).

    It is made of `rows()` if there is none. One whose bytes have changed since is made again.

    source: the folder that the pictures are from. shape: (N, C, H, W).
    Raises DataError where the cache cannot be written.
    """
    folder = place() / key
    if folder.is_dir() and not _is_whole(folder):
        log.warning('%s: was changed since it was made; is made again', folder)
        shutil.rmtree(folder)
    if not folder.is_dir():
        try:
            _make(folder, source, shape, rows())
        except OSError as error:
            raise DataError(
                f'{folder}: cannot be written ({error.strerror}); the {shape[0]:,} pictures of '
                f'{source} need {_bytes(shape):,} bytes there, or GLUONGAN_CACHE must be a folder '
                'with room for them'
            ) from error
    log.info('%s: its pictures are mapped from %s', source, folder)
    return _load(folder / SAMPLES, 'r'), _load(folder / NOTES)


def _load(path: Path, mmap_mode: Any = None) -> np.ndarray:
    return np.load(path, mmap_mode=mmap_mode, allow_pickle=False)


def _bytes(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _make(folder: Path, source: str, shape: tuple[int, ...], rows: Iterable[Row]) -> None:
    notes: list[tuple[int, ...]] = [()] * shape[0]
    with staging(folder) as staged:
        with (staged / SAMPLES).open('wb') as file:
            header = {'descr': '|u1', 'fortran_order': False, 'shape': shape}
            np.lib.format.write_array_header_1_0(file, header)
            first, size = file.tell(), _bytes(shape[1:])
            for number, pixels, notes[number] in rows:
                file.seek(first + number * size)
                file.write(np.ascontiguousarray(pixels).tobytes())
        np.save(staged / NOTES, np.array(notes, np.int64))
        about = {'source': source, 'pictures': shape[0], 'digest': _digest(staged)}
        (staged / ABOUT).write_text(as_json(about), encoding='utf-8')
        if not folder.is_dir():  # another process may have been faster
            publish(staged, folder)


def _digest(folder: Path) -> str:
    digest = hashlib.blake2b(digest_size=32)
    for name in (SAMPLES, NOTES):
        with (folder / name).open('rb') as file:
            while block := file.read(BLOCK):
                digest.update(block)
    return digest.hexdigest()


def _is_whole(folder: Path) -> bool:
    about = _read_about(folder)
    try:
        return about is not None and about['digest'] == _digest(folder)
    except OSError:
        return False


def _read_about(folder: Path) -> dict[str, Any] | None:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
    kinds = {'source': str, 'pictures': int, 'digest': str}
    if not isinstance(about, dict):
        return None
    return about if all(type(about.get(key)) is kind for key, kind in kinds.items()) else None
