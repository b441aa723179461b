"""Evaluation during training: its rows, the best snapshot by its metrics, and what is refused."""

from __future__ import annotations

import hashlib
import json

import pytest
import tiny

from gluongan import data, evaluation, figures
from gluongan.config import Config, ConfigError
from gluongan.evaluation import classifier
from gluongan.evaluation.from_updater import draw_samples
from gluongan.evaluation.suite import (
    measure_by_judge,
    measure_diversity,
    measure_manifold,
    measure_manifold_of_features,
)
from gluongan.extensions.evaluation import counts
from gluongan.runs import snapshots
from gluongan.runs.folder import SCORES
from gluongan.terminal import is_progress

SIZE = 12


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Drawing takes a second, and is tested in test_figures."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


def load_shapes():
    """The training and the test data."""
    return [data.load('synthetic', split=split, image_size=SIZE) for split in ('train', 'test')]


@pytest.fixture(scope='module')
def judge_file(tmp_path_factory):
    """The file of a judge of the synthetic shapes."""
    path = tmp_path_factory.mktemp('judge') / 'shapes.judge'
    classifier.train(*load_shapes(), epochs=25, lr=4e-3).write(path)
    return path


@pytest.fixture(scope='module')
def lenet(judge_file):
    """What the names of this judge's metrics begin with."""
    return f'lenet-{hashlib.sha256(judge_file.read_bytes()).hexdigest()[:8]}'


@pytest.fixture
def settings(judge_file):
    """The settings of a small run that is evaluated."""
    return {'image_size': SIZE, 'judge': str(judge_file), 'judge_every': 5, 'iterations': 12}


def evaluated(run):
    """The rows that Evaluation wrote."""
    return tiny.rows(run.folder / 'judge.jsonl')


def read_scores(run):
    """The metric in scores.json, and {iteration: score}."""
    scores = json.loads((run.folder / SCORES).read_text())
    metric = scores.pop('metric')
    return metric, {int(iteration): score for iteration, score in scores.items()}


# The rows


def test_rows_are_what_evaluate_says_of_the_same_samples(tmp_path, settings, judge_file, lenet):
    run = tiny.begun(tmp_path, **settings)
    rows = evaluated(run)
    assert [row['iteration'] for row in rows] == [0, 5, 10, 12]
    reference = evaluation.Reference(*load_shapes(), classifier.read(judge_file))
    samples = draw_samples(run.updater, 2_000, seed=3)
    only = (measure_by_judge, measure_diversity, measure_manifold, measure_manifold_of_features)
    expected = evaluation.evaluate(samples, reference, counts=counts(2_000), only=only)
    assert {f'{lenet}_fd2k_test', f'{lenet}_classes2k'} <= set(expected)
    assert {'pixel_coverage512_k5_test', 'pixel_spread1k_test'} <= set(expected)
    assert f'{lenet}_recall512_k5_test' in expected
    for name, value in expected.items():
        assert rows[-1][name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
    assert rows[-1]['judge/seconds'] > 0
    assert run.report['judge/seconds'] > 0


def test_rows_of_ten_thousand_samples_are_those_of_the_whole_evaluation(
    tmp_path, settings, judge_file, lenet
):
    run = tiny.begun(tmp_path, **settings, judge_samples=10_000, best=f'{lenet}_fd10k_test')
    reference = evaluation.Reference(*load_shapes(), classifier.read(judge_file))
    expected = evaluation.evaluate(draw_samples(run.updater, 10_000, seed=3), reference)
    values = evaluated(run)[-1]
    row = {name: value for name, value in values.items() if evaluation.metric_stem(name)}
    assert f'{lenet}_fd10k_test' in row
    assert set(row) < set(expected)
    for name, value in row.items():
        assert value == pytest.approx(expected[name], rel=1e-4, abs=1e-6), name


def test_the_number_of_samples_may_change_when_a_run_is_resumed(tmp_path, settings, lenet):
    run = tiny.begun(tmp_path, until=7, **settings, snapshot_every=6)
    flags = ['--judge-samples', '500']
    result = tiny.gluongan('train', '--dry-run', '--resume', run.folder, *flags)
    assert result.exit_code == 0
    first, *_, last = evaluated(tiny.resumed(run.folder, judge_samples=500))
    assert f'{lenet}_fd2k_test' in first
    assert f'{lenet}_fd500_test' in last
    assert f'{lenet}_fd2k_test' not in last


def test_rows_across_a_resume_are_those_of_a_straight_run(tmp_path, settings):
    straight = tiny.begun(tmp_path / 'a', **settings, snapshot_every=6)
    stopped = tiny.begun(tmp_path / 'b', until=7, **settings, snapshot_every=6)
    resumed = tiny.resumed(stopped.folder)
    rows, resumed_rows = evaluated(straight), evaluated(resumed)
    assert len(rows) == 4
    for row in rows + resumed_rows:
        del row['judge/seconds']
    assert rows == resumed_rows


def test_a_resumed_run_reports_the_newest_row(tmp_path, settings, lenet):
    run = tiny.begun(tmp_path, until=7, **settings, snapshot_every=6)
    newest = evaluated(run)[-1]
    assert newest['iteration'] == 5
    resumed = tiny.resumed(run.folder, until=8)
    for name in (f'{lenet}_fd2k_test', 'pixel_spread1k_test', 'judge/seconds'):
        assert resumed.report[name] == newest[name]


def test_after_a_resume_with_another_judge_the_old_one_is_no_longer_reported(
    tmp_path, settings, judge_file, lenet
):
    other = tmp_path / 'other.judge'
    classifier.train(*load_shapes(), epochs=1, seed=1).write(other)
    run = tiny.begun(tmp_path / 'runs', until=10, **settings, snapshot_every=5)
    resumed = tiny.resumed(run.folder, judge=str(other))
    first, *_, last = evaluated(resumed)
    assert f'{lenet}_fd2k_test' in first and f'{lenet}_fd2k_test' in run.report
    distances = [name for name in resumed.report if '_fd2k' in name]
    assert distances == [name for name in last if '_fd2k' in name]
    assert len(distances) == 1 and not distances[0].startswith(lenet)


def test_run_without_evaluations_has_no_rows_and_loads_no_judge(tmp_path):
    run = tiny.begun(tmp_path, iterations=3)
    assert not (run.folder / 'judge.jsonl').exists()


def test_progress_shows_the_evaluation_and_its_time(tmp_path, settings, capsys):
    tiny.begun(tmp_path, **settings, log_every=5)
    *_, line = filter(is_progress, capsys.readouterr().err.splitlines())
    for label in ('FD ', 'classes ', 'KL ', 'spread ', 'support ', 'judged in '):
        assert label in line


# The best snapshot


@pytest.mark.parametrize(
    'metric, choose', [('LENET_fd2k_test', min), ('pixel_coverage512_k5_test', max)]
)
def test_best_snapshot_is_that_of_the_metric_in_its_own_direction(
    tmp_path, settings, lenet, metric, choose
):
    metric = metric.replace('LENET', lenet)
    run = tiny.begun(tmp_path, **settings, best=metric, keep=1)
    values = {row['iteration']: row[metric] for row in evaluated(run) if row['iteration']}
    scored_by, scores = read_scores(run)
    assert scored_by == metric
    assert scores == pytest.approx(values, rel=1e-5)
    best = snapshots.find_snapshot(run.folder, 'best')
    assert values[int(best.stem)] == choose(values.values())
    assert len(snapshots.list_snapshots(run.folder)) <= 2


def test_scores_of_another_metric_no_longer_count(tmp_path, settings, lenet):
    run = tiny.begun(tmp_path, until=10, **settings, eval_every=5)
    assert read_scores(run)[0] == 'samples/swd'
    tiny.resumed(run.folder, best=f'{lenet}_fd2k_test')
    metric, scores = read_scores(run)
    assert metric == f'{lenet}_fd2k_test'
    assert set(scores) == {12}


@pytest.mark.parametrize(
    'changes, problem',
    [
        ({'best': 'lenet_fd2k_test'}, 'other metrics need `judge_every`'),
        ({'best': 'dis/loss'}, 'must be samples/swd; other metrics need'),
        ({'best': 'dis/loss', 'data': 'ring8'}, 'must be one of samples/swd, modes/caught'),
        ({'data': 'ring8', 'judge_every': 5}, 'judge_every 5'),
        ({'best': 'modes/caught'}, 'must be samples/swd; other'),
    ],
)
def test_a_best_that_is_never_measured_is_refused(changes, problem):
    with pytest.raises(ConfigError, match=problem):
        Config(**changes)


# The density of samples has no better end.
# Without a hash, `lenet` is a judge that ships with the package.
@pytest.mark.parametrize(
    'best',
    ['LENET_fd10k_test', 'pixel_density512_k5_test', 'dis/loss', 'lenet_fd2k_test'],
)
def test_a_best_that_is_not_evaluated_is_refused_before_a_folder_is_made(
    tmp_path, settings, lenet, best
):
    best = best.replace('LENET', lenet)
    problem = f'best {best}: must be one of samples/swd, {lenet}_fd2k_test.*`judge_samples` 2000'
    with pytest.raises(ConfigError, match=problem):
        tiny.begun(tmp_path / 'runs', **settings, best=best)
    assert not (tmp_path / 'runs').exists()


def test_dry_run_refuses_a_best_that_is_never_measured_as_the_run_would(settings):
    arguments = tiny.typed({**tiny.SETTINGS, **settings, 'best': 'lenet_fd10k_test'})
    assert '--best lenet_fd10k_test' in tiny.refused('train', *arguments, '--dry-run')
