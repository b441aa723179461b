"""Runs beside each other: settings that differ, mean and deviation over seeds, figures; from the files of the runs alone."""

from __future__ import annotations

import json
import statistics

import pytest
import tiny
from PIL import Image

from gluongan import figures
from gluongan.config import Config
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
    """Three runs that differ in their seed, and one of another learning rate."""
    out = tmp_path_factory.mktemp('compare')
    return [
        tiny.begun(out, iterations=6, eval_every=3, log_every=3, **more).folder
        for more in ({'seed': 0}, {'seed': 1}, {'seed': 2}, {'lr': 0.5e-3, 'gen_hidden': (8,)})
    ]


def cells(groups):
    return {row[0]: row[1:] for row in comparison.rows(groups)}


def last(run, name):
    return tiny.rows(run / 'metrics.jsonl')[-1][name]


def test_runs_of_other_seeds_share_a_column_with_mean_and_deviation(runs):
    groups = comparison.compare(runs)
    assert [len(group.runs) for group in groups] == [3, 1]
    values = [last(run, 'samples/swd') for run in runs[:3]]
    assert groups[0].spread('samples/swd') == pytest.approx(
        (statistics.mean(values), statistics.stdev(values))
    )
    assert groups[1].spread('samples/swd') == (last(runs[3], 'samples/swd'), None)
    shown = cells(groups)['samples/swd']
    assert (
        shown[0] == f'{statistics.mean(values):.4g} ± {statistics.stdev(values):.2g}'
        and '±' not in shown[1]
    )


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
def test_runs_are_alike_where_only_what_watches_them_differs(tmp_path, change, groups):
    runs = [comparison.Run(tmp_path, Config(**settings), {}) for settings in ({}, change)]
    assert len(comparison.grouped(runs)) == groups


def test_only_settings_that_differ_are_shown_and_the_seeds(runs):
    table = cells(comparison.compare(runs))
    assert {name for name in table if name.startswith('--')} == {'--lr', '--gen-hidden'}
    assert (table['--lr'], table['--gen-hidden'], table['seeds']) == (
        ('0.0002', '0.0005'),
        ('16', '8'),
        ('0, 1, 2', '0'),
    )
    assert table['iterations'] == ('6 ± 0', '6') and 'seconds of training' in table
    assert table[''] == ('00000-dense-synthetic and 2 more', '00003-dense-synthetic')


def test_what_evaluate_found_is_in_the_table_and_a_metric_that_one_lacks_is_a_dash(runs):
    report = runs[3] / 'evaluation.json'
    report.write_text(json.dumps({'metrics': {'lenet_fd10k_test': 12.5, 'lenet_share10k_1': 0.1}}))
    table = cells(comparison.compare(runs))
    report.unlink()
    assert table['lenet_fd10k_test'] == ('-', '12.5') and 'lenet_share10k_1' not in table
    assert 'Fréchet' not in comparison.table(comparison.compare(runs))


def test_table_is_printed_and_figures_are_drawn_without_mxnet(runs, tmp_path, python, monkeypatch):
    result = tiny.gluongan('compare', *runs, '--out', tmp_path)
    assert (
        result.exit_code == 0
        and result.stdout.splitlines()[0].split()[-1] == '00003-dense-synthetic'
    )
    assert result.stderr.split() == [str(tmp_path / 'curves.png'), str(tmp_path / 'samples.png')]
    for name in ('curves', 'samples'):
        with Image.open(tmp_path / f'{name}.png') as picture:
            assert min(picture.size) > 150 and len(picture.convert('RGB').getcolors(2**24)) > 10
    monkeypatch.chdir(tmp_path)  # beside the checkout's gluongan there is no gluongan.cli
    code = (
        f'import sys; from gluongan.cli import main; main(["compare", *{[str(run) for run in runs]}, "--out", '
        f'{str(tmp_path)!r}], standalone_mode=False); print("mxnet" in sys.modules)'
    )
    assert python(code).splitlines()[-1] == 'False'


def test_points_have_curves_and_no_pictures(tmp_path):
    runs = [
        tiny.begun(tmp_path, data='ring8', image_size=None, iterations=2, seed=seed).folder
        for seed in (0, 1)
    ]
    named = [('ring', runs)]
    assert figures.compared_curves(named, tmp_path / 'c.png').is_file()
    assert (
        figures.compared_samples(named, tmp_path / 's.png') is None
        and not (tmp_path / 's.png').exists()
    )


def test_one_run_or_the_same_twice_or_none_is_refused(runs, tmp_path):
    for paths, words in (
        ([runs[0]], 'two or more'),
        ([runs[0], runs[0]], 'twice'),
        ([runs[0], tmp_path], 'no run folder'),
    ):
        with pytest.raises(RunError, match=words):
            comparison.compare(paths)
        assert words in tiny.refused('compare', *paths)


# train --seeds


def test_several_seeds_make_several_runs_and_end_in_their_table(tmp_path):
    result = tiny.gluongan(
        'train', *tiny.flags(iterations=4, eval_every=2), '--seeds', '3,5', '--out', tmp_path
    )
    assert result.exit_code == 0, result.stderr
    made = sorted(tmp_path.glob('0*'))
    assert [json.loads((run / 'config.json').read_text())['seed'] for run in made] == [3, 5]
    values = [last(run, 'samples/swd') for run in made]
    line = next(line for line in result.stdout.splitlines() if line.startswith('samples/swd'))
    assert f'{statistics.mean(values):.4g} ± {statistics.stdev(values):.2g}' in line
    assert (tmp_path / 'compared-00000-dense-synthetic' / 'curves.png').is_file()


def test_one_seed_is_one_run_and_a_dry_run_makes_none(tmp_path):
    assert (
        tiny.gluongan(
            'train', *tiny.flags(iterations=2), '--seeds', '7', '--out', tmp_path
        ).exit_code
        == 0
    )
    assert [path.name for path in tmp_path.iterdir()] == ['00000-dense-synthetic']
    dry = tiny.gluongan('train', *tiny.flags(), '--seeds', '7-9', '--out', tmp_path / 'none', '-n')
    assert json.loads(dry.stdout)['seed'] == 7 and not (tmp_path / 'none').exists()


@pytest.mark.parametrize('words', [['--seed', '1'], ['--resume', 'x']])
def test_seeds_beside_a_seed_or_a_resume_are_refused(words):
    assert f'leave out {words[0]}' in tiny.refused('train', '--seeds', '0-1', *words)
