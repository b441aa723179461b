"""gluongan by the protocol of the peers: the GANUpdater that `gluongan train` runs."""

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


class Given:
    """Stands in for the noise or the batches of a GANUpdater, with arrays that were not drawn."""

    def __init__(self, batch: int, arrays: np.ndarray, labels: np.ndarray | None = None) -> None:
        self.batch = batch
        self._arrays = iter(arrays)
        self._labels = iter(() if labels is None else labels)

    def draw(self, count: int | None = None) -> mx.nd.NDArray:
        """Return the next array."""
        return mx.nd.array(next(self._arrays))

    def labels(self) -> mx.nd.NDArray:
        """Return the next one-hot labels."""
        return mx.nd.array(next(self._labels))


class OurGAN:
    """A GAN ready to train; it draws batches and noise itself unless they are given."""

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
        classes = ()
        if labels is not None:
            classes = tuple(str(k) for k in range(labels.max() + 1))
        self._data = Dataset(case['name'], samples, labels, classes)
        self._updater = build.make_updater(self._config, self._data)
        self._sources = self._updater.noise, self._updater.real
        for name, value in self._live_weights().items():
            value[:] = arrays[name]
        facts = runtime.describe()
        self.versions = {name: facts[name] for name in ('mxnet', 'numpy')}

    def _live_weights(self) -> dict[str, mx.nd.NDArray]:
        updater = self._updater
        parts = {'gen': weights(updater.gen), 'dis': weights(updater.dis)}
        if updater.average:
            parts['ema'] = updater.average.state()
        live = {}
        for part, values in parts.items():
            for name, value in values.items():
                live[f'{part}/{name}'] = value
        return live

    def draw(self) -> Iterator[Any]:
        return repeat(self._sources)

    def given(self, z: np.ndarray, index: np.ndarray) -> Any:
        batch = index.shape[1]
        labels = None
        if self._config.conditional:
            labels = one_hot(self._data.labels[index], len(self._data.classes))
        return Given(batch, z), Given(batch, self._data.floats(index), labels)

    def iterate(self, inputs: Any) -> None:
        self._updater.noise, self._updater.real = inputs
        self._updater.update()

    def wait(self) -> None:
        self._updater.drain()
        self._updater.take()

    def weights(self) -> Arrays:
        return {name: value.asnumpy() for name, value in self._live_weights().items()}


if __name__ == '__main__':
    serve(OurGAN)
