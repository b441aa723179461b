"""The generators that ship with the package: exports that anybody can sample from at once."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .manifest import FILE, ExportError, seal

HOME = Path(__file__).parent / 'generators'


class Shipped(NamedTuple):
    """A generator in HOME: the SHA-256 of its manifest, which has those of its files."""

    sha256: str
    command: str


GENERATORS = {
    'mnist': Shipped(
        'bd757aca988cc8f89c41a09cf38815f8f6736b182fe6d3495c7c035f78847c10',
        'gluongan train --recipe modulated_projection',
    ),
    'fashion-mnist': Shipped(
        '23a19beec264a747f600677aaf938decd833a3532d7b86e64e36b2468bfde9f0',
        'gluongan train --recipe modulated_projection --data fashion-mnist',
    ),
}


def find_shipped(name: str | Path) -> Path | None:
    """Return the folder of the generator of this name that ships with the package, if one does.

    What exists under that name in the current folder comes first; then this returns None. Raises
    ExportError where the files are missing or were changed.
    """
    if str(name) not in GENERATORS or Path(name).exists():
        return None
    folder = HOME / str(name)
    path = folder / FILE
    if not path.is_file() or seal(path).sha256 != GENERATORS[str(name)].sha256:
        raise ExportError(
            f'{path}: is missing or was changed; must be the file that ships with the package: '
            'install it again'
        )
    return folder


def as_given(source: Path) -> str:
    """Return a path as messages name it: a generator that ships with the package by its name.

    >>> as_given(HOME / 'mnist'), as_given(Path('my/mnist')) == str(Path('my/mnist'))
    ('mnist', True)
    """
    return source.name if source.parent == HOME else str(source)
