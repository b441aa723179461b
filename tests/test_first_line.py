"""Commands that begin with the import of MXNet, which takes seconds, say so within one."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from types import SimpleNamespace

import pytest
import tiny

SLOW = {'mxnet', 'numpy', 'scipy', 'PIL', 'matplotlib', 'importlib.metadata', 'difflib', 'asyncio'}

# What is imported when each line is printed.
CODE = """
import sys
sys.modules['mxnet'] = None
import click
from gluongan import cli
print(cli.__name__, sorted({slow} & set(sys.modules)))
write = click.echo
def echo(message=None, **other):
    print(message, 'gluongan.runtime' in sys.modules)
click.echo = echo
cli.main({words})
"""


def lines_of(*words, cwd):
    code = CODE.format(slow=SLOW, words=list(words))
    command = [sys.executable, '-c', code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    return done.stdout.splitlines()


def test_the_line_comes_before_mxnet_is_imported_and_the_command_line_imports_little(tmp_path):
    imported, first, *_ = lines_of('train', '--data', 'synthetic', cwd=tmp_path)
    assert imported == "gluongan.cli ['mxnet']"  # which is None
    assert first == 'loading MXNet and the data False'


def test_the_address_of_a_live_view_comes_before_mxnet_is_imported(tmp_path):
    pytest.importorskip('jinja2')
    _, first, second, *_ = lines_of('train', '--data', 'synthetic', '--watch', cwd=tmp_path)
    assert first.startswith('loading MXNet')
    assert second.startswith('Watch      http://127.0.0.1:') and second.endswith(' False')


@pytest.mark.parametrize(
    'words',
    [
        ['train', '--batch', '0'],
        ['train', '--recipe', 'dens'],
        ['train', '--resume', 'nowhere'],
        ['train', '--dry-run', '--data', 'nowhere'],
        ['train', '--seeds', '1,1'],
    ],
)
def test_a_refusal_is_not_preceded_by_what_it_contradicts(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(import_module('gluongan.cli.notes'), 'sys', SimpleNamespace(modules={}))
    result = tiny.gluongan(*words)
    before = result.stderr.splitlines()[:-1]
    assert result.exit_code == 2 and before in ([], ['loading MXNet and the data'])


def test_a_program_that_has_mxnet_already_is_not_told(tmp_path):
    assert import_module('gluongan.runtime')
    result = tiny.gluongan('train', *tiny.flags(), '--out', tmp_path, '--dry-run')
    assert result.exit_code == 0 and 'loading' not in result.stderr
