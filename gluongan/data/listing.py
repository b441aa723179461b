"""Which pictures a folder holds, in which splits and classes, and what else it holds."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from .archives import Member
from .dataset import DataError, NoSplit
from .description import list_names

EXTENSIONS = ('.png', '.jpg', '.jpeg', '.jpe', '.jfif', '.bmp', '.gif', '.webp', '.tif', '.tiff')
TRAIN_FOLDERS = ('train', 'training')
TEST_FOLDERS = ('test', 'testing', 'val', 'valid', 'validation')  # the first that exists
MADE_BY_MACOS = '__MACOSX'


@dataclass(frozen=True)
class Listing:
    """The pictures of one split.

    labels: the number of each picture's class, None without classes.
    ignored: how many files were ignored, by their kind: mostly their ending in small letters.
    left_out: folders that are no class because they hold no picture that can be read.
    merged: folders below a class whose pictures count as that class.
    mistakable: classes that are called as a split is.
    """

    paths: list[Path]
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    ignored: Counter[str] = field(default_factory=Counter)
    left_out: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    mistakable: tuple[str, ...] = ()


def list_pictures(folder: Path, split: str = 'train') -> Listing:
    """Return the pictures of a split; the classes of both splits are those of the training split.

    There are splits where sub-folders train and test (or val) both exist, in letters of any case,
    or train alone. Raises NoSplit where there is no test split, DataError for a folder without
    pictures, for train beside classes or beside what is no split, and for a test class that the
    training split lacks, and OSError.
    """
    train, test = _split_folders(folder)
    if split == 'train':
        if train is None or (test is None and not _is_whole_data(train)):
            return _point_out_splits(_list_classes(folder))
        return _list_train(folder, train, test)
    if train is None or test is None:
        raise NoSplit(
            f'{folder}: has no {split} split; must have sub-folders train and test (or val)'
        )
    if not any(_subfolders(test)) and not any(_files(test)):
        raise NoSplit(f'{test}: is empty; must hold pictures for {split}')
    return _numbered_as(_list_classes(train).classes, _list_classes(test), test)


def _list_train(folder: Path, train: Path, test: Path | None) -> Listing:
    """Return the pictures of a training split; what lies beside the splits does not vanish."""
    others = [path.name for path in _subfolders(folder) if path not in (train, test)]
    listing = _list_classes(train)
    beside = Counter(map(_kind, _files(folder)))
    return replace(listing, left_out=(*listing.left_out, *others), ignored=listing.ignored + beside)


def _is_whole_data(train: Path) -> bool:
    """Return whether a folder train, without a test split beside it, is the training data.

    Raises DataError where it has classes of its own, and pictures lie beside it.
    """
    folder = train.parent
    beside = [path.name for path in _subfolders(folder) if path != train and _has_pictures(path)]
    if not beside:
        return not _pictures_among(_files(folder))[0]
    if any(map(_has_pictures, _subfolders(train))):
        raise DataError(
            f'{folder}: has {train.name}, with folders of its own, beside {list_names(beside)}; '
            'must be train and test (or val), or folders of classes'
        )
    return False


def _has_pictures(folder: Path) -> bool:
    return bool(_pictures_among(_files_below(folder))[0])


def _point_out_splits(listing: Listing) -> Listing:
    names = (*TRAIN_FOLDERS, *TEST_FOLDERS)
    return replace(
        listing, mistakable=tuple(name for name in listing.classes if name.lower() in names)
    )


def _numbered_as(classes: tuple[str, ...], listing: Listing, folder: Path) -> Listing:
    """Return a test split whose labels are the numbers of the training split's classes."""
    if not classes or listing.labels is None:  # nothing to compare labels with
        return replace(listing, labels=None, classes=())
    unknown = [name for name in listing.classes if name not in classes]
    if unknown:
        raise DataError(
            f'{folder}: has classes that the training split lacks ({list_names(unknown)}); '
            f'must have none but {list_names(classes)}'
        )
    number = np.array([classes.index(name) for name in listing.classes], np.int64)
    return replace(listing, labels=number[listing.labels], classes=classes)


def _split_folders(folder: Path) -> tuple[Path | None, Path | None]:
    names = {path.name: path for path in _subfolders(folder)}
    for name, path in list(names.items()):  # as it is written goes before `Train`
        names.setdefault(name.lower(), path)
    return _first(names, TRAIN_FOLDERS), _first(names, TEST_FOLDERS)


def _first(paths: dict[str, Path], names: Iterable[str]) -> Path | None:
    return next((paths[name] for name in names if name in paths), None)


def _list_classes(folder: Path) -> Listing:
    """Return the pictures in a folder, or in its sub-folders, each of which is a class."""
    direct, ignored = _pictures_among(_files(folder))
    classes, left_out, merged = {}, [], []
    for subfolder in sorted(_subfolders(folder), key=natural_key):
        pictures, others = _pictures_among(_files_below(subfolder))
        ignored += others
        if pictures:
            classes[subfolder.name] = pictures
            merged += _folders_between(subfolder, pictures)
        else:
            left_out.append(subfolder.name)
    _check_level(folder, direct, classes, ignored)
    found = {'ignored': ignored, 'left_out': tuple(left_out), 'merged': tuple(merged)}
    if direct:
        return Listing(direct, **found)
    paths = [path for pictures in classes.values() for path in pictures]
    counts = [len(pictures) for pictures in classes.values()]
    labels = np.repeat(np.arange(len(classes), dtype=np.int64), counts)
    return Listing(paths, labels, tuple(classes), **found)


def _check_level(
    folder: Path, direct: list[Path], classes: dict[str, list[Path]], ignored: Counter[str]
) -> None:
    """Raise DataError where it is not clear on which level the classes are, or there are none."""
    if direct and classes:
        raise DataError(
            f'{folder}: has pictures in itself and in {list_names(classes)}; '
            'must be in one of the two'
        )
    if not direct and not classes:
        raise DataError(
            f'{folder}: has no pictures{_but(ignored)}; '
            f'must be a folder with {" ".join(EXTENSIONS)} files in it or in sub-folders'
        )
    if len(classes) == 1:
        ((name, pictures),) = classes.items()
        if all(path.parent != folder / name for path in pictures):
            raise DataError(
                f'{folder}: has all its pictures in folders below {name}; '
                f'must be {folder / name} if these are the classes'
            )


def _but(ignored: Counter[str]) -> str:
    """Return which files there are instead of pictures."""
    endings = [ending or 'no ending' for ending in sorted(ignored)]
    return f', only other files ({list_names(endings)})' if endings else ''


def _folders_between(folder: Path, pictures: list[Path]) -> list[str]:
    """Return the folders below a class that hold its pictures, as paths that begin with it."""
    folders = {path.parent for path in pictures if path.parent != folder}
    return sorted(path.relative_to(folder.parent).as_posix() for path in folders)


def _pictures_among(files: Iterable[Path]) -> tuple[list[Path], Counter[str]]:
    """Return the pictures, and the number of all other files by their ending."""
    pictures, ignored = [], Counter()
    for path in files:
        if path.suffix.lower() in EXTENSIONS and not path.is_dir():
            pictures.append(path)
        else:
            ignored[_kind(path)] += 1
    return pictures, ignored


def _kind(path: Path) -> str:
    """Return what the count of ignored files calls a file: by its ending, mostly."""
    if path.is_dir():
        return 'folder'
    if path.is_symlink() and not path.exists():
        return 'broken link'
    return path.suffix.lower()


def _is_visible(name: str) -> bool:
    return not name.startswith('.') and name != MADE_BY_MACOS


def _visible(folder: Path) -> list[Path]:
    visible = [path for path in folder.iterdir() if _is_visible(path.name)]
    # By name as text, because Windows compares paths without regard to case.
    return sorted(visible, key=lambda path: path.name)


def _subfolders(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.is_dir()]


def _files(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if not path.is_dir()]


def _files_below(folder: Path) -> list[Path]:
    """Return the visible files at any depth, by name; a folder that links reach twice counts once.

    Raises OSError for a folder that cannot be read.
    """
    if isinstance(folder, Member):
        return _members_below(folder)
    files, seen = [], set()
    for parent, names, leaves in os.walk(folder, onerror=_raise, followlinks=True):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in seen:
            names.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        names[:] = filter(_is_visible, names)
        files += [Path(parent, name) for name in leaves if _is_visible(name)]
        files += [Path(parent, name) for name in names if _is_empty_picture(Path(parent, name))]
    return sorted(files, key=lambda path: path.relative_to(folder).parts)


def _members_below(folder: Member) -> list[Member]:
    files, waiting = [], [folder]
    while waiting:
        for member in filter(lambda each: _is_visible(each.name), waiting.pop().iterdir()):
            (waiting if member.is_dir() else files).append(member)
    return sorted(files, key=lambda member: member.parts)


def _is_empty_picture(folder: Path) -> bool:
    """Return whether a folder is called as a picture and has nothing in it."""
    return folder.suffix.lower() in EXTENSIONS and not any(folder.iterdir())


def _raise(error: OSError) -> None:
    raise error


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Return the key that orders names as people do: 2 before 10.

    >>> [path.name for path in sorted(map(Path, ['10', 'b', '2', 'a10', 'a9']), key=natural_key)]
    ['2', '10', 'a9', 'a10', 'b']
    """
    parts = re.split('([0-9]+)', path.name)
    numbered = [
        (0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part
    ]
    return [*numbered, (0, -1, path.name)]
