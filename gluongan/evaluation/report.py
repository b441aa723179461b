"""Report: the result of an evaluation, as JSON, as a table and as a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..files import read_text, text_table, write_text
from ..metric_names import metric_meaning, metric_stem
from ..runs.folder import RunError, evaluation_files, new_evaluation_path
from .measures import Values
from .metrics import Interval

INTERVAL = '95%'  # the heading of the column of intervals
WHOLE_NUMBERS = ('classes', 'modes', 'ndb', 'support', 'caught')


@dataclass(frozen=True)
class Report:
    """An evaluation: where the samples come from, every metric by name, and a summary.

    data: the data set they were compared with. count: the number of samples.
    judge: the classifier that was used, as a JSON object. seconds: how long it took.
    known: the same metrics of sets whose faults are known, `real` among them.
    notes: why something is not among `known`, a line each.
    iteration: of the snapshot that made the samples. asked_for: `last`, `best` or a number.
    data_sha256: of the images that they were compared with. version: of the package.
    nearest: the samples closest to a training image, and those images, (16, C, H, W) each.
    intervals: where another draw of samples would have the metrics, see `Intervals`.
    faults: the parts of the summary that say what is wrong, None where nobody asked.
    """

    source: str
    data: str
    count: int
    judge: dict[str, Any] | None
    values: Values
    summary: str
    seconds: float
    known: dict[str, Values] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    iteration: int | None = None
    asked_for: str | None = None
    data_sha256: str | None = None
    version: str = __version__
    nearest: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)
    intervals: dict[str, Interval] = field(default_factory=dict, repr=False)
    faults: tuple[str, ...] | None = None

    def as_json(self) -> str:
        """Return the report as JSON: an object whose `metrics` are numbers by name.

        `intervals` are pairs of numbers by the same names.
        """
        content = {
            'source': self.source,
            'gluongan': self.version,
            'iteration': self.iteration,
            'snapshot': self.asked_for,
            'data': self.data,
            'data_sha256': self.data_sha256,
            'samples': self.count,
            'judge': self.judge,
            'words': self.summary,
            'faults': self.faults,
            'seconds': round(self.seconds, 2),
            'metrics': _rounded(self.values),
            'intervals': {name: _as_pair(ends) for name, ends in self.intervals.items()},
            'known': {name: _rounded(values) for name, values in self.known.items()},
            'notes': self.notes,
        }
        return json.dumps(content, indent=1) + '\n'

    def write(self, path: Path) -> None:
        """Write the report as JSON, completely or not at all."""
        write_text(path, self.as_json())

    @property
    def source_and_iteration(self) -> str:
        """Where the samples come from, and the iteration of the snapshot that made them."""
        if self.iteration is None:
            return self.source
        return f'{self.source} at iteration {self.iteration:,}'

    def origin(self) -> str:
        """Return in one line what the numbers are of: samples, data, judge and version."""
        data = self.data
        if self.data_sha256:
            data += f' ({self.data_sha256[:8]})'
        judge = 'no judge'
        if self.judge:
            judge = 'judge {net} of {data} ({sha256:.8})'.format(**self.judge)
        samples = f'{self.count:,} samples of {self.source_and_iteration}'
        return f'{samples}, against {data}, {judge}, gluongan {self.version}'

    def table(self) -> str:
        """Return a line for each metric: its value here, for each known set, and its meaning.

        The interval stands beside the value where there are intervals.
        """
        names = ['this', *([INTERVAL] if self.intervals else []), *self.known]
        heads = [_split_heading(name) for name in names]
        rows = [('', *(second for _, second in heads), '')]
        if any(first for first, _ in heads):
            rows.insert(0, ('', *(first for first, _ in heads), ''))
        for name in self.values:
            if metric_stem(name) == 'share':
                continue
            cells = [format_metric(name, self.values[name])]
            if self.intervals:
                cells.append(format_interval(name, self.intervals.get(name)))
            cells += [format_metric(name, values.get(name)) for values in self.known.values()]
            rows.append((name, *cells, metric_meaning(name).text))
        return text_table(rows, left=(0, len(names) + 1))


def _split_heading(name: str) -> tuple[str, str]:
    """Return a heading in two lines, the first empty for a single word."""
    first, _, second = name.partition(' ')
    return (first, second) if second else ('', first)


def format_metric(name: str, value: float | None) -> str:
    """Return a metric as tables show it.

    >>> format_metric('lenet_fd10k_test', 4.8123), format_metric('lenet_classes10k', 10.0)
    ('4.812', '10')
    """
    if value is None:
        return '-'
    if metric_stem(name) in WHOLE_NUMBERS:
        return f'{value:,.0f}'
    if abs(value) < 1:
        return f'{value:.4f}'
    if abs(value) < 10:
        return f'{value:.3f}'
    return f'{value:,.1f}'


def format_interval(name: str, interval: Interval | None) -> str:
    """Return the interval of a metric as tables show it."""
    if interval is None:
        return '-'
    return ' to '.join(format_metric(name, end) for end in interval)


def format_estimate(name: str, value: float, interval: Interval | None) -> str:
    """Return a metric with its interval in brackets, if it has one.

    >>> format_estimate('lenet_classes1k', 2.0, Interval(0.857, 3.14))
    '2 (95 %: 1 to 3)'
    """
    text = format_metric(name, value)
    return text if interval is None else f'{text} (95 %: {format_interval(name, interval)})'


def _as_pair(interval: Interval) -> list[float]:
    return [float(f'{end:.6g}') for end in interval]


def _rounded(values: Values) -> Values:
    return {name: float(f'{value:.6g}') for name, value in values.items()}


@dataclass(frozen=True)
class Reported:
    """What a report's JSON file says; None where an older version did not write it."""

    values: Values = field(repr=False)
    data: str = 'unknown data'
    iteration: int | None = None
    asked_for: str | None = None
    count: int | None = None
    data_sha256: str | None = None
    judge_sha256: str | None = None
    version: str | None = None
    intervals: dict[str, Interval] = field(default_factory=dict, repr=False)
    judge: str | None = None
    words: str = ''
    known: dict[str, Values] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] | None = None

    def origin(self) -> str:
        """Return in one line what the numbers are of, as far as the file says it.

        >>> print(Reported({}, 'mnist', 15_000, 'last', 10_000, version='0.1.0').origin())
        10,000 samples at iteration 15,000, against mnist, gluongan 0.1.0
        """
        count = 'samples' if self.count is None else f'{self.count:,} samples'
        at = '' if self.iteration is None else f' at iteration {self.iteration:,}'
        parts = [f'{count}{at}', f'against {self.data}']
        if self.judge:
            sha256 = f' ({self.judge_sha256:.8})' if self.judge_sha256 else ''
            parts.append(f'judge {self.judge}{sha256}')
        if self.version:
            parts.append(f'gluongan {self.version}')
        return ', '.join(parts)


def read_report(path: Path) -> Reported:
    """Return what a report's JSON file says. Raises RunError if it is not a report."""
    try:
        content = json.loads(read_text(path))
        return Reported(
            _as_floats(content['metrics']),
            str(content.get('data', Reported.data)),
            _optional(int, content.get('iteration')),
            _optional(str, content.get('snapshot')),
            _optional(int, content.get('samples')),
            _optional(str, content.get('data_sha256')),
            _optional(str, (content.get('judge') or {}).get('sha256')),
            _optional(str, content.get('gluongan')),
            {name: _read_pair(ends) for name, ends in content.get('intervals', {}).items()},
            _read_judge(content.get('judge') or {}),
            str(content.get('words', '')),
            {name: _as_floats(values) for name, values in content.get('known', {}).items()},
            tuple(map(str, content.get('notes', ()))),
            _optional(_as_texts, content.get('faults')),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise RunError(
            f'{path}: is not a report; must be a file that `gluongan evaluate` wrote'
        ) from None


def _as_texts(values: list[Any]) -> tuple[str, ...]:
    return tuple(map(str, values))


def _as_floats(values: dict[str, Any]) -> Values:
    return {name: float(value) for name, value in values.items()}


def _read_judge(judge: dict[str, Any]) -> str | None:
    """Return which network judged, and which data it knows; None where there was no judge."""
    named = [str(judge[name]) for name in ('net', 'data') if name in judge]
    return ' of '.join(named) or None


def _read_pair(ends: list[float]) -> Interval:
    low, high = ends
    return Interval(float(low), float(high))


def report_path(run: Path, report: Report) -> Path:
    """Return the file for a report in the folder of its run.

    That is the file of an earlier report with the same request, which it replaces: the same
    snapshot was asked for, and as many samples, by the same judge, against the same data. Other
    reports stay as they are.
    """
    for path in evaluation_files(run):
        with suppress(RunError):
            if _has_same_request(read_report(path), report):
                return path
    return new_evaluation_path(run, str(report.asked_for), report.count)


def _has_same_request(earlier: Reported, report: Report) -> bool:
    if earlier.judge_sha256 != (report.judge or {}).get('sha256'):
        return False
    return (
        earlier.count == report.count
        and earlier.asked_for in (None, report.asked_for)  # an older version did not write it
        and earlier.data_sha256 in (None, report.data_sha256)
    )


def _optional(kind: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else kind(value)


def read_metrics(path: Path) -> Values:
    """Return the metrics in a report's JSON file. Raises RunError if it is not a report."""
    return read_report(path).values
