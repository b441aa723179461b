"""Comparing runs: settings that differ, mean and deviation over seeds, figures."""

from __future__ import annotations

import json
import statistics

import pytest
import tiny
from PIL import Image

from gluongan import figures
from gluongan.config import Config, knobs
from gluongan.evaluation import comparison
from gluongan.runs.folder import RunError


@pytest.fixture(scope='module', autouse=True)
def no_figures():
    """Those of a run take a second, and are tested in test_figures and test_cli."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        yield


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """Three runs that differ in their seed, and one with another learning rate."""
    out = tmp_path_factory.mktemp('compare')
    changes = [{'seed': 0}, {'seed': 1}, {'seed': 2}, {'lr': 0.5e-3, 'gen_hidden': (8,)}]
    schedule = {'iterations': 6, 'eval_every': 3, 'log_every': 3}
    return [tiny.begun(out, **schedule, **change).folder for change in changes]


def cells(groups):
    return {row[0]: row[1:] for row in comparison.table_rows(groups)}


def last(run, name):
    return tiny.rows(run / 'metrics.jsonl')[-1][name]


def test_runs_with_other_seeds_share_a_column_with_mean_and_deviation(runs):
    groups = comparison.compare(runs)
    assert [len(group.runs) for group in groups] == [3, 1]
    values = [last(run, 'samples/swd') for run in runs[:3]]
    mean, deviation = statistics.mean(values), statistics.stdev(values)
    assert groups[0].mean_and_deviation('samples/swd') == pytest.approx((mean, deviation))
    assert groups[1].mean_and_deviation('samples/swd') == (last(runs[3], 'samples/swd'), None)
    assert groups[0].mean_and_deviation('another') is None

    several, single = cells(groups)['samples/swd']
    assert several == f'{mean:.4g} ± {deviation:.2g}'
    assert '±' not in single


@pytest.mark.parametrize(
    'change, groups',
    [
        ({'judge_every': 5}, 1),
        ({'judge_samples': 500}, 1),
        ({'keep': 9}, 1),
        ({'samples': 9}, 1),
        ({'seed': 9}, 1),
        ({'batch': 9}, 2),
        ({'ema': 0.9}, 2),
    ],
)
def test_settings_that_do_not_change_what_is_trained_make_no_other_group(tmp_path, change, groups):
    runs = [comparison.Run(tmp_path, Config(**settings), {}) for settings in ({}, change)]
    assert len(comparison.group_runs(runs)) == groups


def test_the_table_has_the_settings_that_differ_the_seeds_and_the_costs(runs):
    table = cells(comparison.compare(runs))
    assert table[''] == ('00000-dense-synthetic and 2 more', '00003-dense-synthetic')
    assert table['lr'] == ('0.0002', '0.0005')
    assert table['gen_hidden'] == ('16', '8')
    assert set(table) & set(knobs()) == {'lr', 'gen_hidden', 'iterations'}
    assert table['seeds'] == ('0, 1, 2', '0')
    assert table['iterations'] == ('6 ± 0', '6')
    assert 'seconds of training' in table


def test_an_evaluation_is_in_the_table_and_a_metric_that_a_run_lacks_is_a_dash(runs):
    report = runs[3] / 'evaluation.json'
    report.write_text(json.dumps({'metrics': {'lenet_fd10k_test': 12.5, 'lenet_share10k_1': 0.1}}))
    table = cells(comparison.compare(runs))
    text = comparison.make_table(comparison.compare(runs))
    report.unlink()
    assert table['lenet_fd10k_test'] == ('-', '12.5')
    assert 'lenet_share10k_1' not in table
    assert 'Fréchet distance of features' in text
    assert 'Fréchet' not in comparison.make_table(comparison.compare(runs))


def test_the_table_is_printed_and_figures_are_drawn(runs, tmp_path):
    result = tiny.gluongan('compare', *runs, '--out', tmp_path)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0].split()[-1] == '00003-dense-synthetic'
    assert result.stderr.split() == [str(tmp_path / 'curves.png'), str(tmp_path / 'samples.png')]
    for name in ('curves', 'samples'):
        with Image.open(tmp_path / f'{name}.png') as picture:
            assert min(picture.size) > 150
            assert len(picture.convert('RGB').getcolors(2**24)) > 10


def test_runs_are_compared_without_mxnet(runs, tmp_path, python, monkeypatch):
    monkeypatch.chdir(tmp_path)  # beside the checkout's gluongan there is no gluongan.cli
    words = ['compare', *map(str, runs), '--out', str(tmp_path)]
    code = (
        'import sys; from gluongan.cli import main; '
        f'main({words!r}, standalone_mode=False); print("mxnet" in sys.modules)'
    )
    assert python(code).splitlines()[-1] == 'False'


def test_points_have_curves_and_no_pictures(tmp_path):
    settings = {'data': 'ring8', 'image_size': None, 'iterations': 2}
    runs = [tiny.begun(tmp_path, **settings, seed=seed).folder for seed in (0, 1)]
    groups = [('ring', runs)]
    assert figures.compared_curves(groups, tmp_path / 'c.png').is_file()
    assert figures.compared_samples(groups, tmp_path / 's.png') is None
    assert not (tmp_path / 's.png').exists()


def test_one_run_or_the_same_twice_or_no_run_is_refused(runs, tmp_path):
    for paths, message in (
        ([runs[0]], 'compare needs at least two runs'),
        ([runs[0], runs[0]], 'is given twice; must be given once'),
        ([runs[0], tmp_path], 'not a run folder'),
    ):
        with pytest.raises(RunError, match=message):
            comparison.compare(paths)
        assert message in tiny.refused('compare', *paths)


# train --seeds


def test_several_seeds_make_several_runs_and_a_table(tmp_path):
    flags = tiny.flags(iterations=4, eval_every=2)
    result = tiny.gluongan('train', *flags, '--seeds', '3,5', '--out', tmp_path)
    assert result.exit_code == 0, result.stderr
    runs = sorted(tmp_path.glob('0*'))
    assert [json.loads((run / 'config.json').read_text())['seed'] for run in runs] == [3, 5]
    values = [last(run, 'samples/swd') for run in runs]
    line = next(line for line in result.stdout.splitlines() if line.startswith('samples/swd'))
    assert f'{statistics.mean(values):.4g} ± {statistics.stdev(values):.2g}' in line
    assert (tmp_path / 'compared-00000-dense-synthetic' / 'curves.png').is_file()


def test_one_seed_makes_one_run(tmp_path):
    words = [*tiny.flags(iterations=2), '--seeds', '7', '--out', tmp_path]
    assert tiny.gluongan('train', *words).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ['00000-dense-synthetic']


def test_a_dry_run_of_several_seeds_makes_no_run(tmp_path):
    words = [*tiny.flags(), '--seeds', '7-9', '--out', tmp_path / 'none', '-n']
    assert json.loads(tiny.gluongan('train', *words).stdout)['seed'] == 7
    assert not (tmp_path / 'none').exists()


@pytest.mark.parametrize('words', [['--seed', '1'], ['--resume', 'x']])
def test_seeds_beside_a_seed_or_a_resume_are_refused(words):
    message = tiny.refused('train', '--seeds', '0-1', *words)
    assert f'must be used without {words[0]}' in message


def test_folders_of_earlier_comparisons_are_skipped_with_one_line(runs, tmp_path):
    out = tmp_path / 'compared-00009-dense-mnist'
    assert tiny.gluongan('compare', *runs[:2], '--out', out).exit_code == 0
    result = tiny.gluongan('compare', *runs[:2], out, '--out', tmp_path / 'again')
    assert result.exit_code == 0
    assert result.stderr.splitlines()[0] == f'not a run: {out} (it holds a comparison)'
    assert 'needs at least two runs' in tiny.gluongan('compare', runs[0], out).stderr
