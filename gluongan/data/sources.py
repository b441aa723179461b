"""From a name or a path to a Dataset: a table of names, and a look at the path."""

from __future__ import annotations

import logging
import operator
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import as_printable
from . import archives, cifar, decoding, fashion, folder, idx, npz, table, toys
from .dataset import DataError, Dataset
from .description import describe, oddities
from .reading import as_data_errors

log = logging.getLogger(__name__)

KINDS = 'a folder of pictures or of idx files, or a .zip, .tar, .npz, .npy or .csv file'
FILES = {'.npz': npz.load, '.npy': npz.load_npy, '.csv': table.load}
SPLITS = ('train', 'test')
SIDES = range(8, 1025)
CHANNELS = (1, 3)


class Source(NamedTuple):
    """A function called as load(split=..., **options), and the options that it takes."""

    load: Callable[..., Dataset]
    options: tuple[str, ...]


def _mnist(split: str) -> Dataset:
    # Here, so that `python -m gluongan.data.bundled` does not import itself twice.
    from . import bundled

    return bundled.load(split)


def _stacked(split: str) -> Dataset:
    from . import stacked  # here, because it needs the bundled digits

    return stacked.load(split)


TABLE = {
    'mnist': Source(_mnist, ('binarize',)),
    'fashion-mnist': Source(fashion.load, ('data_dir', 'binarize')),
    'stacked-mnist': Source(_stacked, ('binarize',)),
    'ring8': Source(partial(toys.make_mixture, 'ring8'), ()),
    'grid25': Source(partial(toys.make_mixture, 'grid25'), ()),
    'synthetic': Source(toys.make_synthetic, ('binarize', 'image_size', 'channels')),
}
NAMES = tuple(TABLE)
OF_PICTURES = ('binarize', 'image_size', 'channels', 'fit', 'background', 'frames')


def load(
    name: str | os.PathLike[str],
    *,
    split: str = 'train',
    data_dir: str | os.PathLike[str] | None = None,
    binarize: bool = False,
    image_size: int | None = None,
    channels: int | None = None,
    fit: str | None = None,
    background: str | None = None,
    frames: str | None = None,
) -> Dataset:
    """Return the data set of that name, one of NAMES, or at that path, in memory.

    A path is a folder or a .zip or .tar archive, of pictures (sub-folder = class) or CIFAR's files,
    a folder of idx files, or an .npz, .npy or .csv file.
    split:       'train' or 'test'.
    data_dir:    the folder to look for Fashion-MNIST in first.
    binarize:    images in pure black and white.
    image_size:  side in pixels, 8 to 1024; only for pictures (default: their own, see
                 `folder.suited_shape`) and 'synthetic' (28).
    channels:    1 or 3; only for pictures (default: as stored) and 'synthetic' (1).
    fit:         'crop' (the default), 'pad' or 'stretch'; only for pictures.
    background:  colour behind transparent pixels and around padded pictures (default: black).
    frames:      'first' (the default) or 'all' of an animation; only for pictures.
    Raises DataError for an unknown name, an option that does not apply, and files that are
    damaged; NoSplit, a DataError, for data without samples of that split.

    >>> load('mnist', split='test').samples.shape
    (10000, 1, 28, 28)
    >>> load('synthetic', image_size=16).shape
    (1, 16, 16)
    >>> load('synthetic', image_size=7)
    Traceback (most recent call last):
    gluongan.data.dataset.DataError: image_size 7: must be a whole number from 8 to 1024
    """
    _check_values(split, image_size, channels)
    _check_choices(fit=(fit, decoding.FITS), frames=(frames, decoding.FRAMES))
    source = _find_source(name)
    options = {
        'data_dir': data_dir,
        'image_size': image_size,
        'channels': channels,
        'fit': fit,
        'background': background,
        'frames': frames,
    }
    options = {option: value for option, value in options.items() if value is not None}
    for option, value in options.items():
        _check_applies(option, value, source, name)
    if binarize:
        _check_applies('binarize', None, source, name)
    dataset = source.load(split=split, **options)
    if name in TABLE:
        _point_out_namesake(name)
        dataset = replace(dataset, built_in=name)
    else:  # folders may be called anything, and figures, tables and manifests show these names
        classes = tuple(map(as_printable, dataset.classes))
        dataset = replace(dataset, name=as_printable(dataset.name), classes=classes)
    if binarize:
        dataset = dataset.binarized()
    _report(dataset)
    return dataset


def _report(dataset: Dataset) -> None:
    """Log what was understood, and warn of what is unlikely."""
    if log.isEnabledFor(logging.INFO):
        log.info('%s', describe(dataset))
    for text in oddities(dataset):
        log.warning('%s', text)


def has_shape_by_choice(name: str | os.PathLike[str]) -> bool:
    """Return whether a data set is a folder of pictures, whose side and channels are chosen.

    Raises DataError where there is no such data.

    >>> has_shape_by_choice('mnist')
    False
    """
    return name not in TABLE and _find_source(name).options == OF_PICTURES


def _point_out_namesake(name: str) -> None:
    """Warn of a folder that is called as a built-in data set, and may have been meant."""
    if os.path.isdir(name):
        log.warning('%s is the built-in data set; the folder here is ./%s', name, name)


def _check_applies(
    option: str, value: object, source: Source, name: str | os.PathLike[str]
) -> None:
    if option not in source.options:
        raise DataError(
            f'does not apply to {os.fspath(name)}; must be left out', setting=option, value=value
        )


def _check_values(split: str, image_size: int | None, channels: int | None) -> None:
    if split not in SPLITS:
        raise DataError('must be train or test', setting='split', value=split, names=SPLITS)
    if image_size is not None and not _is_one_of(image_size, SIDES):
        raise DataError(
            f'must be a whole number from {SIDES[0]} to {SIDES[-1]}',
            setting='image_size',
            value=image_size,
        )
    if channels is not None and not _is_one_of(channels, CHANNELS):
        raise DataError('must be 1 or 3', setting='channels', value=channels)


def _check_choices(**given: tuple[str | None, tuple[str, ...]]) -> None:
    for setting, (value, choices) in given.items():
        if value is not None and value not in choices:
            *others, last = choices
            message = f'must be {", ".join(others)} or {last}'
            raise DataError(message, setting=setting, value=value, names=choices)


def _is_one_of(value: object, allowed: range | tuple[int, ...]) -> bool:
    try:
        number = operator.index(value)
    except TypeError:
        return False
    return number in allowed and not isinstance(value, bool)


def _find_source(name: str | os.PathLike[str]) -> Source:
    if not isinstance(name, (str, os.PathLike)):
        raise DataError(f'must be {", ".join(NAMES)}, or a path', setting='data', value=name)
    if name in TABLE:
        return TABLE[name]
    path = Path(os.path.expanduser(name))
    with as_data_errors(path):
        if path.is_dir() and os.fspath(name):  # '' would be the working directory
            return _source_of_folder(path)
        if path.suffix in FILES and path.exists():
            return Source(partial(FILES[path.suffix], path), ('binarize',))
        if archives.is_archive(path) and path.exists():
            return _source_of_archive(path)
        raise DataError(
            f'{_what_is_wrong(path)}; must be {", ".join(NAMES)}, or the path of {KINDS}',
            setting='data',
            value=os.fspath(name),
            names=() if path.exists() else NAMES,
        )


def _source_of_folder(path: Path) -> Source:
    if idx.is_idx_folder(path):
        return Source(partial(idx.load, path), ('binarize',))
    if cifar.find_layout(path):
        return Source(partial(cifar.load, path), ('binarize',))
    return Source(partial(folder.load, path), OF_PICTURES)


def _source_of_archive(path: Path) -> Source:
    with archives.opened(path) as root:
        if cifar.find_layout(root):
            return Source(partial(_load_inside, cifar.load, path), ('binarize',))
    return Source(partial(_load_inside, folder.load, path), OF_PICTURES)


def _load_inside(load: Callable[..., Dataset], path: Path, **options: Any) -> Dataset:
    with archives.opened(path) as root:
        return load(root, **options)


def _what_is_wrong(path: Path) -> str:
    if path.exists():
        return 'is neither a folder nor a kind of file that is read'
    return 'is neither a known name nor an existing path'


def locate_datasets(data_dir: str | os.PathLike[str] | None = None) -> list[tuple[str, str]]:
    """Return (name, where it is or how to get it) of each data set with files of its own.

    It decodes and downloads nothing. An error is returned as the text of that data set.

    >>> locate_datasets()[0]
    ('mnist', 'bundled, 9.2 MB, intact')
    """
    locations = {'mnist': _locate_mnist, 'fashion-mnist': partial(_locate_fashion, data_dir)}
    return [(name, _text_or_error(locate)) for name, locate in locations.items()]


def _text_or_error(locate: Callable[[], str]) -> str:
    try:
        return locate()
    except DataError as error:
        return str(error)


def _locate_mnist() -> str:
    from . import bundled

    size = sum(len(bundled.read_verified(name)) for name in bundled.FILES)
    return f'bundled, {size / 1e6:.1f} MB, intact'


def _locate_fashion(data_dir: str | os.PathLike[str] | None) -> str:
    paths = [fashion.find_file(name, data_dir) for name in fashion.FILES]
    if None in paths:
        return (
            'not on this machine; the first use downloads it (31 MB). '
            f'Without a network, {fashion.REMEDY}'
        )
    folders = sorted({str(path.parent) for path in paths})
    return f'in {" and ".join(folders)}'
