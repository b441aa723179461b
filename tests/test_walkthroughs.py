"""The tutorials and walk-throughs are true: all their commands run in order, at a small size."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import tiny
from test_docs import ROOT, commands, page_name, shell_blocks

DOCS = ROOT / 'docs'
TUTORIALS = ('first-digits', 'your-pictures', 'read-your-curves', 'evaluate-honestly')
PAGES = [DOCS / f'{name}.md' for name in TUTORIALS] + sorted((DOCS / 'walkthroughs').glob('*.md'))

EVERY = ('--sample-every', '--eval-every', '--snapshot-every')
# What makes a command small. Click takes the last of two options of the same name.
SMALLER = {
    'train': ['--iterations', '4', '--batch', '16', '--samples', '16'],
    'evaluate': ['--samples', '100'],
    'judge': ['--epochs', '1'],
}
# Commands that take seconds: other tests run them, and test_docs.py tries their arguments.
ELSEWHERE = ('doctor', 'density', 'export', 'invert')
EVALUATED = ('your-pictures', 'evaluate-honestly')  # the pages whose evaluations run
CONVOLUTIONAL = ('dcgan', 'lsgan', 'dragan', 'sngan', 'modulated')


def smaller(words):
    """The words of a command with fewer iterations, samples and pictures."""
    more = list(SMALLER.get(words[0], ()))
    if words[0] == 'train' and '--resume' in words:
        more = ['--iterations', '6']
    elif words[0] == 'train':
        more += [word for flag in EVERY for word in (flag, '4')]
        is_conv = (
            words[words.index('--recipe') + 1] in CONVOLUTIONAL if '--recipe' in words else False
        )
        more += ['--conv-width', '4'] if is_conv else ['--gen-hidden', '16', '--dis-hidden', '16']
    if '--judge-every' in words:
        more += ['--judge-every', '4', *([] if '--best' in words else ['--judge-samples', '100'])]
    if '--count' in words:
        more += ['--count', '16']
    return [*words, *more]


@pytest.fixture
def few(monkeypatch):
    """The first 256 samples of any data that is larger."""
    from gluongan import data

    load = data.load

    def load_few(name, *arguments, **options):
        # Fashion-MNIST is not on every machine, and is read as MNIST is.
        dataset = load('mnist' if name == 'fashion-mnist' else name, *arguments, **options)
        labels = None if dataset.labels is None else dataset.labels[:256]
        return dataclasses.replace(dataset, samples=dataset.samples[:256], labels=labels)

    monkeypatch.setattr(data, 'load', load_few)


@pytest.fixture
def small(few, monkeypatch):
    """Also no figures and reports, which take most of the time."""
    from gluongan import figures
    from gluongan.pages import report

    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    monkeypatch.setattr(report, 'write_report', lambda run: (run / 'report.html', []))


def ours(page):
    """The words behind `gluongan` of each command in the blocks of a page, in order."""
    found = [words for block in shell_blocks(page) for words in commands(block)]
    return [words[1:] for words in found if words[0] == 'gluongan']


@pytest.mark.parametrize('page', PAGES, ids=page_name)
def test_the_commands_of_a_page_run_in_order(page, small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran = 0
    for words in ours(page):
        if words[0] in ELSEWHERE or (words[0] == 'evaluate' and page.stem not in EVALUATED):
            continue
        result = tiny.gluongan(*smaller(words))
        assert result.exit_code == 0, (words, result.stderr)
        ran += 1
    assert ran and list(Path('runs').glob('00000-*/config.json'))
