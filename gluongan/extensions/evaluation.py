"""The evaluation of samples while training goes on."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from ..evaluation import Counts, Samples, evaluate, find_metric, real_samples
from ..evaluation.from_updater import draw_samples
from ..evaluation.suite import measure_by_judge, measure_diversity, measure_manifold
from ..runs.folder import JUDGED
from ..runs.records import Records, json_row
from ..trainer import Extension

if TYPE_CHECKING:
    from ..evaluation import Reference
    from ..trainer import Trainer

STREAM = 3  # of the noise, the same as for `gluongan evaluate`


def counts(samples: int) -> Counts:
    """Return how many of the samples each measurement takes: of 10,000 as many as `gluongan evaluate` does."""
    return Counts(manifold=samples // 2, diversity=min(samples // 2, Counts().diversity))


class Evaluation(Extension):
    """Writes judge.jsonl, what the judge says of samples of a fixed noise, and publishes its newest row in the report.

    Of 2,000 samples, by default, its metrics carry other names than those of the whole evaluation, such as lenet_fd2k_test:
    fewer samples make a Fréchet distance larger. Of 10,000 they are the same. `real` has them for real pictures, the best
    there is. judge/seconds: what the call has cost.
    """

    trigger = (1_000, 'iteration')

    def __init__(self, reference: Reference, samples: int = 2_000) -> None:
        self._reference, self._count = reference, samples
        self.real = self._measured(real_samples(reference, samples))

    def start(self, trainer: Trainer) -> None:
        self._records = Records(trainer.folder / JUDGED)
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
        values = self._measured(draw_samples(updater, self._count, seed=STREAM))
        values['judge/seconds'] = time.perf_counter() - begun
        self._at = updater.iteration
        newest = {
            f'samples/{stem}': find_metric(values, stem) for stem in ('spread', 'support')
        }  # what the training line shows
        trainer.report.update({**values, **newest})
        self._records.append(
            [json_row({'iteration': updater.iteration, 'epoch': updater.epoch, **values})]
        )

    def finish(self, trainer: Trainer) -> None:
        if self._at != trainer.updater.iteration and not trainer.interrupted:
            self(trainer)

    def _measured(self, samples: Samples) -> dict[str, float]:
        only = (measure_by_judge, measure_diversity, measure_manifold)
        return evaluate(samples, self._reference, counts=counts(self._count), only=only)
