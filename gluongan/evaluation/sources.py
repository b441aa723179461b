"""Evaluate a run, an export, pictures or arrays: a path in, a Report out.

Each kind of source has an entry in SOURCE_KINDS.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import data, loading
from ..build import load_data, load_test
from ..config import Config
from ..data import toys
from ..exports import is_export, load_export, load_sampler
from ..gan.labels import labels_in_proportion
from ..gan.sampling import Sampler
from ..gan.sensitivity import slopes
from ..metric_names import count_of
from ..runs.folder import RunError, is_run
from . import classifier
from .calibration import CalibrationError, check_held_out, read_calibration, real_samples
from .from_updater import draw_samples
from .pictures import check_sizes, check_stored_sizes
from .reference import Reference
from .report import Report
from .samples import Samples
from .suite import Values, closest_to_training, evaluate, left_out, left_out_of
from .summary import summarize

COUNT = 10_000
# Numbers of samples that papers use for these data sets.
COUNTS = {'stacked-mnist': 26_000, **dict.fromkeys(toys.MIXTURES, toys.COUNTED)}
# The noise stream of evaluations. Sample grids use 0, metrics during training 1 and 2.
STREAM = 3

OnStep = Callable[[str, float], None]


class Request(NamedTuple):
    """Which samples to draw: how many, from which snapshot of a run, on which device.

    changed_data: whether the data of a run may be another than when it began.
    resize: whether pictures of another size than the data are cropped and resized.
    """

    count: int
    which: str = 'last'
    device: str = 'cpu'
    changed_data: bool = False
    resize: bool = False


@dataclass(frozen=True)
class SourceKind:
    """A kind of source.

    matches(path): whether a path is of this kind.
    data_config(path, given, data_at): the Config of the data that its samples are compared with.
    can_resize: whether its samples are pictures in files, which have sizes of their own.
    read(path, dataset, request): its Samples, and the iteration they are from, if any.
    """

    matches: Callable[[Path], bool]
    data_config: Callable[[Path, Config | None, str | None], Config]
    read: Callable[[Path, data.Dataset, Request], tuple[Samples, int | None]]
    can_resize: bool = False


def _read_run(run: Path, dataset: data.Dataset, request: Request) -> tuple[Samples, int]:
    loading.check_data(run, dataset, changed_data=request.changed_data)
    updater = loading.load_updater(run, dataset, which=request.which, device=request.device)
    samples = draw_samples(updater, request.count, seed=STREAM, source=str(run))
    return samples, updater.iteration


def _config_of_run(run: Path, given: Config | None, data_at: str | None) -> Config:
    return loading.settle(run, data_at=data_at)


def _read_export(
    folder: Path, dataset: data.Dataset, request: Request
) -> tuple[Samples, int | None]:
    sampler = load_sampler(folder, which=request.which, device=request.device)
    asked = _requested(folder, sampler, dataset, request)
    x, labels = sampler.sample(request.count, STREAM, asked)
    _check_shape(folder, x.shape[1:], dataset)
    if x.ndim == 4:
        x = np.clip(x, 0, 1)

    def slopes_of(n: int) -> np.ndarray:
        inputs = sampler.inputs(n, STREAM, None if labels is None else labels[:n])
        return slopes(sampler.gen, inputs, sampler.latent, STREAM)

    samples = Samples(str(folder), x, labels, slopes=slopes_of)
    return samples, load_export(folder).manifest.iteration


def _requested(
    folder: Path, sampler: Sampler, dataset: data.Dataset, request: Request
) -> np.ndarray | None:
    """Return the classes to ask an export for, in the data's proportions; None without classes."""
    if not sampler.classes or dataset.labels is None:
        return None
    if tuple(sampler.classes) != dataset.classes:
        raise RunError(
            f'{folder}: its classes are {", ".join(sampler.classes)}; must be '
            f'{", ".join(dataset.classes)}, as those of {dataset.name}'
        )
    return labels_in_proportion(dataset.labels, request.count)


def _config_of_export(folder: Path, given: Config | None, data_at: str | None) -> Config:
    """Return the data that the manifest names, unless other data was given.

    A manifest may also name a path, which means nothing on this machine.
    """
    name = load_export(folder).manifest.data
    if given is None and name in data.NAMES:
        return Config(data=name)
    return _given_data(folder, given)


def _given_data(source: Path, given: Config | None) -> Config:
    if given is None:
        raise RunError(
            f'is not given; must be the data that the samples of {source} imitate', setting='data'
        )
    return given


def _read_arrays(path: Path, dataset: data.Dataset, request: Request) -> tuple[Samples, None]:
    return _chosen(path, data.load(path), dataset, request)


def _read_pictures(path: Path, dataset: data.Dataset, request: Request) -> tuple[Samples, None]:
    if not dataset.is_image:
        raise RunError(f'{path}: is made of pictures; must be points, as those of {dataset.name}')
    channels, height, width = dataset.shape
    if not request.resize and path.is_dir():
        check_sizes(path, height, width, dataset.name)
    origin = dataset.origin  # pictures are read as those of the data were
    way = {'fit': origin.fit, 'background': origin.background} if origin else {}
    pictures = data.load(path, image_size=height, channels=channels, **way)
    if not request.resize:
        check_stored_sizes(path, pictures.origin.sizes, (width, height), dataset.name)
    return _chosen(path, pictures, dataset, request)


def _chosen(
    path: Path, pictures: data.Dataset, dataset: data.Dataset, request: Request
) -> tuple[Samples, None]:
    _check_shape(path, pictures.shape, dataset)
    return Samples(str(path), pictures.floats(_order(pictures)[: request.count])), None


def _order(pictures: data.Dataset) -> list[int]:
    """Return a random order that depends on the pictures alone, not on the names of their files."""
    digests = [hashlib.sha256(sample.tobytes()).digest() for sample in pictures.samples]
    return sorted(range(len(pictures)), key=digests.__getitem__)


def _are_arrays(path: Path) -> bool:
    return _has_size_by_choice(path) is False


def _are_pictures(path: Path) -> bool:
    return _has_size_by_choice(path) is True


def _has_size_by_choice(path: Path) -> bool | None:
    """Return whether a size can be chosen for what is read, None where it is no data."""
    try:
        return data.has_shape_by_choice(path) if path.exists() else None
    except data.DataError:
        return None


def _config_of_pictures(path: Path, given: Config | None, data_at: str | None) -> Config:
    """Return the data that was given, or that of the run in whose folder the pictures are."""
    if given is None and _is_in_run(path):
        return loading.settle(path.resolve().parent)
    return _given_data(path, given)


def _is_in_run(path: Path) -> bool:
    return is_run(path.resolve().parent)


def _check_shape(source: Path, shape: tuple[int, ...], dataset: data.Dataset) -> None:
    if shape != dataset.shape:
        raise RunError(
            f'{source}: its samples have shape {shape}; must be {dataset.shape}, '
            f'as those of {dataset.name}'
        )


SOURCE_KINDS = (
    SourceKind(is_run, _config_of_run, _read_run),
    SourceKind(is_export, _config_of_export, _read_export),
    SourceKind(_are_arrays, _config_of_pictures, _read_arrays),
    SourceKind(_are_pictures, _config_of_pictures, _read_pictures, can_resize=True),
)


def evaluate_source(
    source: Path,
    *,
    config: Config | None = None,
    data_at: str | None = None,
    changed_data: bool = False,
    resize: bool = False,
    judge_file: Path | None = None,
    calibration: Path | None = None,
    count: int | None = None,
    which: str = 'last',
    device: str = 'cpu',
    on_step: OnStep | None = None,
) -> Report:
    """Return the report of a run, an export, pictures in a folder or an archive, or arrays.

    config: names the data that the samples are compared with; a run has its own. Without it, an
    export is compared with the built-in data that it was trained on, and pictures in a run's folder
    with the data of the run; other samples are refused.
    data_at: where the data of a run is, if it moved. changed_data: allow that it is another.
    resize: crop and resize a folder's pictures of another size instead of refusing them.
    judge_file: a judge to use instead of the one that ships with the package.
    calibration: metrics of known sets to use instead of those that ship with the package; if none
    fit, only real images are measured beside the samples.
    count: how many samples, by default COUNTS or COUNT. which: of a run, the snapshot.
    on_step(name, seconds) is called after each step.
    Raises RunError, DataError, JudgeError, SnapshotError, CalibrationError.
    """
    start = time.perf_counter()
    on_step = on_step or _ignore
    kind = _kind_of(source)
    if resize and not kind.can_resize:
        raise RunError(f'does not apply to {source}; must be left out', setting='resize')
    reference = make_reference(kind.data_config(source, config, data_at), judge_file)
    known = _known_sets(reference, calibration)  # first, because the file may be bad
    is_asked_for = count is not None
    count = count or COUNTS.get(reference.train.built_in, COUNT)
    request = Request(count, which, device, changed_data, resize)
    if config is None and kind.data_config is _config_of_pictures:  # it is that of their run
        loading.check_data(source.resolve().parent, reference.train, changed_data=changed_data)
    samples, iteration = kind.read(source, reference.train, request)
    on_step(f'{len(samples):,} samples', time.perf_counter() - start)
    values = evaluate(samples, reference, on_step=on_step)
    known, notes = _columns(known, values, reference, len(samples), on_step)
    nearest = closest_to_training(samples, reference) if reference.train.is_image else None
    return Report(
        source=str(source),
        data=reference.train.name,
        count=len(samples),
        judge=_describe_judge(reference.judge),
        values=values,
        summary=summarize(
            values,
            reference.classes,
            known.get('real'),
            _count_modes(reference),
            images=len(reference.images) if reference.train.is_image else None,
            shares=reference.class_shares,
        ),
        seconds=time.perf_counter() - start,
        known=known,
        notes=(
            *left_out_of(samples),
            *notes,
            *left_out(reference),
            *_shortage(source, len(samples), count, is_asked_for),
        ),
        iteration=iteration,
        asked_for=which if is_run(source) else None,
        data_sha256=reference.sha256,
        nearest=nearest,
    )


def _shortage(source: Path, found: int, count: int, is_asked_for: bool) -> list[str]:
    """Return a sentence where a source has fewer samples than were asked for."""
    if not is_asked_for or found >= count:
        return []
    return [f'{source}: has {found:,} samples, not {count:,}; the metrics are of {found:,}']


def _ignore(name: str, seconds: float) -> None:
    pass


def _kind_of(source: Path) -> SourceKind:
    for kind in SOURCE_KINDS:
        if kind.matches(source):
            return kind
    raise RunError(
        f'{source}: must be a run folder, an export, a folder or an archive of pictures, or a file '
        'of arrays (.npz, .npy, .csv)'
    )


def make_reference(config: Config, judge_file: Path | None = None) -> Reference:
    """Return the data that samples are compared with, with a judge if there is one for it.

    Raises DataError, JudgeError, SnapshotError.
    """
    train = load_data(config)
    judge = classifier.find_judge(train, judge_file) if train.is_image else None
    return Reference(train, load_test(config, train), judge)


def _count_modes(reference: Reference) -> int | None:
    name = reference.train.built_in
    return len(toys.modes(name)[0]) if name in toys.MIXTURES else None


def _describe_judge(judge: classifier.Judge | None) -> dict[str, Any] | None:
    if judge is None:
        return None
    description = asdict(judge.about)
    del description['classes']
    return {**description, 'sha256': judge.sha256}


def _known_sets(reference: Reference, file: Path | None) -> dict[str, Values]:
    """Return the metrics of the known sets by set, {} if no calibration fits."""
    path = file or classifier.calibration_file(reference.train.built_in)
    if not reference.train.is_image or (file is None and not path.is_file()):
        return {}
    calibration = read_calibration(path)
    if calibration.fits(reference):
        if file is not None:
            check_held_out(reference)
        return calibration.means()
    if file is None:
        return {}
    raise CalibrationError(
        f'{file}: was made from {calibration.identity.get("data")} with another judge or other '
        'images; must be made from this data and judge with `gluongan judge calibrate`'
    )


def _columns(
    known: dict[str, Values],
    values: Values,
    reference: Reference,
    count: int,
    on_step: OnStep,
) -> tuple[dict[str, Values], tuple[str, ...]]:
    """Return what stands beside the metrics of samples, and why something does not.

    known: the metrics of known sets. A set whose numbers would nearly all be missing is left out.
    """
    if not reference.train.is_image:
        return {}, ()
    if not reference.is_held_out:
        why = 'has no test split, so that real images would be compared with themselves'
        return {}, (f'no column `real`: {reference.train.name} {why}',)
    comparable = {name: of for name, of in known.items() if _is_comparable(of, values)}
    notes = ()
    if len(comparable) < len(known):
        made_of = max(count_of(name) or 0 for of in known.values() for name in of)
        notes = (f'known sets are left out: they are of {made_of:,} samples, not {count:,}',)
    if 'real' not in comparable:
        comparable = {'real': _measure_real(reference, count, on_step), **comparable}
    return comparable, notes


def _is_comparable(known: Values, values: Values) -> bool:
    """Return whether a known set has at least half of the metrics."""
    return sum(name in known for name in values) >= len(values) / 2


def _measure_real(reference: Reference, count: int, on_step: OnStep) -> Values:
    start = time.perf_counter()
    values = evaluate(real_samples(reference, count), reference)
    on_step('real images, for comparison', time.perf_counter() - start)
    return values
