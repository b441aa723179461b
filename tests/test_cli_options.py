"""Every option of every command does something: it changes what is written, or is handed on."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pytest
import tiny
from gluongan.cli import main
from PIL import Image

import gluongan.evaluation
import gluongan.exports
import gluongan.pages.play
from gluongan import build
from gluongan.config import knobs
from gluongan.evaluation import card, classifier, density, sources
from gluongan.evaluation.classifier import training
from gluongan.evaluation.metrics import Parzen
from gluongan.runs.reading import read_facts

# What is said on a command line, and an option's words that must change what it writes and prints.
WORDS = {
    'sample': ['sample', 'RUN', '--seeds', '0-3'],
    'interpolate': ['interpolate', 'RUN', '--seeds', '0,1', '--steps', '3'],
    'invert': ['invert', 'RUN', '--test', '2', '--starts', '1', '--steps', '3'],
    'directions': ['directions', 'RUN'],
    'summary': ['summary', 'RUN'],
    'recipes': ['recipes', 'wgan'],
}
CHANGES = {
    'sample': {
        '--seeds': ['0-4'],
        '--class': ['#1'],
        '--trunc': ['0.1'],
        '--snapshot': ['10'],
        '--cols': ['3'],
        '--scale': ['2'],
    },
    'interpolate': {
        '--seeds': ['0,2'],
        '--steps': ['4'],
        '--class': ['#1'],
        '--trunc': ['0.1'],
        '--snapshot': ['10'],
    },
    'invert': {
        '--test': ['3'],
        '--starts': ['2'],
        '--steps': ['4'],
        '--prior': ['50'],
        '--encoder': ['3'],
        '--downsample': ['2'],
        '--seed': ['1'],
        '--snapshot': ['10'],
    },
    'directions': {
        '--method': ['ganspace'],
        '--count': ['3'],
        '--distance': ['1'],
        '--seed': ['1'],
        '--class': ['#1'],
        '--snapshot': ['10'],
    },
    'summary': {'--network': ['dis']},
    'recipes': {'--json': []},
}
OUT = {'sample': 'x.png', 'interpolate': 'x.png', 'invert': '.', 'directions': '.'}


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A conditional run with snapshots at 10, 20 and 30, whose pictures are not all alike."""
    out = tmp_path_factory.mktemp('options')
    settings = {'iterations': 40, 'snapshot_every': 10, 'keep': 5, 'conditional': True}
    return tiny.begun(out, until=30, init='he', lr=0.01, **settings).folder


def result_of(command, run, out, *words):
    """Return what a command prints, and the bytes of every file that it writes."""
    out.mkdir()
    words = [str(run) if word == 'RUN' else word for word in [*WORDS[command], *words]]
    if command in OUT:
        words += ['--out', str(out / OUT[command])]
    result = tiny.gluongan(*words)
    assert result.exit_code == 0, result.stderr
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    assert bool(files) == (command in OUT)
    return result.stdout.replace(str(out), ''), files


@pytest.fixture(scope='module')
def results(run, tmp_path_factory):
    """What each command makes without the options."""
    made = {}
    for command in WORDS:
        made[command] = result_of(command, run, tmp_path_factory.mktemp(command) / 'out')
    return made


@pytest.mark.parametrize(
    'command, option', [(command, option) for command in CHANGES for option in CHANGES[command]]
)
def test_an_option_changes_what_the_command_makes(run, results, tmp_path, command, option):
    changed = result_of(command, run, tmp_path / 'out', option, *CHANGES[command][option])
    assert changed != results[command]


@pytest.mark.parametrize('command', WORDS)
def test_the_same_words_make_the_same(run, results, tmp_path, command):
    assert result_of(command, run, tmp_path / 'out') == results[command]


def test_given_images_are_those_that_are_inverted(run, results, tmp_path):
    errors = []
    for level in (0, 255):
        Image.new('L', (8, 8), level).save(tmp_path / 'x.png')
        out = tmp_path / str(level)
        words = ['--images', tmp_path / 'x.png', '--starts', 1, '--steps', 1, '--out', out]
        assert tiny.gluongan('invert', run, *words).exit_code == 0
        errors.append(np.load(out / 'z.npy'))
    assert not np.array_equal(*errors)


# Options that are handed on to a function of the package


class Handed(BaseException):
    """Ends a command once it has called the function. No handler of errors stops it."""


@pytest.fixture
def handed(monkeypatch):
    """Returns a function that runs a command and returns what it calls a function with."""

    def call(module, name, *words):
        received = {}

        def keep(*arguments, **settings):
            received.update(settings, arguments=arguments)
            raise Handed

        monkeypatch.setattr(module, name, keep)
        with pytest.raises(Handed):
            tiny.gluongan(*words)
        return received

    return call


def test_evaluate_hands_on_each_option(handed, tmp_path):
    words = ['--judge', 'a.judge', '--calibration', 'b.json', '--snapshot', '7', '--samples', '123']
    words += ['--data', 'ring8', '--data-dir', 'd', '--image-size', '16', '--channels', '3']
    words += ['--resize', '--utility']
    given = handed(sources, 'evaluate_source', 'evaluate', tmp_path, *words, '--device', 'gpu(3)')
    assert given['arguments'] == (tmp_path,)
    assert str(given['judge_file']) == 'a.judge'
    assert str(given['calibration']) == 'b.json'
    assert (given['which'], given['count'], given['device']) == ('7', 123, 'gpu(3)')
    assert given['resize'] and given['utility']
    config = given['config']
    assert (config.data, config.data_dir, config.image_size, config.channels) == (
        'ring8',
        'd',
        16,
        3,
    )
    words = ['--data', 'mnist', '--binarize']
    other = handed(sources, 'evaluate_source', 'evaluate', tmp_path, *words)
    assert other['config'].binarize and not config.binarize
    assert not other['resize'] and not other['utility']


def test_evaluate_hands_on_where_the_data_of_a_run_is(handed, run):
    given = handed(sources, 'evaluate_source', 'evaluate', run, '--data', 'there', '--changed-data')
    assert (given['data_at'], given['changed_data']) == ('there', True)
    given = handed(sources, 'evaluate_source', 'evaluate', run)
    assert (given['data_at'], given['changed_data']) == (None, False)


def test_only_a_run_has_data_that_may_have_changed(tmp_path):
    message = tiny.refused('evaluate', tmp_path, '--data', 'mnist', '--changed-data')
    assert '--changed-data' in message and 'is no run' in message


@pytest.mark.parametrize('net', ['lenet', 'resnet20', 'autoencoder'])
def test_judge_train_hands_on_each_option(handed, tmp_path, net):
    words = ['--net', net, '--epochs', '3', '--lr', '0.5', '--seed', '9', '--image-size', '16']
    words += ['--data', 'synthetic', '--out', tmp_path / 'x.judge']
    given = handed(classifier, 'train', 'judge', 'train', *words)
    assert (given['net'], given['epochs'], given['lr'], given['seed']) == (net, 3, 0.5, 9)
    train, test = given['arguments']
    assert train.shape == (1, 16, 16)
    assert (train.split, test.split) == ('train', 'test')


def test_judge_train_makes_the_judges_that_are_shipped_where_nothing_is_said(handed, tmp_path):
    words = ['--data', 'synthetic', '--out', tmp_path / 'x.judge']
    given = handed(classifier, 'train', 'judge', 'train', *words)
    assert (given['net'], given['epochs'], given['lr'], given['seed']) == (None, None, 1e-3, 0)
    assert training.EPOCHS == 7


def test_judge_calibrate_hands_on_each_option(handed, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(sources, 'make_reference', lambda *given: asked.append(given) or 'held')
    words = ['--samples', '321', '--draws', '5', '--judge', 'a.judge', '--data', 'synthetic']
    words += ['--out', tmp_path / 'x.json']
    given = handed(gluongan.evaluation, 'calibrate', 'judge', 'calibrate', *words)
    assert given['arguments'] == ('held', 321)
    assert given['draws'] == 5
    ((config, judge_file),) = asked
    assert (config.data, str(judge_file)) == ('synthetic', 'a.judge')


def test_export_hands_on_each_option(handed, run, tmp_path):
    words = ['--network', 'dis', '--snapshot', '10', '--format', 'onnx', '--out', tmp_path / 'x']
    given = handed(gluongan.exports, 'export_run', 'export', run, *words)
    assert given == {
        'arguments': (run, tmp_path / 'x'),
        'network': 'dis',
        'which': '10',
        'format': 'onnx',
        'measured': card.measured,
    }


def test_play_hands_on_each_option(handed, run, tmp_path):
    out = tmp_path / 'x.html'
    words = ['--snapshot', '10', '--data', 'there', '--dis', 'judging', '--out', out]
    given = handed(gluongan.pages.play, 'play', 'play', run, *words)
    assert given == {
        'arguments': ([run], out),
        'which': '10',
        'data_at': 'there',
        'dis': Path('judging'),
    }


def test_density_hands_on_each_option(handed, run):
    words = ['--snapshot', '10', '--device', 'gpu(3)', '--data', 'there', '--changed-data']
    given = handed(density, 'measure_density', 'density', run, *words)
    assert given == {
        'arguments': (run,),
        'which': '10',
        'device': 'gpu(3)',
        'data_at': 'there',
        'changed_data': True,
    }


def test_the_density_of_another_snapshot_is_of_other_samples(run, monkeypatch):
    images = np.zeros((60_000, 1, 8, 8), np.uint8)
    classes = tuple(read_facts(run).classes)
    splits = {}
    for split, count in (('train', 60_000), ('test', 10_000)):
        labels = np.arange(count) % len(classes)
        splits[split] = build.data.Dataset('x', images[:count], labels, classes)
    monkeypatch.setattr(density, 'load_data', lambda _, split='train': splits[split])
    monkeypatch.setattr(density, 'require_test', lambda *_: splits['test'])
    monkeypatch.setattr(
        density, 'parzen', lambda samples, *_: Parzen(1e6 * float(samples.mean()), 1.0, 0.1)
    )
    printed = []
    for which in ('10', '30', 'last'):
        result = tiny.gluongan('density', run, '--snapshot', which, '--changed-data')
        assert result.exit_code == 0, result.stderr
        printed.append(result.stdout)
    assert printed[0] != printed[1] == printed[2]


# Options of many commands


def commands():
    """Yield (words, command) of every command."""
    for name, command in main.commands.items():
        if isinstance(command, click.Group):
            for each, nested in command.commands.items():
                yield (name, each), nested
        else:
            yield (name,), command


def options_of(command):
    return {each.opts[-1] for each in command.params if isinstance(each, click.Option)}


ALL = {' '.join(words): command for words, command in commands()}


@pytest.mark.parametrize('name', [name for name in ALL if '--threads' in options_of(ALL[name])])
def test_threads_reach_every_command_that_has_them(name):
    assert '--threads none' in tiny.refused(*name.split(), '--threads', 'none')


@pytest.mark.parametrize('name', ['sample', 'interpolate', 'invert', 'evaluate', 'directions'])
def test_the_device_reaches_every_command_that_has_it(run, monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    message = tiny.refused(name, run, '--device', 'gpu(7)')
    assert 'gpu(7)' in message


def test_the_device_reaches_the_training_of_a_judge(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = ['--data', 'synthetic', '--image-size', '8', '--device', 'gpu(7)']
    assert 'gpu(7)' in tiny.refused('judge', 'train', *words)


SHARED = {'--out', '--threads', '--device'}
FLAGS = {'--' + name.replace('_', '-') for name in knobs()}  # see test_settings_arrive
HANDED = {
    'evaluate': {
        '--judge',
        '--calibration',
        '--snapshot',
        '--samples',
        '--resize',
        '--changed-data',
        '--utility',
    },
    'judge train': {'--net', '--epochs', '--lr', '--seed'},
    'judge calibrate': {'--judge', '--samples', '--draws'},
    'export': {'--network', '--snapshot', '--format'},
    'density': {'--snapshot', '--changed-data'},
    'play': {'--dis', '--snapshot'},
    'invert': {'--images', '--resize'},
}
ELSEWHERE = {
    'train': {  # test_cli, test_changed_data, test_init_from, test_jobs, and others
        '--recipe',
        '--config',
        '--resume',
        '--seeds',
        '--jobs',
        '--dry-run',
        '--changed-data',
        '--init-from',
        '--tensorboard',
        '--watch',
        '--host',
        '--port',
    },
    'watch': {'--host', '--port'},  # test_live
    'sample': {  # test_samples_as_data
        '--to',
        '--count',
        '--per-class',
        '--seed',
        '--data',
        '--changed-data',
    },
    'invert': {'--changed-data', '--mask'},  # test_changed_data, test_completion
    'directions': {  # test_directions, test_latent_pictures
        '--samples',
        '--judge',
        '--invert',
        '--minutes',
        '--data',
        '--changed-data',
    },
    'play': {'--open'},  # test_play
    'bench': {  # test_cli_bench
        '--recipe',
        '--batch',
        '--devices',
        '--modes',
        '--seconds',
        '--split',
        '--profile',
        '--compare',
        '--tolerance',
    },
    'evaluate': {'--json', '--figure'},  # test_cli_evaluate
    'summary': {'--graph'},  # test_summary
    'data': {'--sheet', '--json'},  # test_cli_inspect
    'cache': {'--remove'},  # test_data_cache
    'runs': {'--clean', '--yes'},  # test_cli_runs
}


@pytest.mark.parametrize('name', ALL)
def test_every_option_is_tried(name):
    tried = {*CHANGES.get(name, {}), *HANDED.get(name, ()), *ELSEWHERE.get(name, ())}
    assert options_of(ALL[name]) - SHARED - FLAGS == tried - FLAGS - SHARED
    assert tried <= options_of(ALL[name])
