"""Runs beside each other: the settings that differ, and each metric with its mean and deviation over seeds; without MXNet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ..config import Config, knobs
from ..errors import as_typed
from ..metric_names import meaning, stem
from ..runs import reading as folder
from ..runs.folder import EVALUATION, JUDGED, LOG_TABLE, RunError, read_config
from .report import read_metrics

# Runs that differ in these alone are repetitions of one: none of them changes what is trained.
ALIKE = (
    'seed',
    'device',
    'data_dir',
    'log_every',
    'sample_every',
    'eval_every',
    'snapshot_every',
    'keep',
    'judge_every',
    'judge',
    'judge_samples',
    'best',
    'samples',
)
COSTS = ('iterations', 'seconds of training')  # the rows that every run has


@dataclass(frozen=True)
class Run:
    """A finished or unfinished run: its folder, its settings, and the newest value of everything that was measured."""

    path: Path
    config: Config
    values: dict[str, float] = field(repr=False)


@dataclass(frozen=True)
class Group:
    """Runs of the same settings, but for their seeds."""

    runs: list[Run]

    @property
    def config(self) -> Config:
        """The settings, with the first run's seed."""
        return self.runs[0].config

    @property
    def label(self) -> str:
        """What a column is called."""
        first = self.runs[0].path.resolve().name
        return first if len(self.runs) == 1 else f'{first} and {len(self.runs) - 1} more'

    def spread(self, metric: str) -> tuple[float, float | None] | None:
        """Return mean and standard deviation of a metric over the runs, the latter None for one run; None where none has it."""
        values = [run.values[metric] for run in self.runs if metric in run.values]
        if not values:
            return None
        return mean(values), stdev(values) if len(values) > 1 else None


def read_run(path: Path) -> Run:
    """Return a run from its folder. Raises RunError, FigureError."""
    config = read_config(path)
    row = {**folder.newest(path), **folder.newest(path, JUDGED)}
    values = {name: value for name, value in row.items() if stem(name) not in (None, 'share')}
    log = folder.table(path / LOG_TABLE, 'iteration', 'elapsed')
    if log:
        values.update(zip(COSTS, (float(log['iteration'][-1]), float(log['elapsed'][-1]))))
    if (path / EVALUATION).is_file():
        values.update(
            {
                name: value
                for name, value in read_metrics(path / EVALUATION).items()
                if stem(name) != 'share'
            }
        )
    return Run(path, config, values)


def grouped(runs: Iterable[Run]) -> list[Group]:
    """Return the runs in groups of the same settings, in the order in which they come."""
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        settings = tuple(
            as_typed(value) for name, value in run.config.to_dict().items() if name not in ALIKE
        )
        groups.setdefault(settings, []).append(run)
    return [Group(members) for members in groups.values()]


def differing(groups: Sequence[Group]) -> list[str]:
    """Return the knobs in which the groups differ."""
    return [
        name
        for name in knobs()
        if name not in ALIKE and len({as_typed(getattr(g.config, name)) for g in groups}) > 1
    ]


def rows(groups: Sequence[Group]) -> list[tuple[str, ...]]:
    """Return the whole comparison as cells: a heading, the settings that differ, the seeds, and every metric that any has."""
    metrics = dict.fromkeys(name for group in groups for run in group.runs for name in run.values)
    ordered = [*COSTS, *(name for name in metrics if name not in COSTS)]
    return [
        ('', *(group.label for group in groups)),
        *(
            (name, *(as_typed(getattr(group.config, name)) for group in groups))
            for name in differing(groups)
        ),
        ('seeds', *(', '.join(str(run.config.seed) for run in group.runs) for group in groups)),
        *(
            (name, *(_cell(group.spread(name)) for group in groups))
            for name in ordered
            if name in metrics
        ),
    ]


def _cell(spread: tuple[float, float | None] | None) -> str:
    if spread is None:
        return '-'
    value, deviation = spread
    return short(value) if deviation is None else f'{short(value)} ± {short(deviation, 2)}'


def short(value: float, digits: int = 4) -> str:
    """Return a number with so many digits, a large one in full."""
    return (
        f'{value:,.0f}'
        if value == round(value) or abs(value) >= 10**digits
        else f'{value:.{digits}g}'
    )


def table(groups: Sequence[Group]) -> str:
    """Return the comparison as text, with what each metric means at the end of its line."""
    cells = [(*row, meaning(row[0]).words) for row in rows(groups)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return '\n'.join(
        '  '.join(
            cell.ljust(width) if i in (0, len(row) - 1) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in cells
    )


def compare(paths: Sequence[Path]) -> list[Group]:
    """Return the runs in these folders in groups. Raises RunError for fewer than two, or one named twice."""
    if len({path.resolve() for path in paths}) != len(paths):
        raise RunError('a run is named twice; name each once')
    if len(paths) < 2:
        raise RunError('one run alone: name two or more')
    return grouped(map(read_run, paths))
