"""`gluongan bench` from the command line: whole sessions of tiny cases, comparisons, and refusals; no speed is asked for."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest
import tiny
from PIL import Image

from gluongan.bench import Trial, Trials, median, minimum, read, report
from gluongan.recipes import RECIPES

MACHINE = {
    'processor': 'a processor',
    'threads': '2',
    'cores': 2,
    'gpus': 0,
    'mxnet': '1.9.1',
    'platform': 'Linux',
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(RECIPES, 'small', lambda: tiny.tiny())
    monkeypatch.setitem(RECIPES, 'labelled', lambda: tiny.tiny(conditional=True))


def bench(*words):
    result = tiny.gluongan('bench', '--seconds', '0.1', *words)
    assert result.exit_code == 0, result.stderr
    return result


def trial(name, *seconds, **facts):
    recipe, batch, device, mode = name.split()
    return Trial(
        name,
        {'recipe': recipe, 'batch': int(batch), 'device': device, 'mode': mode, **facts},
        seconds,
        int(batch),
    )


def saved(name, *trials, **environment):
    Trials(trials, {**MACHINE, **environment}).write(Path(name))
    return name


# A whole session


def test_session_prints_its_table_and_keeps_every_sample():
    result = bench('--recipe', 'small,labelled', '--batch', '8,16', '--devices', 'cpu')
    place = Path('bench/00000-small-labelled')
    assert (
        sorted(path.name for path in place.iterdir()) == ['speed.png', 'trials.json']
        and str(place) in result.stderr
    )
    session = read(place / 'trials.json')
    assert len(session.trials) == 12
    for each in session.trials:
        (line,) = (
            line.split() for line in result.stdout.splitlines() if line.startswith(each.name + ' ')
        )
        assert float(line[4].replace(',', '')) == pytest.approx(1 / median(each), rel=0.01)
        assert float(line[5].replace(',', '')) == pytest.approx(
            each.images / median(each), rel=0.01
        )
        assert float(line[6]) == pytest.approx(1000 * median(each), abs=0.001)
        assert (
            float(line[7]) == pytest.approx(1000 * minimum(each), abs=0.001)
            and len(each.seconds) >= 3
        )
    assert session.environment['command'] and len(session.environment['load']) == 3
    for words in ('hybrid : imperative', 'static : imperative'):
        assert result.stdout.count(words) == 4
    with Image.open(place / 'speed.png') as picture:
        assert picture.width == pytest.approx(1008, abs=30) and picture.height > 400


def test_session_without_a_gpu_says_so_and_times_the_cpu():
    result = bench('--recipe', 'small', '--devices', 'gpu', '--modes', 'static')
    assert [line for line in result.stderr.splitlines() if 'no GPU' in line and 'CPU alone' in line]
    assert list(read('bench/00000-small/trials.json').named()) == ['small 32 cpu static']
    quiet = bench('--recipe', 'small', '--devices', 'cpu', '--modes', 'static')
    assert (
        'GPU' not in quiet.stderr and Path('bench/00001-small/trials.json').is_file()
    )  # and nothing is overwritten


def test_session_with_a_gpu_announces_that_it_compiles(monkeypatch, capsys):
    from gluongan import runtime

    monkeypatch.setattr(runtime, 'gpu_count', lambda: 1)
    assert import_module('gluongan.cli.bench')._present(['cpu', 'gpu']) == ['cpu', 'gpu']
    assert 'compiles' in capsys.readouterr().err


def test_split_and_operators_are_printed_for_each_case():
    words = bench(
        '--recipe',
        'small',
        '--devices',
        'cpu',
        '--modes',
        'imperative,static',
        '--split',
        '--profile',
    ).stdout
    for part in ('data', 'noise', 'G(z)', 'D update', 'G update', 'optimiser', 'rest', 'together'):
        assert sum(line.startswith(part + ' ') for line in words.splitlines()) == 2
    assert words.count('adam_update') == 2 and words.count('without them the whole takes') == 2


def test_stopped_session_leaves_nothing(monkeypatch):
    from gluongan.trainer import Interrupt

    monkeypatch.setattr(Interrupt, '__call__', lambda self: True)
    monkeypatch.setattr(Interrupt, '__init__', lambda self: vars(self).update(signal=2, _before={}))
    with tiny.no_new_files():
        result = tiny.gluongan('bench', '--recipe', 'small')
    assert (
        result.exit_code == 130
        and 'nothing has been written' in result.stderr
        and not result.stdout
    )


@pytest.mark.parametrize(
    'words, named',
    [
        (['--recipe', 'fancy'], ['--recipe fancy', 'dense']),
        (['--recipe', ''], ['--recipe', 'dense']),
        (['--recipe', 'dense,'], ['--recipe', 'dense']),
        (['--batch', '0'], ['--batch 0', '65,536']),
        (['--batch', '64,x'], ['--batch 64,x', 'whole numbers']),
        (['--batch', '-5'], ['--batch -5']),
        (['--batch', '1e3'], ['--batch 1e3']),
        (['--batch', '99999999999'], ['--batch 99999999999']),
        (['--batch', '8,1'], ['--batch 1', 'BatchNorm']),
        (['--recipe', 'small', '--batch', '60000'], ['--batch 60000', '512']),
        (['--devices', 'tpu'], ['--devices tpu', 'cpu, gpu']),
        (['--devices', 'gpu(0)'], ['--devices gpu(0)']),
        (['--modes', 'fast'], ['--modes fast', 'imperative, hybrid, static']),
        (['--seconds', '0'], ['--seconds 0', '0.1 to 3600']),
        (['--seconds', 'nan'], ['--seconds nan']),
        (['--seconds', '1e9'], ['--seconds 1e9']),
        (['--seconds', 'x'], ['--seconds x']),
        (['--tolerance', '0.1'], ['--tolerance', '--compare']),
        (['--compare', 'a', 'b', '--tolerance', 'nan'], ['--tolerance nan']),
        (['--compare', 'a', 'b', '--split'], ['--split', '--compare']),
        (['--compare', 'a', 'b', '--batch', '8'], ['--batch']),
        (['--compare', 'a', 'b', '--tolerance', '-1'], ['--tolerance -1']),
        (['--compare', 'a', 'b'], ['a', 'cannot be read']),
        (['stray'], ['stray']),
    ],
    ids=lambda words: ' '.join(words)[:40],
)
def test_impossible_session_is_refused_in_one_sentence(words, named):
    message = tiny.refused('bench', *words)
    assert all(name in message for name in named), message


def test_place_that_cannot_hold_results_is_refused_before_anything_is_timed():
    Path('file').write_text('')
    assert '--out file' in tiny.refused('bench', '--recipe', 'small', '--out', 'file')


# --compare


def compare(*words):
    result = tiny.gluongan('bench', '--compare', *words)
    assert result.exit_code in (0, 1), result.stderr
    return result


def test_comparison_judges_case_by_case_by_the_minima():
    names = [f'{recipe} 64 cpu static' for recipe in ('dense', 'dcgan', 'wgan')]
    old = saved('old.json', trial(names[0], 1, 2, 3), trial(names[1], 2, 9), trial(names[2], 1))
    new = saved('new.json', trial(names[0], 1.03, 99), trial(names[1], 1), trial(names[2], 2))
    result = compare(old, new)
    verdicts = {line.split()[0]: line.split()[-3:] for line in result.stdout.splitlines()[1:]}
    assert verdicts == {
        'dense': ['0.971', 'x', 'invariant'],
        'dcgan': ['2.000', 'x', 'improvement'],
        'wgan': ['0.500', 'x', 'regression'],
    }
    assert result.exit_code == 1 and not result.stderr


@pytest.mark.parametrize(
    'time, tolerance, code',
    [(1.04, None, 0), (1.06, None, 1), (1.06, '0.1', 0), (1.04, '0', 1), (0.5, None, 0)],
)
def test_exit_code_tells_a_regression_beyond_the_tolerance(time, tolerance, code):
    files = [
        saved('old.json', trial('dense 64 cpu static', 1.0)),
        saved('new.json', trial('dense 64 cpu static', time)),
    ]
    assert compare(*files, *(['--tolerance', tolerance] if tolerance else [])).exit_code == code


def test_unlike_cases_are_not_compared():
    old = saved('old.json', trial('dense 64 cpu static', 1.0, gen_hidden=[256]))
    message = tiny.refused(
        'bench',
        '--compare',
        old,
        saved('new.json', trial('dense 64 cpu static', 1.0, gen_hidden=[128])),
    )
    assert (
        'gen_hidden is [256]' in message and '[128]' in message and 'dense 64 cpu static' in message
    )
    message = tiny.refused(
        'bench', '--compare', old, saved('new.json', trial('dense 128 cpu static', 1.0))
    )
    assert 'no case in common' in message and 'dense 128' in message


def test_setting_that_only_the_newer_version_knows_is_no_difference():
    old = saved('old.json', trial('dense 64 cpu static', 1.0))
    assert (
        compare(old, saved('new.json', trial('dense 64 cpu static', 1.0, precision='x'))).exit_code
        == 0
    )


def test_comparison_warns_of_another_machine_and_of_cases_without_a_partner():
    old = saved('old.json', trial('dense 64 cpu static', 1.0), trial('dense 8 cpu static', 1.0))
    new = saved(
        'new.json',
        trial('dense 64 cpu static', 1.0),
        trial('dense 9 cpu static', 1.0),
        threads='4',
        processor='another',
    )
    lines = compare(old, new).stderr.splitlines()
    assert len(lines) == 4 and all(line.startswith('Warning: ') for line in lines)
    assert [
        word
        for word in ('threads', '2 and 4', 'another', 'dense 8', 'dense 9')
        if word not in ''.join(lines)
    ] == []


@pytest.mark.parametrize('text', ['', '[]', '{"trials": []}', '{"format": NaN}', 'x' * 1000])
def test_comparison_of_what_is_no_result_is_refused_by_file(text):
    Path('bad.json').write_text(text)
    good = saved('good.json', trial('dense 64 cpu static', 1.0))
    assert 'bad.json' in tiny.refused('bench', '--compare', good, 'bad.json')
    assert 'bad.json' in tiny.refused('bench', '--compare', 'bad.json', good)


# What is said of trials


def test_ratios_are_of_trials_that_differ_in_one_thing():
    rows = [
        trial('dense 64 cpu imperative', 3.0),
        trial('dense 64 cpu static', 2.0),
        trial('dense 64 gpu static', 0.5),
        trial('dense 128 cpu static', 7.0),
        trial('dcgan 64 cpu imperative', 9.0),
    ]
    lines = report.ratios(rows).splitlines()[1:]
    assert [' '.join(line.split()[:8]) for line in lines] == [
        'static : imperative dense 64 cpu 1.50 x',
        'gpu : cpu dense 64 static 4.00 x',
    ]
    assert report.ratios(rows[3:]) == ''


@pytest.mark.parametrize(
    'seconds, warned',
    [((1.0, 1.0, 1.0, 1.0), False), ((1.0, 1.0, 1.09, 1.09), False), ((1.0, 1.0, 1.3, 1.3), True)],
)
def test_wide_spread_is_warned_of(seconds, warned):
    assert bool(report.cautions([trial('dense 64 cpu static', *seconds)])) is warned


@pytest.mark.parametrize('count, warned', [(3, True), (4, False)])
def test_few_samples_are_told_with_what_to_do(count, warned):
    said = report.cautions([trial('dcgan 512 cpu imperative', *[1.5] * count)])
    assert bool(said) is warned and all(
        '3 samples' in text and '1.5 s' in text and '--seconds' in text for text in said
    )


def test_result_file_is_json_with_a_line_a_trial():
    text = Path(
        saved('old.json', trial('dense 64 cpu static', 1.0), trial('dense 8 cpu static', 1.0))
    ).read_text()
    assert [row['name'] for row in json.loads(text)['trials']] == [
        'dense 64 cpu static',
        'dense 8 cpu static',
    ]
    assert len(text.splitlines()) == 8
