"""Names of the user in every output: escapes that can be read, and nothing that acts."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tiny
from gluongan.cli.printing import echo_json
from PIL import Image

from gluongan import figures
from gluongan.errors import InputError, as_printable, shell_word
from gluongan.exports import export, load_export, verify
from gluongan.figures import grids
from gluongan.figures.plotting import load_matplotlib
from gluongan.files import text_table
from gluongan.nn.models import dense_generator

NAMES = {
    'a\nb': 'a\\nb',
    'c\x1b[2Jd\x07': 'c\\x1b[2Jd\\x07',
    'e\u202ef\u200b': 'e\\u202ef\\u200b',
    'g$\\frac{$': 'g$\\frac{$',
    'h$\\mathdefault{$': 'h$\\mathdefault{$',
    'i|j\t<k>&"\'': 'i|j\\t<k>&"\'',
    'l\x9b31m\x7f': 'l\\x9b31m\\x7f',
    os.fsdecode(b'\xe9t\xe9'): '\\udce9t\\udce9',
    '%s{n}`lr`': '%s{n}`lr`',
}
ALL = '-'.join(NAMES)  # what a path holds
SHOWN = '-'.join(NAMES.values())


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder with data, a run, an export and a judge whose names are all of these."""
    place = tmp_path_factory.mktemp('names')
    data = place / f'{ALL}.data'
    for number, name in enumerate(NAMES):
        (data / name).mkdir(parents=True)
        for which in range(2):
            pixels = np.random.RandomState(2 * number + which).randint(0, 256, (28, 28))
            Image.fromarray(pixels.astype(np.uint8)).save(data / name / f'{which}.png')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        settings = {'data': str(data), 'image_size': 28, 'channels': 1, 'conditional': True}
        for seed in (0, 1):
            run = tiny.begun(place / ALL, iterations=2, batch=8, seed=seed, **settings).folder
            run.rename(run.with_name(f'{seed}{ALL}'))
    return place


def words(place):
    """Commands by what they try, with the exit code that they must have."""
    run, data = place / ALL / f'0{ALL}', place / f'{ALL}.data'
    judge, export = place / f'{ALL}.judge', place / f'{ALL}.export'
    size = ['--image-size', 28, '--channels', 1]
    few = ['--epochs', 1, '--net', 'lenet']
    return {
        'data': (0, ['data', data]),
        'data as JSON': (0, ['data', data, '--json']),
        'data as a sheet': (0, ['data', data, '--sheet', place / f'{ALL}.png']),
        'train': (
            0,
            ['train', *tiny.flags(data=str(data), batch=8), '--out', run.parent, '--dry-run'],
        ),
        'train on': (0, ['train', '--resume', run, '--iterations', 3]),
        'sample': (0, ['sample', run]),
        'sample a class': (0, ['sample', run, '--class', '\\udce9t\\udce9', '--seeds', '0']),
        'sample no class': (2, ['sample', run, '--class', ALL]),
        'sample at': (0, ['sample', run, '--out', place / f'{ALL}-sample.png']),
        'walk': (0, ['interpolate', run, '--seeds', '0,1', '--steps', 1]),
        'invert': (0, ['invert', run, '--images', data / 'a\nb', '--steps', 1, '--starts', 1]),
        'compare': (0, ['compare', run, run.with_name(f'1{ALL}')]),
        'compare others': (2, ['compare', run, data]),
        'plot': (0, ['plot', run]),
        'export': (0, ['export', run, '--out', export]),
        'export again': (2, ['export', run, '--out', export]),
        'summary': (0, ['summary', run]),
        'summary of an export': (0, ['summary', export]),
        'judge': (2, ['judge', 'train', '--data', data, *size, *few, '--out', judge]),
        'evaluate': (2, ['evaluate', run, '--judge', place / f'no{ALL}']),
        'density': (2, ['density', run]),
        'settings': (2, ['train', '--config', place / ALL]),
        'an option': (2, ['train', f'--{ALL}']),
        'a command': (2, [ALL]),
        'an argument': (2, ['plot', run, ALL]),
        'a choice': (2, ['export', run, '--out', ALL, '--format', ALL]),
        'a device': (2, ['sample', run, '--device', ALL]),
    }


@pytest.mark.parametrize('what', words(Path()))
def test_no_name_acts_on_the_terminal(place, what, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)  # a new process
    few = {name: figures.FIGURES[name] for name in ('samples', 'losses') if what == 'plot'}
    monkeypatch.setattr(figures, 'FIGURES', few)
    code, arguments = words(place)[what]
    result = tiny.gluongan(*arguments)
    assert result.exit_code == code, result.output
    for line in f'{result.stdout}\n{result.stderr}'.split('\n'):
        assert line.isprintable()
    if code:
        assert [line[:7] for line in result.stderr.splitlines()][-1] == 'Error: '
    assert any(name in result.stdout + result.stderr for name in NAMES.values())


def test_an_evaluation_names_what_it_was_given(place, monkeypatch):
    from gluongan.evaluation import Report

    source = str(place / ALL)
    report = Report(source, ALL, 100, None, {'pixel_swd100_test': 1.0}, ALL, 1.0, notes=(ALL,))
    monkeypatch.setattr('gluongan.evaluation.sources.evaluate_source', lambda *a, **k: report)
    json_file = place / f'{ALL}.json'
    result = tiny.gluongan('evaluate', place / ALL, '--data', 'synthetic', '--json', json_file)
    assert result.exit_code == 0 and result.stdout.count(SHOWN) >= 3
    assert all(line.isprintable() for line in f'{result.stdout}{result.stderr}'.split('\n'))
    assert json.loads(json_file.read_text('ascii'))['source'] == source


def test_a_manifest_can_be_read_whatever_the_classes_are_called(tmp_path, monkeypatch):
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)
    classes = [*NAMES, '\x1b' * 255, 'x' * 2000]
    net = dense_generator([5 + len(classes), 8, 16], init='glorot')
    export(net, tmp_path / 'gen', classes=classes)
    kept = load_export(tmp_path).manifest.classes
    assert kept[: len(NAMES)] == tuple(NAMES.values())
    assert [len(name) for name in kept[-2:]] == [1000, 1000] and kept[-1][-1] == '…'


def test_json_of_data_holds_the_names_themselves(place):
    text = tiny.gluongan('data', place / f'{ALL}.data', '--json').stdout
    assert all(line.isprintable() for line in text.split('\n'))
    assert set(json.loads(text)['classes']) == set(NAMES.values())


def test_every_letter_that_can_be_printed_stays():
    for text in ('é', '猫 cat', 'שלום', 'a\\b', '😀', ''):
        assert as_printable(text) == text
    for name, shown in NAMES.items():
        assert as_printable(name) == shown
    for number in [*range(32), *range(127, 160), 0x2028, 0x202E, 0xFEFF, 0xDC80, 0xE0001]:
        shown = as_printable(f'猫{chr(number)}')
        assert shown.isprintable() and shown[0] == '猫' and shown[1] == '\\' and len(shown) > 2


def test_an_error_is_one_line_whatever_it_names():
    error = InputError(f'{ALL}: is wrong', setting='data', value=ALL)
    assert str(error) == f'data {SHOWN}: {SHOWN}: is wrong'


def test_a_table_has_a_line_for_each_row_and_its_columns_stay_beneath_each_other():
    lines = text_table([('name', 'n'), *((name, '1') for name in NAMES)]).split('\n')
    assert len(lines) == len(NAMES) + 1 and {line[-1] for line in lines} == {'n', '1'}
    assert len(set(map(len, lines))) == 1 and all(map(str.isprintable, lines))


def test_texts_of_a_figure_are_drawn_as_they_are_and_numbers_as_formulas(tmp_path):
    load_matplotlib()
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 1000], label=ALL)
    axes.set_yscale('log')
    axes.legend()
    texts = [figure.suptitle(ALL), axes.set_title(ALL), axes.set_xlabel(ALL), axes.text(0, 0, ALL)]
    grids.save(figure, tmp_path / 'x.png')
    broken = SHOWN.replace('a\\nb', 'a\nb')  # a line break of a figure
    for text in [*texts, *axes.get_legend().get_texts()]:
        assert text.get_text() == broken and not text.get_parse_math()
    assert axes.yaxis.get_major_ticks()[0].label1.get_parse_math()


@pytest.mark.parametrize('name', [*NAMES, ALL, 'plain', 'a b', "it's", ''])
def test_a_command_to_continue_with_can_be_pasted(name):
    word = shell_word(name)
    assert word.isprintable() and (word == shlex.quote(name) or not name.isprintable())
    printed = subprocess.run(['bash', '-c', f'printf %s {word}'], capture_output=True, check=True)
    assert printed.stdout == os.fsencode(name)


def test_json_that_is_printed_is_read_back_as_it_was(capsys):
    echo_json({name: [name, 'é猫'] for name in [*NAMES, '\U000e0001']})
    text = capsys.readouterr().out
    assert all(map(str.isprintable, text.split('\n'))) and 'é猫' in text
    assert json.loads(text) == {name: [name, 'é猫'] for name in [*NAMES, '\U000e0001']}
