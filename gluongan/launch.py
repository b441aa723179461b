"""Begin a run, or resume one: its updater, its extensions with their triggers, and its folder."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from math import ceil, isqrt
from pathlib import Path
from typing import Any

from . import __version__, data, native, runtime, snapshot
from .build import load_data, load_test, make_updater
from .config import QUICK_METRICS, Config, ConfigError
from .data import Dataset
from .evaluation import Reference, classifier, metric_meaning
from .evaluation.collapse import remedies
from .evaluation.memory import check_memory
from .exports.initial import begin_with
from .extensions import (
    CollapseAlarm,
    Confirm,
    EarlyStopping,
    Evaluation,
    FigureReport,
    Follow,
    LogReport,
    Progress,
    QuickMetrics,
    SampleGrid,
    Snapshot,
    add_tensorboard,
)
from .extensions.log import log_records
from .files import next_folder, real_path, write_json
from .gan.together import share_state
from .gan.updater import GANUpdater
from .loading import check_data, settle
from .ranks.launched import find_ranks
from .runs.events import can_continue, import_packages
from .runs.folder import (
    CONFIG,
    ENVIRONMENT,
    INITIAL,
    JUDGED,
    METRICS,
    SCORES,
    check_resumable,
    read_config,
    run_name,
)
from .runs.lock import RunLock
from .runs.reading import read_environment
from .runs.records import Records
from .runs.snapshots import read_newest, read_scores
from .trainer import AnyOf, EpochEnds, Every, Trainer

log = logging.getLogger(__name__)

SHORT_EPOCH = 100  # iterations; shorter epochs do not all end with samples, except in short runs
MOST_ROWS = 64  # classes in a picture of samples, which a GIF of thousands could not hold

Warn = Callable[[str], None]


def prepare(
    config: Config, run: Path | None = None, *, changed_data: bool = False
) -> tuple[GANUpdater, Evaluation | None]:
    """Return the updater of a run, and its Evaluation extension if it has one (on rank 0).

    run: the folder of a run that is resumed. Its data must be what it was; with `changed_data` it
    may be another. Every fault of the settings is raised here, before anything is written.
    """
    if run is not None:
        config = settle(run, config)
    dataset = load_data(config)
    if run is not None:
        check_data(run, dataset, changed_data=changed_data)
    updater = make_updater(config, dataset, ranks=find_ranks())
    _sample_grid(config, updater).check(dataset.shape)
    if updater.ranks.rank > 0:
        return updater, None
    if config.judge_every is None and not dataset.built_in:
        _point_out_bad_test(config, dataset)
    return updater, make_evaluation(config, dataset)


def _point_out_bad_test(config: Config, dataset: Dataset) -> None:
    """Warn of test data that an evaluation after the training would refuse."""
    try:
        load_test(config, dataset)
    except data.DataError as error:
        log.warning('%s; the run can be trained, and not evaluated before that is mended', error)


def begin(
    config: Config,
    out: Path,
    command: list[str],
    warn: Warn = print,
    *,
    init_from: Path | None = None,
    tensorboard: bool = False,
) -> Trainer:
    """Return a new run in a new numbered folder in `out`; its `run()` trains it.

    command: the command line that started it, for environment.json.
    init_from: a run or an export with whose weights it begins, see `exports.initial.begin_with`.
    tensorboard: whether to write RUN/tensorboard too; needs tensorboardX.
    Every fault of the settings is raised before the folder is made.
    """
    if tensorboard:
        import_packages()
    updater, evaluation = prepare(config)
    if updater.ranks.rank > 0:
        return _follow(config, updater)
    initial = None if init_from is None else begin_with(updater, init_from)
    folder = next_folder(out, run_name(config))
    settings = settings_to_keep(config, updater.real.dataset.shape)
    try:
        write_json(folder / CONFIG, settings)
        write_json(folder / ENVIRONMENT, {**describe_environment(), 'command': command})
        if initial:
            write_json(folder / INITIAL, initial.to_dict())
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)  # nothing of it could be resumed
        raise
    trainer = make_trainer(config, updater, folder, evaluation, warn)
    if tensorboard:
        add_tensorboard(trainer, config.to_dict())
    share_state(updater)
    return trainer


def _follow(config: Config, updater: GANUpdater) -> Trainer:
    """Return the run of a rank that writes nothing: it trains its share, and keeps in step."""
    trainer = Trainer(updater, stop=(config.iterations, 'iteration'), folder=Path(os.devnull))
    trainer.extend(Follow(), trigger=_snapshot_trigger(config))
    share_state(updater)
    return trainer


def settings_to_keep(config: Config, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return what config.json holds: with it, a resumed run reads the same data from anywhere.

    shape: of a sample.
    """
    settings = config.to_dict()
    for name in ('data_dir', 'judge'):
        if settings[name] is not None:
            settings[name] = _absolute(settings[name])
    if config.data in data.NAMES:
        return settings
    settings['data'] = _absolute(config.data)
    if data.has_shape_by_choice(config.data):
        settings['channels'], settings['image_size'], _ = shape
    return settings


def _absolute(path: str) -> str:
    return str(real_path(os.path.expanduser(path)))


def resume(
    folder: Path,
    config: Config | None = None,
    warn: Warn = print,
    *,
    changed_data: bool = False,
    tensorboard: bool = False,
) -> Trainer:
    """Return the run in `folder` at its newest intact snapshot; its `run()` continues it.

    config: the settings to continue with, by default those it was trained with. Only the settings
    that are `free` in their Knob may differ, and `data` if it is the same data at another path;
    config.json then holds the new ones.
    warn: is told about damaged snapshots and damaged lines of the logs.
    changed_data: go on with data that is not what the run began with.
    tensorboard: whether to write RUN/tensorboard from now on; a run that has it goes on with it.
    Raises RunError, also where another process trains the run, SnapshotError and ConfigError.
    """
    if tensorboard:
        import_packages()
    saved = read_config(folder)
    config = saved if config is None else _with_shape_of(saved, config)
    check_resumable(folder, saved, config)
    if find_ranks().rank > 0:
        updater, _ = prepare(config, folder, changed_data=changed_data)
        _restore(updater, folder, config, warn)
        return _follow(config, updater)
    lock = RunLock(folder)
    lock.take()  # before its files are read, which another process may be writing
    try:
        trainer = _resume(folder, saved, config, lock, warn, changed_data)
        if tensorboard or can_continue(folder, warn):
            add_tensorboard(trainer, config.to_dict())
        share_state(trainer.updater)
        return trainer
    except BaseException:
        lock.release()
        raise


def _resume(
    folder: Path, saved: Config, config: Config, lock: RunLock, warn: Warn, changed_data: bool
) -> Trainer:
    check_records(folder, warn, updates_probability(config))
    updater, evaluation = prepare(config, folder, changed_data=changed_data)
    _restore(updater, folder, config, warn)
    check_environment(folder, config, warn)
    if (folder / JUDGED).is_file():  # CollapseAlarm reads it, also in a run that has no Evaluation
        Records(folder / JUDGED).start(updater.iteration)
    if saved != config:
        write_json(folder / CONFIG, settings_to_keep(config, updater.real.dataset.shape))
    return make_trainer(config, updater, folder, evaluation, warn, lock, renew_facts=changed_data)


def _with_shape_of(saved: Config, config: Config) -> Config:
    """Return settings in which what is left to the data to decide stays as it was."""
    left_out = [name for name in ('image_size', 'channels') if getattr(config, name) is None]
    return config.with_settings({name: getattr(saved, name) for name in left_out})


def describe_environment() -> dict[str, Any]:
    """Return what a run's numbers and speed depend on apart from its settings."""
    return {
        'gluongan': __version__,
        **runtime.describe(),
        'native': native.parts_in_use(),
        'ranks': find_ranks().size,
    }


# What the bits of a run depend on, in environment.json.
BITS_DEPEND_ON = ('gluongan', 'mxnet', 'processor', 'threads', 'ranks')


def check_environment(folder: Path, config: Config, warn: Warn) -> None:
    """Warn where a run was begun with something else that its bits depend on."""
    begun_with = read_environment(folder)
    if not begun_with:  # it cannot be read
        return
    begun_with = {'ranks': 1, **begun_with}  # older runs do not say
    now = describe_environment()
    changes = []
    for name in BITS_DEPEND_ON:
        if begun_with.get(name) != now[name]:
            changes.append(f'{name} {begun_with.get(name)}, now {now[name]}')
    was = _rounding_otherwise(begun_with.get('native'), config)
    is_now = _rounding_otherwise(now['native'], config)
    if was != is_now:
        changes.append(f'operators in C++ {was}, now {is_now}')
    if changes:
        warn(
            f'{folder} was begun with {"; ".join(changes)}: the bits of what follows may not be '
            'those of a run without a break'
        )


def _rounding_otherwise(parts: object, config: Config) -> str:
    """Return the parts whose bits are not MXNet's, out of those that a run with `config` uses."""
    unused = [] if config.augment else ['augment']
    return ', '.join(p for p in native.rounding_otherwise(parts) if p not in unused) or 'none'


def updates_probability(config: Config) -> bool:
    """Return whether a run adjusts the probability of its augmentation."""
    return bool(config.augment) and config.augment_target is not None


def check_records(folder: Path, warn: Warn, adaptive: bool = False) -> None:
    """Warn about damage to what a resumed run adds to; raise RunError for a file without a row.

    adaptive: see `log_records`.
    """
    metrics = [Records(folder / METRICS), Records(folder / JUDGED)]
    for records in (*log_records(folder, adaptive), *metrics):
        records.check(warn)
    if (folder / SCORES).exists() and not read_scores(folder)[0]:
        warn(f'{folder / SCORES}: is damaged; the best snapshot so far is forgotten')


def _restore(updater: GANUpdater, folder: Path, config: Config, warn: Warn) -> None:
    path, (arrays, meta) = read_newest(folder, warn)
    snapshot.check(path, arrays, updater.state()[0])
    snapshot.check_counts(path, meta, 'iteration', 'gen_steps', 'dis_steps')
    if config.iterations < meta['iteration']:
        raise ConfigError(
            f'{folder} is already at iteration {meta["iteration"]}; must be at least that',
            setting='iterations',
            value=config.iterations,
        )
    try:
        updater.restore(arrays, meta)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise snapshot.SnapshotError(
            f'{path}: was written by another version of gluongan, whose noise and data order '
            'cannot be restored; it can be sampled and evaluated, but not resumed'
        ) from None


def make_evaluation(config: Config, dataset: Dataset) -> Evaluation | None:
    """Return the extension that evaluates samples during training, None without `judge_every`.

    Raises ConfigError, JudgeError, SnapshotError.
    """
    if config.judge_every is None:
        return None
    check_memory(config.judge_samples, dataset.shape, setting='judge_samples')
    file = config.judge and Path(os.path.expanduser(config.judge))
    judge = classifier.find_judge(dataset, file, config.device)
    reference = Reference(dataset, load_test(config, dataset), judge)
    evaluation = Evaluation(reference, config.judge_samples)
    allowed = [QUICK_METRICS[0]]
    allowed += [name for name in evaluation.real if metric_meaning(name).better != 'data']
    if config.best not in allowed:
        raise ConfigError(
            f'must be one of {", ".join(allowed)}; the numbers in these names come from '
            f'`judge_samples` {config.judge_samples}',
            setting='best',
            value=config.best,
            names=allowed,
        )
    return evaluation


def make_trainer(
    config: Config,
    updater: GANUpdater,
    folder: Path,
    evaluation: Evaluation | None = None,
    warn: Warn = print,
    lock: RunLock | None = None,
    *,
    renew_facts: bool = False,
) -> Trainer:
    """Return the run in `folder`: the updater, and every extension with its trigger.

    lock: of the run, where it is held already.
    renew_facts: whether run.json is written again, for other data than before.
    """
    stop = (config.iterations, 'iteration')
    trainer = Trainer(updater, stop=stop, folder=folder, guard=lock or RunLock(folder))
    sampled = AnyOf((Every(config.sample_every), EpochEnds(_least_between_epochs(config))))
    about = {'recipe': config.recipe, 'loss': config.loss, 'binarize': config.binarize}

    trainer.extend(LogReport(), trigger=Every(config.log_every))
    trainer.extend(_sample_grid(config, updater), trigger=sampled)
    trainer.extend(QuickMetrics(), trigger=Every(config.eval_every))
    if evaluation:
        trainer.extend(evaluation, trigger=Every(config.judge_every))
    trainer.extend(CollapseAlarm(remedies(config), warn=warn), trigger=_any_metric(config))
    if config.patience:
        trainer.extend(EarlyStopping(config.best, config.patience), trigger=_scored(config))
    if updater.ranks.size > 1:
        trainer.extend(Confirm(), trigger=_snapshot_trigger(config))
    snapshots = Snapshot(config.keep, best=config.best)
    trainer.extend(snapshots, trigger=_snapshot_trigger(config))
    trainer.extend(Progress(lines_every=config.log_every))
    trainer.extend(FigureReport(about, renew=renew_facts))
    return trainer


def _sample_grid(config: Config, updater: GANUpdater) -> SampleGrid:
    if updater.classes:  # one row per class
        cols = max(8, ceil(24 / updater.classes))
        return SampleGrid(count=cols * min(updater.classes, MOST_ROWS), cols=cols)
    return SampleGrid(count=config.samples, cols=isqrt(config.samples - 1) + 1)


def _least_between_epochs(config: Config) -> int:
    """Return how many iterations are at least between two epochs that end with samples."""
    return min(SHORT_EPOCH, config.sample_every // 2, config.iterations // 20)


def _any_metric(config: Config) -> AnyOf:
    """Return the trigger that fires after quick metrics and after evaluations."""
    triggers = [Every(config.eval_every)]
    if config.judge_every:
        triggers.append(Every(config.judge_every))
    return AnyOf(tuple(triggers))


def _scored(config: Config) -> Every:
    """Return when the metric behind `best` is measured."""
    return Every(config.eval_every if config.best in QUICK_METRICS else config.judge_every)


def _snapshot_trigger(config: Config) -> AnyOf:
    """Return when snapshots are written.

    Where the best one matters, this is also each time that the metric behind `best` is measured.
    """
    triggers = [Every(config.snapshot_every)]
    if config.patience or config.best not in QUICK_METRICS:
        triggers.append(_scored(config))
    return AnyOf(tuple(triggers))
