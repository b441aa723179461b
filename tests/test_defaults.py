"""What callers leave out means the same everywhere, in the library and in a Config."""

from __future__ import annotations

import ast
import collections
import dataclasses
import inspect
from types import SimpleNamespace

import click
import pytest
from test_architecture import FUNCTION, SOURCES, TREES
from test_cli_options import ALL

from gluongan.bench.measure import measure
from gluongan.bench.report import compare
from gluongan.bench.trial import judge
from gluongan.config import Config
from gluongan.data import Dataset
from gluongan.data.batches import Batches
from gluongan.evaluation.classifier.training import train
from gluongan.extensions import (
    CollapseAlarm,
    Evaluation,
    LogReport,
    QuickMetrics,
    SampleGrid,
    Snapshot,
)
from gluongan.extensions.log import log_records
from gluongan.gan.augmentation import Augment, Augmentation, check_augmentation
from gluongan.gan.inversion import Inverter
from gluongan.gan.updater import GANUpdater
from gluongan.launch import check_records
from gluongan.nn import models
from gluongan.nn.layers.spectral import move_singular_vectors, power_iteration
from gluongan.nn.optimizer import Optimizer
from gluongan.recipes import recipe
from gluongan.trainer import as_trigger

COMMON = {
    'bias': 'True',
    'changed_data': 'False',
    'device': "'cpu'",
    'dropout': '0.0',
    'fake_target': '0.0',
    'folder': 'False',
    'init': "'normal'",
    'noise': "'normal'",
    'note': "''",
    'real_target': '1.0',
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


def defaults_of_settings():
    return {field.name: field.default for field in dataclasses.fields(Config)}


@pytest.mark.parametrize('parameter', COMMON)
def test_what_is_left_out_means_the_same_everywhere(defaults, parameter):
    assert len(defaults[parameter]) >= 3
    assert set(defaults[parameter].values()) == {COMMON[parameter]}, defaults[parameter]


def left_out(function):
    """{parameter: default} of a function or class, without those that must be given."""
    if isinstance(function, click.Command):
        return {each.name: each.default for each in function.params if each.default is not None}
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty}


@pytest.mark.parametrize(
    'part, least', [(GANUpdater, 9), (Optimizer, 6), (Snapshot, 2), (Dataset.batches, 2)]
)
def test_a_part_of_training_that_is_made_alone_takes_the_defaults_of_a_config(part, least):
    settings, given = defaults_of_settings(), left_out(part)
    shared = {name for name in given.keys() & settings.keys() if given[name] is not None}
    shared -= {'device'}  # a part alone is on the CPU
    assert len(shared) >= least
    assert {name: given[name] for name in shared} == {name: settings[name] for name in shared}


@pytest.mark.parametrize(
    'extension, setting',
    [
        (LogReport, 'log_every'),
        (SampleGrid, 'sample_every'),
        (QuickMetrics, 'eval_every'),
        (CollapseAlarm, 'eval_every'),
        (Snapshot, 'snapshot_every'),
    ],
)
def test_an_extension_that_is_made_alone_is_called_as_often_as_by_a_config(extension, setting):
    every, trigger = defaults_of_settings()[setting], as_trigger(extension.trigger)
    updater = SimpleNamespace(epoch=0.5, previous_epoch=0.5, iterations_per_epoch=10**9)
    fired = []
    for updater.iteration in range(1, 2 * every + 1):
        fired += [updater.iteration] * trigger(updater)
    assert fired == [every, 2 * every]


@pytest.mark.parametrize('iterations_per_epoch, epochs', [(500, 1), (100, 1), (99, 2), (20, 5)])
def test_samples_are_made_at_ends_of_epochs_that_are_100_iterations_apart(
    iterations_per_epoch, epochs
):
    updater = SimpleNamespace(iteration=1, iterations_per_epoch=iterations_per_epoch)
    for updater.epoch in range(1, 11):
        updater.previous_epoch = updater.epoch - 0.01
        assert SampleGrid.trigger(updater) == (updater.epoch % epochs == 0)


def test_extensions_that_are_made_alone_take_the_defaults_of_a_config():
    settings = defaults_of_settings()
    assert left_out(Evaluation)['samples'] == settings['judge_samples']
    sheet = left_out(SampleGrid)
    assert sheet['rows'] * sheet['cols'] == settings['samples'] and sheet['rows'] == sheet['cols']


OTHER_NAMES = {
    'momentum': 'batchnorm_momentum',
    'slope': 'leaky_slope',
    'width': 'conv_width',
    'head': 'dis_head',
}


@pytest.mark.parametrize(
    'make, name',
    [
        (models.dense_generator, 'dense'),
        (models.dense_discriminator, 'dense'),
        (models.conv_generator, 'dcgan'),
        (models.conv_discriminator, 'dcgan'),
    ],
)
def test_a_network_that_is_made_alone_is_that_of_its_recipe(make, name):
    settings = dataclasses.asdict(recipe(name))
    side = 'gen' if make.__name__.endswith('generator') else 'dis'
    tried = 0
    for parameter, default in left_out(make).items():
        setting = OTHER_NAMES.get(parameter, f'{side}_{parameter}')
        setting = setting if setting in settings else parameter
        if None not in (default, settings.get(setting)) and setting != 'device':
            assert default == settings[setting], parameter
            tried += 1
    assert tried >= (6 if side == 'gen' else 10)


def test_networks_of_both_kinds_judge_samples_without_labels():
    for make in (models.dense_discriminator, models.conv_discriminator):
        assert left_out(make)['projected'] == 0


@pytest.mark.parametrize(
    'one, other, least',
    [
        (Augment, Augmentation, 2),
        (check_augmentation, Augmentation, 1),
        (Batches, Dataset.batches, 3),
        (Inverter, ALL['invert'], 3),
        (train, ALL['judge train'], 3),
        (measure, ALL['bench'], 1),
        (compare, ALL['bench'], 1),
        (judge, compare, 1),
        (log_records, check_records, 1),
        (move_singular_vectors, power_iteration, 1),
    ],
)
def test_what_hands_on_a_setting_leaves_out_the_same(one, other, least):
    first, second = left_out(one), left_out(other)
    shared = {name for name in first.keys() & second.keys() if first[name] is not None}
    assert len(shared) >= least
    assert {name: first[name] for name in shared} == {name: second[name] for name in shared}
