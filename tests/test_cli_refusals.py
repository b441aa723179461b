"""Impossible settings: exit code 2, one sentence with the flag, its value and what is allowed.

No folder is made. A setting that a JSON file gave is named as the file names it, and a setting from
Python as Python names it.
"""

from __future__ import annotations

import ast
import inspect
import json
import math
import re
import traceback
from pathlib import Path

import click
import pytest
import tiny
from gluongan.cli import main
from gluongan.cli.faults import flag, sentence, with_flags

from gluongan import config as config_module
from gluongan.config import Config, ConfigError, knobs
from gluongan.errors import GluonganError, as_typed


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# Each knob by itself


def out_of_range():
    """Values beyond each end of each knob's range, and values of another kind."""
    for name, knob in knobs().items():
        for value in _wrong_values(knob):
            yield name, value


def _wrong_values(knob):
    if knob.choices:
        return ['nonsense']
    if knob.kind in ('int', 'sizes'):
        return [str(int(knob.low) - 1), str(int(knob.high) + 1), '1.5', 'many', '']
    if knob.kind == 'float':
        above = math.nextafter(knob.high, math.inf)
        return [repr(knob.low - 1e-9), repr(above), 'nan', 'inf', 'much']
    return []


@pytest.mark.parametrize('name, value', list(out_of_range()))
def test_value_out_of_range_is_refused_with_flag_value_and_range(name, value):
    message = tiny.refused('train', '--dry-run', flag(name), value)
    assert f'{flag(name)} {as_typed(value)}: must be ' in message


# Every rule of Config about two settings or more, and the setting that is at fault

RULES = [
    ('penalty', {'penalty': 'gp', 'dis_batchnorm': True}),
    ('penalty', {'penalty': 'r1', 'dis_kernels': 4, 'dis_stddev': True, 'dis_dropout': 0.5}),
    ('real_target', {'loss': 'hinge', 'real_target': 0.9}),
    ('fake_target', {'loss': 'wasserstein', 'fake_target': 0.1}),
    ('dis_head', {'loss': 'least_squares', 'dis_head': 'softmax'}),
    ('dis_projection', {'dis_projection': True}),
    ('pack', {'pack': 3}),
    ('pack', {'pack': 8, 'batch': 8, 'dis_batchnorm': True}),
    ('batch', {'batch': 1}),
    ('schedule_iterations', {'schedule': 'linear', 'iterations': 9, 'schedule_iterations': 8}),
    ('best', {'best': 'lenet_fd2k_test'}),
    ('precision', {'network': 'conv', 'precision': 'bfloat16'}),
    ('network', {'network': 'conv', 'data': 'ring8'}),
    ('dis_head', {'network': 'conv', 'dis_head': 'softmax'}),
    ('judge_every', {'data': 'ring8', 'judge_every': 100}),
    ('gen_output', {'data': 'grid25', 'gen_output': 'sigmoid'}),
    ('binarize', {'data': 'ring8', 'binarize': True}),
    ('augment', {'data': 'ring8', 'augment': ('shift',)}),
    ('augment_target', {'loss': 'wasserstein', 'augment_target': 0.6}),
    ('precision', {'penalty': 'r1', 'precision': 'float16'}),
]
# Rules that need the data or the machine.
LATER = [
    ('batch', {'data': 'synthetic', 'batch': 600}),
    ('conditional', {'data': 'unlabelled.npz', 'conditional': True, 'batch': 4}),
    ('image_size', {'data': 'mnist', 'image_size': 32}),
    ('channels', {'data': 'ring8', 'channels': 3}),
    ('data', {'data': 'nowhere/at/all'}),
    ('device', {'data': 'synthetic', 'device': 'gpu'}),
    ('gen_hidden', {'data': 'synthetic', 'gen_hidden': (65536, 65536, 65536)}),
    ('network', {'data': 'synthetic', 'network': 'conv', 'image_size': 9}),
    ('conv_depth', {'data': 'synthetic', 'network': 'conv', 'conv_depth': 9}),
]
UNDERSCORED = [name for name in knobs() if '_' in name]


@pytest.fixture
def unlabelled():
    import numpy as np

    np.savez('unlabelled.npz', x=np.zeros((8, 8, 8), np.uint8))


def test_every_rule_of_config_is_in_the_table():
    source = ast.parse(inspect.getsource(Config))
    rules = set()
    for method in ast.walk(source):
        if isinstance(method, ast.FunctionDef) and method.name.startswith('_check_'):
            rules |= {call.lineno for call in ast.walk(method) if _refuses(call)}
    first = inspect.getsourcelines(Config)[1]
    assert {_line_of_refusal(settings) - first + 1 for _, settings in RULES} == rules


def _refuses(node):
    """Whether a node is a call of `self._refuse` or of `ConfigError`."""
    if not isinstance(node, ast.Call):
        return False
    return getattr(node.func, 'attr', getattr(node.func, 'id', '')) in ('_refuse', 'ConfigError')


def _line_of_refusal(settings):
    with pytest.raises(ConfigError) as caught:
        Config(**settings)
    frames = traceback.extract_tb(caught.tb)
    checks = [frame for frame in frames if frame.name.startswith('_check_')]
    assert Path(checks[-1].filename) == Path(config_module.__file__)
    return checks[-1].lineno


@pytest.mark.parametrize('setting, settings', [*RULES, *LATER], ids=str)
def test_refusal_of_flags_names_the_flags(setting, settings, unlabelled):
    message = tiny.refused('train', '--dry-run', *tiny.typed(settings))
    given, _, reason = message.partition(': ')
    assert given.split(' ')[0] == flag(setting)
    if not isinstance(settings[setting], bool):
        assert given == f'{flag(setting)} {as_typed(settings[setting])}'
    assert 'must be ' in reason, message
    assert '`' not in message
    assert [name for name in UNDERSCORED if re.search(rf'\b{name}\b', message)] == [], message


@pytest.mark.parametrize('setting, settings', [*RULES, *LATER], ids=str)
def test_refusal_of_a_settings_file_names_the_file_and_its_settings(setting, settings, unlabelled):
    Path('f.json').write_text(json.dumps(settings))
    message = tiny.refused('train', '--config', 'f.json', '--dry-run')
    assert re.match(rf'--config f\.json: {setting}( |: )', message), message
    assert 'must be ' in message
    assert re.findall('--[a-z-]+', message) == ['--config'], message


@pytest.mark.parametrize('setting, settings', RULES, ids=str)
def test_refusal_in_python_names_the_settings(setting, settings):
    with pytest.raises(ConfigError, match=rf'^{setting}( |: )') as caught:
        Config(**settings)
    assert caught.value.setting == setting
    assert '--' not in str(caught.value)


@pytest.mark.parametrize(
    'content, flags, start',
    [
        ('{"gen_lr": 20}', [], '--config f.json: gen_lr 20: must be '),
        ('{"gen_lr": 0.1}', ['--dis-lr', '20'], '--dis-lr 20: must be '),
        ('{"gen_lr": 20}', ['--dis-lr', '0.1'], '--config f.json: gen_lr 20: must be '),
        ('{"pack": 3}', ['--batch', '64'], '--config f.json: pack 3: must be '),
        ('{"batch": 64}', ['--pack', '3'], '--pack 3: must be a divisor of --batch 64'),
        (
            '{"schedule": "linear", "iterations": 20000}',
            [],
            '--config f.json: schedule_iterations 15000: ',
        ),
        ('{"pack": 2}', ['--pack', '3'], '--pack 3: must be a divisor of --batch 128'),
        ('{"recipe": "fancy"}', [], '--config f.json: recipe fancy: must be '),
        ('{"recipe": "wgan"}', ['--recipe', 'fancy'], '--recipe fancy: must be '),
        ('{"seed": 1}', ['--seeds', '9999999999'], '--seed 9999999999: must be '),
    ],
)
def test_refusal_names_the_place_that_the_setting_came_from(content, flags, start):
    Path('f.json').write_text(content)
    message = tiny.refused('train', '--config', 'f.json', '--dry-run', *flags)
    assert message.startswith(start), message


def test_resumed_run_refuses_flags_as_flags_and_a_file_as_a_file():
    folder = tiny.begun('runs', until=2).folder
    assert tiny.refused('train', '--resume', folder, '--lr', '20').startswith('--lr 20: must be ')
    changed = tiny.refused('train', '--resume', folder, '--lr', '0.01')
    assert changed.startswith(f'--resume {folder}: ') and '--lr is 0.0002, not 0.01' in changed
    Path('f.json').write_text('{"gen_lr": 20}')
    message = tiny.refused('train', '--resume', folder, '--config', 'f.json')
    assert message.startswith('--config f.json: gen_lr 20: must be ')


def test_names_in_backticks_become_flags_of_the_command_that_runs():
    text = 'raise `gen_lr` or `trunc`; see `gluongan train` and `relu`'
    with click.Context(main.commands['train']):
        assert with_flags(text) == text.replace('`gen_lr`', '--gen-lr')
    with click.Context(main.commands['sample']):
        assert with_flags(text) == text.replace('`trunc`', '--trunc')
    assert with_flags(text) == text.replace('`gen_lr`', '--gen-lr')


@pytest.mark.parametrize(
    'error, text',
    [
        (GluonganError('must be 1', setting='gen_lr', value=0.5), '--gen-lr 0.5: must be 1'),
        (GluonganError('must be off', setting='binarize'), '--binarize: must be off'),
        (GluonganError('must be new', setting='out', value='x'), '--out x: must be new'),
        (GluonganError('must be 1', setting='shape_in', value=0), 'shape_in 0: must be 1'),
        (GluonganError('runs/7: needs `dis_head` logit'), 'runs/7: needs --dis-head logit'),
    ],
)
def test_an_error_is_one_sentence_with_the_flags_of_its_command(error, text):
    with click.Context(main.commands['train']):
        assert sentence(error) == text


# Whatever else may be wrong with a command


@pytest.mark.parametrize(
    'words, parts',
    [
        (['--recipe', 'fancy'], ['--recipe fancy', 'vanilla']),
        (['--data', 'nowhere/at/all'], ['--data', 'nowhere/at/all', 'mnist']),
        (['--data', ''], ['--data', 'mnist']),
        (['--data', 'synthetic', '--batch', '600'], ['--batch 600', '512']),
        (['--data', 'mnist', '--image-size', '32'], ['--image-size', 'mnist']),
        (['--data', 'ring8', '--channels', '3'], ['--channels', 'ring8']),
        (['--data', 'ring8', '--binarize'], ['--binarize', 'ring8']),
        (['--data', 'grid25', '--gen-output', 'sigmoid'], ['--gen-output sigmoid', 'grid25']),
        (['--loss', 'wasserstein', '--dis-head', 'softmax'], ['--dis-head softmax', 'logit']),
        (['--batch', '1'], ['--batch 1', '--gen-batchnorm']),
        (['--data', 'synthetic', '--device', 'gpu'], ['--device gpu', 'cpu']),
        (['--data', 'synthetic', '--device', 'tpu'], ['--device tpu', 'cpu']),
        (
            ['--data', 'synthetic', '--gen-hidden', '65536,65536,65536'],
            ['--gen-hidden 65536,65536,65536', '500,000,000'],
        ),
        (
            ['--data', 'synthetic', '--dis-hidden', '65536,65536'],
            ['--dis-hidden 65536,65536', '500,000,000'],
        ),
        (['--gen-hidden', ','.join(['8'] * 33)], ['--gen-hidden']),
        (['--config', 'missing.json'], ['--config missing.json']),
        (['--config', '.'], ['--config .']),
        (['--seeds', '0-2', '--seed', '1'], ['--seeds 0-2', '--seed']),
        (['--seeds', '0-2', '--resume', 'runs/7'], ['--seeds 0-2', '--resume']),
        (['--speed', '3'], ['--speed']),
        (['stray'], ['stray']),
    ],
    ids=lambda words: ' '.join(words)[:40],
)
def test_impossible_setting_is_refused_in_one_sentence(words, parts):
    message = tiny.refused('train', '--iterations', '1', *words)
    assert all(part in message for part in parts), message


def all_commands(command, name=''):
    """(words, command) of every command that is no group."""
    for each in getattr(command, 'commands', {}).values():
        yield from all_commands(each, f'{name} {each.name}')
    if not isinstance(command, click.Group):
        yield name.split(), command


def empty_paths():
    """Each command with one empty path: the words, and what the message calls it."""
    for words, command in all_commands(main):
        arguments = [each for each in command.params if isinstance(each, click.Argument)]
        for each in command.params:
            types = getattr(each.type, 'types', [each.type])
            if not isinstance(types[0], click.Path):
                continue
            if isinstance(each, click.Argument):
                yield [*words, ''], each.metavar
            else:
                name = max(each.opts, key=len)
                yield [*words, *['x' for _ in arguments], name, *([''] * each.nargs)], name


@pytest.mark.parametrize('words, name', list(empty_paths()), ids=str)
def test_empty_path_is_refused_and_never_the_current_folder(words, name):
    """As that of a variable of the shell that is not set: `--out "$FOLDER"`."""
    assert tiny.refused(*words) == f"{name} '': must be a path"


@pytest.mark.parametrize('words, name', list(empty_paths()), ids=str)
def test_path_with_nul_is_refused(words, name):
    words = ['a\0b' if word == '' else word for word in words]
    assert tiny.refused(*words).endswith(': must be a path')


@pytest.mark.parametrize('name', ['data', 'judge', 'data_dir'])
def test_text_with_nul_is_no_value_of_a_setting(name):
    with pytest.raises(ConfigError, match='must be text'):
        Config(**{name: 'a\0b'})


LONG = 'é' * 300  # bytes are twice as many, and more than a name can have


@pytest.mark.parametrize('name', [LONG, '~nobody-here/x', '/'.join(['x' * 200] * 30)], ids=len)
def test_data_of_a_run_whose_name_no_file_can_have_is_refused(tmp_path, undrawn, name):
    run = tiny.trained(tmp_path)
    for words in (['train', '--resume', run, '-n', 9], ['invert', run], ['evaluate', run]):
        assert 'must be' in tiny.refused(*words, '--data', name)
    config = json.loads((run / 'config.json').read_text())
    (run / 'config.json').write_text(json.dumps({**config, 'data': name}))
    for words in (['train', '--resume', run, '-n', 9], ['invert', run], ['evaluate', run]):
        assert 'must be' in tiny.refused(*words)


@pytest.mark.parametrize('name', ['judge', 'data_dir'])
def test_empty_text_is_no_value_of_a_setting_that_may_be_left_out(name):
    assert tiny.refused('train', flag(name), '') == f"{flag(name)} '': must be text, or left out"
    with pytest.raises(ConfigError, match="'': must be text, or left out"):
        Config(**{name: ''})


@pytest.mark.parametrize(
    'words', [['recipes', ''], ['summary', ''], ['evaluate', 'x', '--samples', '']], ids=str
)
def test_empty_text_is_shown_as_such(words):
    assert "'': must be " in tiny.refused(*words)


@pytest.mark.parametrize('dry', [[], ['--dry-run']])
def test_out_that_cannot_hold_runs_is_refused_before_training(dry):
    Path('file').write_text('')
    assert '--out file' in tiny.refused('train', *tiny.flags(), '--out', 'file', *dry)


@pytest.mark.parametrize(
    'content, part',
    [
        ('', 'not JSON'),
        ('{"lr": 1', 'not JSON'),
        ('[1]', 'JSON object'),
        ('"lr"', 'JSON object'),
        ('null', 'JSON object'),
        ('{"speed": 3}', 'speed'),
        ('{"lr": "0.1"}', "lr '0.1'"),
        ('{"lr": true}', 'lr true'),
        ('{"lr": NaN}', 'lr nan'),
        ('{"lr": 1e999}', 'lr inf'),
        ('{"batch": 12.5}', 'batch 12.5'),
        ('{"batch": [1]}', 'batch 1'),
        ('{"gen_hidden": 5}', 'gen_hidden 5'),
        ('{"gen_hidden": [5, "x"]}', 'gen_hidden 5,x'),
        ('{"gen_hidden": [[5]]}', 'gen_hidden'),
        ('{"loss": ["minimax"]}', 'loss'),
        ('{"loss": {}}', 'loss'),
        ('{"binarize": 1}', 'binarize 1'),
        ('{"seed": null}', 'seed'),
        ('{"channels": true}', 'channels'),
        ('{"channels": 1.0}', 'channels'),
        ('{"recipe": "fancy"}', 'fancy'),
        ('{"recipe": 5}', 'recipe 5'),
        ('{"recipe": ["dense"]}', 'recipe'),
        ('{"recipe": {}}', 'recipe'),
        ('{"recipe": ""}', 'recipe'),
        ('{"data": 3}', 'data 3'),
        ('{"data": "a\\u0000b"}', 'data'),
        ('[' * 100_000, 'not JSON'),
        ('{"lr": 0.1, "lr-": 1}', 'lr-'),
        ('{"Lr": 0.1}', 'Lr'),
    ],
    ids=lambda text: text[:30],
)
def test_bad_settings_file_is_refused_in_one_sentence(content, part):
    Path('f.json').write_text(content)
    # --dry-run, or a file that passed would train for minutes.
    message = tiny.refused('train', '--config', 'f.json', '--dry-run')
    assert message.startswith('--config f.json: ') and part in message, message


def test_settings_file_that_is_not_text_is_refused():
    Path('f.json').write_bytes(b'\xff\xfe{}')
    assert '--config f.json' in tiny.refused('train', '--config', 'f.json')


def test_dry_run_refuses_what_a_run_refuses():
    for words in (['--batch', '600'], ['--device', 'gpu'], ['--gen-hidden', '65536,65536,65536']):
        assert words[0] in tiny.refused('train', '--dry-run', '--data', 'synthetic', *words)


@pytest.mark.parametrize(
    'words', [['trian'], ['train', '--batch'], ['sample'], ['plot'], ['summary']], ids=str
)
def test_words_that_make_no_command_are_refused_with_code_2(words):
    result = tiny.gluongan(*words)
    assert result.exit_code == 2 and 'Traceback' not in result.stderr


def test_without_a_command_the_help_is_shown():
    assert 'Traceback' not in tiny.gluongan().stderr
