"""The judges that ship with the package, and the metrics of known sets made with them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...errors import did_you_mean
from ...snapshot import SnapshotError
from .judge import JudgeError, OtherVersion, read
from .stacked import Stacked

if TYPE_CHECKING:
    from ...data import Dataset
    from .judge import Judge

HOME = Path(__file__).parent / 'shipped'


class Shipped(NamedTuple):
    """A judge in HOME: its file and SHA-256, its test accuracy, and the command that made it."""

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


def load_shipped(name: str) -> Judge:
    """Return the judge for a data set that ships with the package.

    Raises JudgeError if there is none, or if its file was changed.
    """
    if name not in SHIPPED:
        raise JudgeError(
            f'{name}: no judge for it ships with the package; must be one of '
            f'{", ".join(SHIPPED)}, or train one with `gluongan judge train`'
            f'{did_you_mean(name, SHIPPED)}'
        )
    path = HOME / SHIPPED[name].file
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != SHIPPED[name].sha256:
        raise JudgeError(
            f'{path}: is missing or was changed; must be the file that ships with the package: '
            'install it again'
        )
    return read(path)


def calibration_file(name: str) -> Path:
    """Return the path of the known sets' metrics for a data set; the file may not exist."""
    return HOME / f'{name}.calibration.json'


def find_judge(dataset: Dataset, file: Path | None = None) -> Judge | None:
    """Return the judge in `file`, by default the one that ships with the package for this data.

    The result is None if none ships for it. Raises JudgeError, which names the file.
    """
    if file is not None:
        judge = _read_given(file)
        judge.check(dataset.shape)
        return judge
    if dataset.built_in == 'stacked-mnist':
        return Stacked(load_shipped('mnist'))
    if dataset.built_in in SHIPPED:
        return load_shipped(dataset.built_in)
    return None


def is_shipped_for(judge: Judge, dataset: Dataset) -> bool:
    """Return whether a judge is the one that ships with the package for this data."""
    shipped = find_judge(dataset)
    if shipped is None:
        return False
    return (judge.about.data, judge.sha256) == (shipped.about.data, shipped.sha256)


def _read_given(file: Path) -> Judge:
    try:
        return read(file)
    except OtherVersion as error:
        problem = error.message.removeprefix(f'{file}: ')
        raise JudgeError(problem, setting='judge', value=file) from error
    except (JudgeError, SnapshotError) as error:
        problem = 'is not a judge' if file.exists() else 'does not exist'
        raise JudgeError(
            f'{problem}; must be a file made by `gluongan judge train`', setting='judge', value=file
        ) from error
