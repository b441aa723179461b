"""What a shell completes, and the scripts that let it."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
import tiny
from click.shell_completion import ShellComplete
from gluongan.cli import COMMANDS, main
from gluongan.cli.shell import INSTALL, PROGRAM, VARIABLE

from gluongan.config import knobs
from gluongan.data import NAMES
from gluongan.exports.shipped import GENERATORS
from gluongan.recipes import RECIPES


def offered(*words):
    """What is offered for the last of these words."""
    *before, incomplete = words
    found = ShellComplete(main, {}, PROGRAM, VARIABLE).get_completions(before, incomplete)
    return [each.value if each.type == 'plain' else f'({each.type})' for each in found]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two runs in runs/, a folder that is none, and a run elsewhere."""
    monkeypatch.chdir(tmp_path)
    for name in ('runs/00000-dense', 'runs/00001-wgan', 'other/00000-dcgan'):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / 'config.json').write_text('{}')
    (tmp_path / 'runs' / 'compared-0').mkdir()
    return ['runs/00000-dense', 'runs/00001-wgan']


def test_commands_and_options_are_offered():
    assert set(offered('')) == {command.name for command in COMMANDS}
    assert offered('tra') == ['train'] and offered('judge', 'c') == ['calibrate']
    assert offered('train', '--gen-h') == ['--gen-hidden']


@pytest.mark.parametrize(
    ('words', 'names'),
    [
        (['train', '--recipe', ''], list(RECIPES)),
        (['train', '--recipe', 'wg'], ['wgan', 'wgan_gp']),
        (['train', '--loss', ''], list(knobs()['loss'].choices)),
        (['train', '--loss', 'mini'], ['minimax']),
        (['train', '--data', ''], list(NAMES)),
        (['data', 'fash'], ['fashion-mnist']),
        (['train', '--data', './pictures'], ['(file)']),
        (['train', '--device', 'g'], ['gpu']),
        (['train', '--augment', 'shift,c'], ['shift,color', 'shift,cutout']),
        (['train', '--augment', 'shift,s'], []),
        (['train', '--channels', ''], ['1', '3']),
        (['train', '--latent', ''], []),
        (['bench', '--recipe', 'dense,dc'], ['dense,dcgan']),
        (['bench', '--modes', 'st'], ['static']),
        (['recipes', 'dra'], ['dragan']),
        (['export', 'r', '--format', ''], ['mxnet', 'onnx', 'safetensors']),
        (['sample', 'r', '--snapshot', ''], ['last', 'best']),
        (['completion', ''], list(INSTALL)),
    ],
)
def test_values_are_offered(words, names):
    assert offered(*words) == names


@pytest.mark.parametrize(
    'words', [['export'], ['evaluate'], ['compare', 'x'], ['train', '--resume'], ['plot']]
)
def test_runs_are_offered(runs, words):
    assert offered(*words, '') == runs
    assert offered(*words, 'runs/') == runs
    assert offered(*words, 'runs/00001') == runs[1:]
    assert offered(*words, 'other/') == ['other/00000-dcgan']
    assert offered(*words, 'elsewhere/') == ['(dir)']


@pytest.mark.parametrize('command', ['sample', 'interpolate', 'play', 'directions'])
def test_runs_exports_and_the_generators_that_ship_are_offered(runs, tmp_path, command):
    assert {*runs, *GENERATORS} == set(offered(command, ''))
    (tmp_path / 'my-generator').mkdir()
    assert offered(command, 'm') == ['mnist']
    (tmp_path / 'my-generator' / 'manifest.json').touch()
    assert offered(command, 'm') == ['my-generator', 'mnist']
    assert offered(command, 'f') == ['fashion-mnist']
    assert offered(command, 'runs/00001') == runs[1:]
    assert offered(command, 'elsewhere/') == ['(dir)']


@pytest.mark.parametrize('command', ['sample', 'interpolate', 'directions'])
def test_the_classes_of_what_was_given_are_offered(runs, tmp_path, command):
    assert offered(command, 'mnist', '--class', '') == [str(digit) for digit in range(10)]
    run = tmp_path / runs[0]
    (run / 'run.json').write_text('{"classes": ["cat", "cow", "dog", "c\\n", 3]}')
    assert offered(command, runs[0], '--class', 'c') == []  # it makes no class of its own
    (run / 'config.json').write_text('{"conditional": true}')
    assert offered(command, runs[0], '--class', 'c') == ['cat', 'cow']
    assert offered(command, '--class', 'c') == offered(command, 'none', '--class', '') == []
    for damaged in ('{"classes": 3}', '{', '[' * 100_000, '[]', '{}'):
        (run / 'run.json').write_text(damaged)
        assert offered(command, runs[0], '--class', '') == []


def takes_runs(command):
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    return any('RUN' in (each.metavar or '') for each in arguments)


@pytest.mark.parametrize('name', [each.name for each in COMMANDS if takes_runs(each)])
def test_every_command_that_takes_a_run_is_offered_those_there_are(runs, name):
    assert set(runs) <= set(offered(name, ''))


def test_recipes_and_runs_are_offered_to_summary(runs):
    assert offered('summary', 'dc') == ['dcgan']
    assert offered('summary', '') == [*RECIPES, *runs]
    assert offered('summary', 'runs/00000') == runs[:1]


@pytest.mark.parametrize('shell', INSTALL)
def test_the_script_is_that_of_click_and_ends_with_the_line_that_installs_it(shell):
    result = tiny.gluongan('completion', shell)
    assert result.exit_code == 0 and f'{VARIABLE}={shell}_complete' in result.stdout
    assert result.stdout.splitlines()[-1] == f'# installed by: {INSTALL[shell]}'
    assert INSTALL[shell] in tiny.gluongan('completion', '--help').stdout


def test_bash_completes_by_the_script_without_mxnet_and_numpy(tmp_path):
    program = tmp_path / 'gluongan'
    program.write_text(
        f'#!{sys.executable}\nimport sys\nsys.modules["mxnet"] = sys.modules["numpy"] = None\n'
        'from gluongan.cli import main\nmain(prog_name="gluongan")\n'
    )
    program.chmod(0o755)
    script = tiny.gluongan('completion', 'bash').stdout
    ask = f"""
        COMP_WORDS=(gluongan train --loss h); COMP_CWORD=3
        _gluongan_completion {program}; printf '%s ' "${{COMPREPLY[@]}}"
        COMP_WORDS=(gluongan play m); COMP_CWORD=2; COMPREPLY=()
        _gluongan_completion {program}; printf '%s ' "${{COMPREPLY[@]}}"
        COMP_WORDS=(gluongan sample mnist --class 7); COMP_CWORD=4; COMPREPLY=()
        _gluongan_completion {program}; printf '%s ' "${{COMPREPLY[@]}}"
    """
    words = ['bash', '--norc', '-c', f'complete() {{ :; }}\n{script}\n{ask}']
    result = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (result.stdout, result.stderr) == ('hinge mnist 7 ', '')
