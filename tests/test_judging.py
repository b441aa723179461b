"""Beside training: the judge's rows, the collapse alarm, and the end of a run that gets no better."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny

from gluongan import data, evaluation, figures
from gluongan.config import Config, ConfigError
from gluongan.evaluation import classifier as judge
from gluongan.evaluation.from_updater import draw_samples
from gluongan.evaluation.suite import measure_by_judge, measure_diversity, measure_manifold
from gluongan.extensions import CollapseAlarm, EarlyStopping
from gluongan.extensions import collapse_alarm as alarm
from gluongan.extensions.collapse_alarm import verdict
from gluongan.extensions.evaluation import counts
from gluongan.runs import snapshots

SIZE = 12


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Drawing takes a second and is tested in test_figures and test_cli."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


@pytest.fixture(scope='module')
def judge_file(tmp_path_factory):
    """A judge of the drawn shapes, as a file."""
    path = tmp_path_factory.mktemp('judge') / 'shapes.judge'
    shapes = (data.load('synthetic', split=split, image_size=SIZE) for split in ('train', 'test'))
    judge.train(*shapes, epochs=25, lr=4e-3).write(path)
    return path


@pytest.fixture
def settings(judge_file):
    """A small judged run."""
    return {'image_size': SIZE, 'judge': str(judge_file), 'judge_every': 5, 'iterations': 12}


def rows(run):
    return tiny.rows(run.folder / 'judge.jsonl')


# The judge's rows


def test_rows_are_what_evaluate_says_of_the_same_samples(tmp_path, settings, judge_file):
    run = tiny.begun(tmp_path, **settings)
    assert [row['iteration'] for row in rows(run)] == [0, 5, 10, 12]
    train, test = (
        data.load('synthetic', split=split, image_size=SIZE) for split in ('train', 'test')
    )
    reference = evaluation.Reference(train, test, judge.read(judge_file))
    expected = evaluation.evaluate(
        draw_samples(run.updater, 2_000, seed=3),
        reference,
        counts=counts(2_000),
        only=(measure_by_judge, measure_diversity, measure_manifold),
    )
    assert {
        'lenet_fd2k_test',
        'lenet_classes2k',
        'pixel_coverage512_k5_test',
        'pixel_spread1k_test',
    } <= set(expected)
    for name, value in expected.items():
        assert rows(run)[-1][name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
    assert rows(run)[-1]['judge/seconds'] > 0 and run.report['judge/seconds'] > 0


def test_rows_of_ten_thousand_samples_are_by_name_and_value_those_of_the_whole_evaluation(
    tmp_path, settings, judge_file
):
    run = tiny.begun(tmp_path, **settings, judge_samples=10_000, best='lenet_fd10k_test')
    train, test = (
        data.load('synthetic', split=split, image_size=SIZE) for split in ('train', 'test')
    )
    reference = evaluation.Reference(train, test, judge.read(judge_file))
    whole = evaluation.evaluate(draw_samples(run.updater, 10_000, seed=3), reference)
    row = {name: value for name, value in rows(run)[-1].items() if evaluation.metric_stem(name)}
    assert 'lenet_fd10k_test' in row and set(row) < set(whole)
    assert row == pytest.approx({name: whole[name] for name in row}, rel=1e-4, abs=1e-6)


def test_more_samples_may_be_judged_from_a_resume_on(tmp_path, settings):
    run = tiny.begun(tmp_path, until=7, **settings, snapshot_every=6)
    assert (
        tiny.gluongan(
            'train', '--dry-run', '--resume', run.folder, '--judge-samples', '500'
        ).exit_code
        == 0
    )
    found = rows(tiny.resumed(run.folder, judge_samples=500))
    assert (
        'lenet_fd2k_test' in found[0]
        and 'lenet_fd500_test' in found[-1]
        and 'lenet_fd2k_test' not in found[-1]
    )


def test_rows_across_a_resume_are_those_of_a_straight_run(tmp_path, settings):
    straight = tiny.begun(tmp_path / 'a', **settings, snapshot_every=6)
    cut = tiny.begun(tmp_path / 'b', until=7, **settings, snapshot_every=6)
    again = tiny.resumed(cut.folder)
    for one, two in zip(rows(straight), rows(again)):
        assert {k: v for k, v in one.items() if k != 'judge/seconds'} == {
            k: v for k, v in two.items() if k != 'judge/seconds'
        }
    assert len(rows(straight)) == len(rows(again)) == 4


def test_run_without_it_has_no_rows_and_loads_no_judge(tmp_path):
    assert not (tiny.begun(tmp_path, iterations=3).folder / 'judge.jsonl').exists()


def test_training_line_shows_the_judges_word_and_its_cost(tmp_path, settings, capsys):
    tiny.begun(tmp_path, **settings, log_every=5)
    line = capsys.readouterr().err.splitlines()[-1]
    assert all(
        words in line for words in ('FD ', 'classes ', 'KL ', 'spread ', 'support ', 'judged in ')
    )


# The best snapshot


def test_best_snapshot_is_that_of_the_metric_in_its_own_direction(tmp_path, settings):
    for metric, choose in (('lenet_fd2k_test', min), ('pixel_coverage512_k5_test', max)):
        run = tiny.begun(tmp_path / choose.__name__, **settings, best=metric, keep=1)
        found = {row['iteration']: row[metric] for row in rows(run) if row['iteration']}
        noted = json.loads((run.folder / 'snapshots' / 'scores.json').read_text())
        assert noted.pop('metric') == metric and {
            int(k): v for k, v in noted.items()
        } == pytest.approx(found, rel=1e-5)
        best = snapshots.find_snapshot(run.folder, 'best')
        assert (
            found[int(best.stem)] == choose(found.values())
            and len(snapshots.list_snapshots(run.folder)) <= 2
        )


def test_scores_of_another_metric_count_no_more(tmp_path, settings):
    run = tiny.begun(tmp_path, until=10, **settings, eval_every=5)
    assert (
        json.loads((run.folder / 'snapshots' / 'scores.json').read_text())['metric']
        == 'samples/swd'
    )
    tiny.resumed(run.folder, best='lenet_fd2k_test')
    noted = json.loads((run.folder / 'snapshots' / 'scores.json').read_text())
    assert noted['metric'] == 'lenet_fd2k_test' and set(noted) == {'metric', '12'}


@pytest.mark.parametrize(
    'changes, words',
    [
        ({'best': 'lenet_fd2k_test'}, 'without --judge-every'),
        ({'best': 'dis/loss'}, 'must be one of'),
        ({'data': 'ring8', 'judge_every': 5}, '--judge-every 5'),
        ({'best': 'modes/caught'}, 'samples/swd'),
    ],
)
def test_best_that_is_never_measured_is_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        Config(**changes)


def test_best_that_the_judge_does_not_measure_is_refused_before_a_folder_is_made(
    tmp_path, settings
):
    for name in (
        'lenet_fd10k_test',
        'pixel_density512_k5_test',
        'dis/loss',
    ):  # density has no better end
        with pytest.raises(
            ConfigError,
            match=f'--best {name}: must be one of samples/swd, lenet_fd2k_test.*-samples 2000',
        ):
            tiny.begun(tmp_path / 'runs', **settings, best=name)
    assert not (tmp_path / 'runs').exists()


# EarlyStopping


class Stub:
    """A Trainer as far as EarlyStopping and CollapseAlarm look at it."""

    def __init__(self, folder, iteration=400, total=10_000):
        self.folder, self.total, self.report, self.reason = folder, total, {}, ''
        self.updater = type('Updater', (), {'iteration': iteration})()

    def stop_early(self, reason):
        self.reason = reason


def measured(folder, name, values):
    (folder / 'metrics.jsonl').write_text(
        ''.join(
            json.dumps({'iteration': 10 * i, name: value}) + '\n' for i, value in enumerate(values)
        )
    )


@pytest.mark.parametrize(
    'name, values, stops',
    [
        ('samples/swd', [5, 4, 3, 3, 3], False),
        ('samples/swd', [5, 4, 3, 3, 3, 3], True),
        ('samples/swd', [5, 4, 3, 6, 7, 2.9], False),
        ('modes/caught', [1, 2, 8, 7, 7, 7], True),
        ('modes/caught', [1, 2, 3, 4, 5, 6], False),
        ('samples/swd', [], False),
        ('samples/swd', [1, 2, 2, 2], True),
    ],
)
def test_a_run_stops_when_three_measurements_in_a_row_were_no_better(tmp_path, name, values, stops):
    measured(tmp_path, name, values)
    trainer = Stub(tmp_path)
    EarlyStopping(name, 3)(trainer)
    assert bool(trainer.reason) == stops
    best = (max if name == 'modes/caught' else min)(values, default=0)
    assert not stops or (name in trainer.reason and f'{best:.4g}' in trainer.reason)


def test_stopped_run_says_why_and_keeps_its_best(tmp_path, monkeypatch):
    from gluongan.extensions import quick_metrics as beside

    values = iter([9.0, 5.0, 3.0, 4.0, 4.0, 4.0, 4.0])
    monkeypatch.setattr(beside, 'sliced_wasserstein', lambda a, b: next(values))
    run = tiny.begun(tmp_path, iterations=60, eval_every=5, snapshot_every=50, keep=1, patience=2)
    assert (
        run.updater.iteration == 20
        and '3' in run.stopped
        and 'iteration 10' in run.stopped
        and not run.interrupted
    )
    assert [at for at, _ in snapshots.list_snapshots(run.folder)] == [
        10,
        20,
    ] and snapshots.find_snapshot(run.folder, 'best').stem == '000010'


# The alarm

HEALTHY = {
    'spread': [0.9, 0.8, 0.9],
    'support': [7, 15, 900],
    'classes': [2, 6, 9],
    'caught': [0, 5, 8],
}


@pytest.mark.parametrize(
    'seen, late, words',
    [
        ({}, True, ''),
        ({'spread': [0.0]}, True, ''),
        (HEALTHY, False, ''),
        (HEALTHY, True, ''),
        (
            {**HEALTHY, 'spread': [0.9, 0.01, 0.02]},
            False,
            'samples are 2% as far apart as the data',
        ),
        ({**HEALTHY, 'spread': [0.9, 0.9, 0.02]}, False, ''),
        (
            {**HEALTHY, 'spread': [0.1, 0.11, 0.12], 'support': [1, 1, 1]},
            False,
            '',
        ),  # a slow recipe's first blot
        ({**HEALTHY, 'spread': [0.1, 0.11, 0.12]}, True, '12% as far apart'),
        ({**HEALTHY, 'support': [1.2, 2, 1.1]}, True, 'as if G knew 1 picture'),
        ({**HEALTHY, 'support': [90, 8, 7]}, True, ''),
        (
            {**HEALTHY, 'support': [900, 80, 70]},
            False,
            'as if G knew 70 pictures, where it once knew 900',
        ),
        ({**HEALTHY, 'classes': [9, 5, 4]}, False, '4 classes covered, once 9'),
        ({**HEALTHY, 'classes': [5, 2, 1]}, False, ''),
        ({**HEALTHY, 'caught': [8, 4, 4]}, False, '4 modes caught, once 8'),
    ],
    ids=str,
)
def test_alarm_knows_collapse_from_a_slow_start(seen, late, words):
    found = verdict(seen, late=late)
    assert words in found and bool(words) == bool(found)


def test_alarm_warns_once_with_what_to_try_and_is_on_while_it_lasts(tmp_path):
    told, watch = (
        [],
        CollapseAlarm(['--pack 2', '--dis-kernels 16'], warn=lambda text: told.append(text)),
    )
    values, on = [1.0, 0.01, 0.01, 0.01, 0.8, 0.01, 0.01], []
    for count in range(1, len(values) + 1):
        measured(tmp_path, 'samples/spread', values[:count])
        trainer = Stub(tmp_path)
        watch(trainer)
        on.append('alarm' in trainer.report)
    assert on == [False, False, True, True, False, False, True] and len(told) == 2
    assert '--pack 2 or --dis-kernels 16' in told[0] and 'collapse' in told[0]


def test_alarm_counts_the_start_by_iterations_and_by_the_share_of_the_run(tmp_path):
    measured(tmp_path, 'samples/spread', [1, 0.2, 0.2])
    for iteration, total, on in (
        (1_999, 5_000, False),
        (2_000, 5_000, True),
        (3_999, 20_000, False),
        (4_000, 20_000, True),
    ):
        trainer = Stub(tmp_path, iteration, total)
        CollapseAlarm(warn=lambda text: None)(trainer)
        assert ('alarm' in trainer.report) == on, (iteration, total)


def test_collapsed_run_warns_with_flags_that_it_would_take(tmp_path, monkeypatch, capsys):
    from gluongan.gan.updater import GANUpdater

    monkeypatch.setattr(alarm, 'FIRST', 20)
    monkeypatch.setattr(
        GANUpdater, 'samples', lambda self, z: np.full((len(z), 1, 8, 8), 0.5, np.float32)
    )
    tiny.begun(tmp_path, iterations=30, eval_every=10, log_every=10, penalty='gp')
    text = capsys.readouterr().err
    assert text.count('Warning: samples are 0% as far apart') == 1 and 'at iteration 20' in text
    assert (
        '! samples are 0% as far apart' in text.splitlines()[-1]
        and '--pack 2 or --instance-noise 0.1' in text
    )


def test_spread_and_support_are_in_every_row_of_pictures(tmp_path):
    run = tiny.begun(tmp_path, iterations=4, eval_every=2)
    x, reals = (
        run.updater.samples(run.updater.fixed_inputs(512, seed=1)),
        run.updater.real.dataset.floats(),
    )
    from gluongan.evaluation import metrics

    expected = metrics.diversity(x, metrics.pairs(reals))
    assert (tiny.rows(run.folder / 'metrics.jsonl')[-1]['samples/spread']) == pytest.approx(
        expected.spread, rel=1e-4
    )
    assert (tiny.rows(run.folder / 'metrics.jsonl')[-1]['samples/support']) == pytest.approx(
        expected.support, rel=1e-4
    )


def test_dry_run_refuses_a_best_that_is_never_measured_as_the_run_would(settings):
    words = tiny.typed({**tiny.SETTINGS, **settings, 'best': 'lenet_fd10k_test'})
    assert '--best lenet_fd10k_test' in tiny.refused('train', *words, '--dry-run')
