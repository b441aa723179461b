"""What the README shows is true: its Python runs, its command lines exist, and the files that it links are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import tiny

README = Path(__file__).parent.parent / 'README.md'
TEXT = README.read_text(encoding='utf-8')


def blocks(*languages):
    """The code blocks of these languages."""
    return re.findall(rf'^```(?:{"|".join(languages)})\n(.*?)^```', TEXT, flags=re.S | re.M)


def commands(text):
    """Each command in lines of shell, as words; comments, prompts and what a pipe or a file takes are cut off."""
    for line in text.replace('\\\n', ' ').splitlines():
        for part in re.split(r'&&|;', line.removeprefix('$ ')):
            words = shlex.split(part, comments=True)
            ends = [words.index(mark) for mark in ('>', '|', '>>') if mark in words]
            if words:
                yield words[: min(ends, default=None)]


SHELL = [words for block in blocks('bash', 'console', 'sh') for words in commands(block)]
OURS = [words[1:] for words in SHELL if words[0] == 'gluongan']
PROSE = re.sub(r'^```.*?^```', '', TEXT, flags=re.S | re.M)
INLINE = [shlex.split(line)[1:] for line in re.findall(r'`(gluongan [^`\n]+)`', PROSE)]


def test_readme_shows_python_and_commands():
    assert blocks('python') and len(OURS) >= 2 and '@@' not in TEXT


@pytest.mark.parametrize(
    'code', blocks('python'), ids=lambda code: code.strip().splitlines()[-1][:30]
)
def test_python_runs_as_printed_but_for_its_length(code, tmp_path, monkeypatch):
    """Fewer iterations, and 512 of the 60,000 digits."""
    from gluongan import data

    load = data.load

    def few(*given, **options):
        whole = load(*given, **options)
        return data.Dataset(whole.name, whole.samples[:512])

    monkeypatch.setattr(data, 'load', few)
    monkeypatch.chdir(tmp_path)
    exec(
        compile(re.sub(r'\b\d{1,3}_000\b', '6', code), str(README), 'exec'), {'__name__': 'readme'}
    )
    if 'Trainer' in code:
        assert list(Path('runs').glob('00000-*/batches.csv'))
    if 'export(' in code:
        assert list(Path().glob('*-symbol.json')) and list(Path().glob('*.params'))


@pytest.mark.parametrize('words', OURS + INLINE, ids=' '.join)
def test_command_exists_with_its_options(words):
    from gluongan.cli import main

    name, *rest = words
    if name.startswith('-'):
        assert name in ('--help', '--version')
        return
    try:
        # With its parent: click remembers the help options that a command had when it was first asked.
        main.commands[name].make_context(
            name, rest, parent=click.Context(main, **main.context_settings)
        )
    except click.exceptions.Exit as left:  # what --help does
        assert left.exit_code == 0


@pytest.mark.parametrize(
    'words',
    [w for w in OURS if w[0] == 'train' and '--resume' not in w and '--config' not in w],
    ids=' '.join,
)
def test_training_command_is_possible(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    elsewhere = '--data' in words and words[words.index('--data') + 1] not in (
        'mnist',
        'ring8',
        'grid25',
        'synthetic',
    )
    more = (
        ['--data', 'mnist'] if elsewhere else []
    )  # its settings hold for any pictures; the files are not here
    result = tiny.gluongan(*words, *more, '--dry-run')
    assert result.exit_code == 0 and result.stdout.startswith('{'), result.stderr


@pytest.mark.parametrize(
    'words',
    [w for w in OURS if w[0] in ('recipes', 'doctor', 'summary') and '/' not in ''.join(w)],
    ids=' '.join,
)
def test_telling_command_runs(words):
    assert tiny.gluongan(*words).exit_code == 0


@pytest.mark.parametrize(
    'target',
    sorted(
        {
            *re.findall(r'\]\(([^)#]+)\)', TEXT),
            *(
                word
                for words in SHELL
                if words[0].startswith('python')
                for word in words[1:]
                if word.endswith('.py')
            ),
        }
    ),
)
def test_linked_file_is_there(target):
    assert target.startswith('https://') or (README.parent / target).exists()
