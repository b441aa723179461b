"""Report: what came out, as JSON, as a table beside the known sets, and in words."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..files import write_text
from ..metric_names import meaning, stem
from ..runs.folder import RunError
from .calibration import Calibration
from .suite import Values

WIDTH = 10  # of a column


@dataclass(frozen=True)
class Report:
    """An evaluation: where the samples come from, what they were held against, every metric, and the whole in words.

    known: the same metrics of sets whose faults are known, `real` among them. nearest: the samples closest to a training image,
    and those images, (16, C, H, W) each.
    """

    source: str
    data: str
    count: int
    judge: dict[str, Any] | None
    values: Values
    words: str
    seconds: float
    known: dict[str, Values] = field(default_factory=dict)
    iteration: int | None = None
    nearest: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)

    def as_json(self) -> str:
        """Return the report as JSON: an object whose `metrics` are numbers by name."""
        whole = {
            'source': self.source,
            'iteration': self.iteration,
            'data': self.data,
            'samples': self.count,
            'judge': self.judge,
            'words': self.words,
            'seconds': round(self.seconds, 2),
            'metrics': _rounded(self.values),
            'known': {name: _rounded(row) for name, row in self.known.items()},
        }
        return json.dumps(whole, indent=1) + '\n'

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        write_text(path, self.as_json())

    def table(self) -> str:
        """Return a line for each metric: its value here, and for each known set."""
        metrics = [name for name in self.values if stem(name) != 'share']
        wide = max(map(len, metrics), default=0)
        first, second = zip(*(_head(name) for name in ('this', *self.known)))
        lines = [
            ' ' * wide + ''.join(f'{word:>{WIDTH}}' for word in words) for words in (first, second)
        ]
        for name in metrics:
            cells = [self.values[name], *(row.get(name) for row in self.known.values())]
            lines.append(
                f'{name:<{wide}}'
                + ''.join(f'{_cell(name, value):>{WIDTH}}' for value in cells)
                + f'   {meaning(name).words}'
            )
        return '\n'.join(line.rstrip() for line in lines if line.strip())


def _head(name: str) -> tuple[str, str]:
    first, _, second = name.partition(' ')
    return (first, second) if second else ('', first)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return '-'
    if stem(name) in ('classes', 'modes', 'ndb', 'support', 'caught'):
        return f'{value:,.0f}'
    return (
        f'{value:.4f}' if abs(value) < 1 else f'{value:.3f}' if abs(value) < 10 else f'{value:,.1f}'
    )


def _rounded(values: Values) -> Values:
    return {name: float(f'{value:.6g}') for name, value in values.items()}


def read_metrics(path: Path) -> dict[str, float]:
    """Return the metrics in a report's JSON. Raises RunError where it is none."""
    try:
        found = json.loads(path.read_text(encoding='utf-8'))['metrics']
        return {name: float(value) for name, value in found.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise RunError(f'{path}: is no report of `gluongan evaluate`') from None


def rows(calibration: Calibration) -> dict[str, Values]:
    """Return the means of a calibration by set and metric."""
    return {
        name: {key: mean for key, (mean, _) in row.items()}
        for name, row in calibration.rows.items()
    }
