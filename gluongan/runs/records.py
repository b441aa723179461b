"""Files that grow by one row at a time, and that a resumed run cuts back to where it continues."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..files import write_text


class Records:
    """A text file with one row per line, JSON or CSV, and an iteration in each row.

    header: the first line of a CSV, with its line end.
    """

    def __init__(self, path: Path, *, header: str = '') -> None:
        self.path = path
        self._header = header

    def start(self, iteration: int) -> list[str]:
        """Keep the rows up to `iteration` and return them.

        What a killed run wrote beyond it is dropped, and so is a line that cannot be read.
        """
        lines = []
        if self.path.is_file():
            text = self.path.read_text(encoding='utf-8', errors='replace')
            lines = text.splitlines(keepends=True)
        rows = []
        for line in lines:
            is_row = line.endswith('\n') and line != self._header
            if is_row and _iteration(line) <= iteration:
                rows.append(line)
        write_text(self.path, self._header + ''.join(rows))
        return rows

    def append(self, rows: Iterable[str]) -> None:
        """Add rows, each without its line end."""
        with open(self.path, 'a', encoding='utf-8') as file:
            file.write(''.join(row + '\n' for row in rows))


def _iteration(line: str) -> float:
    """Return the iteration of a row, infinity where it cannot be read."""
    try:
        if line.startswith('{'):
            return json.loads(line)['iteration']
        return int(line.split(',', 1)[0])
    except (ValueError, KeyError, TypeError):
        return float('inf')


def json_row(values: dict[str, Any]) -> str:
    """Return one line of JSON, floats with six digits.

    >>> json_row({'iteration': 100, 'dis/loss': 1.3862943611})
    '{"iteration": 100, "dis/loss": 1.38629}'
    """
    return json.dumps({name: _rounded(value) for name, value in values.items()})


def csv_row(values: Iterable[Any]) -> str:
    """Return one line of CSV, floats with six digits.

    >>> csv_row([100, 1.3862943611, float('nan')])
    '100,1.38629,nan'
    """
    return ','.join(str(_rounded(value)) for value in values)


def _rounded(value: Any) -> Any:
    return float(f'{value:.6g}') if isinstance(value, float) else value
