"""Files that grow by one row at a time, and that a resumed run cuts back to where it continues."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..files import naming_target, write_text
from .folder import RunError
from .reading import parse_json_row


class Records:
    """A text file with one row per line, JSON or CSV, and an iteration in each row.

    header: the first line of a CSV, with its line end.
    """

    def __init__(self, path: Path, *, header: str = '') -> None:
        self.path = path
        self._header = header

    def start(self, iteration: int) -> list[str]:
        """Keep the rows up to `iteration` and return them.

        What a killed run wrote beyond it is dropped, and so is a line that cannot be read; see
        `check`.
        """
        rows, _ = self._readable()
        kept = [line for number, line in rows if number <= iteration]
        write_text(self.path, self._header + ''.join(kept))
        return kept

    def check(self, warn: Callable[[str], object]) -> None:
        """Call `warn` with the number of lines that `start` will drop because they are damaged.

        Raises RunError where no line can be read. A last line without its end is no damage: a kill
        may cut it anywhere.
        """
        rows, damaged = self._readable()
        if damaged and not rows:
            raise RunError(
                f'{self.path}: is damaged, none of its rows can be read; '
                'must be as it was written, or be removed'
            )
        if damaged:
            lines = 'line' if damaged == 1 else 'lines'
            warn(f'{self.path}: {damaged:,} damaged {lines} dropped')

    def _readable(self) -> tuple[list[tuple[int, str]], int]:
        """Return (iteration, line) of each row, and the number of lines that are damaged."""
        if not self.path.is_file():
            return [], 0
        text = self.path.read_text(encoding='utf-8-sig', errors='replace')
        lines = text[: text.rfind('\n') + 1].splitlines(keepends=True)
        rows = []
        damaged = 0
        for line in lines:
            if line == self._header or not line.strip():
                continue
            try:
                rows.append((self._iteration(line), line))
            except (ValueError, RecursionError):
                damaged += 1
        return rows, damaged

    def _iteration(self, line: str) -> int:
        """Return the iteration of a row. Raises ValueError where it is not a row of this file."""
        if not self._header:
            return int(parse_json_row(line)['iteration'])
        cells = line.split(',')
        if len(cells) != self._header.count(',') + 1:
            raise ValueError('has another number of columns')
        for cell in cells:
            float(cell)
        return int(cells[0])

    def append(self, rows: Iterable[str]) -> None:
        """Add rows, each without its line end."""
        with naming_target(self.path), open(self.path, 'a', encoding='utf-8') as file:
            file.write(''.join(row + '\n' for row in rows))


def json_row(values: dict[str, Any]) -> str:
    """Return one line of JSON, floats with six digits.

    >>> json_row({'iteration': 100, 'dis/loss': 1.3862943611})
    '{"iteration": 100, "dis/loss": 1.38629}'
    """
    return json.dumps(as_written(values))


def as_written(values: dict[str, Any]) -> dict[str, Any]:
    """Return a row as a resumed run reads it back.

    A run goes on with these, and not with the exact numbers, so that a resumed run is the same.

    >>> as_written({'iteration': 100, 'dis/loss': 1.3862943611})
    {'iteration': 100, 'dis/loss': 1.38629}
    """
    return {name: _rounded(value) for name, value in values.items()}


def csv_row(values: Iterable[Any]) -> str:
    """Return one line of CSV, floats with six digits.

    >>> csv_row([100, 1.3862943611, float('nan')])
    '100,1.38629,nan'
    """
    return ','.join(str(_rounded(value)) for value in values)


def _rounded(value: Any) -> Any:
    return float(f'{value:.6g}') if isinstance(value, float) else value
