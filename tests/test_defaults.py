"""What callers leave out means the same everywhere, in the library and in a Config."""

from __future__ import annotations

import ast
import collections
import dataclasses
import inspect

import pytest
from test_architecture import FUNCTION, SOURCES, TREES

from gluongan.config import Config
from gluongan.extensions import Snapshot
from gluongan.gan.updater import GANUpdater
from gluongan.nn.optimizer import Optimizer

COMMON = {
    'bias': 'True',
    'changed_data': 'False',
    'device': "'cpu'",
    'dropout': '0.0',
    'init': "'normal'",
    'seed': '0',
    'slope': '0.2',
    'spectral': 'False',
    'split': "'train'",
    'warn': 'print',
    'which': "'last'",
}


def defaults_of(function):
    """(name, default as source) of each parameter that may be left out."""
    arguments = function.args
    names = [argument.arg for argument in [*arguments.posonlyargs, *arguments.args]]
    yield from zip(names[len(names) - len(arguments.defaults) :], arguments.defaults)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        if default is not None:
            yield argument.arg, default


@pytest.fixture(scope='module')
def defaults():
    """{parameter: {function: default as source}} of the package, without those of None."""
    found = collections.defaultdict(dict)
    for path in SOURCES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, FUNCTION):
                for name, default in defaults_of(node):
                    if ast.unparse(default) != 'None':
                        found[name][f'{path.stem}:{node.lineno} {node.name}'] = ast.unparse(default)
    return found


@pytest.mark.parametrize('parameter', COMMON)
def test_what_is_left_out_means_the_same_everywhere(defaults, parameter):
    assert len(defaults[parameter]) >= 3
    assert set(defaults[parameter].values()) == {COMMON[parameter]}, defaults[parameter]


@pytest.mark.parametrize('part, least', [(GANUpdater, 9), (Optimizer, 6), (Snapshot, 2)])
def test_a_part_of_training_that_is_made_alone_takes_the_defaults_of_a_config(part, least):
    settings = {field.name: field.default for field in dataclasses.fields(Config)}
    parameters = inspect.signature(part).parameters.values()
    given = {each.name: each.default for each in parameters}
    shared = {name for name in given.keys() & settings.keys() if given[name] is not None}
    shared -= {each.name for each in parameters if each.default is each.empty}
    assert len(shared) >= least
    assert {name: given[name] for name in shared} == {name: settings[name] for name in shared}
