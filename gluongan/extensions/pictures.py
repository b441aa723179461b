"""Samples on fixed noise while training goes on, and the figures at its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import figures
from ..data.dataset import Dataset
from ..data.toys import COUNTED
from ..files import write_array, write_json
from ..gan.sampling import pixels
from ..runs.folder import FACTS, REALS, SAMPLES_FOLDER
from ..trainer import AnyOf, Every, Extension

if TYPE_CHECKING:
    from ..gan.updater import GANUpdater
    from ..trainer import Trainer


class SampleGrid(Extension):
    """Writes G's samples of a fixed z to samples/ITERATION.png (2-D points: .npy), and the data's own to reals.

    rows, cols: of the picture. The first one, at iteration 0, shows what G makes before it has learned.
    """

    trigger = AnyOf((Every(250), Every(1, 'epoch')))

    def __init__(
        self, rows: int = 8, cols: int = 8, *, count: int | None = None, seed: int = 0
    ) -> None:
        self._cols, self._count, self._seed = cols, rows * cols if count is None else count, seed

    def start(self, trainer: Trainer) -> None:
        updater = trainer.updater
        data = updater.real.dataset
        count = self._count if data.is_image else COUNTED
        labels = np.arange(count) // self._cols % max(1, updater.classes)  # a row a class
        self.z = updater.fixed_inputs(count, self._seed, labels)
        if updater.iteration == 0:
            self._write(
                trainer.folder / REALS,
                data.samples[self._originals(updater, count, labels)],
                data,
            )
            self(trainer)

    def _originals(self, updater: GANUpdater, count: int, labels: np.ndarray) -> np.ndarray:
        """Return which samples of the data to show: any, or for a conditional G the classes that its own rows have."""
        data, generator = updater.real.dataset, np.random.default_rng(self._seed)
        if not updater.classes:
            return generator.choice(len(data), min(count, len(data)), replace=False)
        order = generator.permutation(len(data))
        of_class = [order[data.labels[order] == k] for k in range(updater.classes)]
        return np.array(
            [of_class[k][i % len(of_class[k])] for i, k in enumerate(labels) if len(of_class[k])]
        )

    def __call__(self, trainer: Trainer) -> None:
        updater = trainer.updater
        x = updater.samples(self.z)
        self._write(
            trainer.folder / SAMPLES_FOLDER / f'{updater.iteration:06d}', x, updater.real.dataset
        )

    def finish(self, trainer: Trainer) -> None:
        self(trainer)

    def _write(self, path: Path, x: np.ndarray, data: Dataset) -> None:
        if data.is_image:
            figures.save(figures.grid(pixels(x), self._cols), path.with_suffix('.png'))
        else:
            write_array(path.with_suffix('.npy'), x.astype(np.float32))


class FigureReport(Extension):
    """Draws every figure of the run at its end, from the files in its folder.

    about: what the pictures' titles say beside the data, such as {'recipe': 'dense', 'loss': 'minimax'}. It goes into
    run.json with what the updater knows, so that `figures.draw_all` and `gluongan plot` can draw without them.
    """

    trigger = (10**9, 'iteration')

    def __init__(self, about: dict[str, Any] | None = None) -> None:
        self._about = about or {}

    def start(self, trainer: Trainer) -> None:
        path = trainer.folder / FACTS
        if not path.exists():
            write_json(path, {**_facts(trainer.updater), **self._about})

    def finish(self, trainer: Trainer) -> None:
        if not trainer.interrupted:
            figures.draw_all(trainer.folder)


def _facts(updater: GANUpdater) -> dict[str, Any]:
    data = updater.real.dataset
    mean, std = data.moments()
    return {
        'data': data.name,
        'count': len(data),
        'shape': data.shape,
        'classes': data.classes,
        'mean': mean,
        'std': std,
        'iterations_per_epoch': updater.iterations_per_epoch,
        'score': 'probability' if updater.loss.is_probability else 'critic score',
    }
