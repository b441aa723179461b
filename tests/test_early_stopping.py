"""EarlyStopping: the end of a run that no longer improves."""

from __future__ import annotations

import json

import pytest
import tiny

from gluongan import figures
from gluongan.extensions import EarlyStopping, quick_metrics
from gluongan.runs import snapshots


class FakeTrainer:
    """As much of a Trainer as EarlyStopping uses."""

    def __init__(self, folder):
        self.folder = folder
        self.reason = ''

    def stop_early(self, reason):
        self.reason = reason


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
def test_a_run_stops_after_three_measurements_without_improvement(tmp_path, name, values, stops):
    rows = [json.dumps({'iteration': 10 * i, name: value}) for i, value in enumerate(values)]
    (tmp_path / 'metrics.jsonl').write_text(''.join(row + '\n' for row in rows))
    trainer = FakeTrainer(tmp_path)
    EarlyStopping(name, 3)(trainer)
    assert bool(trainer.reason) == stops
    if stops:
        best = max(values) if name == 'modes/caught' else min(values)
        assert f'{name} has not improved for 3 measurements since {best:.4g}' in trainer.reason


def test_stopped_run_says_why_and_keeps_its_best_snapshot(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    values = iter([9.0, 5.0, 3.0, 4.0, 4.0, 4.0, 4.0])
    monkeypatch.setattr(quick_metrics, 'sliced_wasserstein', lambda a, b: next(values))
    run = tiny.begun(tmp_path, iterations=60, eval_every=5, snapshot_every=50, keep=1, patience=2)
    assert run.updater.iteration == 20
    assert run.stopped == (
        'samples/swd has not improved for 2 measurements since 3 at iteration 10'
    )
    assert not run.interrupted
    assert [iteration for iteration, _ in snapshots.list_snapshots(run.folder)] == [10, 20]
    assert snapshots.find_snapshot(run.folder, 'best').stem == '000010'
