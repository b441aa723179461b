"""The numbers of a run, each with what it is of: which snapshot, which data, which version.

Needs the files of the run alone, not MXNet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..config import Config
from ..metric_names import metric_stem
from ..runs import reading
from ..runs.folder import JUDGED, LOG_TABLE, METRICS, describe_data, evaluation_files
from ..runs.snapshots import best_snapshot, list_snapshots, read_scores
from .report import Interval, Reported, read_report

UNKNOWN = 'unknown'
STALE = 'stale: the run went on'


@dataclass(frozen=True)
class Origin:
    """What numbers are of. Only numbers of equal origins may stand beside each other.

    The judge is not here, because it is part of a metric's name.

    >>> print(Origin('while training', 'the last iteration', 'mnist', '0.1.0'))
    while training, the last iteration, on mnist, gluongan 0.1.0
    """

    by: str
    snapshot: str
    data: str
    version: str

    def __str__(self) -> str:
        return f'{self.by}, {self.snapshot}, on {self.data}, gluongan {self.version}'


@dataclass(frozen=True)
class Measured:
    """Metrics by name, what they are of, and the iteration of the snapshot, where it is known.

    intervals: those of the metrics that have one.
    """

    origin: Origin
    iteration: int | None
    values: dict[str, float] = field(repr=False)
    intervals: dict[str, Interval] = field(default_factory=dict, repr=False)


def last_iteration(run: Path) -> int:
    """Return how far a run has come: the highest iteration in its logs and its snapshots."""
    iterations = [number for number, _ in list_snapshots(run)]
    log = reading.table(run / LOG_TABLE, 'iteration')
    if log:
        iterations.append(int(log['iteration'][-1]))
    for file in (METRICS, JUDGED):
        row = reading.newest(run, file)
        if row:
            iterations.append(int(row['iteration']))
    return max(iterations, default=0)


def is_complete(run: Path, config: Config, last: int) -> bool:
    """Return whether a run reached its end: all of its iterations, or the end of its patience."""
    if last >= config.iterations:
        return True
    return config.patience is not None and reading.has_stalled(run, config.best, config.patience)


def read_measured(run: Path, config: Config, last: int) -> list[Measured]:
    """Return everything that was measured of a run, in the order of a table.

    last: see `last_iteration`. Raises RunError, which names the file.
    """
    measured = []
    version = str(reading.read_environment(run).get('gluongan', UNKNOWN))
    for file, by in ((METRICS, 'while training'), (JUDGED, 'by the judge while training')):
        row = reading.newest(run, file)
        values = _shown(row)
        if values:
            iteration = int(row['iteration'])
            snapshot = _in_words(iteration, last)
            origin = Origin(by, snapshot, describe_data(config), version)
            measured.append(Measured(origin, iteration, values))
    for path in evaluation_files(run):
        report = read_report(path)
        origin = _origin(run, report, last)
        measured.append(Measured(origin, report.iteration, _shown(report.values), report.intervals))
    return measured


def _shown(values: dict[str, float]) -> dict[str, float]:
    shown = {}
    for name, value in values.items():
        if metric_stem(name) not in (None, 'share'):
            shown[name] = value
    return shown


def _in_words(iteration: int, last: int) -> str:
    if iteration == last:
        return 'the last iteration'
    return f'iteration {iteration:,}, {STALE}'


def _origin(run: Path, report: Reported, last: int) -> Origin:
    by = 'gluongan evaluate'
    if report.version is None and report.judge_sha256:  # its metrics do not name their judge
        by += f' with the judge {report.judge_sha256[:8]}'
    data = report.data
    if report.data_sha256:
        data += f' ({report.data_sha256[:8]})'
    return Origin(by, snapshot_of(run, report, last), data, report.version or UNKNOWN)


def snapshot_of(run: Path, report: Reported, last: int) -> str:
    """Return which snapshot a report is of, in words that are equal for comparable ones.

    last: see `last_iteration`.
    """
    iteration = report.iteration
    if iteration is None:
        return 'an unknown snapshot'
    newest = max((number for number, _ in list_snapshots(run)), default=last)
    is_last = iteration in (last, newest)
    if iteration == best_snapshot(run) and (not is_last or report.asked_for == 'best'):
        return f'the best snapshot by {read_scores(run)[0]}'
    if is_last:
        return 'the last snapshot'
    return f'snapshot {iteration:,}, {STALE}'
