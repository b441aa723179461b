"""The site from docs/: its navigation has every page, its links lead somewhere, nothing is missing.

The site itself is built by `python -m docs.site`, which .ci/run does.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import pytest
from PIL import Image

import gluongan

# Behind all others: the gluongan that is tested is the installed one.
sys.path.append(str(Path(__file__).resolve().parents[1]))
from docs import pictures
from docs.site import navigation
from docs.site.commands import command_pages, escape
from docs.site.library import docstring, library_pages

ROOT = Path(__file__).parent.parent
PAGES = navigation.pages()
TEXTS = {page: (ROOT / page).read_text(encoding='utf-8') for page in PAGES}
FENCE = re.compile(r'^( *)(```+).*?^\1\2', flags=re.S | re.M)


def test_the_navigation_has_every_page_once_and_no_other():
    """A page that no section names is in the navigation too, until somebody finds its place."""
    entries = re.findall(r'^/(\S+)$', navigation.tables_of_contents(), flags=re.M)
    kept = {path.relative_to(ROOT).as_posix() for path in (ROOT / 'docs').rglob('*.md')}
    named = {f'{entry}.md' for entry in entries} - {'docs/reference/commands.md'}
    beside = {page for page in named if not page.startswith('docs/')}
    assert named - {'docs/reference/library.md'} == (kept - {navigation.HOME}) | beside
    assert len(entries) == len(set(entries)) and all((ROOT / page).exists() for page in beside)


def anchors(text):
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r'^#+ (.+)$', FENCE.sub('', text), flags=re.M)
    plain = [re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', heading).lower() for heading in headings]
    return {re.sub(r'[^\w\- ]', '', heading).strip().replace(' ', '-') for heading in plain}


def links(page):
    """What the links and pictures of a page lead to, but for addresses of other hosts."""
    found = re.findall(r'\]\(([^)\s]+)[^)]*\)', FENCE.sub('', TEXTS[page]))
    return [link for link in found if '://' not in link]


@pytest.mark.parametrize('page', PAGES)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page):
    dead = []
    for link in links(page):
        name, _, anchor = link.partition('#')
        target = (ROOT / page).parent / name if name else ROOT / page
        is_there = target.exists()
        if is_there and anchor:
            is_there = anchor in anchors(target.read_text(encoding='utf-8'))
        if not is_there:
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize('page', PAGES)
def test_a_page_has_one_title_and_links_to_nothing_outside_of_the_site(page):
    """A page that links to Markdown which is not on the site would be dead there."""
    prose = FENCE.sub('', TEXTS[page])
    assert len(re.findall(r'^# .', prose, flags=re.M)) == 1
    for link in links(page):
        name = link.partition('#')[0]
        if name.endswith('.md') and 'LICENSE' not in name:
            target = ((ROOT / page).parent / name).resolve().relative_to(ROOT).as_posix()
            assert target in PAGES, link


# Pictures


def picture_files():
    """The pictures in docs/, but for those that benchmarks/results.py writes beside its page."""
    files = {path.relative_to(ROOT / 'docs').as_posix() for path in (ROOT / 'docs').rglob('*.png')}
    return {name for name in files if not name.startswith('results/')}


def test_one_script_makes_every_picture_and_no_other():
    names = [picture.name for picture in pictures.PICTURES]
    assert set(names) == picture_files() and len(names) == len(set(names))


@pytest.mark.parametrize('picture', pictures.PICTURES, ids=lambda picture: picture.name)
def test_the_command_that_made_a_picture_stands_on_a_page_that_shows_it(picture):
    shows = [page for page in PAGES if any(is_picture(page, link, picture) for link in links(page))]
    command = picture.commands[0]
    recipe = Path(picture.name).stem
    wordings = {command, command.replace(f'--recipe {recipe} ', '--recipe NAME ')}
    wordings = {wording.removesuffix(' --out mixtures') for wording in wordings}
    texts = [' '.join(TEXTS[page].split()) for page in shows]
    assert any(wording in text for wording in wordings for text in texts), (command, shows)


def is_picture(page, link, picture):
    return ((ROOT / page).parent / link).resolve() == ROOT / 'docs' / picture.name


def test_a_picture_is_made_by_its_commands(tmp_path, monkeypatch):
    """The first command once, however many pictures are of it; RUN is the run that it makes."""
    ran = []

    def run(words, cwd, check):
        ran.append(words[3:])
        (cwd / 'runs' / '00000-x' / 'figures').mkdir(parents=True, exist_ok=True)
        Image.new('L', (4, 4), 200).save(cwd / 'runs' / '00000-x' / 'figures' / 'a.png')

    monkeypatch.setattr(pictures.subprocess, 'run', run)
    monkeypatch.setattr(pictures, 'DOCS', tmp_path / 'docs')
    (tmp_path / 'docs').mkdir()
    first, second = pictures.made_by(
        'gluongan train', 'gluongan plot RUN', a_b='RUN/figures/a.png', c__d='RUN/figures/a.png'
    )
    pictures.make(first, tmp_path / 'work')
    pictures.make(second, tmp_path / 'work')
    assert ran == [['train'], ['plot', 'runs/00000-x'], ['plot', 'runs/00000-x']]
    with Image.open(tmp_path / 'docs' / 'a-b.png') as image:
        assert image.convert('L').getpixel((0, 0)) == 200
    assert (tmp_path / 'docs' / 'c' / 'd.png').exists()


# The reference of commands


def leaves(command, words=()):
    yield words, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from leaves(below, (*words, name))


def test_the_reference_has_every_command_with_every_option():
    from gluongan.cli import main

    pages = command_pages()
    for words, command in leaves(main):
        page = pages['-'.join(['command', *words]) + '.md' if words else 'commands.md']
        assert page.startswith(
            f'# gluongan {" ".join(words)}'.strip() if words else '# Every command'
        )
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                names = [*parameter.opts, *parameter.secondary_opts]
                assert all(re.search(rf'`[^`\n]*{name}\b', page) for name in names), (words, names)
    assert '`gluongan judge train`' in pages['commands.md']


def test_the_reference_keeps_ranges_defaults_and_examples_of_help():
    page = command_pages()['command-train.md']
    assert '`--batch INT`\n: Real samples' in page and 'default: 128' in page
    assert '```text\ngluongan train      ' in page
    assert '\n## Optimisation\n' in page


def test_text_of_help_means_nothing_else_in_markdown():
    assert escape('a*b_c [1, 2] | `x|y_z` <d>') == r'a\*b\_c \[1, 2\] \| `x|y_z` \<d\>'


# The reference of the library


def test_the_reference_has_every_public_name_and_what_modules_export():
    text = '\n'.join(library_pages().values())
    documented = set(re.findall(r'\{py:\w+\} (gluongan[\w.]+)', text))
    for name in gluongan.__all__:
        value = getattr(gluongan, name)
        if f'gluongan.{name}' not in documented:
            exported = getattr(value, '__all__', None) or ['seed']
            assert {f'gluongan.{name}.{below}' for below in exported} <= documented


def test_the_reference_has_docstrings_with_their_examples_and_no_addresses():
    pages = library_pages()
    text = '\n'.join(pages.values())
    assert '>>> noise.draw(128).shape' in pages['library-the-game.md']
    assert '- **lr**: the learning rate, above 0.' in pages['library-the-game.md'] + text
    assert ' at 0x' not in text and 'ForwardRef' not in text
    assert text.count('```pycon') >= 30


def test_a_docstring_becomes_prose_a_list_formulas_and_examples():
    parts = list(docstring('Move it.\n\nlr: the *rate*.\nclip: above\n0.\n\n    y = x\n\n>>> 1\n1'))
    assert parts == [
        'Move it.',
        '\n- **lr**: the \\*rate\\*.\n- **clip**: above\n  0.',
        '```text\ny = x\n```',
        '```pycon\n>>> 1\n1\n```',
    ]
