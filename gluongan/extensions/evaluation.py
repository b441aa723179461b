"""Evaluation: scores samples during training by the metrics of `gluongan evaluate`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..evaluation import Counts, Samples, evaluate, find_metric, real_samples
from ..evaluation.from_updater import draw_samples
from ..evaluation.suite import (
    measure_by_judge,
    measure_diversity,
    measure_manifold,
    measure_manifold_of_features,
)
from ..runs.folder import JUDGED
from ..runs.reading import newest
from ..runs.records import Records, as_written, json_row
from ..trainer import Extension

if TYPE_CHECKING:
    from ..evaluation import Reference
    from ..trainer import Trainer

STREAM = 3  # of the noise, the same as for `gluongan evaluate`


def counts(samples: int) -> Counts:
    """Return how many of the samples each measurement takes.

    Of 10,000 samples these are as many as `gluongan evaluate` takes.
    """
    return Counts(manifold=samples // 2, diversity=min(samples // 2, Counts().diversity))


class Evaluation(Extension):
    """Writes judge.jsonl: what the judge says of samples of a fixed noise.

    It publishes the newest row in `trainer.report`.
    reference: the real data and the judge. samples: how many to draw for each row.
    real: the same metrics of real pictures, which is the best that a generator can reach.

    The names of the metrics carry the number of samples, such as lenet_fd2k_test for 2,000: fewer
    samples make a Fréchet distance larger. With 10,000 samples, names and values are those of
    `gluongan evaluate`. `judge/seconds` is the time that the row took.
    """

    trigger = (1_000, 'iteration')

    def __init__(self, reference: Reference, samples: int = 2_000) -> None:
        self._reference = reference
        self._count = samples
        self.real = self._measure(real_samples(reference, samples))

    def start(self, trainer: Trainer) -> None:
        self._records = Records(trainer.folder / JUDGED)
        self._records.start(trainer.updater.iteration)
        row = newest(trainer.folder, JUDGED)
        self._measured = row.pop('iteration', None)
        row.pop('epoch', None)
        self._published = list(row)
        trainer.publish(row, self._measured)
        if trainer.updater.iteration == 0:
            self(trainer)

    def __call__(self, trainer: Trainer) -> None:
        updater = trainer.updater
        started = time.perf_counter()
        values = self._measure(draw_samples(updater, self._count, seed=STREAM))
        values['judge/seconds'] = time.perf_counter() - started
        values = as_written(values)
        self._measured = updater.iteration
        for name in self._published:  # the judge was another before a resume
            trainer.report.pop(name, None)
        self._published = list(values)
        trainer.publish(values)
        for stem in ('spread', 'support'):  # the progress line shows the newest of both
            trainer.publish({f'samples/{stem}': find_metric(values, stem)})
        row = {'iteration': updater.iteration, 'epoch': updater.epoch, **values}
        self._records.append([json_row(row)])

    def finish(self, trainer: Trainer) -> None:
        if self._measured != trainer.updater.iteration and not trainer.interrupted:
            trainer.announce('judging samples')
            self(trainer)

    def _measure(self, samples: Samples) -> dict[str, float]:
        only = (
            measure_by_judge,
            measure_diversity,
            measure_manifold,
            measure_manifold_of_features,
        )
        return evaluate(samples, self._reference, counts=counts(self._count), only=only)
