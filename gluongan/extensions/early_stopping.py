"""EarlyStopping: ends a run that no longer improves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..runs.reading import best_index, has_stalled, history
from ..trainer import Extension

if TYPE_CHECKING:
    from ..trainer import Trainer


class EarlyStopping(Extension):
    """Stops a run whose metric has not improved for `patience` measurements in a row.

    metric: one that QuickMetrics or Evaluation writes; never a loss, which says nothing about the
    quality of the samples. It looks at their files, so that a resumed run keeps counting.
    """

    def __init__(self, metric: str, patience: int) -> None:
        self._metric = metric
        self._patience = patience

    def __call__(self, trainer: Trainer) -> None:
        if has_stalled(trainer.folder, self._metric, self._patience):
            iterations, values = history(trainer.folder, self._metric)
            best = best_index(self._metric, values)
            trainer.stop_early(
                f'{self._metric} has not improved for {self._patience} measurements since '
                f'{values[best]:.4g} at iteration {iterations[best]:,}'
            )
