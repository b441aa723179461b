"""Report: the result of an evaluation, as JSON, as a table and as a sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..files import text_table, write_text
from ..metric_names import metric_meaning, metric_stem
from ..runs.folder import RunError
from .suite import Values

WHOLE_NUMBERS = ('classes', 'modes', 'ndb', 'support', 'caught')


@dataclass(frozen=True)
class Report:
    """An evaluation: where the samples come from, every metric by name, and a summary.

    data: the data set they were compared with. count: the number of samples.
    judge: the classifier that was used, as a JSON object. seconds: how long it took.
    known: the same metrics of sets whose faults are known, `real` among them.
    nearest: the samples closest to a training image, and those images, (16, C, H, W) each.
    """

    source: str
    data: str
    count: int
    judge: dict[str, Any] | None
    values: Values
    summary: str
    seconds: float
    known: dict[str, Values] = field(default_factory=dict)
    iteration: int | None = None
    nearest: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)

    def as_json(self) -> str:
        """Return the report as JSON: an object whose `metrics` are numbers by name."""
        content = {
            'source': self.source,
            'iteration': self.iteration,
            'data': self.data,
            'samples': self.count,
            'judge': self.judge,
            'words': self.summary,
            'seconds': round(self.seconds, 2),
            'metrics': _rounded(self.values),
            'known': {name: _rounded(values) for name, values in self.known.items()},
        }
        return json.dumps(content, indent=1) + '\n'

    def write(self, path: Path) -> None:
        """Write the report as JSON, completely or not at all."""
        write_text(path, self.as_json())

    def table(self) -> str:
        """Return a line for each metric: its value here, for each known set, and its meaning."""
        columns = [self.values, *self.known.values()]
        heads = [_split_heading(name) for name in ('this', *self.known)]
        rows = [('', *(second for _, second in heads), '')]
        if any(first for first, _ in heads):
            rows.insert(0, ('', *(first for first, _ in heads), ''))
        for name in self.values:
            if metric_stem(name) == 'share':
                continue
            cells = [_cell(name, values.get(name)) for values in columns]
            rows.append((name, *cells, metric_meaning(name).text))
        return text_table(rows, left=(0, len(columns) + 1))


def _split_heading(name: str) -> tuple[str, str]:
    """Return a heading in two lines, the first empty for a single word."""
    first, _, second = name.partition(' ')
    return (first, second) if second else ('', first)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return '-'
    if metric_stem(name) in WHOLE_NUMBERS:
        return f'{value:,.0f}'
    if abs(value) < 1:
        return f'{value:.4f}'
    if abs(value) < 10:
        return f'{value:.3f}'
    return f'{value:,.1f}'


def _rounded(values: Values) -> Values:
    return {name: float(f'{value:.6g}') for name, value in values.items()}


def read_metrics(path: Path) -> Values:
    """Return the metrics in a report's JSON file. Raises RunError if it is not a report."""
    try:
        metrics = json.loads(path.read_text(encoding='utf-8-sig'))['metrics']
        return {name: float(value) for name, value in metrics.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise RunError(f'{path}: is not a report of `gluongan evaluate`') from None
