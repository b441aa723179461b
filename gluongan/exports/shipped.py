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
        '93bc72e3edde67eb3674524212b9cb2719d746aac2f15d1a186f0e2a98fb6798',
        'gluongan train --recipe sngan --conditional --dis-projection --conv-width 32 --ema 0.999 '
        '--iterations 12000',
    ),
    'fashion-mnist': Shipped(
        'ca71001b928b5dcaa175960d5e4aeaeea64ee63b657b752362167e2ce5e95509',
        'gluongan train --recipe sn_projection --data fashion-mnist',
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
