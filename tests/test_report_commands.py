"""`gluongan report`, the page that `train` writes, and the commands that a page shows."""

from __future__ import annotations

import json
import shlex
import sys
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

import pages
import pytest
import tiny

from gluongan.config import Config
from gluongan.evaluation import comparison
from gluongan.pages import report
from gluongan.pages.report.advice import next_steps, repeat_command
from gluongan.recipes import RECIPES, recipe
from gluongan.runs import folder

ROOT = Path(__file__).parent.parent


# The command


def test_the_command_writes_the_page_into_the_run(tmp_path):
    run = pages.make_run(tmp_path / '00000-dense-synthetic')
    result = tiny.gluongan('report', run)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(run / 'report.html')
    assert pages.parsed(run / 'report.html').all('h1')[0][2] == run.name


def test_training_ends_with_the_page(tmp_path, undrawn):
    result = tiny.gluongan('train', *tiny.flags(), '--out', tmp_path)
    (run,) = tmp_path.iterdir()
    assert result.exit_code == 0 and f'Report     {run / "report.html"}' in result.stdout
    assert 'drawing figures' in result.stderr and 'writing the report' in result.stderr
    page = pages.parsed(run / 'report.html')
    assert '20 of 20 iterations' in page.text() and page.has('samples')


def test_training_without_the_template_engine_succeeds_and_says_so(tmp_path, undrawn, monkeypatch):
    monkeypatch.setitem(sys.modules, 'jinja2', None)
    result = tiny.gluongan('train', *tiny.flags(), '--out', tmp_path)
    assert result.exit_code == 0
    assert 'Report     the report of a run needs the package jinja2; pip install' in result.stdout
    assert 'writing the report' not in result.stderr
    assert not list(tmp_path.glob('*/report.html'))


def test_the_command_without_the_template_engine_fails_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'jinja2', None)
    run = pages.make_run(tmp_path / 'run')
    sentence = tiny.refused('report', run, code=1)
    assert (
        sentence == "the report of a run needs the package jinja2; pip install 'gluongan[report]'"
    )


@pytest.mark.parametrize('name', ['reals.png', 'evaluation.html', 'page.txt'])
def test_the_page_replaces_nothing_of_the_run(tmp_path, name):
    run = pages.make_run(tmp_path / 'run')
    sentence = tiny.refused('report', run, '--out', run / name)
    assert sentence.startswith(f'--out {run / name}: ')


def test_a_file_of_another_origin_stays(tmp_path):
    run = pages.make_run(tmp_path / 'run')
    mine = tmp_path / 'mine.html'
    mine.write_text('mine')
    sentence = tiny.refused('report', run, '--out', mine)
    assert sentence.startswith(f'--out {mine}: exists, and is no page of `gluongan report`')
    (run / 'report.html').write_text('mine')
    assert 'is no page of' in tiny.refused('report', run)
    assert mine.read_text() == (run / 'report.html').read_text() == 'mine'


def test_what_cannot_be_read_is_a_warning(tmp_path):
    run = pages.make_run(tmp_path / 'run')
    (run / folder.EVALUATION).write_text('no')
    result = tiny.gluongan('report', run)
    assert result.exit_code == 0
    assert result.stderr.startswith(f'Warning: {run / folder.EVALUATION}: is not a report')


# Several runs


def test_several_runs_are_on_one_page_beside_each_other(tmp_path):
    runs = [
        pages.make_run(tmp_path / f'0000{n}-dense-synthetic', lr=lr)
        for n, lr in ((0, 1e-3), (1, 1e-4))
    ]
    for run in runs:
        pages.write_evaluation(run)
    result = tiny.gluongan('report', *runs)
    assert result.exit_code == 0, result.stderr
    path = tmp_path / 'report-00000-00001.html'
    assert result.stdout.strip() == str(path)
    page = pages.parsed(path)
    heading, *rows = comparison.table_rows(comparison.compare(runs))
    table = page.table('table')
    assert table[0] == ['', *heading[1:-1]]
    expected = []  # an origin has a row of its own; another explanation stands before the name
    for name, *cells, explanation in rows:
        is_origin = name == 'at iteration'
        expected += [[explanation]] if is_origin else []
        expected.append([name if is_origin else f'{explanation} {name}'.strip(), *cells])
    assert table[1:] == expected
    origins = [text for _, _, text in page.all('tr', class_='origin')]
    assert [text.split(',')[0].strip() for text in origins] == [
        'while training',
        'gluongan evaluate',
    ]
    samples = [image for image in page.all('img') if 'generated samples' in image[1]['alt']]
    assert [pages.bytes_of(each) for each in samples] == [
        (run / 'samples/000600.png').read_bytes() for run in runs
    ]
    assert 'within noise' in page.text('differences')
    chart = page.chart('panel-0')
    assert chart['labels'] == [run.name for run in runs] and chart['colours'] == [0, 1]
    assert 'must not be compared' not in page.text()


def test_runs_on_other_data_share_no_chart_and_the_page_says_so(tmp_path):
    runs = [
        pages.make_run(tmp_path / name, **settings)
        for name, settings in (('a', {}), ('b', {'binarize': True}))
    ]
    page = pages.parsed(report.write_comparison(runs, tmp_path / 'x.html')[0])
    assert 'Different data: metrics of these runs have rows and charts of their own' in page.text()
    assert {len(chart['labels']) for chart in page.data()['charts']} == {1}
    assert len(page.data()['charts']) == 4


def test_seeds_share_a_column(tmp_path):
    runs = [pages.make_run(tmp_path / f'{seed}', seed=seed) for seed in (0, 1)]
    page = pages.parsed(report.write_comparison(runs, tmp_path / 'x.html')[0])
    assert len(page.table('table')[0]) == 2
    assert {tuple(chart['colours']) for chart in page.data()['charts']} == {(0, 0)}


def test_a_run_that_is_named_twice_is_refused(tmp_path):
    run = pages.make_run(tmp_path / 'run')
    assert 'is given twice' in tiny.refused('report', run, run)


# The commands on a page


@pytest.mark.parametrize(
    'config',
    [
        Config(),
        *(make() for make in RECIPES.values()),
        recipe('wgan_gp').with_settings({'lr': 3e-5, 'gen_batchnorm': False, 'seed': 7}),
        recipe('dcgan').with_settings({'augment': ('shift', 'color'), 'data': "it's data"}),
        Config(gen_hidden=(), gen_output='tanh', augment_target=0.6, augment=('shift',)),
    ],
    ids=lambda config: config.recipe,
)
def test_the_command_that_repeats_a_run_gives_its_settings(config, monkeypatch):
    given = []
    monkeypatch.setattr(
        import_module('gluongan.cli.train'), '_begin', lambda config, *_, **__: given.append(config)
    )
    words = shlex.split(repeat_command(config))
    assert words[:2] == ['gluongan', 'train']
    result = tiny.gluongan(*words[1:])
    assert result.exit_code == 0, result.stderr
    assert given == [config]


def test_a_run_that_began_with_weights_is_repeated_with_them(tmp_path):
    run = pages.make_run(tmp_path / 'run')
    (run / folder.INITIAL).write_text(json.dumps({'source': 'my runs/1'}))
    page = pages.parsed(report.write_report(run)[0])
    assert "--iterations 600 --init-from 'my runs/1'" in page.text()


STATE = {'last': 15_000, 'state': 'complete', 'is_evaluated': True}


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({'state': 'killed', 'last': 400}, 'gluongan train --resume run'),
        ({'is_evaluated': False}, 'gluongan evaluate run && gluongan report run'),
        ({}, 'gluongan train --resume run --iterations 30000'),
        ({'problem': 'samples are alike'}, 'gluongan train --pack 2'),
        ({'has_classes': True}, 'gluongan train --judge-every 1000'),
    ],
)
def test_what_to_try_next_follows_from_the_state_of_the_run(changes, expected):
    steps = next_steps(Path('run'), recipe('dense'), **{**STATE, **changes})
    assert expected in [step.command for step in steps]


@pytest.mark.parametrize('state', ['training', 'complete', 'stopped', 'killed'])
def test_a_run_is_resumed_where_it_stopped_and_lengthened_where_it_is_complete(state):
    steps = next_steps(Path('run'), Config(), **{**STATE, 'state': state})
    resumed = [step.command for step in steps if '--resume' in step.command]
    expected = {
        'complete': ['gluongan train --resume run --iterations 30000'],
        'training': [],
    }
    assert resumed == expected.get(state, ['gluongan train --resume run'])


def test_the_steps_are_commands_that_exist(tmp_path):
    from gluongan.cli import main

    steps = next_steps(
        tmp_path, Config(), **{**STATE, 'is_evaluated': False}, problem='x', has_classes=True
    )
    commands = [each for step in steps for each in step.command.split(' && ')]
    assert len(commands) >= 8
    for command in commands:
        _, name, *rest = shlex.split(command)
        main.commands[name].make_context(name, rest)


def test_every_file_that_pages_need_is_in_the_wheel():
    setup = (ROOT / 'setup.py').read_text()
    patterns = [line.strip(" ',") for line in setup.splitlines() if "'pages/" in line]
    needed = [
        path for path in (ROOT / 'gluongan/pages').rglob('*') if path.suffix not in ('.py', '.pyc')
    ]
    names = [str(path.relative_to(ROOT / 'gluongan')) for path in needed if path.is_file()]
    assert len(names) >= 8
    left_out = [name for name in names if not any(fnmatch(name, each) for each in patterns)]
    assert left_out == []
