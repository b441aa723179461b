"""What the card of an export says of a run's evaluation."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..metric_names import metric_meaning, metric_stem
from ..runs.folder import RunError, evaluation_files
from .report import Reported, format_interval, format_metric, read_report


def measured(run: str | Path, iteration: int) -> str:
    """Return the metrics of a run at an iteration in Markdown, '' where none were measured there.

    The report of the most samples counts.
    """
    reports = []
    for path in evaluation_files(Path(run)):
        with suppress(RunError):
            reports.append(read_report(path))
    fitting = [report for report in reports if report.iteration == iteration and report.values]
    if not fitting:
        return ''
    return _table(max(fitting, key=lambda report: report.count or 0))


def _table(report: Reported) -> str:
    lines = [f'{report.origin()}; 95 % intervals of the draw of samples.\n']
    lines += ['| metric | value | interval | what it is |', '|---|---|---|---|']
    for name, value in report.values.items():
        if metric_stem(name) != 'share':
            interval = format_interval(name, report.intervals.get(name))
            meaning = metric_meaning(name).text.replace('|', '/')
            lines.append(f'| `{name}` | {format_metric(name, value)} | {interval} | {meaning} |')
    if report.words:
        lines.append(f'\nThe verdict of `gluongan evaluate`: {report.words}')
    return '\n'.join([*lines, ''])
