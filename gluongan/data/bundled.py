"""The MNIST digits that come with the package: raw pixels in four .xz files, 9.2 MB, lossless.

`python -m gluongan.data.bundled SOURCE` packs them again from the original idx files in SOURCE.
"""

from __future__ import annotations

import functools
import hashlib
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import idx
from .dataset import DataError, Dataset
from .reading import as_data_errors

HOME = Path(__file__).parent / 'mnist'
CLASSES = tuple('0123456789')


class Packed(NamedTuple):
    """The shape of an array, the SHA-256 of its idx file as published, and that of our .xz file."""

    shape: tuple[int, ...]
    original: str
    packed: str


FILES = {
    'train-images': Packed(
        (60_000, 28, 28),
        'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
        'b2f4ecbf361ba9cfd04dd02469941e655a2cc050ee4fce417311349d4884e57e',
    ),
    'train-labels': Packed(
        (60_000,),
        '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
        'cfb3a55ff41917fc67e88d30b3b2de65fa3d50e0eb4926680a11fe9a300a7868',
    ),
    't10k-images': Packed(
        (10_000, 28, 28),
        '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
        'c22ef1daff92a026df9ad2275b93054a9ea8f712c95ddcfc56c0eac768afaf50',
    ),
    't10k-labels': Packed(
        (10_000,),
        'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
        '95c9546b7f914c54eee3a7bc1aec35d5b32ef34aedd99f0768fdf1bf9f371b1e',
    ),
}

_decoding = threading.Lock()


def load(split: str = 'train') -> Dataset:
    """Return MNIST: 60,000 digits for 'train' or 10,000 for 'test', read-only uint8 (N, 1, 28, 28).

    Raises DataError where a file of the package is damaged.

    Y. LeCun, C. Cortes, C. J. C. Burges, 'The MNIST database of handwritten digits', CC BY-SA 3.0.
    """
    prefix = idx.PREFIXES[split]
    images = decode(f'{prefix}-images')[:, None]
    labels = decode(f'{prefix}-labels').astype(np.int64)
    return Dataset('mnist', images, labels, CLASSES, split)


def prefetch() -> None:
    """Start to decode the training images in a thread; `load` waits for it. xz releases the GIL."""
    threading.Thread(target=_decode_in_silence, args=('train-images',), daemon=True).start()


def _decode_in_silence(name: str) -> None:
    with suppress(DataError):  # `load` raises the same error where the user sees it
        decode(name)


def decode(name: str) -> np.ndarray:
    """Return the read-only uint8 array of one of FILES, decoded once per process."""
    with _decoding:  # the second caller waits for the first instead of decoding again
        return _decode_once(name)


@functools.cache
def _decode_once(name: str) -> np.ndarray:
    import lzma  # here, because some builds of Python lack it, and all other data works without

    pixels = lzma.decompress(read_verified(name))
    # `bytes` are immutable, and so is an array that shares their memory.
    return np.frombuffer(pixels, np.uint8).reshape(FILES[name].shape)


def read_verified(name: str) -> bytes:
    """Return the bytes of a packed file. Raises DataError where its SHA-256 is wrong."""
    path = HOME / f'{name}.xz'
    with as_data_errors(path):
        packed = path.read_bytes()
    if hashlib.sha256(packed).hexdigest() != FILES[name].packed:
        raise DataError(
            f'{path}: is damaged (its SHA-256 does not match); must be the file of the package, '
            'so reinstall gluongan'
        )
    return packed


def pack(source: Path, target: Path = HOME) -> None:
    """Write the four .xz files from the idx files in `source`; print their sizes and SHA-256."""
    import lzma

    # lc=4, pb=0: pixels are bytes without alignment. Preset 9 extreme alone gives 2.7 % more.
    preset = {'preset': 9 | lzma.PRESET_EXTREME, 'lc': 4, 'lp': 0, 'pb': 0}
    filters = [{'id': lzma.FILTER_LZMA2, **preset}]
    for name, (shape, original, _) in FILES.items():
        path = idx.find_file(source, name)
        pixels = idx.read(path, rank=len(shape), shape=shape, sha256=original)
        packed = lzma.compress(pixels.tobytes(), check=lzma.CHECK_NONE, filters=filters)
        (target / f'{name}.xz').write_bytes(packed)
        print(f'{name} {len(packed):>9,} {hashlib.sha256(packed).hexdigest()}')


if __name__ == '__main__':
    pack(Path(sys.argv[1]))
