"""Files that grow by a row at a time, and that a resumed run cuts back to where it goes on from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..files import write_text


class Records:
    """A text file of one row a line, each row of a known iteration; every append ends on a whole line, on disk."""

    def __init__(self, path: Path, *, header: str = '') -> None:
        self.path, self._header = path, header

    def start(self, iteration: int) -> list[str]:
        """Keep the rows up to `iteration` and return them; what a killed run wrote beyond it is dropped."""
        lines = (
            self.path.read_text(encoding='utf-8', errors='replace').splitlines(keepends=True)
            if self.path.is_file()
            else []
        )
        rows = [
            line
            for line in lines
            if line.endswith('\n') and line != self._header and self._at(line) <= iteration
        ]
        write_text(self.path, self._header + ''.join(rows))
        return rows

    @staticmethod
    def _at(line: str) -> float:
        try:
            return (
                json.loads(line)['iteration']
                if line.startswith('{')
                else int(line.split(',', 1)[0])
            )
        except (ValueError, KeyError, TypeError):
            return float('inf')

    def append(self, rows: Iterable[str]) -> None:
        """Add rows, each without its line's end."""
        with open(self.path, 'a', encoding='utf-8') as file:
            file.write(''.join(row + '\n' for row in rows))


def json_row(values: dict[str, Any]) -> str:
    """Return one line of JSON, floats with six digits."""
    return json.dumps({key: _short(value) for key, value in values.items()})


def csv_row(values: Iterable[Any]) -> str:
    """Return one line of CSV, floats with six digits."""
    return ','.join(str(_short(value)) for value in values)


def _short(value: Any) -> Any:
    return float(f'{value:.6g}') if isinstance(value, float) else value
