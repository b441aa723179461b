"""The trials of a search, kept by Optuna in a journal: a file of JSON lines, and no pickle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from gluongan.config import ConfigError
from gluongan.errors import FailureError, reason

from .spec import Range, Searched, Spec

JOURNAL = 'trials.jsonl'
STUDY = 'search'
IDLE = 100  # combinations in a row that bring nothing new, after which a search ends

# Attributes that Optuna keeps with a trial.
DRAWN = 'drawn'  # what became of a combination: a Drawn
SECONDS = 'seconds'  # of training and evaluation
REASON = 'reason'  # why it failed

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True)
class Drawn:
    """What became of a combination.

    number: its place among all combinations. trial: the number of the trial that has it, and of its
    folder. refused: why Config refuses it; that is a trial too. repeats: the combination that it
    is once more, which is no trial.
    """

    number: int
    trial: int | None = None
    refused: str | None = None
    repeats: int | None = None

    @property
    def is_run(self) -> bool:
        """Whether it is trained."""
        return self.trial is not None and self.refused is None

    @classmethod
    def of(cls, trial: FrozenTrial) -> Drawn | None:
        """Return that of a trial of Optuna; None where a kill came before it was known."""
        values = trial.user_attrs.get(DRAWN)
        return None if values is None else cls(**values)


@dataclass
class Row:
    """A trial as the table shows it.

    state: finished, pruned, failed or unfinished. values: the metric by iteration.
    """

    number: int
    chosen: dict[str, Any]
    parameters: dict[str, Any]
    state: str
    values: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    reason: str = ''

    @property
    def iterations(self) -> int:
        """The rung that it reached, 0 where it reached none."""
        return max(self.values, default=0)


STATES = {
    TrialState.COMPLETE: 'finished',
    TrialState.PRUNED: 'pruned',
    TrialState.FAIL: 'failed',
    TrialState.RUNNING: 'unfinished',
    TrialState.WAITING: 'unfinished',
}


ORDER = ('finished', 'pruned', 'unfinished', 'failed')


class NoLock:
    """In place of Optuna's lock, which outlives a kill: a search has its folder for itself."""

    def acquire(self) -> bool:
        """Do nothing."""
        return True

    def release(self) -> None:
        """Do nothing."""


class Halving(optuna.pruners.SuccessiveHalvingPruner):
    """Successive halving in which a trial that was interrupted and went on counts once."""

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Return whether a trial should end at the rung that it has reached."""
        return super().prune(_Counted(study), trial)


class _Counted:
    """A study as the pruner sees it: without the earlier parts of a trial that went on."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def get_trials(self, **options: Any) -> list[FrozenTrial]:
        """Return the trials of the study."""
        trials = self._study.get_trials(**options)
        last = {Drawn.of(each): each.number for each in trials}
        return [each for each in trials if last[Drawn.of(each)] == each.number]


def distribution(searched: Searched) -> BaseDistribution:
    """Return what Optuna draws a setting from."""
    if not isinstance(searched, Range):
        return CategoricalDistribution(searched.texts)
    if isinstance(searched.low, int) and isinstance(searched.high, int):
        step = 1 if searched.step is None else searched.step
        return IntDistribution(searched.low, searched.high, log=searched.log, step=step)
    return FloatDistribution(searched.low, searched.high, log=searched.log, step=searched.step)


def sampler(spec: Spec, number: int) -> optuna.samplers.BaseSampler:
    """Return the sampler of one combination.

    Each combination has a seed of its own, so a search that was cut off draws what it would have
    drawn without.
    """
    seed = int(np.random.SeedSequence([spec.seed, number]).generate_state(1)[0])
    if spec.sampler == 'tpe':
        return optuna.samplers.TPESampler(seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)


def pruner(spec: Spec) -> optuna.pruners.BasePruner:
    """Return what decides after a rung whether a trial goes on."""
    if len(spec.rungs) == 1:
        return optuna.pruners.NopPruner()
    return Halving(min_resource=spec.rungs[0], reduction_factor=spec.factor)


def first_combinations(spec: Spec) -> Iterator[dict[str, Any]]:
    """Yield the settings of the first combinations of a search, without keeping them."""
    study = optuna.create_study()
    distributions = {name: distribution(each) for name, each in spec.search.items()}
    for number in range(IDLE):
        study.sampler = sampler(spec, number)
        yield spec.chosen(study.ask(distributions).params)


class Trials:
    """All trials of a search. folder: that of the search, which has them for itself.

    Raises FailureError where the journal cannot be read.
    """

    def __init__(self, spec: Spec, folder: Path) -> None:
        self.spec = spec
        self._distributions = {name: distribution(each) for name, each in spec.search.items()}
        path = folder / JOURNAL
        _cut_torn_line(path)
        try:
            self.study = optuna.create_study(
                storage=JournalStorage(JournalFileBackend(str(path), lock_obj=NoLock())),
                study_name=STUDY,
                direction='maximize' if spec.higher_is_better else 'minimize',
                pruner=pruner(spec),
                load_if_exists=True,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise FailureError(
                f'{path}: cannot be read ({reason(error)}); must be as Optuna wrote it'
            ) from error

    def begin_again(self) -> None:
        """Let trials that were running when the search ended go on: each is failed, and enqueued.

        The new trial has the number of the earlier one, and thereby its folder.
        """
        trials = self.study.get_trials(deepcopy=False)
        waiting = [Drawn.of(each) for each in trials if each.state == TrialState.WAITING]
        for each in trials:
            if each.state != TrialState.RUNNING:
                continue
            drawn = Drawn.of(each)
            if drawn is not None and drawn.is_run and drawn not in waiting:
                # The first has all parameters; a kill may have left a later one with some.
                first = next(other for other in trials if Drawn.of(other) == drawn)
                self.study.enqueue_trial(first.params, user_attrs={DRAWN: first.user_attrs[DRAWN]})
            self.study.tell(each.number, state=TrialState.FAIL)

    def seconds(self) -> float:
        """Return the time of training and evaluation so far."""
        trials = self.study.get_trials(deepcopy=False)
        return sum(each.user_attrs.get(SECONDS, 0.0) for each in trials)

    def next(self, most: int | None) -> Trial | None:
        """Return the next trial: one that goes on, or else a new combination.

        It is None where there are `most` trials, or where none of IDLE combinations is a new one
        that Config allows.
        """
        if self.study.get_trials(deepcopy=False, states=[TrialState.WAITING]):
            return self.study.ask(self._distributions)
        for _ in range(IDLE):
            if most is not None and len(self.rows()) >= most:
                return None
            trial = self._draw()
            if trial is not None:
                return trial
        return None

    def _draw(self) -> Trial | None:
        """Return a new trial, None where its combination is refused or has been tried."""
        earlier = self._drawn()
        number = len(earlier)
        self.study.sampler = sampler(self.spec, number)
        trial = self.study.ask(self._distributions)
        same = [drawn for drawn, each in earlier.items() if each.params == trial.params]
        numbers = [drawn.trial for drawn in earlier if drawn.trial is not None]
        refused = self._refusal(trial)
        if same:
            drawn = Drawn(number, repeats=same[0].number)
        else:
            drawn = Drawn(number, trial=len(numbers), refused=refused)
        values = {name: value for name, value in vars(drawn).items() if value is not None}
        trial.set_user_attr(DRAWN, values)
        if refused is None and not same:
            return trial
        self.study.tell(trial, state=TrialState.FAIL)
        return None

    def _refusal(self, trial: Trial) -> str | None:
        try:
            self.spec.config(self.spec.chosen(trial.params))
        except ConfigError as error:
            return str(error)
        return None

    def _drawn(self) -> dict[Drawn, FrozenTrial]:
        """Return the last trial of each combination, in the order in which they were drawn."""
        found: dict[Drawn, FrozenTrial] = {}
        for each in self.study.get_trials(deepcopy=False):
            drawn = Drawn.of(each)
            if drawn is not None:
                found[drawn] = each
        return found

    def rows(self) -> list[Row]:
        """Return all trials: finished ones, the best first, then pruned, unfinished and failed."""
        rows: dict[int, Row] = {}
        for each in self.study.get_trials(deepcopy=False):
            drawn = Drawn.of(each)
            if drawn is None or drawn.trial is None:
                continue
            earlier = rows.get(drawn.trial)
            rows[drawn.trial] = self._row(each, drawn, earlier)
        return sorted(rows.values(), key=self._order)

    def _row(self, trial: FrozenTrial, drawn: Drawn, earlier: Row | None) -> Row:
        """Return the row of a trial; earlier: that of the trial which it continues."""
        before = earlier or Row(drawn.trial, {}, {}, '')
        return Row(
            number=drawn.trial,
            chosen=self.spec.chosen({**before.parameters, **trial.params}),
            parameters={**before.parameters, **trial.params},
            state=STATES[trial.state],
            values={**before.values, **trial.intermediate_values},
            seconds=before.seconds + trial.user_attrs.get(SECONDS, 0.0),
            reason=drawn.refused or trial.user_attrs.get(REASON, ''),
        )

    def _order(self, row: Row) -> tuple[float, ...]:
        value = row.values.get(row.iterations, 0.0)
        sign = -1 if self.spec.higher_is_better else 1
        return (ORDER.index(row.state), -row.iterations, sign * value, row.number)


def _cut_torn_line(path: Path) -> None:
    """Cut off a last line without its end, which a kill may leave."""
    if path.is_file():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b'\n') + 1)
