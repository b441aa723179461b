"""Begin a run, or resume one: the updater, the extensions with their triggers, and the run folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import ceil, isqrt
from pathlib import Path

from . import __version__, data, runtime, snapshot
from .build import load_data, load_test, make_updater
from .config import QUICK_METRICS, Config, ConfigError, defaults
from .data import Dataset
from .errors import as_typed
from .evaluation import Reference, classifier, meaning
from .extensions import (
    CollapseAlarm,
    EarlyStopping,
    Evaluation,
    FigureReport,
    LogReport,
    Progress,
    QuickMetrics,
    SampleGrid,
    Snapshot,
)
from .files import next_folder, write_json
from .gan.updater import GANUpdater
from .runs.folder import CONFIG, ENVIRONMENT, check_resumable, read_config, run_name
from .runs.snapshots import read_newest
from .trainer import AnyOf, Every, Trainer

Warn = Callable[[str], None]


def prepare(config: Config) -> tuple[GANUpdater, Evaluation | None]:
    """Return the updater of a run, and the extension that evaluates its samples if there is one.

    Every fault of the settings is raised here, before anything is written.
    """
    dataset = load_data(config)
    return make_updater(config, dataset), make_evaluation(config, dataset)


def begin(config: Config, out: Path, command: list[str], warn: Warn = print) -> Trainer:
    """Return a run that has not begun, in a new numbered folder under `out`.

    command: what started it, for environment.json. Every fault is raised before the folder is made.
    """
    updater, evaluation = prepare(config)
    folder = next_folder(out, run_name(config))
    settings = config.to_dict()
    if config.data not in data.NAMES:  # a whole path, so that a resume finds it from any directory
        settings['data'] = str(Path(config.data).expanduser().resolve())
    write_json(folder / CONFIG, settings)
    environment = {'gluongan': __version__, **runtime.describe(), 'command': command}
    write_json(folder / ENVIRONMENT, environment)
    return make_trainer(config, updater, folder, evaluation, warn)


def resume(folder: Path, config: Config | None = None, warn: Warn = print) -> Trainer:
    """Return the run in `folder` as its newest intact snapshot left it, to go on under `config`, by default its own.

    Raises RunError, SnapshotError, and ConfigError where `config` changes a setting that must not change
    on the way (those that may are `free` in their Knob).
    """
    saved = read_config(folder)
    config = saved if config is None else config
    check_resumable(folder, saved, config)
    updater, evaluation = prepare(config)
    _restore(updater, folder, config, warn)
    if saved != config:
        write_json(folder / CONFIG, config.to_dict())
    return make_trainer(config, updater, folder, evaluation, warn)


def _restore(updater: GANUpdater, folder: Path, config: Config, warn: Warn) -> None:
    path, (arrays, meta) = read_newest(folder, warn)
    snapshot.check(path, arrays, updater.state()[0])
    if config.iterations < meta['iteration']:
        raise ConfigError(
            f'must be at least {meta["iteration"]}, where {folder} is already',
            setting='iterations',
            value=config.iterations,
        )
    try:
        updater.restore(arrays, meta)
    except (KeyError, TypeError, ValueError):
        raise snapshot.SnapshotError(
            f'{path}: was written by another version of gluongan, whose noise and data order cannot '
            'be restored; it can be sampled and evaluated, but not resumed'
        ) from None


def make_evaluation(config: Config, dataset: Dataset) -> Evaluation | None:
    """Return the extension that evaluates samples while a run trains, None without `judge_every`.

    Raises ConfigError, JudgeError, SnapshotError.
    """
    if config.judge_every is None:
        return None
    file = config.judge and Path(config.judge).expanduser()
    judge = classifier.fitting(dataset, file)
    evaluation = Evaluation(Reference(dataset, load_test(config), judge), config.judge_samples)
    allowed = [QUICK_METRICS[0]]
    allowed += [name for name in evaluation.real if meaning(name).better != 'data']
    if config.best not in allowed:
        raise ConfigError(
            f'must be one of {", ".join(allowed)}; the numbers in these names come from '
            f'`judge_samples` {config.judge_samples}',
            setting='best',
            value=config.best,
        )
    return evaluation


def remedies(config: Config) -> list[str]:
    """Return two settings to try where samples become alike: those that are unset, and legal beside the others."""
    candidates = {
        'pack': 2,
        'dis_kernels': 16,
        'instance_noise': 0.1,
        'gen_lr': (config.gen_lr or config.lr) / 4,
    }
    legal = []
    for name, value in candidates.items():
        if getattr(config, name) not in (None, defaults()[name]):
            continue
        with suppress(ConfigError):
            config.with_settings({name: value})
            legal.append(f'`{name}` {as_typed(value)}')
    return legal[:2]


def make_trainer(
    config: Config,
    updater: GANUpdater,
    folder: Path,
    evaluation: Evaluation | None = None,
    warn: Warn = print,
) -> Trainer:
    """Return the run in `folder`: the updater, and every extension with its trigger."""
    trainer = Trainer(updater, stop=(config.iterations, 'iteration'), folder=folder)
    measured = Every(config.eval_every if config.best in QUICK_METRICS else config.judge_every)
    trainer.extend(LogReport(), trigger=Every(config.log_every))
    trainer.extend(
        _sample_grid(config, updater),
        trigger=AnyOf((Every(config.sample_every), Every(1, 'epoch'))),
    )
    trainer.extend(QuickMetrics(), trigger=Every(config.eval_every))
    if evaluation:
        trainer.extend(evaluation, trigger=Every(config.judge_every))
    trainer.extend(CollapseAlarm(remedies(config), warn=warn), trigger=_any_metric(config))
    if config.patience:
        trainer.extend(EarlyStopping(config.best, config.patience), trigger=measured)
    trainer.extend(
        Snapshot(config.keep, best=config.best), trigger=_snapshot_trigger(config, measured)
    )
    trainer.extend(Progress(lines_every=config.log_every))
    about = {'recipe': config.recipe, 'loss': config.loss, 'binarize': config.binarize}
    trainer.extend(FigureReport(about))
    return trainer


def _sample_grid(config: Config, updater: GANUpdater) -> SampleGrid:
    if updater.classes:  # a row for each class
        cols = max(8, ceil(24 / updater.classes))
        return SampleGrid(count=cols * updater.classes, cols=cols)
    return SampleGrid(count=config.samples, cols=isqrt(config.samples - 1) + 1)


def _any_metric(config: Config) -> AnyOf:
    """Return the trigger that fires after quick metrics and after evaluations."""
    triggers = [Every(config.eval_every)]
    if config.judge_every:
        triggers.append(Every(config.judge_every))
    return AnyOf(tuple(triggers))


def _snapshot_trigger(config: Config, measured: Every) -> AnyOf:
    """Return when snapshots are written: where a run is to stop at its best, also at each measurement."""
    triggers = [Every(config.snapshot_every)]
    if config.patience or config.best not in QUICK_METRICS:
        triggers.append(measured)
    return AnyOf(tuple(triggers))
