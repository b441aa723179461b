"""Samples of a fixed noise during training, and the figures at its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import figures
from ..data import fingerprint
from ..data.toys import COUNTED
from ..errors import check_count
from ..files import write_array, write_json
from ..gan.sampling import pixels
from ..runs.folder import FACTS, IMAGES, POINTS, REALS, samples_path
from ..trainer import AnyOf, EpochEnds, Every, Extension

if TYPE_CHECKING:
    from ..gan.updater import GANUpdater
    from ..trainer import Trainer


class SampleGrid(Extension):
    """Writes samples of a fixed z to samples/ITERATION.png, and real ones to reals.png.

    Points in the plane are written as .npy. The first picture, at iteration 0, shows what the
    generator makes before it has learned. A conditional generator's picture has one class per row.
    rows, cols: of the picture. count: of the samples, by default rows × cols. seed: of z.
    """

    trigger = AnyOf((Every(250), EpochEnds(100)))

    def __init__(
        self, rows: int = 8, cols: int = 8, *, count: int | None = None, seed: int = 0
    ) -> None:
        check_count('rows', rows)
        check_count('cols', cols)
        if count is not None:
            check_count('count', count)
        self._cols = cols
        self._count = rows * cols if count is None else count
        self._seed = seed

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise InputError where pictures of samples of this shape would be too large."""
        if len(shape) == 3:
            figures.check_grid(self._count, shape, self._cols)

    def start(self, trainer: Trainer) -> None:
        updater = trainer.updater
        dataset = updater.real.dataset
        self._first = updater.iteration
        self._suffix = IMAGES if dataset.is_image else POINTS
        count = self._count if dataset.is_image else COUNTED
        labels = np.arange(count) // self._cols % max(1, updater.classes)
        self.z = updater.fixed_inputs(count, self._seed, labels)
        if updater.iteration == 0:
            reals = dataset.samples[self._chosen_reals(updater, count, labels)]
            self._write(trainer.folder / (REALS + self._suffix), reals)
            self(trainer)

    def _chosen_reals(self, updater: GANUpdater, count: int, labels: np.ndarray) -> np.ndarray:
        """Return which real samples to show: a random choice, of the same classes as the samples.

        labels: the class of each sample, where the generator is conditional.
        """
        dataset = updater.real.dataset
        generator = np.random.default_rng(self._seed)
        if not updater.classes:
            return generator.choice(len(dataset), min(count, len(dataset)), replace=False)
        order = generator.permutation(len(dataset))
        of_class = [order[dataset.labels[order] == k] for k in range(updater.classes)]
        chosen = []
        for i, k in enumerate(labels):
            if len(of_class[k]):
                chosen.append(of_class[k][i % len(of_class[k])])
        return np.array(chosen)

    def __call__(self, trainer: Trainer) -> None:
        updater = trainer.updater
        path = samples_path(trainer.folder, updater.iteration, self._suffix)
        self._write(path, updater.samples(self.z))

    def finish(self, trainer: Trainer) -> None:
        path = samples_path(trainer.folder, trainer.updater.iteration, self._suffix)
        if trainer.updater.iteration > self._first or not path.exists():
            self(trainer)

    def _write(self, path: Path, x: np.ndarray) -> None:
        if path.suffix == IMAGES:
            figures.save(figures.grid(pixels(x), self._cols), path)
        else:
            write_array(path, x.astype(np.float32))


class FigureReport(Extension):
    """Draws every figure of the run at its end, from the files in its folder.

    about: what the titles say beside the name of the data, such as {'recipe': 'dense', 'loss':
    'minimax'}. It goes into run.json together with what the updater knows, so that
    `figures.draw_all` and `gluongan plot` can draw without a Config.
    renew: write run.json again, for a run that goes on with other data.
    """

    trigger = (10**9, 'iteration')

    def __init__(self, about: dict[str, Any] | None = None, *, renew: bool = False) -> None:
        self._about = about or {}
        self._renew = renew

    def start(self, trainer: Trainer) -> None:
        self._first = trainer.updater.iteration
        path = trainer.folder / FACTS
        if self._renew or not path.exists():
            write_json(path, {**_facts(trainer.updater), **self._about})

    def finish(self, trainer: Trainer) -> None:
        was_trained = trainer.updater.iteration > self._first
        if not trainer.interrupted and (was_trained or not figures.are_current(trainer.folder)):
            trainer.announce('drawing figures')
            figures.draw_all(trainer.folder)


def _facts(updater: GANUpdater) -> dict[str, Any]:
    dataset = updater.real.dataset
    mean, std = dataset.moments()
    return {
        'data': dataset.name,
        'count': len(dataset),
        'shape': dataset.shape,
        'classes': dataset.classes,
        'mean': mean,
        'std': std,
        'fingerprint': fingerprint(dataset),
        'iterations_per_epoch': updater.iterations_per_epoch,
        'score': 'probability' if updater.loss.is_probability else 'critic score',
    }
