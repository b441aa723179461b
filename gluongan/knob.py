"""Knob: what is true of a setting whatever its value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

MOST_LAYERS = 32


@dataclass(frozen=True)
class Knob:
    """What is true of a setting whatever its value: kind is int, float, bool, str or `sizes` (whole numbers >= 1)."""

    kind: str
    help: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[Any, ...] = ()
    unit: str = ''
    optional: bool = False
    free: bool = False  # may be changed when a run is resumed
    group: str = ''

    def allowed(self) -> str:
        """Say in words what values it takes."""
        noun = {
            'int': 'a whole number',
            'float': 'a number',
            'bool': 'true or false',
            'str': 'a text',
            'sizes': f'at most {MOST_LAYERS} whole numbers from {self.low} to {self.high} with commas between, or none',
        }[self.kind]
        if self.choices:
            noun = 'one of ' + ', '.join(map(str, self.choices))
        elif self.kind in ('int', 'float'):
            noun += f' from {_plain(self.low)} to {_plain(self.high)}'
        return noun + (', or left out' if self.optional else '')

    def accepts(self, value: Any) -> bool:
        """Return whether `value` is of its kind and in its range."""
        if value is None:
            return self.optional
        if self.choices:
            return any(value == choice and type(value) is type(choice) for choice in self.choices)
        return {
            'int': self._int,
            'float': self._float,
            'bool': _bool,
            'str': _str,
            'sizes': self._sizes,
        }[self.kind](value)

    def _int(self, value: Any) -> bool:
        return isinstance(value, int) and not _bool(value) and self.low <= value <= self.high

    def _float(self, value: Any) -> bool:
        return (
            isinstance(value, (int, float)) and not _bool(value) and self.low <= value <= self.high
        )

    def _sizes(self, value: Any) -> bool:
        return isinstance(value, tuple) and len(value) <= MOST_LAYERS and all(map(self._int, value))


def _bool(value: Any) -> bool:
    return isinstance(value, bool)


def _str(value: Any) -> bool:
    return isinstance(value, str)


def _plain(number: float) -> str:
    return f'{number:,}' if isinstance(number, int) else f'{number:g}'
