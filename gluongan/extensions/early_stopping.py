"""The end of a run that gets no better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..metric_names import metric_meaning
from ..runs.reading import history
from ..trainer import Extension

if TYPE_CHECKING:
    from ..trainer import Trainer


class EarlyStopping(Extension):
    """Stops a run whose metric has not become better for `patience` measurements; never by a loss, which tells nothing of that.

    metric: one that Evaluation or Judging writes. It looks at their files, so that a resumed run counts on.
    """

    def __init__(self, metric: str, patience: int) -> None:
        self._metric, self._patience = metric, patience
        self._sign = 1 if metric_meaning(metric).better == 'low' else -1

    def __call__(self, trainer: Trainer) -> None:
        at, values = history(trainer.folder, self._metric)
        if len(values) and len(values) - 1 - int(np.argmin(self._sign * values)) >= self._patience:
            best = int(np.argmin(self._sign * values))
            trainer.stop_early(
                f'{self._metric} has not become better than {values[best]:.4g}, which it had at iteration '
                f'{at[best]:,}, for {self._patience} measurements'
            )
