"""What happens beside the training of a run, from its Config: every extension with its trigger."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import ceil, isqrt
from pathlib import Path

from . import judge
from .config import MEASURED, Config, ConfigError, defaults, flag, show
from .data import Dataset
from .evaluation import Reference, meaning
from .extensions import (
    Alarm,
    Evaluation,
    FigureReport,
    Judging,
    LogReport,
    Patience,
    Progress,
    SampleGrid,
    Snapshot,
)
from .trainer import AnyOf, Every, Trainer
from .updater import GANUpdater


def judging(
    config: Config, dataset: Dataset, test: Callable[[Config], Dataset | None]
) -> Judging | None:
    """Return what judges the samples of a run while it trains, None where nothing does; `test` finds its test data.

    Raises ConfigError, JudgeError, SnapshotError.
    """
    if config.judge_every is None:
        return None
    file = config.judge and Path(config.judge).expanduser()
    found = Judging(
        Reference(dataset, test(config), judge.fitting(dataset, file)), config.judge_samples
    )
    allowed = [name for name in found.real if meaning(name).better != 'data']
    if config.best not in (*allowed, MEASURED[0]):
        raise ConfigError(
            f'--best {config.best}: must be one of {", ".join((MEASURED[0], *allowed))}; '
            f'the numbers in these names come from --judge-samples {config.judge_samples}'
        )
    return found


def tips(config: Config) -> list[str]:
    """Return two flags to try where samples become alike: the first that are not set yet and go with the other settings."""
    cures = (
        {'pack': 2},
        {'dis_kernels': 16},
        {'instance_noise': 0.1},
        {'gen_lr': (config.gen_lr or config.lr) / 4},
    )
    legal = []
    for cure in cures:
        with suppress(ConfigError):
            config.with_settings(cure)
            legal += [
                f'{flag(name)} {show(value)}'
                for name, value in cure.items()
                if getattr(config, name) in (None, defaults()[name])
            ]
    return legal[:2]


def trainer(
    config: Config, algorithm: GANUpdater, folder: Path, judged: Judging | None = None
) -> Trainer:
    """Return the run: the algorithm and everything that happens beside it, in `folder`."""
    run = Trainer(algorithm, stop=(config.iterations, 'iteration'), folder=folder)
    # A conditional run shows a row for each class.
    classes = algorithm.classes
    cols = max(8, ceil(24 / classes)) if classes else isqrt(config.samples - 1) + 1
    count = cols * classes if classes else config.samples
    run.extend(LogReport(), trigger=(config.log_every, 'iteration'))
    run.extend(
        SampleGrid(count=count, cols=cols),
        trigger=AnyOf((Every(config.sample_every), Every(1, 'epoch'))),
    )
    run.extend(Evaluation(), trigger=(config.eval_every, 'iteration'))
    if judged:
        run.extend(judged, trigger=(config.judge_every, 'iteration'))
    run.extend(
        Alarm(tips(config)),
        trigger=AnyOf(tuple(map(Every, filter(None, (config.eval_every, config.judge_every))))),
    )
    measured = Every(config.eval_every if config.best in MEASURED else config.judge_every)
    if config.patience:
        run.extend(Patience(config.best, config.patience), trigger=measured)
    # Where a run is to stop at its best, each measurement has its snapshot.
    own = Every(config.snapshot_every)
    run.extend(
        Snapshot(config.keep, best=config.best),
        trigger=AnyOf((own, measured)) if config.patience or config.best not in MEASURED else own,
    )
    run.extend(Progress(lines_every=config.log_every))
    run.extend(
        FigureReport({'recipe': config.recipe, 'loss': config.loss, 'binarize': config.binarize})
    )
    return run
