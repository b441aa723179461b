"""The MNIST digits that come with the package: raw pixels in four .xz files, 9.2 MB, lossless.

`python -m gluongan.data.bundled SOURCE` packs them anew from the canonical idx files in the folder SOURCE.
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
from .files import faults

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


def dataset(split: str = 'train') -> Dataset:
    """MNIST: 60,000 ('train') or 10,000 ('test') digits, read-only uint8 (N, 1, 28, 28); DataError if damaged.

    Y. LeCun, C. Cortes, C. J. C. Burges, 'The MNIST database of handwritten digits', CC BY-SA 3.0.
    """
    prefix = idx.PREFIXES[split]
    labels = array(f'{prefix}-labels').astype(np.int64)
    return Dataset('mnist', array(f'{prefix}-images')[:, None], labels, CLASSES, split)


def prefetch() -> None:
    """Start to decode the training images in the background (xz releases the GIL); `dataset` waits for the end."""
    threading.Thread(target=_quietly, args=('train-images',), daemon=True).start()


def _quietly(name: str) -> None:
    with suppress(DataError):  # whoever needs the array will meet the same error in the open
        array(name)


def array(name: str) -> np.ndarray:
    """The read-only uint8 array of one of FILES, decoded once per process."""
    with _decoding:  # the second to come waits for the first instead of decoding again
        return _decoded(name)


@functools.cache
def _decoded(name: str) -> np.ndarray:
    import lzma  # here, because some home-made Pythons lack it, and all other data works without

    # `bytes` are immutable, and so is the array that looks at them.
    return np.frombuffer(lzma.decompress(verified(name)), np.uint8).reshape(FILES[name].shape)


def verified(name: str) -> bytes:
    """The bytes of a packed file, after a check of their SHA-256; DataError when they are missing or changed."""
    path = HOME / f'{name}.xz'
    with faults(path):
        data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != FILES[name].packed:
        raise DataError(
            f'{path}: is not the file that came with the package, allowed is that one: install it again'
        )
    return data


def pack(source: Path, target: Path = HOME) -> None:
    """Write the four .xz files from the canonical idx files in `source`, and print their sizes and SHA-256."""
    import lzma

    # lc=4, pb=0: bytes that follow bytes, with no alignment; preset 9 extreme alone gives 2.7 % more.
    filters = [
        {'id': lzma.FILTER_LZMA2, 'preset': 9 | lzma.PRESET_EXTREME, 'lc': 4, 'lp': 0, 'pb': 0}
    ]
    for name, (shape, original, _) in FILES.items():
        pixels = idx.read(idx.find(source, name), rank=len(shape), shape=shape, sha256=original)
        data = lzma.compress(pixels.tobytes(), check=lzma.CHECK_NONE, filters=filters)
        (target / f'{name}.xz').write_bytes(data)
        print(f'{name} {len(data):>9,} {hashlib.sha256(data).hexdigest()}')


if __name__ == '__main__':
    pack(Path(sys.argv[1]))
