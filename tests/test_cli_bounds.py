"""The numbers that the options of the commands allow, beside the settings of a run."""

from __future__ import annotations

import math

import click
import pytest
import tiny
from gluongan.cli import main
from gluongan.cli.knobs import Value
from test_cli_options import ALL

from gluongan.config import knobs

SEEDS = (0, 2**31 - 1)
# Written down here once more, as in test_config_bounds.
BOUNDS = {
    'sample': {
        '--trunc': (0.05, 10.0),
        '--cols': (1, 1000),
        '--scale': (1, 32),
        '--count': (1, 10**9),
        '--seed': (0, 10**10 - 1),
    },
    'interpolate': {'--trunc': (0.05, 10.0), '--steps': (1, 1000)},
    'evaluate': {'--samples': (100, 100_000)},
    'judge train': {'--epochs': (1, 1000), '--lr': (1e-6, 1.0), '--seed': SEEDS},
    'judge calibrate': {'--samples': (100, 100_000), '--draws': (1, 100)},
    'invert': {
        '--downsample': (2, 1024),
        '--test': (1, 256),
        '--starts': (1, 64),
        '--steps': (1, 100_000),
        '--prior': (0.0, 100.0),
        '--encoder': (1, 10**7),
        '--seed': SEEDS,
    },
    'directions': {
        '--count': (1, 100),
        '--distance': (0.1, 20.0),
        '--seed': SEEDS,
        '--samples': (100, 1_000_000),
        '--invert': (5, 1_000),
        '--minutes': (0.01, 10_000.0),
    },
    'bench': {'--seconds': (0.1, 3600.0), '--tolerance': (0.0, 10.0)},
    'train': {'--port': (0, 65_535), '--jobs': (1, 1024)},
    'watch': {'--port': (0, 65_535)},
}
CASES = [(name, option) for name in BOUNDS for option in BOUNDS[name]]


def parameter(name, option):
    (found,) = [each for each in ALL[name].params if option in each.opts]
    return found


def test_every_number_that_a_command_takes_is_tried():
    numbers = {
        (name, each.opts[0]): each.name
        for name, command in ALL.items()
        for each in command.params
        if isinstance(each.type, (click.IntRange, click.FloatRange, Value))
    }
    settings = {case for case in numbers if numbers[case] in knobs()}
    assert numbers.keys() - settings <= set(CASES) <= numbers.keys()


@pytest.mark.parametrize('name, option', CASES)
def test_a_number_may_be_its_bounds_and_nothing_beyond(name, option):
    each, (low, high) = parameter(name, option), BOUNDS[name][option]
    context = click.Context(ALL[name])
    for end in (low, high):
        assert each.type_cast_value(context, str(end)) == end
    beyond = [low - 1, high + 1, '']
    if isinstance(low, float):
        beyond = [math.nextafter(low, -math.inf), math.nextafter(high, math.inf), 'nan', 'inf']
    kind = 'a number' if isinstance(low, float) else 'a whole number'
    for value in beyond:
        message = tiny.refused(*name.split(), 'RUN', option, str(value))
        assert message.startswith(f'{option} {value}')
        assert kind in message and (value == '' or 'from' in message)


@pytest.mark.parametrize('name, option', CASES)
def test_the_help_of_a_number_has_its_bounds(name, option):
    low, high = (f'{bound:g}' if bound < 1e5 else str(bound) for bound in BOUNDS[name][option])
    _, text = parameter(name, option).get_help_record(click.Context(ALL[name]))
    text = text.replace(',', '')
    assert f'[{low} to {high};' in text or f'{low}<=x<={high}' in text


def test_help_is_as_wide_as_the_terminal_and_at_most_120_columns(monkeypatch):
    widths = {}
    for columns in (100, 200):
        monkeypatch.setenv('COLUMNS', str(columns))
        parent = main.make_context('gluongan', [], resilient_parsing=True)
        text = ALL['invert'].get_help(click.Context(ALL['invert'], parent=parent))
        widths[columns] = max(map(len, text.splitlines()))
    assert widths == {100: 98, 200: 118}  # click leaves two columns free
