"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747; MIT licence): found on this machine, or downloaded.

Gluon's own class pins an older edition with duplicates (removed upstream on 2017-08-31) and refuses these files.
"""

from __future__ import annotations

import gzip
import io
import logging
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..files import write_bytes
from . import idx
from .dataset import DataError, Dataset
from .files import faults, read_at_most

CLASSES = (
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
)
DEBIAN = Path('/usr/share/datasets/fashion-mnist')
MIRRORS = (
    'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
    'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
    'https://storage.googleapis.com/tensorflow/tf-keras-datasets/',
)
TIMEOUT = 20  # seconds without an answer before the next mirror is tried
MAX_DOWNLOAD = 2**25  # bytes; the largest file has 26.4 MB
REMEDY = 'install the Debian package dataset-fashion-mnist, or name the folder of its four idx files with `data_dir`'

log = logging.getLogger(__name__)


class Original(NamedTuple):
    """The shape of an array, and the SHA-256 of its unpacked idx file."""

    shape: tuple[int, ...]
    sha256: str


FILES = {
    'train-images': Original(
        (60_000, 28, 28), 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888'
    ),
    'train-labels': Original(
        (60_000,), 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9'
    ),
    't10k-images': Original(
        (10_000, 28, 28), '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b'
    ),
    't10k-labels': Original(
        (10_000,), '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34'
    ),
}


def dataset(split: str = 'train', data_dir: str | Path | None = None) -> Dataset:
    """Fashion-MNIST, uint8 (N, 1, 28, 28): from data_dir, Debian's folder, the cache, or three public mirrors."""
    images, labels = (
        _array(f'{idx.PREFIXES[split]}-{kind}', data_dir) for kind in ('images', 'labels')
    )
    return Dataset('fashion-mnist', images[:, None], labels.astype(np.int64), CLASSES, split)


def _array(name: str, data_dir: str | Path | None) -> np.ndarray:
    shape, sha256 = FILES[name]
    path = located(name, data_dir) or _download(name)
    return idx.read(path, rank=len(shape), shape=shape, sha256=sha256)


def located(name: str, data_dir: str | Path | None = None) -> Path | None:
    """Where one of FILES is on this machine, or None."""
    places = (*_own_places(data_dir), DEBIAN, cache())
    for place in places:
        with faults(place):
            path = idx.find(place, name)
        if path:
            return path
    return None


def _own_places(data_dir: str | Path | None) -> tuple[Path, ...]:
    if data_dir is None:
        return ()
    folder = Path(os.path.expanduser(data_dir))
    with faults(folder):
        if not folder.is_dir():
            raise DataError(
                'is not a folder; must be one that holds the idx files',
                setting='data_dir',
                value=folder,
            )
    return folder, folder / 'fashion-mnist'


def cache() -> Path:
    """The folder that downloads are kept in: $XDG_CACHE_HOME, or ~/.cache, and therein gluongan/fashion-mnist."""
    root = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return Path(root) / 'gluongan' / 'fashion-mnist'


def _download(name: str) -> Path:
    from http.client import HTTPException

    target = cache() / f'{name}-idx{len(FILES[name].shape)}-ubyte.gz'
    _make(target.parent)
    tried = []
    for mirror in MIRRORS:
        try:
            return _fetch(mirror + target.name, name, target)
        except (OSError, ValueError, HTTPException) as error:  # a DataError is a ValueError
            tried.append(
                str(error) if target.name in str(error) else f'{mirror}{target.name}: {error}'
            )
    raise DataError(
        f'fashion-mnist: {target.name} is not on this machine and no mirror gave it '
        f'({"; ".join(tried)}): {REMEDY}'
    )


def _make(folder: Path) -> None:
    # Before the download, so that nothing is fetched that cannot be kept.
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f'{folder}: cannot be made to hold a download ({error.strerror}): {REMEDY}'
        ) from error


def _fetch(url: str, name: str, target: Path) -> Path:
    from urllib.request import (
        urlopen,
    )  # here, because it takes as long to import as all of this package

    log.info('downloading %s', url)
    with urlopen(url, timeout=TIMEOUT) as answer:
        data = read_at_most(answer, MAX_DOWNLOAD)
    shape, sha256 = FILES[name]
    with faults(url), gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        idx.decode(stream, url, rank=len(shape), shape=shape, sha256=sha256)
    write_bytes(target, data)
    return target
