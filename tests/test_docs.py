"""What the README and docs/ show is true: Python runs, commands exist, names are public."""

from __future__ import annotations

import ast
import json
import re
import shlex
import textwrap
from pathlib import Path

import click
import pytest
import tiny
from PIL import Image

import gluongan
from gluongan import runtime

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / 'README.md',
    ROOT / 'ARCHITECTURE.md',
    ROOT / 'CONTRIBUTING.md',
    ROOT / 'examples' / 'README.md',
    *sorted((ROOT / 'docs').rglob('*.md')),
]
TEXTS = {page: page.read_text(encoding='utf-8') for page in PAGES}


def page_name(page):
    return str(page.relative_to(ROOT))


def blocks(page, *languages):
    """The code blocks of a page in these languages."""
    opening = '|'.join(languages)
    found = re.findall(rf'^( *)```(?:{opening})\n(.*?)^\1```', TEXTS[page], flags=re.S | re.M)
    return [textwrap.dedent(block) for _, block in found]


def commands(text):
    """Each command in lines of shell, as words, without comments and what follows a pipe."""
    for line in text.replace('\\\n', ' ').splitlines():
        bare = re.sub(r'(^|\s)#\s.*', '', line.removeprefix('$ '))
        for part in re.split(r'&&|;', bare):
            words = shlex.split(part, comments=True)
            while words and re.match(r'[A-Z_]+=', words[0]):  # a variable of the environment
                words = words[1:]
            ends = [words.index(mark) for mark in ('>', '|', '>>') if mark in words]
            if words:
                yield words[: min(ends, default=None)]


def shell_blocks(page):
    return blocks(page, 'bash', 'console', 'sh')


def shell_commands(page):
    return [words for block in shell_blocks(page) for words in commands(block)]


def inline_commands(page):
    prose = re.sub(r'^```.*?^```', '', TEXTS[page], flags=re.S | re.M)
    return [shlex.split(line) for line in re.findall(r'`(gluongan [^`\n]+)`', prose)]


def gluongan_commands(page):
    """The words behind `gluongan` of each command on a page, but for those with `...` in them."""
    found = [*shell_commands(page), *inline_commands(page)]
    return [words[1:] for words in found if words[0] == 'gluongan' and '...' not in words]


OURS = sorted({tuple(words) for page in PAGES for words in gluongan_commands(page)})
PYTHON = [(page, code) for page in PAGES for code in blocks(page, 'python')]
# What becomes of a block. `text` is output; `py` and `julia` are of other frameworks, to compare.
EXECUTED, SHOWN = ('python', 'bash', 'console', 'sh', 'json', 'pycon'), ('text', 'py', 'julia')
# Programs that are not ours, in commands that no test runs.
MODULES = {'venv', 'http.server'}
OTHERS = {
    'pip',
    'pytest',
    'ruff',
    'npm',
    'cd',
    '.',
    '.ci/run',
    'tensorboard',
    'pipx',
    'uv',
    'docker',
    'export',
    'horovodrun',
}


@pytest.mark.parametrize('page', PAGES, ids=page_name)
def test_every_block_is_executed_or_tried_or_marked_as_output(page):
    fences = re.findall(r'^ *```(\w*)', TEXTS[page], flags=re.M)
    assert set(fences[::2]) <= {*EXECUTED, *SHOWN} and set(fences[1::2]) <= {''}
    for block in blocks(page, 'json'):
        json.loads(block)
    for block in blocks(page, 'py'):
        ast.parse(block)


def is_known(words):
    """Whether a command of a page is one of gluongan, of the repository, or of OTHERS."""
    program, *rest = words
    if program in ('python', 'python3') and rest[0] == '-m':
        ours = ROOT / rest[1].replace('.', '/')
        return ours.exists() or ours.with_suffix('.py').exists() or rest[1] in MODULES
    if program in ('python', 'python3'):
        return (ROOT / rest[0]).is_file()
    return program == 'gluongan' or program in OTHERS


@pytest.mark.parametrize('page', PAGES, ids=page_name)
def test_commands_are_of_programs_that_exist(page):
    unknown = [words for words in shell_commands(page) if not is_known(words)]
    assert unknown == []


def test_pages_show_python_and_commands():
    assert len(PYTHON) >= 3 and len(OURS) >= 30
    assert all('@@' not in text and 'PENDING' not in text for text in TEXTS.values())


def test_the_readme_is_short():
    assert len(TEXTS[ROOT / 'README.md'].split()) <= 900


@pytest.mark.parametrize(
    ('page', 'code'), PYTHON, ids=[f'{page_name(page)}-{i}' for i, (page, _) in enumerate(PYTHON)]
)
def test_python_runs_as_printed_but_for_its_length(page, code, tmp_path, monkeypatch):
    """Fewer iterations, and 512 of the 60,000 digits."""
    from gluongan import data

    load = data.load

    def load_few(*arguments, **options):
        dataset = load(*arguments, **options)
        return data.Dataset(dataset.name, dataset.samples[:512])

    monkeypatch.setattr(data, 'load', load_few)
    monkeypatch.chdir(tmp_path)
    short = re.sub(r'\b\d{1,3}_000\b', '6', code)
    exec(compile(short, str(page), 'exec'), {'__name__': 'page'})
    if 'Trainer' in code:
        assert list(Path('runs').glob('00000-*/batches.csv'))
    if 'export(' in code:
        assert list(Path().glob('*-symbol.json')) and list(Path().glob('*.params'))


@pytest.mark.parametrize('words', OURS, ids=' '.join)
def test_command_exists_with_its_options(words):
    from gluongan.cli import main

    name, *rest = words
    if name.startswith('-'):
        assert name in ('--help', '--version')
        return
    command = main.commands[name]
    if not rest:  # a command that prose names
        return
    parent = click.Context(main, **main.context_settings)
    if isinstance(command, click.Group) and rest:
        parent = click.Context(command, parent=parent)
        command, rest = command.commands[rest[0]], rest[1:]
    try:
        # With its parent: click remembers the help options of a command from its first use.
        command.make_context(name, list(rest), parent=parent)
    except click.exceptions.Exit as ending:  # what --help does
        assert ending.exit_code == 0


TRAINING = [words for words in OURS if words[0] == 'train' and 'RUN' not in words]
NOT_ALONE = {'--resume', '--init-from', '--config', '--help', 'NAME'}
TRAINING = [words for words in TRAINING if not NOT_ALONE & set(words)]


@pytest.mark.parametrize('words', TRAINING, ids=' '.join)
def test_training_command_is_possible(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = ('mnist', 'ring8', 'grid25', 'synthetic')
    more = []
    if '--data' in words and words[words.index('--data') + 1] not in here:
        # The settings hold for any images; these files are not on every machine.
        more = ['--data', 'synthetic' if '--image-size' in words else 'mnist']
    if {'--fit', '--frames', '--background'} & set(words):
        Path('pictures').mkdir()
        for number in range(128):  # a batch
            Image.new('RGBA', (9, 8)).save(f'pictures/{number}.png')
        more = ['--data', 'pictures']
    result = tiny.gluongan(*words, *more, '--dry-run')
    if 'bfloat16' in words and not runtime.HAS_AMX:
        assert result.exit_code == 2 and 'matrix units' in result.stderr
        return
    if 'gpu' in words and runtime.why_no_gpu():
        assert result.exit_code == 2 and runtime.why_no_gpu() in result.stderr
        return
    assert result.exit_code == 0 and result.stdout.startswith('{'), result.stderr


INFORMING = [words for words in OURS if words[0] in ('recipes', 'doctor', 'summary')]
INFORMING = [
    words for words in INFORMING if not re.search(r'/|NAME|RUN|generator', ' '.join(words))
]


@pytest.mark.parametrize('words', INFORMING, ids=' '.join)
def test_informing_command_runs(words):
    assert tiny.gluongan(*words).exit_code == 0


LINKS = sorted(
    {(page, link) for page in PAGES for link in re.findall(r'\]\(([^)#]+)[^)]*\)', TEXTS[page])}
)


@pytest.mark.parametrize(
    ('page', 'link'), LINKS, ids=[f'{page_name(page)}-{link}' for page, link in LINKS]
)
def test_linked_file_exists(page, link):
    assert link.startswith('https://') or (page.parent / link).exists()


FILES = re.compile(r'`((?:gluongan|tests|docs|benchmarks|examples|cli)/[\w./-]+\.\w+)`')
NAMED = sorted({(page, name) for page in PAGES for name in FILES.findall(TEXTS[page])})
NAMED = [(page, name) for page, name in NAMED if not re.search('NAME|COMMAND', name)]


@pytest.mark.parametrize(('page', 'name'), NAMED, ids=[name for _, name in NAMED])
def test_named_source_file_exists(page, name):
    assert (ROOT / name).exists()


@pytest.mark.parametrize(
    'name', sorted({name for text in TEXTS.values() for name in re.findall(r'\bgg\.(\w+)', text)})
)
def test_documented_name_is_public(name):
    assert name in gluongan.__all__ and getattr(gluongan, name) is not None


def test_the_page_of_the_library_has_every_public_name():
    page = TEXTS[ROOT / 'docs' / 'python.md']
    documented = set(re.findall(r'`(\w+)`', page))
    assert set(gluongan.__all__) - documented == set()


def test_the_run_folder_page_names_every_file_of_a_run():
    from gluongan.runs import folder

    page = TEXTS[ROOT / 'docs' / 'run-folder.md']
    constants = [value for name, value in vars(folder).items() if name.isupper()]
    names = {value for value in constants if isinstance(value, str) and '/' not in value}
    assert {name for name in names if name not in page} == set()
