"""Every knob of Config as a flag, made from its one declaration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from gluongan.config import defaults, knobs
from gluongan.errors import as_typed
from gluongan.knob import Knob

from .faults import flag, with_flags

Command = Callable[..., Any]


class Value(click.ParamType):
    """Text on the command line to a knob's value; a wrong one is told as Config tells it."""

    def __init__(self, name: str, knob: Knob) -> None:
        self._flag, self._knob = flag(name), knob
        self.name = {'sizes': 'N,N,...', 'int': 'INT', 'float': 'FLOAT'}.get(knob.kind, 'TEXT')
        if knob.choices:
            self.name = '|'.join(map(str, knob.choices))

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f'[{self.name}]' if self._knob.choices else self.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            parsed = self._parse(value.strip()) if isinstance(value, str) else value
        except ValueError:
            parsed = ...
        if parsed is ... or not self._knob.accepts(parsed):
            raise click.UsageError(f'{self._flag} {value}: must be {self._knob.allowed()}')
        return parsed

    def _parse(self, text: str) -> Any:
        if self._knob.optional and text == 'null':
            return None
        if self._knob.kind == 'sizes':
            return () if text == 'none' else tuple(map(int, text.split(',')))
        return {'int': int, 'float': float, 'str': str}[self._knob.kind](text)


def knob_flags(command: Command) -> Command:
    """Add a flag for each knob but the recipe's name; one that is not typed arrives as None."""
    for name, knob in reversed(knobs().items()):
        if name != 'recipe':
            command = _option(name, knob)(command)
    return command


DATA = ('data', 'data_dir', 'binarize', 'image_size', 'channels')


def data_flags(command: Command) -> Command:
    """Add the flags that say which data is meant."""
    for name in reversed(DATA):
        command = _option(name, knobs()[name])(command)
    return command


def _option(name: str, knob: Knob) -> Command:
    notes = []
    if knob.kind in ('int', 'float', 'sizes') and not knob.choices:
        notes.append(f'{_plain(knob.low)} to {_plain(knob.high)} {knob.unit}'.rstrip())
    if 'Default:' not in knob.help:
        notes.append(f'default: {as_typed(defaults()[name])}')
    words = with_flags(knob.help)
    if notes:
        words += f' [{"; ".join(notes)}]'
    if knob.kind == 'bool':
        return click.option(f'{flag(name)}/--no-{flag(name)[2:]}', name, default=None, help=words)
    return click.option(flag(name), name, type=Value(name, knob), default=None, help=words)


def _plain(bound: float) -> str:
    return f'{bound:,}' if isinstance(bound, int) else f'{bound:g}'


class Grouped(click.Command):
    """A command whose help shows the knobs under their groups' names, the other options first."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record:
                knob = knobs().get(parameter.name or '')
                groups.setdefault(knob.group.capitalize() if knob else 'Options', []).append(record)
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)


def typed(flags: dict[str, Any]) -> dict[str, Any]:
    """Return the knobs that were really given on the command line."""
    return {name: value for name, value in flags.items() if value is not None}
