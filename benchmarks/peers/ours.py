"""gluongan itself, by the same protocol: the GANUpdater that `gluongan train` runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np
from protocol import Arrays, serve

from gluongan import build, runtime
from gluongan.config import Config
from gluongan.data import Dataset
from gluongan.gan.labels import one_hot
from gluongan.gan.updater import weights
from gluongan.runtime import mx


class Handed:
    """Stands in for a GANUpdater's noise, or for its batches, with what was given instead of drawn."""

    def __init__(self, batch: int, arrays: np.ndarray, labels: np.ndarray | None = None) -> None:
        self.batch, self._arrays, self._labels = (
            batch,
            iter(arrays),
            iter(() if labels is None else labels),
        )

    def draw(self, count: int | None = None) -> mx.nd.NDArray:
        """Return the next array."""
        return mx.nd.array(next(self._arrays))

    def labels(self) -> mx.nd.NDArray:
        """Return the next one-hot labels."""
        return mx.nd.array(next(self._labels))


class OurGAN:
    """One GAN, ready to train; it draws batches and noise itself unless they are given."""

    def __init__(
        self,
        case: dict[str, Any],
        arrays: Arrays,
        samples: np.ndarray,
        labels: np.ndarray | None,
        form: str,
        threads: int,
    ) -> None:
        self._config = Config().with_settings(case['config'])
        classes = () if labels is None else tuple(map(str, range(labels.max() + 1)))
        self._data = Dataset(case['name'], samples, labels, classes)
        self._updater = build.make_updater(self._config, self._data)
        self._drawn = self._updater.noise, self._updater.real
        for name, value in self._live().items():
            value[:] = arrays[name]
        facts = runtime.describe()
        self.versions = {name: facts[name] for name in ('mxnet', 'numpy')}

    def _live(self) -> dict[str, mx.nd.NDArray]:
        updater = self._updater
        parts = {
            'gen': weights(updater.gen),
            'dis': weights(updater.dis),
            'ema': updater.average.state() if updater.average else {},
        }
        return {
            f'{part}/{name}': value
            for part, values in parts.items()
            for name, value in values.items()
        }

    def own(self) -> Iterator[Any]:
        return repeat(None)

    def given(self, z: np.ndarray, index: np.ndarray) -> Any:
        labels = (
            one_hot(self._data.labels[index], len(self._data.classes))
            if self._config.conditional
            else None
        )
        return Handed(index.shape[1], z), Handed(index.shape[1], self._data.floats(index), labels)

    def iterate(self, inputs: Any) -> None:
        self._updater.noise, self._updater.real = inputs or self._drawn
        self._updater.update()

    def wait(self) -> None:
        self._updater.drain()
        self._updater.take()

    def weights(self) -> Arrays:
        return {name: value.asnumpy() for name, value in self._live().items()}


if __name__ == '__main__':
    serve(OurGAN)
