"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv 1708.07747; MIT licence), local or downloaded.

Gluon's own class expects an older edition with duplicates, which were removed upstream on
2017-08-31, and refuses these files.
"""

from __future__ import annotations

import gzip
import io
import logging
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..files import read_at_most, write_bytes
from . import idx
from .dataset import DataError, Dataset
from .reading import as_data_errors

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
REMEDY = (
    'install the Debian package dataset-fashion-mnist, '
    'or set `data_dir` to the folder of its four idx files'
)

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


def load(split: str = 'train', data_dir: str | Path | None = None) -> Dataset:
    """Return Fashion-MNIST, uint8 (N, 1, 28, 28).

    It is read from `data_dir`, Debian's folder or the cache, or downloaded from a public mirror.
    Raises DataError.
    """
    prefix = idx.PREFIXES[split]
    images = _read(f'{prefix}-images', data_dir)[:, None]
    labels = _read(f'{prefix}-labels', data_dir).astype(np.int64)
    return Dataset('fashion-mnist', images, labels, CLASSES, split)


def _read(name: str, data_dir: str | Path | None) -> np.ndarray:
    shape, sha256 = FILES[name]
    path = find_file(name, data_dir) or _download(name)
    return idx.read(path, rank=len(shape), shape=shape, sha256=sha256)


def find_file(name: str, data_dir: str | Path | None = None) -> Path | None:
    """Return the path of one of FILES on this machine, or None."""
    for folder in (*_user_folders(data_dir), DEBIAN, cache()):
        with as_data_errors(folder):
            path = idx.find_file(folder, name)
        if path:
            return path
    return None


def _user_folders(data_dir: str | Path | None) -> tuple[Path, ...]:
    if data_dir is None:
        return ()
    folder = Path(os.path.expanduser(data_dir))
    with as_data_errors(folder):
        if not folder.is_dir():
            raise DataError(
                'is not a folder; must be the folder of the idx files',
                setting='data_dir',
                value=folder,
            )
    return folder, folder / 'fashion-mnist'


def cache() -> Path:
    """Return the folder of downloads: gluongan/fashion-mnist in $XDG_CACHE_HOME or ~/.cache."""
    root = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return Path(root) / 'gluongan' / 'fashion-mnist'


def _download(name: str) -> Path:
    from http.client import HTTPException

    target = cache() / f'{name}-idx{len(FILES[name].shape)}-ubyte.gz'
    _make_cache(target.parent)
    failures = []
    for mirror in MIRRORS:
        url = mirror + target.name
        try:
            _fetch(url, name, target)
            return target
        except DataError as error:  # names the URL
            failures.append(str(error))
        except (OSError, ValueError, HTTPException) as error:
            failures.append(f'{url}: {error}')
    raise DataError(
        f'fashion-mnist: {target.name} is not on this machine, and no download succeeded '
        f'({"; ".join(failures)}); must be on this machine: {REMEDY}'
    )


def _make_cache(folder: Path) -> None:
    # Before the download, so that nothing is fetched in vain.
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f'{folder}: cannot be created ({error.strerror}); must be a folder for downloads. '
            f'To do without, {REMEDY}'
        ) from error


def _fetch(url: str, name: str, target: Path) -> None:
    from urllib.request import urlopen  # here, because its import takes as long as this package

    log.info('downloading %s', url)
    with urlopen(url, timeout=TIMEOUT) as response:
        packed = read_at_most(response, MAX_DOWNLOAD)
    shape, sha256 = FILES[name]
    with as_data_errors(url), gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
        idx.decode(stream, url, rank=len(shape), shape=shape, sha256=sha256)
    write_bytes(target, packed)
