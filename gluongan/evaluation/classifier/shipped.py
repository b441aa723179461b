"""The judges that ship with the package, and the metrics of known sets made with them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ...errors import did_you_mean, nearest_name
from ...runs.nearest import did_you_mean_path
from ...snapshot import SnapshotError
from .judge import JudgeError, OtherVersion, read
from .stacked import Stacked

if TYPE_CHECKING:
    from ...data import Dataset
    from ...runtime import mx
    from .judge import Judge

HOME = Path(__file__).parent / 'shipped'
STACKED = 'stacked-mnist'  # three digits in one picture, judged one by one


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


def load_shipped(name: str, device: str | mx.Context = 'cpu') -> Judge:
    """Return the judge for a data set that ships with the package, on `device`.

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
    return read(path, device)


def calibration_file(name: str) -> Path:
    """Return the path of the known sets' metrics for a data set; the file may not exist."""
    return HOME / f'{name}.calibration.json'


def find_judge(
    dataset: Dataset, file: Path | None = None, device: str | mx.Context = 'cpu'
) -> Judge | None:
    """Return the judge in `file`, by default the one that ships with the package for this data.

    It computes on `device`. The result is None if none ships for the data. Raises JudgeError, which
    names the file.
    """
    if file is not None:
        judge = read_given(file, device)
        judge.check(dataset.shape)
        return judge
    if dataset.built_in == STACKED:
        return Stacked(load_shipped('mnist', device))
    if dataset.built_in in SHIPPED:
        return load_shipped(dataset.built_in, device)
    return None


def is_shipped_for(judge: Judge, dataset: Dataset) -> bool:
    """Return whether a judge is the one that ships with the package for this data."""
    single = 'mnist' if dataset.built_in == STACKED else dataset.built_in
    if single not in SHIPPED:
        return False
    return (judge.about.data, judge.sha256) == (dataset.built_in, SHIPPED[single].sha256)


def read_given(file: Path, device: str | mx.Context = 'cpu') -> Judge:
    """Return the judge in a file that was given as `judge`. Raises JudgeError, which says so."""
    try:
        return read(file, device)
    except OtherVersion as error:
        problem = error.message.removeprefix(f'{file}: ')
        raise JudgeError(problem, setting='judge', value=file) from error
    except (JudgeError, SnapshotError) as error:
        problem, hint = 'is not a judge', ''
        if not file.exists():
            problem, hint = 'does not exist', _hint(file)
        allowed = 'must be a file made by `gluongan judge train`'
        raise JudgeError(f'{problem}; {allowed}{hint}', setting='judge', value=file) from error


def _hint(file: Path) -> str:
    """Return what may have been meant by the file of a judge that is not there."""
    name = str(file) if str(file) in SHIPPED else nearest_name(str(file), SHIPPED)
    if name:
        return f'; that of {name} ships with gluongan and is taken for this data by itself'
    return did_you_mean_path(file, Path.is_file)
