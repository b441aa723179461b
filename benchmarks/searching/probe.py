"""Whether `gluongan evaluate` reports the metric of a search, found before anything is written."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from gluongan.config import Config, ConfigError
from gluongan.evaluation.report import read_metrics
from gluongan.files import write_json

from .commands import Outcome, Runner, failure, is_of_settings
from .loop import Place, evaluation_flags, not_reported
from .spec import Spec, SpecError
from .trials import first_combinations

MOST = 3600.0  # seconds of one command
TRIED = 5  # combinations; one may fail by its settings


class Stopped(Exception):
    """The search was asked to stop while it was being checked."""


def check_reported(spec: Spec, run: Runner, say: Callable[[str], None] = print) -> None:
    """Raise SpecError where the metric of a search is not reported, or no combination is allowed.

    A run of one iteration is evaluated, in a folder that is removed, unless training itself
    measures the metric. It also shows whether the commands work here at all.
    """
    configs = _allowed(spec)
    if spec.is_quick:
        return
    say(f'one iteration is trained and evaluated, to see whether {spec.metric} is reported')
    for number, config in enumerate(configs, start=1):
        with tempfile.TemporaryDirectory() as folder:
            place = Place(Path(folder))
            outcome, words = _one_iteration(spec, config, place, run)
            if outcome.stopped:
                raise Stopped
            if outcome.code == 0:
                metrics = read_metrics(place.report(1))
                if spec.metric not in metrics:
                    raise SpecError(not_reported(metrics), setting='metric', value=spec.metric)
                return
            is_last = number == len(configs)
            if is_last or not is_of_settings(outcome.sentence, place.settings):
                raise failure(words, outcome, None)


def _allowed(spec: Spec) -> list[Config]:
    """Return the first combinations that Config allows, at most TRIED."""
    configs: list[Config] = []
    refusal = None
    for chosen in first_combinations(spec):
        try:
            configs.append(spec.config(chosen))
        except ConfigError as error:
            refusal = refusal or error
        if len(configs) == TRIED:
            break
    if not configs:
        raise SpecError(f'each of the first combinations is refused, the first as {refusal}')
    return configs


def _one_iteration(
    spec: Spec, config: Config, place: Place, run: Runner
) -> tuple[Outcome, list[str]]:
    """Train one iteration and evaluate it; return how the last command ended, and its words."""
    write_json(place.settings, config.with_settings({'iterations': 1}).to_dict())
    words = ['train', '--config', str(place.settings), '--out', str(place.folder)]
    outcome = run(words, place.output, seconds=MOST)
    if outcome.code == 0:
        words = ['evaluate', str(place.run()), '--json', str(place.report(1))]
        words += evaluation_flags(spec)
        outcome = run(words, place.output, seconds=MOST)
    return outcome, words
