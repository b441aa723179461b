"""Whatever names and files of a run hold, on its page it is text and nothing else."""

from __future__ import annotations

import json

import pages
import pytest
from PIL import Image

from gluongan.pages import report
from gluongan.pages.templates import as_data
from gluongan.runs import folder

BAD = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    '</script><script>alert(1)</script>',
    '{{ 7 * 7 }}{% raw %}',
    '<!--<script>',
    '&lt;b&gt;',
]


def shape(page):
    """What a browser would build: tags with the names of their attributes.

    The words of a command have elements of their own, and so have the parts of a metric's name.
    """
    built = [(tag, sorted(attributes)) for tag, attributes, _ in page.elements]
    return [each for each in built if each not in (('span', []), ('wbr', []))]


def everywhere(run, text):
    """A run in which every text that a user or a file chooses is this one."""
    pages.make_run(run, facts={'classes': [text] * 3, 'data': text}, recipe='dense')
    settings = json.loads((run / folder.CONFIG).read_text())
    settings.update(recipe=text, data=f'/data/{text}', data_dir=text, conditional=True)
    (run / folder.CONFIG).write_text(json.dumps(settings))
    (run / folder.ENVIRONMENT).write_text(json.dumps({text: text, 'command': [text], 'a': [text]}))
    (run / folder.INITIAL).write_text(json.dumps({'source': text}))
    metrics = {**pages.VALUES, text: 1.0}
    known = {text: metrics}
    judge = {'net': text, 'data': text, 'sha256': text}
    pages.write_evaluation(
        run, words=text, data=text, judge=judge, metrics=metrics, known=known, notes=[text]
    )
    rows = [{'iteration': step, 'lenet_share2k_0': 0.5, text: 1.0} for step in (0, 600)]
    pages.write_rows(run / folder.JUDGED, rows)
    Image.new('L', (9, 9)).save(run / 'figures' / f'{text.replace("/", "-")}.png')
    return run


@pytest.mark.parametrize('bad', BAD)
def test_hostile_text_is_text(tmp_path, bad):
    tame = pages.parsed(report.write_report(everywhere(tmp_path / 'a' / 'run', 'tame'))[0])
    name = bad.replace('/', '-')
    path, faults = report.write_report(everywhere(tmp_path / name / name, bad))
    page = pages.parsed(path)
    assert faults == []
    assert shape(page) == shape(tame)
    assert page.text().count(bad) >= 10  # the verdict, the recipe, classes, data, environment …
    assert page.data()['charts']


def test_several_hostile_runs_are_text(tmp_path):
    (tmp_path / 'a').mkdir()
    runs = [everywhere(tmp_path / 'a' / name, 'tame') for name in ('x', 'y')]
    tame = pages.parsed(report.write_comparison(runs, tmp_path / 'tame.html')[0])
    bad = BAD[1]
    runs = [everywhere(tmp_path / f'{bad}{name}', bad) for name in ('x', 'y')]
    page = pages.parsed(report.write_comparison(runs, tmp_path / 'bad.html')[0])
    assert shape(page) == shape(tame)


@pytest.mark.parametrize(
    ('name', 'shown'),
    [('a\nb', r'a\nb'), ('a\x1b[2J', r'a\x1b[2J'), ('abc\u202edef', r'abc\u202edef'), ('猫', '猫')],
)
def test_what_cannot_be_printed_is_an_escape(tmp_path, name, shown):
    run = pages.make_run(tmp_path / name, facts={'classes': [name, 'b', 'c']}, conditional=True)
    pages.write_evaluation(run, words=f'covers {name}')
    path, _ = report.write_report(run)
    page = pages.parsed(path)
    assert page.all('h1')[0][2] == shown
    assert page.table('classes')[1][0] == shown
    assert f'Covers {shown}.' in page.text()
    if name != shown:
        assert name not in path.read_text(encoding='utf-8')


def test_data_cannot_end_its_element():
    text = as_data({'</script><!--': ['<', '>', '&', '\u202e', float('inf')]})
    assert not set('<>&\u202e') & set(text)
    assert json.loads(text) == {'</script><!--': ['<', '>', '&', '\\u202e', None]}
