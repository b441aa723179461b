"""Comparing runs: settings that differ, mean and deviation over seeds, figures."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
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
    """The cells of each row by its name, without the explanation at the end."""
    return {row[0]: row[1:-1] for row in comparison.table_rows(groups)}


def rows_named(groups, name):
    """The cells of every row of that name."""
    return [row[1:-1] for row in comparison.table_rows(groups) if row[0] == name]


def origins(groups):
    """What the metrics are of, and at which iterations, as the table says it."""
    rows = comparison.table_rows(groups)
    return {row[-1]: row[1:-1] for row in rows if row[0] == 'at iteration'}


@contextlib.contextmanager
def evaluated(run, name='evaluation.json', **content):
    """A run that `gluongan evaluate` reported on, with changes to what the report says."""
    report = {
        'gluongan': '0.1.0',
        'iteration': 6,
        'snapshot': 'last',
        'data': 'synthetic',
        'data_sha256': 'ab' * 32,
        'judge': {'sha256': 'cd' * 32},
        'samples': 10_000,
        'metrics': {'lenet_fd10k_test': 12.5},
    }
    (run / name).write_text(json.dumps({**report, **content}))
    yield
    (run / name).unlink()


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
    assert set(table) & set(knobs()) == {'lr', 'gen_hidden'}
    assert table['seeds'] == ('0, 1, 2', '0')
    assert table['iterations trained'] == ('6 ± 0', '6')
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


EVALUATED = 'gluongan evaluate, the last snapshot, on synthetic (abababab), gluongan 0.1.0'


def test_metrics_stand_beneath_the_iteration_snapshot_data_and_version_that_they_are_of(runs):
    with evaluated(runs[1]), evaluated(runs[3], metrics={'lenet_fd10k_test': 9.5}):
        groups = comparison.compare(runs)
    assert rows_named(groups, 'lenet_fd10k_test') == [('12.5 (1 of 3)', '9.500')]
    training = 'while training, the last iteration, on synthetic, image_size 8, gluongan 0.1.0'
    assert origins(groups) == {training: ('6', '6'), EVALUATED: ('6', '6')}
    text = comparison.make_table(groups).splitlines()
    (number,) = [i for i, line in enumerate(text) if line.endswith(EVALUATED)]
    assert text[number].startswith('at iteration ')
    assert text[number + 1].startswith('lenet_fd10k_test ')


@pytest.mark.parametrize(
    'change, words',
    [
        ({'iteration': 3}, 'snapshot 3, stale: the run went on'),
        ({'iteration': None}, 'an unknown snapshot'),
        ({'data_sha256': 'ef' * 32}, 'on synthetic (efefefef)'),
        ({'data': 'other', 'data_sha256': None}, 'on other, gluongan'),
        ({'gluongan': '9.9'}, 'gluongan 9.9'),
        ({'gluongan': None}, 'with the judge cdcdcdcd, the last snapshot'),
    ],
)
def test_an_evaluation_of_anything_else_has_a_row_of_its_own_that_says_so(runs, change, words):
    with evaluated(runs[0]), evaluated(runs[3], **{'metrics': {'lenet_fd10k_test': 9}, **change}):
        groups = comparison.compare(runs)
    assert rows_named(groups, 'lenet_fd10k_test') == [('12.5 (1 of 3)', '-'), ('-', '9.000')]
    assert origins(groups)[EVALUATED] == ('6', '-')
    (other,) = [text for text in origins(groups) if words in text]
    assert other != EVALUATED


def test_no_mean_is_over_evaluations_of_other_snapshots(runs):
    with evaluated(runs[0]), evaluated(runs[1], iteration=3, metrics={'lenet_fd10k_test': 99}):
        groups = comparison.compare(runs)
    cells_of_first = [row[0] for row in rows_named(groups, 'lenet_fd10k_test')]
    assert cells_of_first == ['12.5 (1 of 3)', '99.0 (1 of 3)']
    assert groups[0].mean_and_deviation('lenet_fd10k_test') == (12.5, None)


def test_the_best_snapshot_is_not_stale_and_not_beside_the_last(runs, tmp_path):
    run = shutil.copytree(runs[3], tmp_path / 'run')
    snapshot = run / 'snapshots' / '000006.snapshot'
    shutil.copy(snapshot, snapshot.with_name('000003.snapshot'))
    scores = {'metric': 'samples/swd', '3': 0.1, '6': 0.2}
    (run / 'snapshots' / 'scores.json').write_text(json.dumps(scores))
    best = {'iteration': 3, 'snapshot': 'best', 'metrics': {'lenet_fd10k_test': 7}}
    with evaluated(runs[0]), evaluated(run), evaluated(run, 'evaluation-best.json', **best):
        groups = comparison.compare([runs[0], run])
    assert rows_named(groups, 'lenet_fd10k_test') == [('12.5', '12.5'), ('-', '7.000')]
    assert any('the best snapshot by samples/swd' in text for text in origins(groups))


def test_metrics_of_training_that_the_run_went_beyond_have_a_row_of_their_own(runs, tmp_path):
    run = shutil.copytree(runs[3], tmp_path / 'run')
    first, *_ = (run / 'metrics.jsonl').read_text().splitlines(keepends=True)
    (run / 'metrics.jsonl').write_text(first)
    groups = comparison.compare([runs[0], run])
    assert [row.count('-') for row in rows_named(groups, 'samples/swd')] == [1, 1]
    assert any('iteration 0, stale' in text for text in origins(groups))


def test_runs_on_other_data_share_no_metric(runs, tmp_path):
    other = tiny.begun(tmp_path, iterations=6, binarize=True).folder
    groups = comparison.compare([runs[0], other])
    assert [row.count('-') for row in rows_named(groups, 'samples/swd')] == [1, 1]


@pytest.fixture(scope='module')
def interrupted(tmp_path_factory):
    """A repetition of the first three runs that was stopped at iteration 4 of 6."""
    schedule = {'iterations': 6, 'eval_every': 2, 'log_every': 2}
    return tiny.begun(tmp_path_factory.mktemp('stopped'), seed=9, until=4, **schedule).folder


def test_an_interrupted_repetition_has_a_column_of_its_own_and_is_in_no_mean(runs, interrupted):
    groups = comparison.compare([*runs[:3], interrupted])
    assert [len(group.runs) for group in groups] == [3, 1]
    table = cells(groups)
    assert table['iterations trained'] == ('6 ± 0', '4')
    assert table['training'] == ('complete', 'interrupted')
    together = comparison.group_runs(
        map(comparison.read_run, [*runs[:3], interrupted]), interrupted_apart=False
    )
    assert [len(group.runs) for group in together] == [4]


def test_a_run_that_lost_its_patience_is_complete(interrupted, tmp_path):
    run = shutil.copytree(interrupted, tmp_path / 'run')
    config = json.loads((run / 'config.json').read_text())
    rows = [{'iteration': i, 'samples/swd': 0.1 + i} for i in (0, 2, 4)]
    (run / 'metrics.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    for patience, is_complete in ((2, True), (3, False), (None, False)):
        (run / 'config.json').write_text(json.dumps({**config, 'patience': patience}))
        assert comparison.read_run(run).is_complete is is_complete


def test_runs_of_equal_names_have_headings_that_differ(runs, tmp_path):
    copies = [shutil.copytree(runs[i], tmp_path / name / 'run') for i, name in ((0, 'a'), (3, 'b'))]
    assert cells(comparison.compare(copies))[''] == ('a/run', 'b/run')
    several = comparison.compare([copies[0], runs[1], copies[1]])
    assert cells(several)[''] == ('a/run and 1 more', 'b/run')


def test_curves_of_other_metrics_and_other_data_are_in_panels_of_their_own(
    runs, tmp_path, monkeypatch
):
    named = {'lenet_fd2k_test': [9, 8], 'lenet-0123abcd_fd2k_test': [3, 2]}
    copies = []
    for number, (name, values) in enumerate(named.items()):
        run = shutil.copytree(runs[0], tmp_path / str(number))
        rows = [{'iteration': 3 * i, name: value} for i, value in enumerate(values)]
        (run / 'judge.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
        copies.append(run)
    drawn = []
    monkeypatch.setattr(figures.comparison, 'save', lambda figure, path: drawn.append(figure))
    figures.compared_curves([('first', copies[:1]), ('second', copies[1:])], tmp_path / 'c.png')
    lines = {}
    for axes in drawn[0].axes:
        lines[axes.get_title(loc='left')] = [line.get_ydata().tolist() for line in axes.lines]
    of_judges = {title: data for title, data in lines.items() if 'Fréchet' in title}
    assert list(of_judges.values()) == [[[9, 8]], [[3, 2]]]
    assert [title.rpartition(', ')[2] for title in of_judges] == list(named)


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


def test_points_have_curves_and_no_pictures(tmp_path, no_accuracy):
    settings = {'data': 'ring8', 'image_size': None, 'iterations': 2}
    runs = [tiny.begun(tmp_path, **settings, seed=seed).folder for seed in (0, 1)]
    groups = [('ring', runs)]
    assert figures.compared_curves(groups, tmp_path / 'c.png').is_file()
    assert figures.compared_samples(groups, tmp_path / 's.png') is None
    assert not (tmp_path / 's.png').exists()


def test_one_run_or_the_same_twice_or_no_run_is_refused(runs, tmp_path):
    for paths, message in (
        ([runs[0]], 'is the only run; must be at least two runs'),
        ([runs[0], runs[0]], 'is given twice; must be given once'),
        ([runs[0], tmp_path], 'not a run folder'),
    ):
        with pytest.raises(RunError, match=message):
            comparison.compare(paths)
    for paths, message in (
        ([runs[0]], 'is the only run; must be at least two runs'),
        ([runs[0], runs[0]], 'is given twice; must be given once'),
        ([tmp_path, tmp_path / 'x'], f'{tmp_path}: is not a run folder'),
        (
            [runs[0], runs[1], tmp_path / 'x'],
            'x: does not exist; must be a run folder',
        ),  # typed, not matched
    ):
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


def test_what_is_no_run_is_skipped_with_one_line_each_and_changes_nothing(
    runs, tmp_path, unrendered
):
    (tmp_path / 'file.txt').write_text('x')
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'loop').symlink_to(tmp_path / 'loop')
    os.mkfifo(tmp_path / 'pipe')
    why = {'file.txt': 'it is not a folder', 'empty': 'it has no config.json'}
    why |= {'loop': 'it is not a folder', 'pipe': 'it is not a folder'}
    paths = [tmp_path / name for name in why]
    result = tiny.gluongan('compare', *paths, *runs[:2], '--out', tmp_path / 'new')
    assert result.exit_code == 0, result.stderr
    skipped = [f'not a run: {path} ({why[path.name]})' for path in paths]
    assert result.stderr.splitlines()[: len(paths)] == skipped
    plain = tiny.gluongan('compare', *runs[:2], '--out', tmp_path / 'plain')
    assert result.stdout == plain.stdout
    only = tiny.gluongan('compare', *paths, runs[0])
    assert only.exit_code == 2 and 'is the only run' in only.stderr.splitlines()[-1]
    assert tiny.refused('compare', *paths).startswith(f'{paths[0]}: is not a folder; must be')


def test_folders_of_earlier_comparisons_are_skipped_with_one_line(runs, tmp_path, unrendered):
    out = tmp_path / 'compared-00009-dense-mnist'
    assert tiny.gluongan('compare', *runs[:2], '--out', out).exit_code == 0
    result = tiny.gluongan('compare', *runs[:2], out, '--out', tmp_path / 'again')
    assert result.exit_code == 0
    assert result.stderr.splitlines()[0] == f'not a run: {out} (it holds a comparison)'
    assert 'must be at least two runs' in tiny.gluongan('compare', runs[0], out).stderr
