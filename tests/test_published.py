"""Numbers that extensions publish: of which iteration they are, and who uses them."""

from __future__ import annotations

import io
from functools import partial

import pytest
import tiny

from gluongan import data
from gluongan.evaluation.reference import Reference
from gluongan.extensions import Evaluation, LogReport, Progress, QuickMetrics, Snapshot
from gluongan.runs import snapshots
from gluongan.runs.folder import RunError
from gluongan.trainer import Extension, Trainer


@pytest.fixture
def make(tmp_path):
    return partial(tiny.trainer, tmp_path)


def evaluation_of_run():
    shapes = [data.load('synthetic', split=split, image_size=8) for split in ('train', 'test')]
    return Evaluation(Reference(*shapes), samples=100)


def test_a_snapshot_is_scored_only_by_what_was_measured_at_its_own_iteration(make, tmp_path):
    class Scorer(Extension):
        def __call__(self, trainer):
            trainer.publish({'samples/swd': trainer.updater.iteration / 100})

    run = make(Scorer(), iterations=9, every=3)
    run.extend(Snapshot(keep=9), trigger=(2, 'iteration'))
    run.run()
    assert [iteration for iteration, _ in snapshots.list_snapshots(tmp_path)] == [2, 4, 6, 8, 9]
    assert snapshots.read_scores(tmp_path) == ('samples/swd', {6: 0.06, 9: 0.09})
    assert snapshots.best_snapshot(tmp_path) == 6


def test_without_a_scored_snapshot_none_is_the_best(make, tmp_path):
    make(Snapshot(), iterations=2).run()
    with pytest.raises(RunError, match='no snapshot has a score'):
        snapshots.find_snapshot(tmp_path, 'best')


@pytest.mark.parametrize('kind', [QuickMetrics, evaluation_of_run], ids=['quick', 'judge'])
def test_what_a_resumed_run_reads_back_is_of_the_iteration_that_it_was_measured_at(
    make, kind, tmp_path
):
    first = make(kind(), iterations=20, every=10)
    first.run()
    (name,) = [name for name in first.report if name.endswith('swd') or '_recall' in name]
    assert first.published_at(name) == 20
    for _ in range(5):
        first.updater.update()
    again = Trainer(first.updater, stop=(26, 'iteration'), folder=tmp_path)
    again.extend(kind(), trigger=(100, 'iteration'))
    again.extensions[0][0].start(again)
    assert again.updater.iteration == 25
    assert again.published_at(name) == 20
    assert again.published_at('no number') is None


def test_a_number_of_an_earlier_iteration_than_the_losses_stands_behind_that_iteration(make):
    class Measurement(Extension):
        def __call__(self, trainer):
            spread = trainer.updater.iteration / 1000
            trainer.publish({'samples/spread': spread, 'samples/support': 7})

    stream = io.StringIO()
    run = make(LogReport(), Progress(lines_every=5, stream=stream), iterations=20, every=5)
    run.extensions.insert(0, (Measurement(), lambda updater: updater.iteration in (10, 20)))
    run.run()
    at_5, at_10, at_15, at_20 = stream.getvalue().splitlines()
    assert 'spread' not in at_5
    assert at_10.endswith('  spread 0.01  support 7') and ' at ' not in at_10
    assert at_15.endswith('  at 10:  spread 0.01  support 7')
    assert at_20.endswith('  spread 0.02  support 7') and ' at ' not in at_20
