"""Search: trains and evaluates trials, rung by rung, until its minutes are over."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from optuna.trial import Trial, TrialState

from gluongan.config import Config
from gluongan.evaluation.report import read_metrics
from gluongan.files import write_json
from gluongan.metric_names import metric_meaning
from gluongan.runs import reading
from gluongan.runs.folder import is_run
from gluongan.runs.snapshots import list_snapshots

from .commands import Outcome, Runner, failure, is_of_settings
from .spec import Spec, SpecError
from .trials import REASON, SECONDS, Drawn, Trials

TRIALS = 'trials'  # the folder of the trials' folders
RESOLUTION = 0.1  # seconds: with less, nothing is begun


class Ending(Enum):
    """Why a search has ended, in words that follow its numbers."""

    STOPPED = 'it was stopped'
    SPENT = 'its minutes are over'
    ALL = 'it has all of its trials'
    EXHAUSTED = 'the combinations that were drawn last had been tried, or are impossible'


class _Interrupted(Exception):
    """A command was stopped; the trial goes on in the next call."""


class _Failed(Exception):
    """A trial that its settings made fail."""


@dataclass(frozen=True)
class Place:
    """The folder of a trial: its settings, its run, the reports of its evaluations."""

    folder: Path

    @property
    def settings(self) -> Path:
        """The file of its settings, as `gluongan train --config` reads it."""
        return self.folder / 'settings.json'

    @property
    def output(self) -> Path:
        """What its commands print."""
        return self.folder / 'output.txt'

    def report(self, iterations: int) -> Path:
        """The report of the evaluation after some iterations."""
        return self.folder / f'evaluation-{iterations:06d}.json'

    def run(self) -> Path | None:
        """Return its run folder, None where it has no snapshot yet; such a folder is removed."""
        for path in sorted(self.folder.glob('[0-9]*-*/')):
            if is_run(path) and list_snapshots(path):
                return path
            shutil.rmtree(path)  # a run that was killed this early begins anew
        return None


def place_of(folder: Path, number: int) -> Place:
    """Return the place of a trial in the folder of its search."""
    return Place(folder / TRIALS / f'{number:05d}')


class Search:
    """The loop over trials.

    minutes: of training and evaluation in all calls together. most: trials in all. after_trial is
    called when a trial has ended, also by a failure.
    """

    def __init__(
        self,
        spec: Spec,
        folder: Path,
        run: Runner,
        *,
        minutes: float,
        most: int | None = None,
        after_trial: Callable[[Trials], None] = lambda trials: None,
    ) -> None:
        self.spec = spec
        self.folder = folder
        self.trials = Trials(spec, folder)
        self._run = run
        self._seconds = 60 * minutes
        self._most = most
        self._after_trial = after_trial

    def go(self) -> Ending:
        """Go on with the search until it ends. Raises GluonganError where a command fails."""
        self.trials.begin_again()
        while not self._run.stop():
            if self._is_spent():
                return Ending.SPENT
            trial = self.trials.next(self._most)
            if trial is None:
                has_all = self._most is not None and len(self.trials.rows()) >= self._most
                return Ending.ALL if has_all else Ending.EXHAUSTED
            try:
                self._follow(trial)
            except _Interrupted:
                self.trials.begin_again()
                continue  # to where the reason is
            except _Failed as error:
                trial.set_user_attr(REASON, str(error))
                self.trials.study.tell(trial, state=TrialState.FAIL)
                self._say(trial, f'failed: {error}')
            self._after_trial(self.trials)
        return Ending.STOPPED

    def _left(self) -> float:
        return self._seconds - self.trials.seconds()

    def _is_spent(self) -> bool:
        return self._left() < RESOLUTION

    def _follow(self, trial: Trial) -> None:
        """Take a trial from rung to rung, until it is pruned or finished."""
        place = place_of(self.folder, self._number(trial))
        config = self.spec.config(self.spec.chosen(trial.params))
        for iterations in self.spec.rungs:
            value = self._value(trial, place, config.with_settings({'iterations': iterations}))
            self._say(trial, f'{iterations:,} iterations, {self.spec.metric} {value:.4g}')
            trial.report(value, iterations)
            if iterations == self.spec.rungs[-1]:
                self.trials.study.tell(trial, value)
            elif trial.should_prune():
                self.trials.study.tell(trial, state=TrialState.PRUNED)
                return

    def _number(self, trial: Trial) -> int:
        return Drawn(**trial.user_attrs['drawn']).trial

    def _say(self, trial: Trial, text: str) -> None:
        print(f'trial {self._number(trial)}: {text}', flush=True)

    def _value(self, trial: Trial, place: Place, config: Config) -> float:
        """Return the metric after `config.iterations`, training up to there where it is due."""
        if not place.report(config.iterations).is_file():
            self._train(trial, place, config)
        run = place.run()
        value = math.nan
        if self.spec.is_quick:
            iterations, values = reading.history(run, self.spec.metric)
            value = dict(zip(iterations.tolist(), values.tolist())).get(config.iterations, value)
        else:
            self._evaluate(trial, place, run, config.iterations)
            metrics = read_metrics(place.report(config.iterations))
            if self.spec.metric not in metrics:
                raise SpecError(f'{self.spec.metric}: {not_reported(metrics)}')
            value = metrics[self.spec.metric]
        if not math.isfinite(value):
            raise _Failed(f'{self.spec.metric} is {value} at iteration {config.iterations}')
        return value

    def _train(self, trial: Trial, place: Place, config: Config) -> None:
        run = place.run()
        if run is None:
            place.folder.mkdir(parents=True, exist_ok=True)
            write_json(place.settings, config.to_dict())
            words = ['train', '--config', str(place.settings), '--out', str(place.folder)]
        elif list_snapshots(run)[-1][0] >= config.iterations:
            return
        else:
            words = ['train', '--resume', str(run), '--iterations', str(config.iterations)]
        self._command(trial, place, words)

    def _evaluate(self, trial: Trial, place: Place, run: Path, iterations: int) -> None:
        report = place.report(iterations)
        if report.is_file():
            return
        words = ['evaluate', str(run), '--snapshot', str(iterations), '--json', str(report)]
        self._command(trial, place, [*words, *evaluation_flags(self.spec)])

    def _command(self, trial: Trial, place: Place, words: list[str]) -> None:
        """Run a command of a trial, and keep the time that it takes."""
        if self._run.stop() or self._is_spent():
            raise _Interrupted
        before = trial.user_attrs.get(SECONDS, 0.0)

        def keep(elapsed: float) -> None:
            trial.set_user_attr(SECONDS, before + round(elapsed, 3))

        outcome = self._run(words, place.output, seconds=self._left(), on_time=keep)
        self._check(words, outcome, place)

    def _check(self, words: list[str], outcome: Outcome, place: Place) -> None:
        if outcome.stopped:
            raise _Interrupted
        if outcome.code == 0:
            return
        if is_of_settings(outcome.sentence, place.settings):
            raise _Failed(outcome.sentence.replace(f'--config {place.settings}: ', ''))
        raise failure(words, outcome, place.output)


def evaluation_flags(spec: Spec) -> list[str]:
    """Return the options of `gluongan evaluate` that a search asks for."""
    return [] if spec.samples is None else ['--samples', str(spec.samples)]


def not_reported(metrics: dict[str, float]) -> str:
    """Return what is wrong with a metric that is not among those of a report."""
    usable = [name for name in metrics if metric_meaning(name).better != 'data']
    return f'is not reported for these trials; must be one of {", ".join(usable)}'
