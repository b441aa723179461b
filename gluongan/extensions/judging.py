"""The judge's word while training goes on, and the end of a run that gets no better."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import numpy as np

from ..evaluation import Counts, Samples, evaluate, find, meaning
from ..evaluation.known import real
from ..evaluation.measures import diversity, judged, manifold
from ..judged import samples_of
from ..trainer import Extension
from .records import Records, history, json_row

if TYPE_CHECKING:
    from ..evaluation import Reference
    from ..trainer import Trainer

STREAM = 3  # of the noise, the same as for `gluongan evaluate`


def counts(samples: int) -> Counts:
    """Return how many of the samples each measurement takes: of 10,000 as many as `gluongan evaluate` does."""
    return Counts(manifold=samples // 2, diversity=min(samples // 2, Counts().diversity))


class Judging(Extension):
    """Writes judge.jsonl, what the judge says of samples of a fixed noise, and publishes its newest row in the report.

    Of 2,000 samples, by default, its metrics carry other names than those of the whole evaluation, such as lenet_fd2k_test:
    fewer samples make a Fréchet distance larger. Of 10,000 they are the same. `real` has them for real pictures, the best
    there is. judge/seconds: what the call has cost.
    """

    trigger = (1_000, 'iteration')

    def __init__(self, reference: Reference, samples: int = 2_000) -> None:
        self._reference, self._count = reference, samples
        self.real = self._measured(
            Samples('real', real(reference.train, samples, np.random.RandomState(0)))
        )

    def start(self, trainer: Trainer) -> None:
        self._records = Records(trainer.folder / 'judge.jsonl')
        rows = [json.loads(row) for row in self._records.start(trainer.updater.iteration)]
        self._at = rows[-1]['iteration'] if rows else None
        for row in rows[-1:]:
            trainer.report.update(
                {key: value for key, value in row.items() if key not in ('iteration', 'epoch')}
            )
        if trainer.updater.iteration == 0:
            self(trainer)

    def __call__(self, trainer: Trainer) -> None:
        updater, begun = trainer.updater, time.perf_counter()
        values = self._measured(samples_of(updater, self._count, seed=STREAM))
        values['judge/seconds'] = time.perf_counter() - begun
        self._at = updater.iteration
        newest = {
            f'samples/{stem}': find(values, stem) for stem in ('spread', 'support')
        }  # what the training line shows
        trainer.report.update({**values, **newest})
        self._records.append(
            [json_row({'iteration': updater.iteration, 'epoch': updater.epoch, **values})]
        )

    def finish(self, trainer: Trainer) -> None:
        if self._at != trainer.updater.iteration and not trainer.interrupted:
            self(trainer)

    def _measured(self, samples: Samples) -> dict[str, float]:
        return evaluate(
            samples, self._reference, counts=counts(self._count), only=(judged, diversity, manifold)
        )


class Patience(Extension):
    """Stops a run whose metric has not become better for `patience` measurements; never by a loss, which tells nothing of that.

    metric: one that Evaluation or Judging writes. It looks at their files, so that a resumed run counts on.
    """

    def __init__(self, metric: str, patience: int) -> None:
        self._metric, self._patience = metric, patience
        self._sign = 1 if meaning(metric).better == 'low' else -1

    def __call__(self, trainer: Trainer) -> None:
        at, values = history(trainer.folder, self._metric)
        if len(values) and len(values) - 1 - int(np.argmin(self._sign * values)) >= self._patience:
            best = int(np.argmin(self._sign * values))
            trainer.stop_early(
                f'{self._metric} has not become better than {values[best]:.4g}, which it had at iteration '
                f'{at[best]:,}, for {self._patience} measurements'
            )
