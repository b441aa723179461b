"""The run folder: what it is called and what its files are called.

No other module spells these names; `figures` adds the stems of the pictures that it draws.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..config import Config, ConfigError, knobs
from ..errors import InputError, as_typed, reason
from ..files import read_text, real_path
from ..recipes import RECIPES, recipe
from .nearest import did_you_mean_path

CONFIG = 'config.json'  # every setting
ENVIRONMENT = 'environment.json'  # versions, machine, threads, command line
INITIAL = 'initial.json'  # what was taken from another run or an export, and what not
FACTS = 'run.json'  # what figures and samplers need to know about the data
LOG = 'log.jsonl'  # mean losses and scores, one row every `log_every` iterations and at the end
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
REPORT = 'report.html'  # the page that `train` writes at its end, and `gluongan report` again
TENSORBOARD_FOLDER = 'tensorboard'  # with --tensorboard: the same rows and samples as events
LOCK = 'training.lock'  # while a process trains the run: which one, and on which host
TRACEBACK = 'gluongan-traceback.txt'  # of something unexpected, beside a run with its name before
SCORES = 'snapshots/scores.json'  # the score of each snapshot by the run's `best` metric

IMAGES = '.png'  # suffix of samples that are images
POINTS = '.npy'  # suffix of samples that are points

# What begins the names of files that commands make in a run folder.
SEEDS, WALK, INVERSION = 'seeds', 'walk', 'inversion'
PLAY, DIRECTIONS = 'play', 'directions'
MAKERS = {
    SEEDS: 'sample',
    WALK: 'interpolate',
    INVERSION: 'invert',
    PLAY: 'play',
    DIRECTIONS: 'directions',
    Path(EVALUATION).stem: 'evaluate',
    Path(REPORT).stem: 'report',
}
# The files and folders of the run itself.
OWN = {CONFIG, ENVIRONMENT, FACTS, LOG, LOG_TABLE, BATCHES, METRICS, ACCURACY, JUDGED, CLIP, LOCK}
OWN |= {INITIAL, REALS + IMAGES, REALS + POINTS, SAMPLES_FOLDER, FIGURES_FOLDER, SNAPSHOTS_FOLDER}
OWN.add(TENSORBOARD_FOLDER)


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


def evaluation_files(run: Path) -> list[Path]:
    """Return the reports of `gluongan evaluate` in a run folder, EVALUATION first."""
    first = run / EVALUATION
    others = sorted(run.glob(f'{first.stem}-*{first.suffix}'))
    return [path for path in (first, *others) if path.is_file()]


def new_evaluation_path(run: Path, snapshot: str, samples: int) -> Path:
    """Return a file for a report that does not exist yet: EVALUATION, or one that says what it is.

    >>> new_evaluation_path(Path('no/run'), 'best', 500).as_posix()
    'no/run/evaluation.json'
    """
    first = run / EVALUATION
    stem = f'{first.stem}-{snapshot}-{samples}'
    later = (run / f'{stem}-{number}{first.suffix}' for number in itertools.count(2))
    candidates = itertools.chain([first, run / f'{stem}{first.suffix}'], later)
    return next(path for path in candidates if not os.path.lexists(path))


def nearest_path(run: Path, evaluation: Path) -> Path:
    """Return the figure of the samples nearest to training images that belongs to a report.

    >>> run = Path('run')
    >>> nearest_path(run, run / 'evaluation-best-500.json').as_posix()
    'run/figures/nearest-best-500.png'
    """
    return figure_path(run, 'nearest' + evaluation.stem.removeprefix(Path(EVALUATION).stem))


def describe_data(config: Config) -> str:
    """Return the data of a run with the settings that change it; equal texts mean equal data.

    >>> describe_data(Config()), describe_data(Config(binarize=True))
    ('mnist', 'mnist, binarize true')
    """
    changes = []
    for name in ('binarize', 'image_size', 'channels', 'fit', 'background', 'frames'):
        value = getattr(config, name)
        if value not in (None, False):
            changes.append(f', {name} {as_typed(value)}')
    return config.data + ''.join(changes)


def distinct_names(folders: Sequence[Path]) -> list[str]:
    """Return a name for each folder: its own, with as many parents as make it unlike the others.

    >>> distinct_names([Path('/a/run'), Path('/b/run'), Path('/b/other')])
    ['a/run', 'b/run', 'other']
    """
    parts = [real_path(folder).parts for folder in folders]
    counts = [1] * len(parts)
    while True:
        names = ['/'.join(path[-count:]) for path, count in zip(parts, counts)]
        longer = []
        for name, path, count in zip(names, parts, counts):
            longer.append(count + (names.count(name) > 1 and count < len(path)))
        if longer == counts:
            return names
        counts = longer


def figure_path(run: Path, name: str) -> Path:
    """Return the file of a figure of a run, such as `losses`."""
    return run / FIGURES_FOLDER / f'{name}.png'


def drawn_pictures(run: Path) -> list[Path]:
    """Return the pictures that the run and commands have drawn of it, the figures first."""
    patterns = [f'{FIGURES_FOLDER}/*.png', f'{SEEDS}*.png', f'{WALK}*.png', f'{INVERSION}*/*.png']
    found = [path for pattern in patterns for path in sorted(run.glob(pattern))]
    return [path for path in found if path.is_file()]


def traceback_path(run: Path) -> Path:
    """Return the file beside a run for the traceback of something unexpected.

    >>> traceback_path(Path('runs/00000-dense-mnist')).as_posix()
    'runs/00000-dense-mnist-gluongan-traceback.txt'
    """
    run = real_path(run) if run.name in ('', '..') else run
    return run.with_name(f'{run.name}-{TRACEBACK}')


def is_run(path: Path) -> bool:
    """Return whether a folder is a run."""
    return (path / CONFIG).is_file()


def is_numbered(path: Path) -> bool:
    """Return whether a folder is called as training calls its runs.

    >>> is_numbered(Path('runs/00000-dense-mnist')), is_numbered(Path('runs/models'))
    (True, False)
    """
    return re.fullmatch(r'\d{5,}-.+', path.name) is not None


def is_of_run(name: str) -> bool:
    """Return whether something in a run folder is called as the run or a command calls its files.

    >>> is_of_run('log.csv'), is_of_run('seeds-0-63-at-15000.png'), is_of_run('thesis.tex')
    (True, True, False)
    """
    is_temporary = name.startswith('.') and name.endswith('.tmp')
    return is_temporary or _why_taken(Path(), (name,), None) != ''


def check_not_of_run(
    path: Path, setting: str | None = None, *, folder: bool = False, command: str | None = None
) -> None:
    """Raise RunError where a file would replace what a run or another command made in a run folder.

    setting: the one that gave `path`, if any. folder: whether `path` is to be a folder for files.
    command: that which writes; it may replace files of its own.

    >>> check_not_of_run(Path('no run/reals.png'))
    """
    place = real_path(path)
    if not folder:  # a link is replaced, not what it leads to
        place = Path(os.path.realpath(path.parent), path.name)
    run = next((each for each in (place, *place.parents) if is_run(each)), None)
    problem = run and _why_taken(run, place.relative_to(run).parts, command)
    if problem and setting is None:
        raise RunError(f'{path}: {problem}')
    if problem:
        raise RunError(problem, setting=setting, value=path)


def _why_taken(run: Path, inside: Sequence[str], command: str | None) -> str:
    """Return why a place inside a run folder cannot be written, '' where it can."""
    if not inside:
        return f'is the folder of the run {run.name}, which the run itself writes; must be another'
    if inside[0] in OWN:
        return f'is among the files that the run {run.name} itself writes; must be another name'
    maker = MAKERS.get(re.split(r'[-.]', inside[0])[0])
    if maker and maker != command:
        return f'is a name for files of `gluongan {maker}` in {run.name}; must be another name'
    return ''


def check_folder(run: Path, file: str = CONFIG) -> None:
    """Raise RunError where `run` is no folder of a run, which has `file`.

    >>> check_folder(Path('no run'))
    Traceback (most recent call last):
    gluongan.runs.folder.RunError: no run: does not exist; must be a run folder
    """
    if run.is_dir() and (run / file).is_file():
        return
    near = did_you_mean_path(run, lambda path: (path / file).is_file())
    if not os.path.lexists(run):
        raise RunError(f'{run}: does not exist; must be a run folder{near}')
    if not run.is_dir():
        raise RunError(f'{run}: is not a folder; must be a run folder{near}')
    problem = f'is not a run folder (it has no {file})'
    raise RunError(f'{run}: {problem}; must be one that `gluongan train` made{near}')


def read_config(run: Path) -> Config:
    """Return the Config of the run in folder `run`. Raises RunError where there is none."""
    check_folder(run)
    path = run / CONFIG
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise RunError(
            f'{path}: cannot be read ({reason(error)}); must be as gluongan wrote it'
        ) from None
    try:
        settings = parse_json(text, str(path))
    except ConfigError as error:  # it names the file
        raise RunError(str(error)) from None
    try:
        return Config().with_settings(settings)
    except ConfigError as error:
        raise RunError(f'{path}: {error}') from None


def parse_json(text: str, source: str) -> dict[str, Any]:
    """Return the settings in a JSON text. Raises ConfigError, which names its file, `source`.

    >>> parse_json('{"lr": 0.001, "gen_hidden": [128, 256]}', source='mine.json')
    {'lr': 0.001, 'gen_hidden': [128, 256]}
    """
    try:
        settings = json.loads(text.lstrip('\ufeff'), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f'{source}: is not JSON ({reason(error)})') from None
    if not isinstance(settings, dict):
        raise ConfigError(f'{source}: must be a JSON object of settings, such as {{"lr": 0.0001}}')
    return settings


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = max(names, key=names.count, default='')
    if names.count(twice) > 1:
        raise ValueError(f'{twice!r} is given more than once; must be given once')
    return dict(pairs)


def check_resumable(folder: Path, saved: Config, config: Config) -> None:
    """Raise ConfigError where `config` changes a setting that a resumed run has to keep.

    The settings that may change are `free` in their Knob. `data` may change where it is a path,
    because data moves; whether it is the same data is for `loading.check_data` to say.
    """
    changes = []
    for name, (before, after) in saved.differences(config).items():
        has_moved = name == 'data' and Path(before).is_absolute() and (folder / FACTS).is_file()
        if not knobs()[name].free and not has_moved:
            changes.append(f'`{name}` is {as_typed(before)}, not {as_typed(after)}')
    if changes:
        raise ConfigError(
            f'a run continues with the settings it began with ({"; ".join(changes)}); '
            'leave them out, or start a new run',
            setting='resume',
            value=folder,
        )
