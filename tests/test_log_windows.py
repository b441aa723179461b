"""The last row of a log: of the iterations that are left, and replaced where a run goes on."""

from __future__ import annotations

import numpy as np
import pytest
import tiny

from gluongan import figures
from gluongan.extensions import LogReport
from gluongan.extensions.log import LOSSES


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Drawing takes a second, and is tested in test_figures and test_cli."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


def iterations_in(path):
    return [row['iteration'] for row in tiny.rows(path)]


def untimed(path):
    """The rows of a log without the columns that the clock fills."""
    timed = ('elapsed', 'iterations_per_second')
    return [{name: row[name] for name in row if name not in timed} for row in tiny.rows(path)]


@pytest.mark.parametrize('iterations, logged', [(7, [7]), (25, [25]), (30, [25, 30])])
def test_the_last_row_is_the_mean_of_the_iterations_that_there_are(tmp_path, iterations, logged):
    run = tiny.trainer(tmp_path, LogReport(), iterations=iterations, every=25)
    run.run()
    assert iterations_in(tmp_path / 'log.jsonl') == logged
    last = tiny.rows(tmp_path / 'log.csv')[-1]
    rest = tiny.rows(tmp_path / 'batches.csv')[25 * (len(logged) - 1) :]
    for key in LOSSES:
        assert last[key] == pytest.approx(np.mean([row[key] for row in rest]), rel=2e-5)
        assert run.report[key] == last[key]


@pytest.mark.parametrize('first, second', [((), (30,)), ((20, 30), (45,)), ((7, 45), (33,))])
def test_a_run_that_ended_or_stopped_amid_a_window_goes_on_to_the_log_of_a_straight_run(
    tmp_path, first, second
):
    """first: where it is interrupted. second: where it has ended before it is continued."""
    settings = {'log_every': 20, 'eval_every': 50, 'snapshot_every': 50}
    straight = tiny.begun(tmp_path / 'a', iterations=50, **settings).folder
    until, *stops = (*first, None)
    folder = tiny.begun(tmp_path / 'b', iterations=second[0], until=until, **settings).folder
    for stop in stops:
        tiny.resumed(folder, until=stop)
    assert iterations_in(folder / 'log.jsonl')[-1] == second[0]
    tiny.resumed(folder, iterations=50)
    for name in ('log.csv', 'log.jsonl'):
        assert untimed(folder / name) == untimed(straight / name)
        assert iterations_in(folder / name) == [20, 40, 50]
    elapsed = [row['elapsed'] for row in tiny.rows(folder / 'log.csv')]
    assert elapsed == sorted(elapsed)


def test_resuming_a_run_that_is_at_its_end_leaves_its_log(tmp_path):
    folder = tiny.begun(tmp_path, iterations=30, log_every=20).folder
    before = (folder / 'log.csv').read_bytes(), (folder / 'log.jsonl').read_bytes()
    tiny.resumed(folder)
    assert before == ((folder / 'log.csv').read_bytes(), (folder / 'log.jsonl').read_bytes())
