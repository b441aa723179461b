"""Snapshots to resume from: the newest ones, and the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import snapshot
from ..errors import check_count
from ..files import write_json
from ..runs import snapshots
from ..runs.folder import SCORES
from ..trainer import Extension

if TYPE_CHECKING:
    from ..trainer import Trainer


class Snapshot(Extension):
    """Writes the state of the whole run to snapshots/ITERATION.snapshot.

    keep: how many of the newest snapshots stay, beside the best one.
    best: the metric in `trainer.report` by which a snapshot is the best, by default the distance of
    the samples to the data; never a loss, which says nothing about the quality of the samples.

    The scores are in snapshots/scores.json. A snapshot has one where the metric was measured at its
    own iteration. An old snapshot is deleted only once the new one is on disk.
    """

    trigger = (1_000, 'iteration')

    def __init__(self, keep: int = 2, *, best: str = 'samples/swd') -> None:
        check_count('keep', keep)
        self._keep = keep
        self._best = best
        self._scores: dict[int, float] = {}

    def start(self, trainer: Trainer) -> None:
        self._written = trainer.updater.iteration
        metric, scores = snapshots.read_scores(trainer.folder)
        self._scores = scores if metric == self._best else {}
        snapshots.set_aside(trainer.folder, self._written)
        snapshots.keep(trainer.folder, self._keep, snapshots.best_snapshot(trainer.folder))

    def __call__(self, trainer: Trainer) -> None:
        trainer.flush()
        run = trainer.folder
        iteration = trainer.updater.iteration
        if trainer.published_at(self._best) == iteration:
            self._scores[iteration] = trainer.report[self._best]
        # Before the snapshot: a resumed run would never write the score of the one it begins with.
        write_json(run / SCORES, {'metric': self._best, **self._scores})
        arrays, meta = trainer.updater.state()
        snapshot.write(snapshots.snapshot_path(run, iteration), arrays, meta)
        self._written = iteration
        snapshots.keep(run, self._keep, snapshots.best_snapshot(run))

    def finish(self, trainer: Trainer) -> None:
        if self._written != trainer.updater.iteration:
            self(trainer)
