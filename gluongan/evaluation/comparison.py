"""Compare runs: the settings that differ, and the mean and deviation of each metric over seeds.

Needs the files of the runs alone, not MXNet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ..config import Config, knobs
from ..errors import as_typed
from ..files import real_path, text_table
from ..metric_names import metric_meaning
from ..runs import reading
from ..runs.folder import LOG_TABLE, RunError, distinct_names, read_config
from .measured import Interval, Measured, Origin, is_complete, last_iteration, read_measured
from .report import format_estimate

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
MISSING = '-'
COSTS = ('iterations trained', 'seconds of training')  # rows that every run has


@dataclass(frozen=True)
class Run:
    """A run: its folder, its settings, what it has cost, and the newest value of every metric.

    costs: numbers by the names in COSTS. measured: the metrics, with what they are of.
    is_complete: whether it was trained to its end.
    """

    path: Path
    config: Config
    costs: dict[str, float] = field(repr=False)
    measured: tuple[Measured, ...] = field(default=(), repr=False)
    is_complete: bool = True

    def value(self, name: str, origin: Origin | None) -> float | None:
        """Return the metric of an origin, without an origin a cost; None where there is none."""
        if origin is None:
            return self.costs.get(name)
        for measured in self.measured:
            if measured.origin == origin and name in measured.values:
                return measured.values[name]
        return None

    def interval(self, name: str, origin: Origin) -> Interval | None:
        """Return the interval of a metric of an origin, None where its report has none."""
        for measured in self.measured:
            if measured.origin == origin and name in measured.values:
                return measured.intervals.get(name)
        return None


@dataclass(frozen=True)
class Group:
    """Runs with the same settings except for their seeds: a column of the comparison.

    name: the heading of the column.

    >>> def run(folder, distance, **settings):
    ...     origin = Origin('evaluation', 'the last snapshot', 'mnist', '0.1.0')
    ...     measured = Measured(origin, 400, {'lenet_fd2k_test': distance})
    ...     return Run(Path(folder), Config(**settings), {}, (measured,))
    >>> runs = [run('a', 10.0, seed=0), run('b', 11.0, seed=1), run('c', 30.0, lr=1e-3)]
    >>> groups = group_runs(runs)
    >>> [group.name for group in groups]
    ['a and 1 more', 'c']
    >>> differing_settings(groups)
    ['lr']
    >>> print(make_table(groups))
                     a and 1 more      c
    lr                     0.0002  0.001
    seeds                    0, 1      0
    at iteration              400    400  evaluation, the last snapshot, on mnist, gluongan 0.1.0
    lenet_fd2k_test   10.5 ± 0.71   30.0  Fréchet distance of features
    """

    runs: list[Run]
    name: str = ''

    @property
    def config(self) -> Config:
        """The settings, with the seed of the first run."""
        return self.runs[0].config

    def mean_and_deviation(
        self, metric: str, origin: Origin | None = None
    ) -> tuple[float, float | None] | None:
        """Return mean and standard deviation of a metric of one origin, or a cost, over the runs.

        origin: by default the first that has the metric. The deviation of a single run is None. If
        no run has the metric the result is None.
        """
        values = self.values(metric, origin or self._first_origin(metric))
        if not values:
            return None
        return mean(values), stdev(values) if len(values) > 1 else None

    def values(self, metric: str, origin: Origin | None) -> list[float]:
        """Return a metric of one origin, without an origin a cost, of the runs that have it."""
        values = [run.value(metric, origin) for run in self.runs]
        return [value for value in values if value is not None]

    def interval(self, metric: str, origin: Origin | None) -> Interval | None:
        """Return the interval of a metric that one run alone has, None where there is none."""
        of_runs = [run for run in self.runs if run.value(metric, origin) is not None]
        if origin is None or len(of_runs) != 1:
            return None
        return of_runs[0].interval(metric, origin)

    def _first_origin(self, metric: str) -> Origin | None:
        for run in self.runs:
            for measured in run.measured:
                if metric in measured.values:
                    return measured.origin
        return None


def read_run(path: Path) -> Run:
    """Return a run from its folder. Raises RunError, FigureError."""
    config = read_config(path)
    last = last_iteration(path)
    costs = {'iterations trained': float(last)}
    log = reading.table(path / LOG_TABLE, 'iteration', 'elapsed')
    if log:
        costs['seconds of training'] = float(log['elapsed'][-1])
    measured = tuple(read_measured(path, config, last))
    return Run(path, config, costs, measured, is_complete(path, config, last))


def group_runs(runs: Iterable[Run], *, interrupted_apart: bool = True) -> list[Group]:
    """Return the runs in groups with the same settings, in order of their first runs.

    interrupted_apart: whether a run that was interrupted is a group of its own, so that no mean
    contains it; otherwise it belongs to the others with its settings.
    """
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        key = _settings(run.config)
        if interrupted_apart and not run.is_complete:
            key = (*key, str(run.path))
        groups.setdefault(key, []).append(run)
    names = distinct_names([members[0].path for members in groups.values()])
    return [
        Group(members, _heading(name, members)) for name, members in zip(names, groups.values())
    ]


def _heading(name: str, members: list[Run]) -> str:
    return name if len(members) == 1 else f'{name} and {len(members) - 1} more'


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


def shown_setting(name: str, config: Config) -> str:
    """Return a setting as typed; `default` where none means what the help of the setting says.

    >>> shown_setting('gen_output', Config()), shown_setting('lr', Config())
    ('default', '0.0002')
    """
    value = getattr(config, name)
    return 'default' if value is None and 'Default: ' in knobs()[name].help else as_typed(value)


def table_rows(groups: Sequence[Group]) -> list[tuple[str, ...]]:
    """Return the comparison as cells: a column for each group, and at last one of explanations.

    The rows are a heading, the settings that differ, the seeds, the costs, and every metric of any
    run. Metrics of different origins never share a row; above those of each origin stands the
    iteration that they are of.
    """
    rows = [('', *(group.name for group in groups), '')]
    for name in differing_settings(groups):
        rows.append((name, *(shown_setting(name, group.config) for group in groups), ''))
    rows.append(('seeds', *(_seeds(group) for group in groups), ''))
    rows += _rows_of_costs(groups)
    for origin, names in metrics_by_origin(groups).items():
        rows.append(
            ('at iteration', *(_iterations(group, origin) for group in groups), str(origin))
        )
        for name in names:
            cells = [_cell(group, name, origin) for group in groups]
            rows.append((name, *cells, metric_meaning(name).text))
    return rows


def _seeds(group: Group) -> str:
    return ', '.join(str(run.config.seed) for run in group.runs)


def _rows_of_costs(groups: Sequence[Group]) -> list[tuple[str, ...]]:
    rows = []
    for name in COSTS:
        cells = [_cell(group, name) for group in groups]
        if any(cell != MISSING for cell in cells):
            rows.append((name, *cells, ''))
    interrupted = [not all(run.is_complete for run in group.runs) for group in groups]
    if any(interrupted):
        cells = ['interrupted' if each else 'complete' for each in interrupted]
        rows.append(('training', *cells, 'an interrupted run has a column of its own'))
    return rows


def metrics_by_origin(groups: Sequence[Group]) -> dict[Origin, list[str]]:
    """Return the names of the metrics that any run has by their origin, each once."""
    names: dict[Origin, dict[str, None]] = {}
    for group in groups:
        for run in group.runs:
            for measured in run.measured:
                names.setdefault(measured.origin, {}).update(dict.fromkeys(measured.values))
    return {origin: list(of_origin) for origin, of_origin in names.items()}


def _iterations(group: Group, origin: Origin) -> str:
    """Return the iterations that a group's metrics of an origin are of."""
    iterations = set()
    for run in group.runs:
        for measured in run.measured:
            if measured.origin == origin and measured.iteration is not None:
                iterations.add(measured.iteration)
    if not iterations:
        return MISSING
    low, high = min(iterations), max(iterations)
    return f'{low:,}' if low == high else f'{low:,} to {high:,}'


def _cell(group: Group, name: str, origin: Origin | None = None) -> str:
    """Return mean ± deviation over a group, or the number of a single run with its interval.

    Behind it, how many of the runs have the metric if not all.
    """
    spread = group.mean_and_deviation(name, origin)
    if spread is None:
        return MISSING
    value, deviation = spread
    if deviation is not None:
        text = f'{format_number(value)} ± {format_number(deviation, 2)}'
    elif origin is None:
        text = format_number(value)
    else:
        text = format_estimate(name, value, group.interval(name, origin))
    count = len(group.values(name, origin))
    return text if count == len(group.runs) else f'{text} ({count} of {len(group.runs)})'


def format_number(value: float, digits: int = 4) -> str:
    """Return a number with this many significant digits; large and whole numbers in full.

    >>> format_number(0.123456), format_number(54321.6), format_number(1234567)
    ('0.1235', '54,322', '1,234,567')
    >>> format_number(float('nan')), format_number(float('inf'))
    ('nan', 'inf')
    """
    if not isfinite(value):
        return str(value)
    if value == round(value) or abs(value) >= 10**digits:
        return f'{value:,.0f}'
    return f'{value:.{digits}g}'


def make_table(groups: Sequence[Group]) -> str:
    """Return the comparison as text, with the meaning of each metric at the end of its line."""
    return text_table(table_rows(groups), left=(0, len(groups) + 1))


def compare(paths: Sequence[Path]) -> list[Group]:
    """Return the runs in these folders in groups.

    Raises RunError for fewer than two runs, and for a run that is named twice.
    """
    folders = set()
    for path in paths:
        if real_path(path) in folders:
            raise RunError(f'{path}: is given twice; must be given once')
        folders.add(real_path(path))
    if len(paths) < 2:
        given = f'{paths[0]}: is the only run' if paths else 'no run is given'
        raise RunError(f'{given}; must be at least two runs')
    return group_runs(read_run(path) for path in paths)
