"""The judges that come with the package, each with its hash, its accuracy and the command that made it; and calibrations."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .judge import JudgeError, read
from .stacked import Stacked

if TYPE_CHECKING:
    from ...data import Dataset
    from .judge import Judge

HOME = Path(__file__).parent / 'shipped'


class Shipped(NamedTuple):
    """A judge in HOME: the SHA-256 of its file, and its share of right answers on the 10,000 test images."""

    file: str
    sha256: str
    accuracy: float
    command: str


SHIPPED = {
    'mnist': Shipped(
        'mnist.judge',
        'bcf946ce99017b093d6d36742ab51ce99d49a71dd91606a0b3a9fd274c2a8643',
        0.9899,
        'gluongan judge train --data mnist',
    ),
    'fashion-mnist': Shipped(
        'fashion-mnist.judge',
        'cc535bc49423248c998596bfa534963dbd0f783ec774b5a5852f23842d4f7e9d',
        0.9041,
        'gluongan judge train --data fashion-mnist --epochs 15',
    ),
}


def bundled(name: str) -> Judge:
    """Return the judge of a data set that came with the package. Raises JudgeError where there is none, or it was changed."""
    if name not in SHIPPED:
        raise JudgeError(
            f'{name}: no judge of it came with the package, those are of {", ".join(SHIPPED)}; train one with '
            '`gluongan judge train`'
        )
    path = HOME / SHIPPED[name].file
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != SHIPPED[name].sha256:
        raise JudgeError(f'{path}: is not the file that came with the package; install it again')
    return read(path)


def calibration(name: str) -> Path:
    """Return the file of known sets' numbers for a data set; it may not be there."""
    return HOME / f'{name}.calibration.json'


def fitting(data: Dataset, file: Path | None = None) -> Judge | None:
    """Return the judge in `file`, else the one that came with the package for this data, else None.

    Raises JudgeError or SnapshotError, which name the file.
    """
    if file is not None:
        judge = read(file)
        judge.check(data.shape)
        return judge
    if data.name == 'stacked-mnist':
        return Stacked(bundled('mnist'))
    known = data.name in SHIPPED and data.shape == (1, 28, 28)
    return bundled(data.name) if known else None
