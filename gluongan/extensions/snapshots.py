"""Snapshots to resume from: the newest ones, and the best."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from .. import snapshot
from ..evaluation.names import meaning
from ..runs import write_json
from ..trainer import Extension

if TYPE_CHECKING:
    from ..trainer import Trainer


class Snapshot(Extension):
    """Writes the whole run to snapshots/ITERATION.snapshot; keeps the `keep` newest and the best by `best`.

    best: a metric in `trainer.report`, by default the samples' distance to the data; a GAN's loss tells nothing of that.
    The score of each snapshot is in snapshots/scores.json. Nothing is deleted before the new one is on disk.
    """

    trigger = (1_000, 'iteration')

    def __init__(self, keep: int = 2, *, best: str = 'samples/swd') -> None:
        self._keep, self._best, self._scores = keep, best, {}

    def start(self, trainer: Trainer) -> None:
        self._written = trainer.updater.iteration
        metric, found = scores(trainer.folder)
        self._scores = found if metric == self._best else {}
        snapshot.set_aside(trainer.folder, self._written)

    def __call__(self, trainer: Trainer) -> None:
        trainer.flush()
        updater = trainer.updater
        arrays, meta = updater.state()
        snapshot.write(
            trainer.folder / 'snapshots' / f'{updater.iteration:06d}{snapshot.SUFFIX}', arrays, meta
        )
        self._written = updater.iteration
        if self._best in trainer.report:
            self._scores[updater.iteration] = trainer.report[self._best]
        write_json(
            trainer.folder / 'snapshots' / 'scores.json', {'metric': self._best, **self._scores}
        )
        snapshot.keep(trainer.folder, self._keep, best_of(trainer.folder))

    def finish(self, trainer: Trainer) -> None:
        if self._written != trainer.updater.iteration:
            self(trainer)


def scores(run: Path) -> tuple[str, dict[int, float]]:
    """Return the metric of a run's scores, and {iteration: score}; empty where the file is missing or broken."""
    try:
        found = json.loads((run / 'snapshots' / 'scores.json').read_text(encoding='utf-8'))
        metric = str(found.pop('metric', 'samples/swd'))
        return metric, {int(iteration): float(score) for iteration, score in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return '', {}


def best_of(run: Path) -> int | None:
    """Return the iteration of the snapshot with the best score, None where none has one."""
    metric, found = scores(run)
    sign = -1 if meaning(metric).better == 'high' else 1
    there = [iteration for iteration, _ in snapshot.listed(run) if iteration in found]
    return min(there, key=lambda iteration: sign * found[iteration], default=None)
