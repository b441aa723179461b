"""The run folder: what it is called and what its files are called.

No other module spells these names; `figures` adds the stems of the pictures that it draws.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..config import Config, ConfigError, knobs, parse_json
from ..errors import InputError, as_typed
from ..recipes import RECIPES, recipe

CONFIG = 'config.json'  # every setting
ENVIRONMENT = 'environment.json'  # versions, machine, threads, command line
FACTS = 'run.json'  # what figures and samplers need to know about the data
LOG = 'log.jsonl'  # mean losses and scores, one row every `log_every` iterations
LOG_TABLE = 'log.csv'  # the same rows as a table
BATCHES = 'batches.csv'  # losses and scores of every mini-batch
METRICS = 'metrics.jsonl'  # quick metrics during training
ACCURACY = 'accuracy.csv'  # the discriminator's accuracy over the whole data set, at the end
JUDGED = 'judge.jsonl'  # evaluations during training
EVALUATION = 'evaluation.json'  # what `gluongan evaluate` reported
SAMPLES_FOLDER = 'samples'  # samples of a fixed noise, one file per iteration
REALS = 'reals'  # real samples, with the suffix IMAGES or POINTS
FIGURES_FOLDER = 'figures'
CLIP = 'training.gif'
SNAPSHOTS_FOLDER = 'snapshots'
SCORES = 'snapshots/scores.json'  # the score of each snapshot by the run's `best` metric

IMAGES = '.png'  # suffix of samples that are images
POINTS = '.npy'  # suffix of samples that are points


class RunError(InputError):
    """A folder that is not a run, or a file of a run that cannot be used. The message names it."""


def run_name(config: Config) -> str:
    """Return the name of a run with these settings: its recipe and its data in plain letters.

    Where its networks are of another kind than the recipe's, their kind is between the two.

    >>> run_name(recipe('wgan_gp').with_settings({'data': '/data/My Cats.npz'}))
    'wgan-gp-my-cats'
    >>> run_name(recipe('wgan_gp').with_settings({'network': 'conv'}))
    'wgan-gp-conv-mnist'
    """
    parts = [config.recipe, Path(config.data).stem]
    if config.recipe in RECIPES and config.network != recipe(config.recipe).network:
        parts.insert(1, config.network)
    return '-'.join(map(_plain, parts))


def _plain(text: str) -> str:
    return re.sub(r'[^a-z0-9]+', '-', text.lower()).strip('-') or 'data'


def samples_path(run: Path, iteration: int, suffix: str = IMAGES) -> Path:
    """Return the file of the samples that were drawn after an iteration.

    >>> samples_path(Path('runs/00000-dense-mnist'), 500).as_posix()
    'runs/00000-dense-mnist/samples/000500.png'
    """
    return run / SAMPLES_FOLDER / f'{iteration:06d}{suffix}'


def figure_path(run: Path, name: str) -> Path:
    """Return the file of a figure of a run, such as `losses`."""
    return run / FIGURES_FOLDER / f'{name}.png'


def is_run(path: Path) -> bool:
    """Return whether a folder is a run."""
    return (path / CONFIG).is_file()


def read_config(run: Path) -> Config:
    """Return the Config of the run in folder `run`. Raises RunError where there is none."""
    if run.is_file():
        raise RunError(f'{run}: is a file; must be a run folder')
    if not is_run(run):
        raise RunError(f'{run}: is not a run folder (it has no {CONFIG})')
    path = run / CONFIG
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f'{path}: cannot be read ({error})') from None
    try:
        settings = parse_json(text, str(path))
    except ConfigError as error:  # it names the file
        raise RunError(str(error)) from None
    try:
        return Config().with_settings(settings)
    except ConfigError as error:
        raise RunError(f'{path}: {error}') from None


def check_resumable(folder: Path, saved: Config, config: Config) -> None:
    """Raise ConfigError where `config` changes a setting that a resumed run has to keep.

    The settings that may change are `free` in their Knob.
    """
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
