"""What was meant by a path that is not there: the run, the export or the file with a like name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from ..errors import nearest_name

RUNS = 'runs'  # where training makes its runs by default
MOST = 10_000  # entries of a folder that are looked at


def did_you_mean_path(path: Path, fits: Callable[[Path], bool], names: Iterable[str] = ()) -> str:
    """Return ` (did you mean PATH?)` with what is most like a path that was given.

    fits: whether a path is of the kind that was asked for. names: what may be given in its place.
    That is the folder around the path, else what has a like name, or one that begins so, beside it
    or in runs/. The result is '' where there is nothing.

    >>> did_you_mean_path(Path('no folder/mnits'), Path.is_dir, ['mnist'])
    ' (did you mean mnist?)'
    """
    near = _around(path, fits) or _like(path, fits, names)
    return f' (did you mean {near}?)' if near else ''


def _around(path: Path, fits: Callable[[Path], bool]) -> str:
    """Return the folder that a path leads into, such as the run of a snapshot."""
    folders = (each for each in path.parents if each.name)
    return next((str(each) for each in folders if fits(each)), '')


def _like(path: Path, fits: Callable[[Path], bool], names: Iterable[str]) -> str:
    known = {name: name for name in names}
    for folder in (path.parent, Path(RUNS)):
        for each in _within(folder):
            if fits(each):
                known.setdefault(each.name, str(each))
    if path.name in known:
        return known[path.name]
    begin_so = [name for name in known if path.name and name.startswith(path.name)]
    name = begin_so[0] if len(begin_so) == 1 else nearest_name(path.name, known)
    return known.get(name, '')


def _within(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entry.name for entry in islice(entries, MOST))
    except OSError:
        return
    yield from (folder / name for name in found)
