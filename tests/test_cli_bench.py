"""`gluongan bench`: sessions of tiny cases, comparisons, and refusals. No speed is required."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest
import tiny
from PIL import Image
from second_device import as_gpu

from gluongan import build, native, runtime
from gluongan.bench import Trial, Trials, median, minimum, read, report
from gluongan.bench.copies import copies
from gluongan.recipes import RECIPES
from gluongan.trainer import Interrupt

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
    own = {'recipe': recipe, 'batch': int(batch), 'device': device, 'mode': mode}
    return Trial(name, {**own, **facts}, seconds, int(batch))


def saved(name, *trials, **environment):
    Trials(trials, {**MACHINE, **environment}).write(Path(name))
    return name


# A session


@pytest.fixture(scope='module')
def session(tmp_path_factory):
    """The folder of a session of twelve cases, and what the command printed."""
    out = tmp_path_factory.mktemp('session') / 'bench'
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, 'small', lambda: tiny.tiny())
        patch.setitem(RECIPES, 'labelled', lambda: tiny.tiny(conditional=True))
        words = ['--recipe', 'small,labelled', '--batch', '8,16', '--devices', 'cpu', '--out', out]
        result = bench(*words)
    return out / '00000-small-labelled', result


def test_session_makes_a_folder_with_every_sample_and_a_chart(session):
    folder, result = session
    assert sorted(path.name for path in folder.iterdir()) == ['speed.png', 'trials.json']
    assert str(folder) in result.stderr
    trials = read(folder / 'trials.json')
    assert len(trials.trials) == 12
    assert all(len(each.seconds) >= 3 for each in trials.trials)
    assert trials.environment['command'] and len(trials.environment['load']) == 3
    with Image.open(folder / 'speed.png') as picture:
        assert picture.width == pytest.approx(1008, abs=30) and picture.height > 400


def test_session_prints_a_row_per_case_with_its_statistics(session):
    folder, result = session
    lines = result.stdout.splitlines()
    for each in read(folder / 'trials.json').trials:
        (line,) = [line for line in lines if line.startswith(each.name + ' ')]
        iterations, images, middle, least = line.replace(',', '').split()[4:8]
        assert float(iterations) == pytest.approx(1 / median(each), rel=0.01)
        assert float(images) == pytest.approx(each.images / median(each), rel=0.01)
        assert float(middle) == pytest.approx(1000 * median(each), abs=0.001)
        assert float(least) == pytest.approx(1000 * minimum(each), abs=0.001)


def test_session_prints_the_ratios_of_modes(session):
    _, result = session
    for pair in ('hybrid : imperative', 'static : imperative'):
        assert result.stdout.count(pair) == 4


def test_session_without_a_gpu_says_so_and_times_the_cpu():
    result = bench('--recipe', 'small', '--devices', 'gpu', '--modes', 'static')
    assert f'No GPU is timed, only the CPU: {runtime.why_no_gpu()}\n' in result.stderr
    trials = read('bench/00000-small/trials.json').by_name()
    assert list(trials) == ['small 32 cpu static']


def test_session_on_the_cpu_does_not_mention_gpus_and_overwrites_nothing():
    Path('bench/00000-small').mkdir(parents=True)
    result = bench('--recipe', 'small', '--devices', 'cpu', '--modes', 'static')
    assert 'GPU' not in result.stderr
    assert Path('bench/00001-small/trials.json').is_file()


def test_session_with_a_gpu_announces_that_it_compiles(monkeypatch, capsys):
    monkeypatch.setattr(runtime, 'why_no_gpu', lambda: None)
    module = import_module('gluongan.cli.bench')
    assert module._available(['cpu', 'gpu']) == ['cpu', 'gpu']
    said = capsys.readouterr().err
    assert 'compiles' in said and 'NaiveEngine' not in said
    monkeypatch.setattr(native, 'computes_at_once', lambda: False)
    module._available(['cpu', 'gpu'])
    assert 'MXNET_ENGINE_TYPE=NaiveEngine gluongan bench' in capsys.readouterr().err


def test_a_gpu_is_compared_with_the_cpu_and_what_is_copied_to_it_is_told_apart():
    with as_gpu(first=True):  # the other device of the session
        result = bench('--recipe', 'small', '--devices', 'cpu,gpu', '--modes', 'static')
    trials = read('bench/00000-small/trials.json').by_name()
    assert list(trials) == ['small 32 cpu static', 'small 32 gpu static']
    lines = result.stdout.splitlines()
    (line,) = (line for line in lines if line.startswith('gpu : cpu'))
    assert 'small 32 static' in line
    below = lines[lines.index('copied to the device, nothing else running beside it:') + 2 :]
    (row,) = (line.split() for line in below if line.startswith('small 32'))
    # 512 pictures of 64 bytes, once; in each iteration z (32, 5) of 4 bytes, and once in 16
    # iterations the order of the epoch, 4 bytes for each picture.
    assert row[4:6] == ['0.0', 'MB'] and row[7:9] == ['0.8', 'kB']
    assert float(row[7]) * 1000 == pytest.approx(32 * 5 * 4 + 512 * 4 / 16, abs=50)


def test_the_copies_of_a_run_are_counted():
    updater = tiny_updater(batch=32, gen_steps=2, shared_noise=False)
    found = copies(updater)
    assert found.data_bytes == 512 * 64
    # Of two epochs in 32 iterations, the first had its order before.
    assert found.iteration_bytes == 3 * 32 * 5 * 4 + 512 * 4 / 32
    assert 0 < found.iteration_seconds < 1 and 0 < found.data_seconds < 1


def tiny_updater(**changes):
    config = tiny.tiny(**changes)
    return build.make_updater(config, build.load_data(config))


def test_split_and_operators_are_printed_for_each_case():
    words = ['--recipe', 'small', '--devices', 'cpu', '--modes', 'imperative,static']
    output = bench(*words, '--split', '--profile').stdout
    for part in ('data', 'noise', 'G(z)', 'D update', 'G update', 'optimiser', 'rest', 'total'):
        assert sum(line.startswith(part + ' ') for line in output.splitlines()) == 2
    assert output.count('adam_update') == (0 if native.is_available() else 2)
    assert output.count("\nMXNet's operators") == 2
    assert output.count('without fences an iteration takes') == 2


def test_stopped_session_leaves_nothing(monkeypatch):
    def interrupted(self):
        self.signal, self._before = 2, {}

    monkeypatch.setattr(Interrupt, '__call__', lambda self: True)
    monkeypatch.setattr(Interrupt, '__init__', interrupted)
    with tiny.no_new_files():
        result = tiny.gluongan('bench', '--recipe', 'small')
    assert result.exit_code == 130 and not result.stdout
    assert 'nothing has been written' in result.stderr


@pytest.mark.parametrize(
    'words, parts',
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
def test_impossible_session_is_refused_in_one_sentence(words, parts):
    message = tiny.refused('bench', *words)
    assert all(part in message for part in parts), message


def test_out_that_cannot_hold_results_is_refused_before_anything_is_timed():
    Path('file').write_text('')
    assert '--out file' in tiny.refused('bench', '--recipe', 'small', '--out', 'file')


# --compare


def compare(*words):
    result = tiny.gluongan('bench', '--compare', *words)
    assert result.exit_code in (0, 1), result.stderr
    return result


def test_comparison_judges_case_by_case_by_the_minima():
    dense, dcgan, wgan = (f'{recipe} 64 cpu static' for recipe in ('dense', 'dcgan', 'wgan'))
    old = saved('old.json', trial(dense, 1, 2, 3), trial(dcgan, 2, 9), trial(wgan, 1))
    new = saved('new.json', trial(dense, 1.03, 99), trial(dcgan, 1), trial(wgan, 2))
    result = compare(old, new)
    rows = [line.split() for line in result.stdout.splitlines()[1:]]
    assert {row[0]: row[6:] for row in rows} == {
        'dense': ['0.971', 'x', 'no', 'change'],
        'dcgan': ['2.000', 'x', 'improvement'],
        'wgan': ['0.500', 'x', 'regression'],
    }
    assert result.exit_code == 1 and not result.stderr


@pytest.mark.parametrize(
    'time, words, code',
    [
        (1.04, [], 0),
        (1.06, [], 1),
        (1.06, ['--tolerance', '0.1'], 0),
        (1.04, ['--tolerance', '0'], 1),
        (0.5, [], 0),
    ],
)
def test_exit_code_reports_a_regression_beyond_the_tolerance(time, words, code):
    old = saved('old.json', trial('dense 64 cpu static', 1.0))
    new = saved('new.json', trial('dense 64 cpu static', time))
    assert compare(old, new, *words).exit_code == code


def test_cases_that_differ_in_a_setting_are_not_compared():
    old = saved('old.json', trial('dense 64 cpu static', 1.0, gen_hidden=[256]))
    new = saved('new.json', trial('dense 64 cpu static', 1.0, gen_hidden=[128]))
    message = tiny.refused('bench', '--compare', old, new)
    for part in ('dense 64 cpu static', 'gen_hidden is [256]', '[128]'):
        assert part in message


def test_sessions_without_a_common_case_are_not_compared():
    old = saved('old.json', trial('dense 64 cpu static', 1.0))
    new = saved('new.json', trial('dense 128 cpu static', 1.0))
    message = tiny.refused('bench', '--compare', old, new)
    assert 'no case in common: old has ' in message and 'dense 128' in message


def test_setting_that_only_the_newer_version_has_is_no_difference():
    old = saved('old.json', trial('dense 64 cpu static', 1.0))
    new = saved('new.json', trial('dense 64 cpu static', 1.0, precision='x'))
    assert compare(old, new).exit_code == 0


def test_comparison_warns_of_another_machine_and_of_cases_that_only_one_has():
    old = saved('old.json', trial('dense 64 cpu static', 1.0), trial('dense 8 cpu static', 1.0))
    trials = [trial('dense 64 cpu static', 1.0), trial('dense 9 cpu static', 1.0)]
    new = saved('new.json', *trials, threads='4', processor='another')
    output = compare(old, new).stderr
    lines = output.splitlines()
    assert len(lines) == 4 and all(line.startswith('Warning: ') for line in lines)
    for part in ('threads', '2 and 4', 'another', 'dense 8', 'dense 9'):
        assert part in output


@pytest.mark.parametrize('text', ['', '[]', '{"trials": []}', '{"format": NaN}', 'x' * 1000])
def test_comparison_of_a_file_that_is_no_result_names_the_file(text):
    Path('bad.json').write_text(text)
    good = saved('good.json', trial('dense 64 cpu static', 1.0))
    assert 'bad.json' in tiny.refused('bench', '--compare', good, 'bad.json')
    assert 'bad.json' in tiny.refused('bench', '--compare', 'bad.json', good)


# Trials as text


def test_ratios_are_of_trials_that_differ_in_one_thing():
    trials = [
        trial('dense 64 cpu imperative', 3.0),
        trial('dense 64 cpu static', 2.0),
        trial('dense 64 gpu static', 0.5),
        trial('dense 128 cpu static', 7.0),
        trial('dcgan 64 cpu imperative', 9.0),
    ]
    lines = report.ratios(trials).splitlines()[1:]
    assert [' '.join(line.split()[:8]) for line in lines] == [
        'static : imperative dense 64 cpu 1.50 x',
        'gpu : cpu dense 64 static 4.00 x',
    ]
    assert report.ratios(trials[3:]) == ''


@pytest.mark.parametrize(
    'seconds, warned',
    [((1.0, 1.0, 1.0, 1.0), False), ((1.0, 1.0, 1.09, 1.09), False), ((1.0, 1.0, 1.3, 1.3), True)],
)
def test_wide_spread_gives_a_warning(seconds, warned):
    assert bool(report.cautions([trial('dense 64 cpu static', *seconds)])) is warned


def test_few_samples_give_a_warning_that_says_what_to_do():
    (caution,) = report.cautions([trial('dcgan 512 cpu imperative', 1.5, 1.5, 1.5)])
    assert all(part in caution for part in ('3 samples', '1.5 s', 'raise `seconds`'))
    assert report.cautions([trial('dcgan 512 cpu imperative', 1.5, 1.5, 1.5, 1.5)]) == []


def test_result_file_is_json_with_one_line_per_trial():
    names = ['dense 64 cpu static', 'dense 8 cpu static']
    text = Path(saved('old.json', *(trial(name, 1.0) for name in names))).read_text()
    assert [row['name'] for row in json.loads(text)['trials']] == names
    assert len(text.splitlines()) == 8
