"""Every knob of Config as a flag, derived from its one declaration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from gluongan.config import defaults, knobs
from gluongan.errors import as_typed, did_you_mean
from gluongan.knob import Knob

from .faults import flag, parameter_name, with_flags
from .shell import complete_data, complete_path, items, items_of_list, no_names, one_of

Command = Callable[..., Any]

# What completes a setting that takes names without being a choice.
OTHERS = {'data': complete_data, 'device': one_of('auto', 'cpu', 'gpu'), 'data_dir': complete_path}
OTHERS['judge'] = complete_path

METAVARS = {'sizes': 'N,N,...', 'names': 'NAME,...', 'int': 'INT', 'float': 'FLOAT'}


class Value(click.ParamType):
    """Parses what was typed into a knob's value, and refuses a wrong one as Config does."""

    def __init__(self, name: str, knob: Knob) -> None:
        self._flag = flag(name)
        self._knob = knob
        self.name = METAVARS.get(knob.kind, 'TEXT')
        if self._is_choice():
            self.name = '|'.join(map(str, knob.choices))

    def _is_choice(self) -> bool:
        return bool(self._knob.choices) and self._knob.kind != 'names'

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f'[{self.name}]' if self._is_choice() else self.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            parsed = self._parse(value.strip())
        except ValueError:
            raise self._refusal(value) from None
        if not self._knob.accepts(parsed):
            raise self._refusal(value)
        return parsed

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        if self._knob.kind == 'names':
            return items_of_list(('none', *self._knob.choices), incomplete)
        if self._knob.choices:
            return items(map(str, self._knob.choices), incomplete)
        return OTHERS.get(param.name or '', no_names)(ctx, param, incomplete)

    def _refusal(self, value: str) -> click.UsageError:
        given = tuple(map(str.strip, value.split(','))) if self._knob.kind == 'names' else value
        near = did_you_mean(given, self._knob.choices)
        allowed = f'must be {self._knob.allowed()}{near}'
        return click.UsageError(f'{self._flag} {as_typed(value)}: {allowed}')

    def _parse(self, text: str) -> Any:
        if self._knob.optional and text == 'null':
            return None
        if self._knob.kind == 'names':
            return () if text == 'none' else tuple(map(str.strip, text.split(',')))
        if self._knob.kind == 'sizes':
            return () if text == 'none' else tuple(map(int, text.split(',')))
        return {'int': int, 'float': float, 'str': str}[self._knob.kind](text)


class _Path(click.Path):
    """A path that can be: an empty text would be the current folder, and no path holds a NUL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == '' or '\0' in str(value):
            given = as_typed(value)
            raise click.UsageError(f'{parameter_name(param)} {given}: must be a path')
        return super().convert(value, param, ctx)


PATH = _Path(path_type=Path)


def knob_flags(command: Command) -> Command:
    """Add a flag for every knob except `recipe`. A flag that is not given arrives as None."""
    for name, knob in reversed(knobs().items()):
        if name != 'recipe':
            command = _option(name, knob)(command)
    return command


DATA = ('data', 'data_dir', 'binarize', 'image_size', 'channels', 'fit', 'background', 'frames')


def data_flags(command: Command) -> Command:
    """Add the flags that choose the data."""
    return _option('data', knobs()['data'])(picture_flags(command))


def picture_flags(command: Command) -> Command:
    """Add the flags that say how the data is read."""
    for name in reversed(DATA[1:]):
        command = _option(name, knobs()[name])(command)
    return command


def _option(name: str, knob: Knob) -> Command:
    help = _help(name, knob)
    if knob.kind == 'bool':
        return click.option(f'{flag(name)}/--no-{flag(name)[2:]}', name, default=None, help=help)
    return click.option(flag(name), name, type=Value(name, knob), default=None, help=help)


def number_option(
    name: str, help: str, *, low: float, high: float, default: float | None = None
) -> Command:
    """Return the option of a number that is no setting of a run; its help ends with its range.

    click.FloatRange is no type for it: NaN passes through.
    """
    knob = Knob('float', help, low=low, high=high)
    stated = 'none' if default is None else _plain(default)
    help = f'{help} [{_plain(low)} to {_plain(high)}; default: {stated}]'
    return click.option(flag(name), name, type=Value(name, knob), default=default, help=help)


def _help(name: str, knob: Knob) -> str:
    """Return a knob's help with its range and default in brackets."""
    notes = []
    if knob.kind in METAVARS and not knob.choices:
        notes.append(f'{_plain(knob.low)} to {_plain(knob.high)} {knob.unit}'.rstrip())
    if 'Default:' not in knob.help:
        notes.append(f'default: {as_typed(defaults()[name])}')
    text = with_flags(knob.help)
    if not notes:
        return text
    return f'{text} [{"; ".join(notes)}]'


def _plain(bound: float) -> str:
    return f'{bound:,}' if isinstance(bound, int) else f'{bound:g}'


class Grouped(click.Command):
    """A command whose help lists the knobs by group, after the other options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record:
                groups.setdefault(_group(parameter), []).append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


def _group(parameter: click.Parameter) -> str:
    knob = knobs().get(parameter.name or '')
    return knob.group.capitalize() if knob else 'Options'


def typed(flags: dict[str, Any]) -> dict[str, Any]:
    """Return the knobs that were given on the command line."""
    return {name: value for name, value in flags.items() if value is not None}
