"""Evaluate a run, an export, pictures or arrays: a path in, a Report out."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import data, loading
from ..build import load_data, load_test
from ..config import Config
from ..data import toys
from ..files import real_path
from ..metric_names import count_of
from ..runs.folder import RunError, is_run
from . import classifier
from .calibration import CalibrationError, check_held_out, read_calibration, real_samples
from .intervals import Intervals
from .measures import Values, closest_to_training
from .reference import Reference
from .report import Report
from .samples import Samples
from .source_kinds import Request, SourceKind, config_of_pictures, kind_of
from .stages import A_CLASSIFIER, OnStep, Stages
from .suite import evaluate, left_out, left_out_of, measurements
from .summary import Clause, clauses
from .utility import TRAININGS, Utility, check_utility, measure_utility

COUNT = 10_000
# Numbers of samples that papers use for these data sets.
COUNTS = {'stacked-mnist': 26_000, **dict.fromkeys(toys.MIXTURES, toys.COUNTED)}


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
    utility: bool = False,
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
    utility: also train classifiers on samples, see `measure_utility`; it takes minutes.
    on_step(name, seconds) is called after each step.
    Raises RunError, DataError, JudgeError, SnapshotError, CalibrationError.
    """
    start = time.perf_counter()
    stages = Stages(on_step or _ignore)
    kind = kind_of(source)
    if resize and not kind.can_resize:
        raise RunError(f'does not apply to {source}; must be left out', setting='resize')
    reference = make_reference(kind.data_config(source, config, data_at), judge_file, device)
    known = _known_sets(reference, calibration)  # first, because the file may be bad
    is_asked_for = count is not None
    count = count or COUNTS.get(reference.train.built_in, COUNT)
    request = Request(count, which, device, changed_data, resize)
    if config is None and kind.data_config is config_of_pictures:  # it is that of their run
        loading.check_data(real_path(source).parent, reference.train, changed_data=changed_data)
    labelled = _labelled(kind, source, reference, request) if utility else None  # may be refused
    samples, iteration = kind.read(source, reference.train, request)
    stages.on_step(f'{len(samples):,} samples', time.perf_counter() - start)
    stages.expect(_to_be_measured(samples, reference, known, utility))
    intervals = Intervals()
    values = evaluate(samples, reference, on_step=stages, intervals=intervals)
    known, notes = _columns(known, values, reference, len(samples), stages)
    said = _clauses(values, known, reference)
    notes = [*left_out_of(samples, reference), *notes, *left_out(reference)]
    notes += _shortage(source, len(samples), count, is_asked_for)
    if labelled is not None:
        result = _measure_utility(labelled, reference, device, stages)
        values |= result.values()
        said.append(Clause(result.sentence()))
        notes.append(result.note())
    return Report(
        source=str(source),
        data=reference.train.name,
        count=len(samples),
        judge=_describe_judge(reference.judge),
        values=values,
        summary='; '.join(clause.text for clause in said),
        seconds=time.perf_counter() - start,
        known=known,
        notes=tuple(notes),
        iteration=iteration,
        asked_for=which if is_run(source) else None,
        data_sha256=reference.sha256,
        nearest=closest_to_training(samples, reference) if reference.train.is_image else None,
        intervals=intervals.found,
        faults=tuple(clause.text for clause in said if clause.is_fault),
    )


def _to_be_measured(
    samples: Samples, reference: Reference, known: dict[str, Values], utility: bool
) -> list[str]:
    """Return what an evaluation will measure, in its order, as far as it is known before."""
    names = list(measurements(samples, reference))
    expected = names.copy()
    is_known = any(count_of(name) == len(samples) for name in known.get('real', ()))
    if reference.train.is_image and reference.is_held_out and not is_known:
        expected += names  # of real images
    return expected + [A_CLASSIFIER] * TRAININGS * utility


def _clauses(values: Values, known: dict[str, Values], reference: Reference) -> list[Clause]:
    return clauses(
        values,
        reference.classes,
        known.get('real'),
        _count_modes(reference),
        images=len(reference.images) if reference.train.is_image else None,
        shares=reference.class_shares,
        judge_of=reference.judge_of,
    )


def _labelled(
    kind: SourceKind, source: Path, reference: Reference, request: Request
) -> data.Dataset:
    """Return the samples that classifiers will be trained on."""
    check_utility(reference)
    return kind.labelled(source, reference.train, request)


def _measure_utility(
    samples: data.Dataset, reference: Reference, device: str, stages: Stages
) -> Utility:
    start = time.perf_counter()

    def on_trained(pictures: str, accuracy: float) -> None:
        nonlocal start
        now = time.perf_counter()
        stages(f'trained on {pictures}: test accuracy {accuracy:.2%}', now - start)
        start = now

    return measure_utility(samples, reference, device=device, on_trained=on_trained)


def _shortage(source: Path, found: int, count: int, is_asked_for: bool) -> list[str]:
    """Return a sentence where a source has fewer samples than were asked for."""
    if not is_asked_for or found >= count:
        return []
    return [f'{source}: has {found:,} samples, not {count:,}; the metrics are of {found:,}']


def _ignore(name: str, seconds: float) -> None:
    pass


def make_reference(
    config: Config, judge_file: Path | None = None, device: str = 'cpu'
) -> Reference:
    """Return the data that samples are compared with, with a judge if there is one for it.

    device: where the judge computes.
    Raises DataError, JudgeError, SnapshotError.
    """
    train = load_data(config)
    judge = classifier.find_judge(train, judge_file, device) if train.is_image else None
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
    stages: Stages,
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
        comparable = {'real': _measure_real(reference, count, stages), **comparable}
    return comparable, notes


def _is_comparable(known: Values, values: Values) -> bool:
    """Return whether a known set has at least half of the metrics."""
    return sum(name in known for name in values) >= len(values) / 2


def _measure_real(reference: Reference, count: int, stages: Stages) -> Values:
    start = time.perf_counter()
    values = evaluate(real_samples(reference, count), reference, on_step=stages.advance)
    stages.on_step('real images, for comparison', time.perf_counter() - start)
    return values
