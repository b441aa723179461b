"""The run folder: what it is called and what its files are called. No other module spells these names."""

from __future__ import annotations

import re
from pathlib import Path

from ..config import Config, ConfigError, knobs, parse_json
from ..errors import InputError, as_typed

CONFIG = 'config.json'  # every setting
ENVIRONMENT = 'environment.json'  # versions, machine, threads, command
FACTS = 'run.json'  # what figures and samplers need to know of the data
LOG = 'log.jsonl'  # mean losses and scores, one row each `log_every` iterations
LOG_TABLE = 'log.csv'  # the same as a table
BATCHES = 'batches.csv'  # losses and scores of every mini-batch
METRICS = 'metrics.jsonl'  # quick metrics while training
ACCURACY = 'accuracy.csv'  # D's accuracy over the whole data set, at the end
JUDGED = 'judge.jsonl'  # evaluations while training
EVALUATION = 'evaluation.json'  # what `gluongan evaluate` reported
SAMPLES_FOLDER = 'samples'  # samples on fixed noise, one file an iteration
REALS = 'reals'  # originals, .png or .npy
FIGURES_FOLDER = 'figures'
CLIP = 'training.gif'
SNAPSHOTS_FOLDER = 'snapshots'
SCORES = 'snapshots/scores.json'  # the score of each snapshot by the metric that makes one the best


class RunError(InputError):
    """A folder that is no run, or a file of a run that cannot be used: one sentence that names it."""


def run_name(config: Config) -> str:
    """Return what a run of these settings is called.

    >>> from gluongan.recipes import recipe
    >>> run_name(recipe('wgan_gp').with_settings({'data': '/data/My Cats.npz'}))
    'wgan-gp-my-cats'
    """
    words = (config.recipe, Path(config.data).stem)
    return '-'.join(re.sub(r'[^a-z0-9]+', '-', word.lower()).strip('-') or 'data' for word in words)


def is_run(path: Path) -> bool:
    """Return whether a folder is a run."""
    return (path / CONFIG).is_file()


def read_config(run: Path) -> Config:
    """Return the Config of the run in folder `run`; RunError where there is none."""
    if not is_run(run):
        raise RunError(f'{run}: is not a run folder (it has no {CONFIG})')
    path = run / CONFIG
    try:
        settings = parse_json(path.read_text(encoding='utf-8'), str(path))
        return Config().with_settings(settings)
    except (ConfigError, UnicodeDecodeError, OSError) as error:
        raise RunError(f'{path}: {error}') from None


def check_resumable(folder: Path, saved: Config, config: Config) -> None:
    """Raise ConfigError where `config` changes a setting of a run that must not change on the way."""
    changes = []
    for name, (before, after) in saved.differences(config).items():
        if not knobs()[name].free:
            changes.append(f'`{name}` is {as_typed(before)}, not {as_typed(after)}')
    if changes:
        raise ConfigError(
            f'a run continues with the settings it began with ({"; ".join(changes)}); '
            'leave them out, or start a new run',
            setting='resume',
            value=folder,
        )
