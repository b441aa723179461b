"""Knob: what one setting accepts, and how that is said in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

MOST_LAYERS = 32


@dataclass(frozen=True)
class Knob:
    """The declaration of one setting: its kind, its range or choices, and its help.

    kind: `int`, `float`, `bool`, `str`, `sizes` (a tuple of whole numbers) or `names` (a tuple of
    `choices`, each at most once). low, high: bounds of numbers, both allowed. choices: the only
    values allowed, where there are any. optional: None is allowed too. free: may be changed when a
    run is resumed. group: heading in `--help`.

    >>> batch = Knob('int', 'Samples per update.', low=1, high=65536)
    >>> batch.accepts(128), batch.accepts(0), batch.accepts(128.0), batch.accepts(True)
    (True, False, False, False)
    >>> print('must be', batch.allowed())
    must be a whole number from 1 to 65,536
    """

    kind: str
    help: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[Any, ...] = ()
    unit: str = ''
    optional: bool = False
    free: bool = False
    group: str = ''

    def allowed(self) -> str:
        """Return what values it accepts, in words that follow `must be`.

        >>> Knob('int', 'Grey or colour.', choices=(1, 3), optional=True).allowed()
        '1 or 3, or left out'
        >>> Knob('float', 'Dropout rate.', low=0.0, high=0.95).allowed()
        'a number from 0 to 0.95'
        """
        text = self._allowed_values()
        return f'{text}, or left out' if self.optional else text

    def _allowed_values(self) -> str:
        if self.kind == 'names':
            return f'none, or any of {_list(self.choices, "and")}, separated by commas'
        if self.choices:
            return _list(self.choices, 'or')
        if self.kind == 'bool':
            return 'true or false'
        if self.kind == 'str':
            return 'text'
        if self.kind == 'sizes':
            bounds = f'from {_plain(self.low)} to {_plain(self.high)}'
            return f'none, or up to {MOST_LAYERS} whole numbers {bounds}, separated by commas'
        noun = {'int': 'a whole number', 'float': 'a number'}[self.kind]
        return f'{noun} from {_plain(self.low)} to {_plain(self.high)}'

    def accepts(self, value: Any) -> bool:
        """Return whether `value` has the right type and is in range."""
        if value is None:
            return self.optional
        if self.kind == 'names':
            return self._accepts_names(value)
        if self.choices:
            return any(value == choice and type(value) is type(choice) for choice in self.choices)
        if self.kind == 'bool':
            return isinstance(value, bool)
        if self.kind == 'str':  # an optional one is left out, not empty
            is_given = value != '' or not self.optional
            return isinstance(value, str) and is_given and '\0' not in value  # as in no path
        if self.kind == 'sizes':
            return self._accepts_sizes(value)
        return self._accepts_number(value)

    def is_misplaced_text(self, value: Any) -> bool:
        """Return whether a value is text where none is allowed: '3' is not 3."""
        takes_text = self.kind == 'str' or (self.choices and self.kind != 'names')
        return isinstance(value, str) and not takes_text

    def _accepts_names(self, value: Any) -> bool:
        if not isinstance(value, tuple) or not all(name in self.choices for name in value):
            return False
        return len(set(value)) == len(value)

    def _accepts_sizes(self, value: Any) -> bool:
        if not isinstance(value, tuple) or len(value) > MOST_LAYERS:
            return False
        return all(self._is_in_range(size, int) for size in value)

    def _accepts_number(self, value: Any) -> bool:
        return self._is_in_range(value, int if self.kind == 'int' else (int, float))

    def _is_in_range(self, value: Any, types: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, types):
            return False
        return self.low <= value <= self.high  # NaN fails both


def _list(choices: Sequence[Any], word: str) -> str:
    *others, last = map(str, choices)
    if not others:
        return last
    return f'{", ".join(others)} {word} {last}'


def _plain(number: float) -> str:
    return f'{number:,}' if isinstance(number, int) else f'{number:g}'


def declare_group(title: str) -> Callable[..., Any]:
    """Return the function that declares the settings of a group as fields of a dataclass.

        It takes a default, then what Knob takes.

        >>> from dataclasses import dataclass, fields
    >>> number = declare_group('numbers')
        >>> @dataclass
        ... class Settings:
        ...     count: int = number(3, 'int', 'How many.', low=1, high=9)
        >>> Settings().count, fields(Settings)[0].metadata['knob'].allowed()
        (3, 'a whole number from 1 to 9')
    """

    def declare(default: Any, kind: str, help: str, **bounds: Any) -> Any:
        knob = Knob(kind, help, group=title, **bounds)
        return field(default=default, metadata={'knob': knob})

    return declare
