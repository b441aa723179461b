"""QuickMetrics: cheap measurements during training.

Do the pixels of the samples look like those of the data, and is the discriminator still fooled?
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..data import toys
from ..evaluation.from_updater import discriminator_logits
from ..evaluation.metrics import coverage, diversity, pairs, sliced_wasserstein
from ..runs.folder import ACCURACY, METRICS
from ..runs.reading import newest
from ..runs.records import Records, as_written, csv_row, json_row
from ..trainer import Extension

if TYPE_CHECKING:
    from ..gan.updater import GANUpdater
    from ..trainer import Trainer

SAMPLES = 1_000  # behind each row of metrics.jsonl
HALF = 200  # real samples, and as many generated: the mini-batches of the Flux tutorial


class QuickMetrics(Extension):
    """Writes metrics.jsonl during training and accuracy.csv at its end.

    It publishes the newest row in `trainer.report`. Each row is of 1,000 samples (2,500 points) of
    a fixed noise, and of as many fixed real samples. Classes are asked for in the data's shares.

    pixels/mean, pixels/std: of all values of the samples.
    samples/swd: sliced Wasserstein distance between samples and data.
    samples/spread, samples/support: how different the images are, see `metrics.diversity`.
    modes/caught, modes/good, modes/kl: on a mixture, how well the points cover its modes, see
    `metrics.coverage`.
    dis/accuracy: share of 200 real and 200 generated samples that the discriminator classifies
    correctly, where its loss makes it a classifier. 0.5 is the ideal.

    accuracy.csv holds that accuracy for every 200 samples of the data; where these are binarized,
    so are the generated ones.
    """

    trigger = (500, 'iteration')

    def start(self, trainer: Trainer) -> None:
        updater = trainer.updater
        data = updater.real.dataset
        count = min(SAMPLES if data.is_image else toys.COUNTED, len(data))
        # In random order: of sorted data, the discriminator would see the first class alone.
        self._chosen = np.random.default_rng(0).choice(len(data), count, replace=False)
        self._reals = data.floats(self._chosen)
        self._labels = updater.labels_as_in_data(count)
        self._z = updater.fixed_inputs(count, 1, self._labels)
        self._mixture = toys.modes(data.built_in) if data.built_in in toys.MIXTURES else None
        self._pairs = pairs(self._reals) if data.is_image and count > 1 else None
        self._records = Records(trainer.folder / METRICS)
        self._records.start(updater.iteration)
        row = newest(trainer.folder, METRICS)
        trainer.publish(row, row.get('iteration'))
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
            asked = None if self._labels is None else self._labels[:HALF]
            fake = _share_right(updater, x[:HALF], asked, -1)
            if np.isfinite(real + fake):  # a pack may be larger than the test
                row['dis/accuracy'] = (real + fake) / 2
        self._measured = updater.iteration
        trainer.publish(as_written(row))
        self._records.append([json_row(row)])

    def finish(self, trainer: Trainer) -> None:
        if self._measured != trainer.updater.iteration:
            self(trainer)
        if not trainer.interrupted and trainer.updater.loss.is_probability:
            trainer.announce("measuring D's accuracy on all data")
            self._over_the_data(trainer.updater, trainer.folder / ACCURACY)

    def _over_the_data(self, updater: GANUpdater, path: Path) -> None:
        """Write the discriminator's accuracy on every 200 samples of the data."""
        data = updater.real.dataset
        records = Records(path, header='batch,real,fake,accuracy,iteration\n')
        records.start(-1)
        count = len(data) // HALF * HALF
        labels = updater.labels_as_in_data(count)
        z = updater.fixed_inputs(count, 2, labels)
        binary = data.is_image and np.isin(data.samples[:HALF], (0, 255)).all()
        for batch, start in enumerate(range(0, len(z), HALF)):
            here = slice(start, start + HALF)
            x_fake = updater.samples(z[here])
            if binary:
                x_fake = (x_fake > 0.5).astype(np.float32)
            real = _share_right(
                updater, data.floats(here), data.labels[here] if updater.classes else None, 1
            )
            asked = None if labels is None else labels[here]
            fake = _share_right(updater, x_fake, asked, -1)
            row = (batch, real, fake, (real + fake) / 2, updater.iteration)
            records.append([csv_row(row)])


def _share_right(updater: GANUpdater, x: np.ndarray, labels: np.ndarray | None, sign: int) -> float:
    """Return the share of samples that the discriminator classifies correctly.

    sign: 1 for real samples, -1 for generated ones. NaN where they do not fill a pack.
    """
    y = discriminator_logits(updater, x, labels)
    return float((y * sign > 0).mean()) if len(y) else float('nan')
