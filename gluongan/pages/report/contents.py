"""What the page of a run holds, gathered from its folder. Needs neither MXNet nor the data.

A file that cannot be read takes its part of the page with it, and the page says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from ... import __version__
from ...config import Config
from ...errors import as_typed, reason, shell_word
from ...evaluation import collapse
from ...evaluation.measured import is_complete, last_iteration
from ...evaluation.metrics.classes import SURE
from ...files import read_text, real_path
from ...recipes import RECIPES
from ...runs import reading
from ...runs.folder import (
    INITIAL,
    JUDGED,
    LOG_TABLE,
    RunError,
    describe_data,
    evaluation_files,
    read_config,
)
from ...runs.lock import is_training
from . import advice, curves, evaluations, samples
from .drawn import figures_of

Value = TypeVar('Value')

# What the page calls facts whose names say too little.
CALLED = {
    'native': 'native operators',
    'features': 'features of mxnet',
    'threads_from': 'threads, set by',
    'threads_of': 'threads, made by',
    'threads_ignored': 'threads, without effect',
}
MOST_INITIAL = 2**24  # bytes


@dataclass(frozen=True)
class Progress:
    """How far a run has come. seconds: of training. rate: iterations per second, lately."""

    last: int
    total: int
    is_complete: bool
    seconds: float = 0.0
    rate: float = 0.0

    @property
    def spent(self) -> str:
        """The time of training in words."""
        return str(timedelta(seconds=round(self.seconds)))


@dataclass(frozen=True)
class Notes:
    """What could not be read, each in a sentence."""

    faults: list[str] = field(default_factory=list)

    def attempt(self, read: Callable[[], Value], otherwise: Value) -> Value:
        """Return what `read` returns, `otherwise` where a file is broken or missing."""
        try:
            return read()
        except (RunError, OSError) as error:
            fault = str(error) if isinstance(error, RunError) else reason(error)
            if fault not in self.faults:
                self.faults.append(fault)
            return otherwise


def read_progress(run: Path, config: Config) -> Progress:
    """Return how far a run has come. Raises RunError for a broken file."""
    last = last_iteration(run)
    log = reading.table(run / LOG_TABLE, 'iteration', 'elapsed', 'iterations_per_second')
    seconds, rate = (0.0, 0.0)
    if log is not None:
        seconds, rate = float(log['elapsed'][-1]), float(log['iterations_per_second'][-1])
    return Progress(last, config.iterations, is_complete(run, config, last), seconds, rate)


def state_word(run: Path, progress: Progress) -> str:
    """Return whether a run is training, complete, stopped, or was killed."""
    training = is_training(run)
    if training:
        return 'training'
    if progress.is_complete:
        return 'complete'
    return 'stopped' if training is None else 'killed'


def gather(run: Path) -> dict[str, Any]:
    """Return everything on the page of a run by the names in its template.

    Raises RunError where the folder is no run, or its settings cannot be read.
    """
    config = read_config(run)
    notes = Notes()
    facts = notes.attempt(lambda: reading.read_facts(run), None)
    progress = notes.attempt(
        lambda: read_progress(run, config), Progress(0, config.iterations, False)
    )
    page = {
        'name': real_path(run).name,
        'version': __version__,
        'about': f'{config.recipe} on {describe_data(config)}',
        'progress': progress,
        'state': state_word(run, progress),
        'data_count': facts.count if facts else None,
        **_how_good(run, notes, facts, progress),
        **_samples(run, config, notes, facts),
        'charts': charts_of(run, config, notes, facts),
        **_settings(run, config),
        'environment': environment(run),
    }
    page['figures'], faults = notes.attempt(lambda: figures_of(run), ([], []))
    notes.faults.extend(faults)
    page['steps'] = _steps(run, config, notes, page, facts)
    return {**page, 'faults': notes.faults}


def _how_good(
    run: Path, notes: Notes, facts: reading.Facts | None, progress: Progress
) -> dict[str, Any]:
    """Return the evaluations of a run, that which speaks for it, and the shares of its classes."""
    found = []
    for path in evaluation_files(run):
        read = notes.attempt(
            lambda path=path: evaluations.read_evaluation(run, path, progress.last), None
        )
        found += [read] if read else []
    chosen = evaluations.chosen_evaluation(found)
    classes = facts.classes if facts else ()
    return {
        'evaluations': sorted(found, key=lambda each: each is not chosen),
        'verdict': chosen,
        'measured': notes.attempt(lambda: evaluations.measured_while_training(run), []),
        'shares': chosen and evaluations.shares_of_evaluation(chosen, classes),
        'shares_over_training': notes.attempt(
            lambda: evaluations.shares_over_training(run, classes), None
        ),
        'sure': SURE,
        'problem': notes.attempt(lambda: collapse.problem(run, progress.last, progress.total), ''),
    }


def _samples(
    run: Path, config: Config, notes: Notes, facts: reading.Facts | None
) -> dict[str, Any]:
    """Return the pictures of samples, and how many there are of the training."""
    nothing = {'reals': None, 'newest': None, 'frames': [], 'frames_in_all': 0, 'classes': []}
    files = reading.sample_files(run, facts) if facts else []
    if facts is None or not files:
        return nothing
    reals, newest = notes.attempt(lambda: samples.newest_samples(run, facts, files), (None, None))
    return {
        'reals': reals,
        'newest': newest,
        'frames': notes.attempt(lambda: samples.frames(run, facts, files), []),
        'frames_in_all': len(files),
        'classes': notes.attempt(lambda: samples.class_rows(run, config, facts, files), []),
    }


def charts_of(
    run: Path, config: Config, notes: Notes, facts: reading.Facts | None
) -> list[curves.Chart]:
    """Return the curves of a run; `notes` takes what cannot be read."""
    return [
        *notes.attempt(lambda: curves.training_charts(run, config, facts), []),
        *notes.attempt(lambda: curves.judge_charts(run), []),
        *notes.attempt(lambda: curves.measured_charts(run), []),
    ]


def _settings(run: Path, config: Config) -> dict[str, Any]:
    initial = _initial(run)
    maker = RECIPES.get(config.recipe)
    return {
        'recipe': config.recipe,
        'is_recipe': config.recipe in RECIPES,
        'recipe_is': ((maker and maker.__doc__) or '').partition('\n')[0],
        'repeat': advice.repeat_command(config, initial),
        'settings': advice.differing_settings(config),
        'all_settings': advice.all_settings(config),
    }


def _initial(run: Path) -> str | None:
    """Return the run or export with whose weights a run began, None for none."""
    with suppress(OSError, ValueError, RecursionError, AttributeError):
        source = json.loads(read_text(run / INITIAL, MOST_INITIAL)).get('source')
        return source if isinstance(source, str) else None
    return None


def environment(run: Path) -> list[tuple[str, str]]:
    """Return what a run's numbers and speed depend on apart from its settings, as text."""
    found = reading.read_environment(run)
    said = {name: value for name, value in found.items() if value != []}
    return [(CALLED.get(name, name), _in_words(name, value)) for name, value in said.items()]


def _in_words(name: str, value: Any) -> str:
    if isinstance(value, list):
        parts = map(shell_word, value) if name == 'command' else map(str, value)
        return (' ' if name == 'command' else ', ').join(parts) or 'none'
    return as_typed(value)


def _steps(
    run: Path,
    config: Config,
    notes: Notes,
    page: dict[str, Any],
    facts: reading.Facts | None,
) -> list[advice.Step]:
    verdict = page['verdict']
    return advice.next_steps(
        run,
        config,
        last=page['progress'].last,
        state=page['state'],
        is_evaluated=verdict is not None and not verdict.is_stale,
        problem=page['problem'],
        has_classes=bool(facts and facts.classes),
        is_judged=bool(notes.attempt(lambda: reading.newest(run, JUDGED), {})),
    )
