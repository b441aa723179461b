"""Compare runs: the settings that differ, and the mean and deviation of each metric over seeds.

Needs the files of the runs alone, not MXNet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ..config import Config, knobs
from ..errors import as_typed
from ..files import text_table
from ..metric_names import metric_meaning, metric_stem
from ..runs import reading
from ..runs.folder import EVALUATION, JUDGED, LOG_TABLE, RunError, read_config
from .report import read_metrics

# Runs that differ only in these settings are repetitions: none of them changes what is trained.
IGNORED = (
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
COSTS = ('iterations', 'seconds of training')  # rows that every run has


@dataclass(frozen=True)
class Run:
    """A run: its folder, its settings, and the newest value of every metric."""

    path: Path
    config: Config
    values: dict[str, float] = field(repr=False)


@dataclass(frozen=True)
class Group:
    """Runs with the same settings except for their seeds: a column of the comparison.

    >>> first = Run(Path('a'), Config(seed=0), {'lenet_fd2k_test': 10.0})
    >>> second = Run(Path('b'), Config(seed=1), {'lenet_fd2k_test': 11.0})
    >>> third = Run(Path('c'), Config(seed=0, lr=1e-3), {'lenet_fd2k_test': 30.0})
    >>> groups = group_runs([first, second, third])
    >>> [group.label for group in groups]
    ['a and 1 more', 'c']
    >>> differing_settings(groups)
    ['lr']
    >>> print(make_table(groups))
                     a and 1 more      c
    lr                     0.0002  0.001
    seeds                    0, 1      0
    lenet_fd2k_test   10.5 ± 0.71     30  Fréchet distance of features
    """

    runs: list[Run]

    @property
    def config(self) -> Config:
        """The settings, with the seed of the first run."""
        return self.runs[0].config

    @property
    def label(self) -> str:
        """The heading of the column."""
        first = self.runs[0].path.resolve().name
        if len(self.runs) == 1:
            return first
        return f'{first} and {len(self.runs) - 1} more'

    def mean_and_deviation(self, metric: str) -> tuple[float, float | None] | None:
        """Return mean and standard deviation of a metric over the runs.

        The deviation of a single run is None. If no run has the metric the result is None.
        """
        values = [run.values[metric] for run in self.runs if metric in run.values]
        if not values:
            return None
        return mean(values), stdev(values) if len(values) > 1 else None


def read_run(path: Path) -> Run:
    """Return a run from its folder. Raises RunError, FigureError."""
    config = read_config(path)
    newest = {**reading.newest(path), **reading.newest(path, JUDGED)}
    values = {name: value for name, value in newest.items() if _is_shown(name)}
    log = reading.table(path / LOG_TABLE, 'iteration', 'elapsed')
    if log:
        costs = float(log['iteration'][-1]), float(log['elapsed'][-1])
        values.update(zip(COSTS, costs))
    if (path / EVALUATION).is_file():
        for name, value in read_metrics(path / EVALUATION).items():
            if metric_stem(name) != 'share':
                values[name] = value
    return Run(path, config, values)


def _is_shown(name: str) -> bool:
    return metric_stem(name) not in (None, 'share')


def group_runs(runs: Iterable[Run]) -> list[Group]:
    """Return the runs in groups with the same settings, in order of their first runs."""
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(_settings(run.config), []).append(run)
    return [Group(members) for members in groups.values()]


def _settings(config: Config) -> tuple[str, ...]:
    settings: dict[str, Any] = config.to_dict()
    return tuple(as_typed(value) for name, value in settings.items() if name not in IGNORED)


def differing_settings(groups: Sequence[Group]) -> list[str]:
    """Return the names of the settings that differ between groups."""
    names = []
    for name in knobs():
        values = {as_typed(getattr(group.config, name)) for group in groups}
        if name not in IGNORED and len(values) > 1:
            names.append(name)
    return names


def table_rows(groups: Sequence[Group]) -> list[tuple[str, ...]]:
    """Return the comparison as cells, a column for each group.

    The rows are a heading, the settings that differ, the seeds, and every metric of any run.
    """
    rows = [('', *(group.label for group in groups))]
    for name in differing_settings(groups):
        rows.append((name, *(as_typed(getattr(group.config, name)) for group in groups)))
    rows.append(('seeds', *(_seeds(group) for group in groups)))
    for name in _metrics(groups):
        rows.append((name, *(_cell(group.mean_and_deviation(name)) for group in groups)))
    return rows


def _seeds(group: Group) -> str:
    return ', '.join(str(run.config.seed) for run in group.runs)


def _metrics(groups: Sequence[Group]) -> list[str]:
    """Return the metrics that any run has, the costs first."""
    names: dict[str, None] = {}
    for group in groups:
        for run in group.runs:
            names.update(dict.fromkeys(run.values))
    costs = [name for name in COSTS if name in names]
    return costs + [name for name in names if name not in COSTS]


def _cell(spread: tuple[float, float | None] | None) -> str:
    if spread is None:
        return '-'
    value, deviation = spread
    if deviation is None:
        return format_number(value)
    return f'{format_number(value)} ± {format_number(deviation, 2)}'


def format_number(value: float, digits: int = 4) -> str:
    """Return a number with this many significant digits; large and whole numbers in full.

    >>> format_number(0.123456), format_number(54321.6), format_number(1234567)
    ('0.1235', '54,322', '1,234,567')
    """
    if value == round(value) or abs(value) >= 10**digits:
        return f'{value:,.0f}'
    return f'{value:.{digits}g}'


def make_table(groups: Sequence[Group]) -> str:
    """Return the comparison as text, with the meaning of each metric at the end of its line."""
    rows = [(*row, metric_meaning(row[0]).text) for row in table_rows(groups)]
    return text_table(rows, left=(0, len(groups) + 1))


def compare(paths: Sequence[Path]) -> list[Group]:
    """Return the runs in these folders in groups.

    Raises RunError for fewer than two runs, and for a run that is named twice.
    """
    folders = set()
    for path in paths:
        if path.resolve() in folders:
            raise RunError(f'{path}: is given twice; must be given once')
        folders.add(path.resolve())
    if len(paths) < 2:
        raise RunError('compare needs at least two runs')
    return group_runs(read_run(path) for path in paths)
