"""Cheap measurements while training goes on: are the samples' pixels the data's, and is D still fooled?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..data import toys
from ..evaluation.from_updater import discriminator_logits
from ..evaluation.metrics import coverage, diversity, pairs, sliced_wasserstein
from ..runs.folder import ACCURACY, METRICS
from ..runs.records import Records, csv_row, json_row
from ..trainer import Extension

if TYPE_CHECKING:
    from ..gan.updater import GANUpdater
    from ..trainer import Trainer

SAMPLES = 1_000  # behind each row of metrics.jsonl
HALF = 200  # real, and as many generated, in D's test: the mini-batches of the Flux tutorial


class QuickMetrics(Extension):
    """Writes metrics.jsonl while training and accuracy.csv at its end, and publishes the newest row in `trainer.report`.

    pixels/mean, pixels/std: of 1,000 samples' values. samples/swd: their sliced Wasserstein distance to 1,000 samples of the
    data, both sets fixed. samples/spread, samples/support: how different pictures are (see `metrics.diversity`).
    modes/caught, modes/good, modes/kl: on a mixture whose modes are known, how its 2,500 points cover them (see
    `metrics.coverage`). dis/accuracy: share that D tells right of 200 real and 200 generated samples, where its loss makes it
    a classifier (0.5 is the ideal). accuracy.csv has that once for each 200 of the data, binarized where it is.
    """

    trigger = (500, 'iteration')

    def start(self, trainer: Trainer) -> None:
        updater = trainer.updater
        data = updater.real.dataset
        count = SAMPLES if data.is_image else toys.COUNTED
        self._mixture = toys.modes(data.name) if data.name in toys.MIXTURES else None
        chosen = np.random.default_rng(0).choice(len(data), min(count, len(data)), replace=False)
        self._chosen = (
            chosen  # in random order: sorted data would have D judge its first class alone
        )
        self._reals, self._z = data.floats(self._chosen), updater.fixed_inputs(len(chosen), seed=1)
        self._pairs = pairs(self._reals) if data.is_image else None
        self._records = Records(trainer.folder / METRICS)
        for row in self._records.start(updater.iteration)[-1:]:
            trainer.report.update(json.loads(row))
        self._measured = updater.iteration
        if updater.iteration == 0:
            self(trainer)

    def __call__(self, trainer: Trainer) -> None:
        updater = trainer.updater
        x = updater.samples(self._z)
        row = {
            'iteration': updater.iteration,
            'epoch': updater.epoch,
            'pixels/mean': float(x.mean()),
            'pixels/std': float(x.std()),
            'samples/swd': sliced_wasserstein(x, self._reals),
        }
        if self._pairs:
            row.update(zip(('samples/spread', 'samples/support'), diversity(x, self._pairs)))
        if self._mixture:
            row.update(zip(('modes/caught', 'modes/good', 'modes/kl'), coverage(x, *self._mixture)))
        if updater.loss.is_probability:
            labels = updater.real.dataset.labels
            real = _share_right(
                updater,
                self._reals[:HALF],
                labels[self._chosen[:HALF]] if updater.classes else None,
                1,
            )
            fake = _share_right(updater, x[:HALF], _turns(updater, len(x[:HALF])), -1)
            if np.isfinite(real + fake):  # a pack may be larger than the test
                row['dis/accuracy'] = (real + fake) / 2
        self._measured = updater.iteration
        trainer.report.update(row)
        self._records.append([json_row(row)])

    def finish(self, trainer: Trainer) -> None:
        if self._measured != trainer.updater.iteration:
            self(trainer)
        if not trainer.interrupted and trainer.updater.loss.is_probability:
            self._over_the_data(trainer.updater, trainer.folder / ACCURACY)

    def _over_the_data(self, updater: GANUpdater, path: Path) -> None:
        data = updater.real.dataset
        records = Records(path, header='batch,real,fake,accuracy\n')
        records.start(-1)
        z = updater.fixed_inputs(len(data) // HALF * HALF, seed=2)
        binary = (
            np.all((data.samples[:HALF] == 0) | (data.samples[:HALF] == 255))
            if data.is_image
            else False
        )
        for batch, start in enumerate(range(0, len(z), HALF)):
            x_fake = updater.samples(z[start : start + HALF])
            x_fake = (x_fake > 0.5).astype(np.float32) if binary else x_fake
            here = slice(start, start + HALF)
            real = _share_right(
                updater, data.floats(here), data.labels[here] if updater.classes else None, 1
            )
            fake = _share_right(updater, x_fake, _turns(updater, HALF, start), -1)
            records.append([csv_row((batch, real, fake, (real + fake) / 2))])


def _turns(updater: GANUpdater, count: int, start: int = 0) -> np.ndarray | None:
    """Return the classes that `fixed_inputs` asked for, from sample `start` on."""
    return np.arange(start, start + count) % updater.classes if updater.classes else None


def _share_right(updater: GANUpdater, x: np.ndarray, labels: np.ndarray | None, sign: int) -> float:
    """Return the share of samples whose logit has the sign of their kind: 1 for real, -1 for fake.

    NaN if there is no complete pack.
    """
    y = discriminator_logits(updater, x, labels)
    return float((y * sign > 0).mean()) if len(y) else float('nan')
