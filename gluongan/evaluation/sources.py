"""Is it any good? A run, an export or a folder of pictures in, a Report out. Each kind of source has its reader in READERS."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import data, loading
from ..build import load_data, load_test
from ..config import Config
from ..data import toys
from ..exports import is_export, load_export, load_sampler
from ..runs.folder import RunError, is_run, read_config
from . import (
    CalibrationError,
    Reference,
    Report,
    Samples,
    closest,
    evaluate,
    read_calibration,
    rows,
    sentence,
)
from . import classifier as judge
from .calibration import real
from .from_updater import samples_of

COUNT = 10_000
COUNTS = {
    'stacked-mnist': 26_000,
    **dict.fromkeys(toys.MIXTURES, toys.COUNTED),
}  # as the papers' protocols have it
STREAM = 3  # of the noise: neither that of the pictures (0) nor that of the measurements beside training (1, 2)

Tell = Callable[[str, float], None]


class Asked(NamedTuple):
    """What was asked for: how many samples, and of a run which snapshot, on which device."""

    count: int
    which: str = 'last'
    device: str = 'cpu'


@dataclass(frozen=True)
class Kind:
    """A kind of source: whether a path is one, which data it was made after, and how to draw samples of it."""

    fits: Callable[[Path], bool]
    config: Callable[[Path, Config], Config]
    read: Callable[[Path, data.Dataset, Asked], tuple[Samples, int | None]]


def _of_run(run: Path, train: data.Dataset, asked: Asked) -> tuple[Samples, int]:
    updater = loading.load_updater(run, train, which=asked.which, device=asked.device)
    return samples_of(updater, asked.count, seed=STREAM, source=str(run)), updater.iteration


def _of_export(folder: Path, train: data.Dataset, asked: Asked) -> tuple[Samples, int | None]:
    x, labels = load_sampler(folder, which=asked.which, device=asked.device).sample(
        asked.count, STREAM
    )
    if x.shape[1:] != train.shape:
        raise RunError(
            f'{folder}: makes samples of shape {x.shape[1:]}, those of {train.name} are {train.shape}'
        )
    return Samples(str(folder), np.clip(x, 0, 1) if x.ndim == 4 else x, labels), load_export(
        folder
    ).manifest.iteration


def _config_of_export(folder: Path, given: Config) -> Config:
    """Take the data that its manifest names, unless another was asked for or that is a path of who knows which machine."""
    named = load_export(folder).manifest.data
    return (
        given.with_settings({'data': named})
        if named in data.NAMES and given.data == Config().data
        else given
    )


def _of_pictures(path: Path, train: data.Dataset, asked: Asked) -> tuple[Samples, None]:
    options = (
        {} if path.suffix == '.npz' else {'image_size': train.shape[1], 'channels': train.shape[0]}
    )
    found = data.load(path, **options)
    if found.shape != train.shape:
        raise RunError(
            f'{path}: has pictures of shape {found.shape}, those of {train.name} are {train.shape}'
        )
    order = np.random.RandomState(0).permutation(len(found))[: asked.count]
    return Samples(str(path), found.floats(order)), None


READERS = (
    Kind(
        is_run,
        lambda path, given: read_config(path),
        _of_run,
    ),
    Kind(is_export, _config_of_export, _of_export),
    Kind(
        lambda path: path.is_dir() or path.suffix == '.npz', lambda path, given: given, _of_pictures
    ),
)


def assess(
    source: Path,
    *,
    config: Config | None = None,
    judge_file: Path | None = None,
    calibration: Path | None = None,
    count: int | None = None,
    which: str = 'last',
    device: str = 'cpu',
    tell: Tell = lambda words, seconds: None,
) -> Report:
    """Return the report of a run, or of a folder of pictures or an .npz that was made after the data in `config`.

    judge_file: instead of the judge that came with the package. calibration: the known sets' numbers, instead of those that
    came with it; where there are none that fit, only real pictures are measured beside the samples.
    Raises RunError, DataError, JudgeError, SnapshotError, CalibrationError.
    """
    begun = time.perf_counter()
    kind = _kind(source)
    config = kind.config(source, config or Config())
    reference = reference_of(config, judge_file)
    known = _known(reference, calibration)  # before the long work, for its file may be at fault
    count = count or COUNTS.get(reference.train.name, COUNT)
    samples, iteration = kind.read(source, reference.train, Asked(count, which, device))
    tell(f'{len(samples):,} samples', time.perf_counter() - begun)
    values = evaluate(samples, reference, tell=tell)
    if reference.train.is_image and not known:
        known = {'real': _real(reference, len(samples), tell)}
    seen_by = reference.judge and {
        **asdict(reference.judge.about),
        'sha256': reference.judge.sha256,
    }
    if seen_by:
        del seen_by['classes']
    words = sentence(values, reference.train.classes, known.get('real'))
    return Report(
        str(source),
        reference.train.name,
        len(samples),
        seen_by,
        values,
        words,
        time.perf_counter() - begun,
        known,
        iteration,
        closest(samples, reference) if reference.train.is_image else None,
    )


def _kind(source: Path) -> Kind:
    for kind in READERS:
        if kind.fits(source):
            return kind
    raise RunError(
        f'{source}: must be a run folder, a folder of pictures, an export or an .npz file'
    )


def reference_of(config: Config, judge_file: Path | None = None) -> Reference:
    """Return what samples are held against: the data's test images or else the training ones, and a judge if there is one.

    Raises DataError, JudgeError, SnapshotError.
    """
    train = load_data(config)
    return Reference(
        train, load_test(config), judge.fitting(train, judge_file) if train.is_image else None
    )


def _known(reference: Reference, file: Path | None) -> dict[str, dict[str, float]]:
    """Return the known sets' numbers by set, {} where there are none that fit."""
    path = file or judge.calibration(reference.train.name)
    if not reference.train.is_image or not (file or path.is_file()):
        return {}
    found = read_calibration(path)
    if file and not found.fits(reference):
        raise CalibrationError(
            f'{file}: is of {found.of.get("data")} by another judge or another edition; make one with '
            '`gluongan judge calibrate`'
        )
    return rows(found) if found.fits(reference) else {}


def _real(reference: Reference, count: int, tell: Tell) -> dict[str, float]:
    begun = time.perf_counter()
    values = evaluate(
        Samples('real', real(reference.train, count, np.random.RandomState(0))), reference
    )
    tell('real pictures, to compare', time.perf_counter() - begun)
    return values
