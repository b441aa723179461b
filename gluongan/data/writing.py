"""Pictures written so that `load` reads the same pictures, labels and classes back.

They are made block by block, so that memory does not grow with their number.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from math import prod
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from PIL import Image

from . import archives
from .arrays import as_images
from .dataset import DataError
from .folder import LARGEST_SIDE, SMALLEST_SIDE
from .listing import EXTENSIONS, MADE_BY_MACOS, TEST_FOLDERS, TRAIN_FOLDERS
from .npz import CLASS_NAMES

ARRAYS = '.npz'
OTHER_FILES = ('.npz', '.npy', '.csv', '.json', *archives.ENDINGS, *EXTENSIONS)
WIDEST = 1024  # pixels that `load` gives a picture of a folder at most
AT_A_TIME = 2**16  # labels
TRIED = 50  # pictures whose files say how large those of all will be
LONGEST = 120  # bytes of a folder's name
WRITTEN_BY_NUMPY = (1980, 1, 1, 0, 0, 0)  # the date of each array, so that equal is equal in bytes


class Pictures(NamedTuple):
    """Pictures to write: how many, their shape (C, H, W), and the number that the first one has.

    blocks: called for uint8 arrays (n, C, H, W), which hold `count` pictures together.
    labels: called for the class of each picture, an index of `classes`; None without classes.
    """

    count: int
    shape: tuple[int, ...]
    first: int
    blocks: Callable[[], Iterator[np.ndarray]]
    labels: Callable[[], Iterator[int]] | None = None
    classes: Sequence[str] = ()


def is_arrays(target: Path) -> bool:
    """Return whether a target is a file of arrays; any other is a folder of pictures."""
    return target.suffix == ARRAYS


def check_target(target: Path, setting: str) -> None:
    """Raise DataError for a target that is there, or called as a file that is not written."""
    ending = next((end for end in OTHER_FILES if target.name.lower().endswith(end)), None)
    if ending and not is_arrays(target):
        raise DataError(
            f'ends in {ending}, which is not written; must be a new folder or a new file {ARRAYS}',
            setting=setting,
            value=target,
        )
    if os.path.lexists(target):
        raise DataError(
            'exists already; must be a new folder or a new file', setting=setting, value=target
        )


def check_shape(target: Path, shape: tuple[int, ...], setting: str) -> None:
    """Raise DataError for samples (C, H, W) that `load` would not read back as they are."""
    if len(shape) != 3:
        raise DataError(
            f'has room for pictures alone, not for samples of shape {shape}; '
            'must be left out for points',
            setting=setting,
            value=target,
        )
    if is_arrays(target):
        as_images(np.zeros((1, *shape), np.uint8), str(target))
        return
    _, height, width = shape
    if height != width or not SMALLEST_SIDE <= width <= WIDEST:
        raise DataError(
            f'is a folder, whose pictures are read as squares of {SMALLEST_SIDE} to {WIDEST} '
            f'pixels, and these are {width} × {height}; must be a file {ARRAYS}',
            setting=setting,
            value=target,
        )


def settings_to_read(target: Path, shape: tuple[int, ...]) -> dict[str, int]:
    """Return the settings that `load` needs to read pictures (C, H, W) back as they are.

    >>> settings_to_read(Path('digits'), (1, 28, 28)), settings_to_read(Path('d'), (3, 128, 128))
    ({}, {'image_size': 128})
    """
    return {} if is_arrays(target) or shape[1] <= LARGEST_SIDE else {'image_size': shape[1]}


def folder_names(classes: Sequence[str]) -> list[str]:
    """Return the name of the folder of each class.

    It is that of the class, with _ for characters that names of files lack in some system. The
    number of the class is added to a name that is empty, too long, like that of another class but
    for its case, or something else to `load`, as `train` is; also to one that begins with a point.

    >>> folder_names(['cat', 'T-shirt/top', '', 'Cat', 'train'])
    ['cat', 'T-shirt_top', 'class-2', 'Cat-3', 'train-4']
    """
    names: list[str] = []
    taken = set()
    for number, name in enumerate(classes):
        plain = re.sub(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff/\\:*?"<>|]', '_', name).strip(' ')
        short = plain.encode()[:LONGEST].decode(errors='ignore').strip('. ')
        chosen = plain
        if plain != short or not plain or _is_special(plain):
            chosen = f'{short or "class"}-{number}'
        while _folded(chosen) in taken:
            chosen += f'-{number}'
        taken.add(_folded(chosen))
        names.append(chosen)
    return names


def _is_special(name: str) -> bool:
    """Return whether a folder of that name is no class to `load`."""
    is_idx = name.lower().endswith(('-ubyte', '-ubyte.gz'))
    return is_idx or name.lower() in (*TRAIN_FOLDERS, *TEST_FOLDERS) or name == MADE_BY_MACOS


def _folded(name: str) -> str:
    """Return what some file systems take for the same name."""
    return unicodedata.normalize('NFC', unicodedata.normalize('NFC', name).casefold())


def write(target: Path, pictures: Pictures) -> None:
    """Write a new file of arrays, or a new folder of pictures. It need not be whole on an error.

    The arrays are `images`, uint8 (N, C, H, W), and with classes `labels` and `class_names`. In the
    folder each picture is a PNG that is called by its number, in the folder of its class.
    """
    (_write_arrays if is_arrays(target) else _write_folder)(target, pictures)


def _write_arrays(path: Path, pictures: Pictures) -> None:
    with zipfile.ZipFile(path, 'x') as archive:
        with _member(archive, 'images', (pictures.count, *pictures.shape), '|u1') as member:
            for block in pictures.blocks():
                member.write(block.tobytes())
        if pictures.labels is None:
            return
        with _member(archive, 'labels', (pictures.count,), '<i8') as member:
            labels = pictures.labels()
            while part := list(islice(labels, AT_A_TIME)):
                member.write(np.array(part, '<i8').tobytes())
        names = np.array(list(pictures.classes), str)
        with _member(archive, CLASS_NAMES, names.shape, names.dtype.str) as member:
            member.write(names.tobytes())


@contextmanager
def _member(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], kind: str
) -> Iterator[IO[bytes]]:
    """Yield a stream for the values of an array, of which the header has been written."""
    entry = zipfile.ZipInfo(f'{name}.npy', WRITTEN_BY_NUMPY)
    with archive.open(entry, 'w', force_zip64=True) as stream:
        header = {'descr': kind, 'fortran_order': False, 'shape': shape}
        np.lib.format.write_array_header_1_0(stream, header)
        yield stream


def _write_folder(folder: Path, pictures: Pictures) -> None:
    folder.mkdir(exist_ok=True)
    names = folder_names(pictures.classes)
    width = len(str(pictures.first + pictures.count - 1))
    labels = pictures.labels() if pictures.labels else None
    number = pictures.first
    for block in pictures.blocks():
        for image in block:
            place = folder
            if labels is not None:
                place = folder / names[next(labels)]
                place.mkdir(exist_ok=True)
            (place / f'{number:0{width}d}.png').write_bytes(as_png(image))
            number += 1


def as_png(image: np.ndarray) -> bytes:
    """Return a picture (C, H, W), uint8, as the content of a PNG file."""
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(content, format='PNG')
    return content.getvalue()


# Room on the disk


def check_room(target: Path, pictures: Pictures, setting: str) -> None:
    """Raise DataError where the disk plainly has no room for pictures, before any is written.

    setting: the one that their number comes from.
    """
    place = target.absolute().parent
    while not place.exists():
        place = place.parent
    status = os.statvfs(place)
    free = shutil.disk_usage(place).free
    each, files = _size_of_each(target, pictures, status.f_frsize)
    needed, what = pictures.count * each, 'bytes'
    if files and status.f_files and status.f_favail < pictures.count:
        needed, free, each, what = pictures.count, status.f_favail, 1, 'files'
    if needed > free:
        raise DataError(
            f'takes about {needed:,} {what} in {place}, where {free:,} are free; '
            f'must be at most {free // each:,} there',
            setting=setting,
            value=pictures.count,
        )


def _size_of_each(target: Path, pictures: Pictures, block: int) -> tuple[int, int]:
    """Return about how many bytes a picture takes on the disk, and how many files."""
    if is_arrays(target):
        return prod(pictures.shape) + (8 if pictures.labels else 0), 0
    sizes = [len(as_png(image)) for image in next(pictures.blocks())[:TRIED]]
    return sum(-(-size // block) * block for size in sizes) // len(sizes), 1


def counts_by_class(pictures: Pictures, numbers: Sequence[int], target: Path) -> list[Any]:
    """Return name, folder and count of each class, for a description in JSON."""
    found = []
    for name, folder, count in zip(pictures.classes, folder_names(pictures.classes), numbers):
        entry = {'name': name, 'folder': folder, 'count': int(count)}
        if is_arrays(target):
            del entry['folder']
        found.append(entry)
    return found
