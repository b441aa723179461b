"""A run that was killed anywhere goes on to the same records, scores and snapshots."""

from __future__ import annotations

import json
import os
import shutil

import pytest
import tiny

from gluongan import figures
from gluongan.runs import snapshots

SETTINGS = {
    'iterations': 24,
    'log_every': 4,
    'sample_every': 8,
    'eval_every': 6,
    'snapshot_every': 3,
    'loss': 'wasserstein',
}
MEASURED = {6, 12, 18, 24}


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


def log(run):
    """The rows of log.csv and log.jsonl without the columns that the clock fills."""
    timed = {'elapsed', 'iterations_per_second'}
    rows = tiny.rows(run / 'log.csv') + tiny.rows(run / 'log.jsonl')
    return [{name: row[name] for name in row if name not in timed} for row in rows]


def scores(run):
    return json.loads((run / 'snapshots/scores.json').read_text())


def iterations(run):
    return [iteration for iteration, _ in snapshots.list_snapshots(run)]


def test_run_killed_after_any_snapshot_logs_and_scores_as_without_a_kill(tmp_path):
    straight = tiny.begun(tmp_path / 'straight', keep=9, **SETTINGS).folder
    assert iterations(straight) == [3, 6, 9, 12, 15, 18, 21, 24]
    for killed_after in iterations(straight)[:-1]:
        run = shutil.copytree(straight, tmp_path / f'{killed_after}')
        for iteration, path in snapshots.list_snapshots(run):
            if iteration > killed_after:
                path.unlink()
        measured = map(str, MEASURED & set(iterations(run)))
        kept = {name: scores(run)[name] for name in ('metric', *measured)}
        (run / 'snapshots/scores.json').write_text(json.dumps(kept))
        tiny.resumed(run)
        assert log(run) == log(straight), killed_after
        assert scores(run) == scores(straight), killed_after
        assert iterations(run) == iterations(straight)


def test_a_measured_snapshot_is_never_on_disk_without_its_score(tmp_path, monkeypatch):
    replace, seen = os.replace, []

    def watched(source, target):
        replace(source, target)
        for run in tmp_path.iterdir():
            seen.extend(iterations(run))
            scored = set(snapshots.read_scores(run)[1])
            assert MEASURED & set(iterations(run)) <= scored <= MEASURED

    monkeypatch.setattr(os, 'replace', watched)
    tiny.begun(tmp_path, **SETTINGS)
    assert set(seen) >= {3, 12, 24}


def test_snapshot_too_many_of_a_killed_run_goes_when_it_is_resumed(tmp_path):
    run = tiny.begun(tmp_path, keep=2, **SETTINGS).folder
    expected = iterations(run)
    newest = snapshots.snapshot_path(run, 24)
    left = next(number for number in (3, 6, 9, 12) if number not in expected)
    shutil.copy(newest, snapshots.snapshot_path(run, left))
    tiny.resumed(run)
    assert iterations(run) == expected
