"""From a name or a path to a Dataset: one table of names, one look at the path."""

from __future__ import annotations

import difflib
import operator
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from . import fashion, folder, idx, npz, toys
from .dataset import DataError, Dataset
from .files import faults

SPLITS = ('train', 'test')
SIDES = range(8, 1025)
CHANNELS = (1, 3)


class Source(NamedTuple):
    """A reader called as read(split=..., **options), and the options of `load` that make sense for it."""

    read: Callable[..., Dataset]
    options: tuple[str, ...]


def _mnist(split: str) -> Dataset:
    from . import (
        bundled,  # here, so that `python -m gluongan.data.bundled` does not find itself imported
    )

    return bundled.dataset(split)


def _stacked(split: str) -> Dataset:
    from . import stacked  # here, because it needs the bundled digits

    return stacked.dataset(split)


TABLE = {
    'mnist': Source(_mnist, ('binarize',)),
    'fashion-mnist': Source(fashion.dataset, ('data_dir', 'binarize')),
    'stacked-mnist': Source(_stacked, ('binarize',)),
    'ring8': Source(partial(toys.mixture, 'ring8'), ()),
    'grid25': Source(partial(toys.mixture, 'grid25'), ()),
    'synthetic': Source(toys.synthetic, ('binarize', 'image_size', 'channels')),
}
NAMES = tuple(TABLE)


def load(
    name: str | os.PathLike[str],
    *,
    split: str = 'train',
    data_dir: str | os.PathLike[str] | None = None,
    binarize: bool = False,
    image_size: int | None = None,
    channels: int | None = None,
) -> Dataset:
    """The data set of that name (one of NAMES) or at that path, in memory.

    A path is a folder of idx files, a folder of pictures (sub-folder = class) or an .npz file.
    split:       'train' or 'test'.
    data_dir:    where to look for Fashion-MNIST first.
    binarize:    images in pure black and white.
    image_size:  side in pixels, 8..1024: pictures (default 32) and 'synthetic' (28) only.
    channels:    1 or 3: pictures (default 3) and 'synthetic' (1) only.
    Raises DataError for an unknown name, an option that its source does not have, and any fault in the files.
    """
    options = {
        'data_dir': data_dir,
        'binarize': binarize or None,
        'image_size': image_size,
        'channels': channels,
    }
    given = {option: value for option, value in options.items() if value is not None}
    _check_values(split, image_size, channels)
    source = _source(name)
    for option in given:
        if option not in source.options:
            raise DataError(
                f'does not apply to {os.fspath(name)}; must be left out',
                setting=option,
                value=None if option == 'binarize' else options[option],
            )
    given.pop('binarize', None)
    data = source.read(split=split, **given)
    return data.binarized() if binarize else data


def _check_values(split: str, image_size: int | None, channels: int | None) -> None:
    if split not in SPLITS:
        raise DataError('must be train or test', setting='split', value=split)
    if image_size is not None and not _within(image_size, SIDES):
        raise DataError(
            f'must be a whole number from {SIDES[0]} to {SIDES[-1]}',
            setting='image_size',
            value=image_size,
        )
    if channels is not None and not _within(channels, CHANNELS):
        raise DataError('must be 1 or 3', setting='channels', value=channels)


def _within(value: object, allowed: range | tuple[int, ...]) -> bool:
    try:
        return operator.index(value) in allowed and not isinstance(value, bool)
    except TypeError:
        return False


def _source(name: str | os.PathLike[str]) -> Source:
    if name in TABLE:
        return TABLE[name]
    path = Path(os.path.expanduser(name))
    with faults(path):
        if path.is_dir() and os.fspath(name):  # '' would be the working directory
            return _folder(path)
        if path.suffix == '.npz' and path.exists():
            return Source(partial(npz.dataset, path), ('binarize',))
        raise DataError(
            f'{_complaint(path)}; must be {", ".join(NAMES)}, or the path of '
            'a folder of idx files, a folder of pictures or an .npz file',
            setting='data',
            value=os.fspath(name),
        )


def _folder(path: Path) -> Source:
    if idx.is_idx_folder(path):
        return Source(partial(idx.dataset, path), ('binarize',))
    return Source(partial(folder.dataset, path), ('binarize', 'image_size', 'channels'))


def _complaint(path: Path) -> str:
    if path.exists():
        return 'is neither a folder nor an .npz file'
    near = difflib.get_close_matches(str(path), NAMES, n=1)
    return 'is no known name and no path' + (f' (did you mean {near[0]}?)' if near else '')


def found(data_dir: str | os.PathLike[str] | None = None) -> list[tuple[str, str]]:
    """(name, where it is or how to get it) of the data sets that live in files; decodes and downloads nothing."""
    return [
        ('mnist', _said(_mnist_state)),
        ('fashion-mnist', _said(partial(_fashion_state, data_dir))),
    ]


def _said(state: Callable[[], str]) -> str:
    try:
        return state()
    except DataError as error:
        return str(error)


def _mnist_state() -> str:
    from . import bundled

    size = sum(len(bundled.verified(name)) for name in bundled.FILES)
    return f'bundled, {size / 1e6:.1f} MB, intact'


def _fashion_state(data_dir: str | os.PathLike[str] | None) -> str:
    paths = [fashion.located(name, data_dir) for name in fashion.FILES]
    if None in paths:
        return f'not on this machine, will be downloaded (31 MB) when first asked for; offline: {fashion.REMEDY}'
    return f'in {" and ".join(sorted({str(path.parent) for path in paths}))}'
