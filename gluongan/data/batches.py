"""Batches of a data set, cut from one array that lives on the device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..runtime import device as context
from ..runtime import mx
from .dataset import Dataset


class _Gather(mx.gluon.HybridBlock):
    """Rows of the resident array by index, images from bytes to [0, 1]: one fused call instead of three."""

    def __init__(self, is_image: bool) -> None:
        super().__init__()
        self._is_image = is_image
        self.hybridize(static_alloc=True)

    def hybrid_forward(self, F: Any, resident: Any, index: Any) -> Any:
        x = F.take(resident, index)
        return F.cast(x, dtype='float32') * (1 / 255) if self._is_image else x


class Batches:
    """Batches (batch, *shape), float32, images in [0, 1], in a new random order each epoch; no worker processes.

    The whole data set is copied to the device once, as bytes. What is left over at an epoch's end is dropped (another
    order leaves out others). Iterating goes to the end of the epoch, `draw` goes on for ever.
    """

    def __init__(
        self, dataset: Dataset, batch: int, *, seed: int = 0, device: str | mx.Context = 'cpu'
    ) -> None:
        if not 1 <= batch <= len(dataset):
            raise ValueError(
                f'batch {batch}: must be from 1 to {len(dataset):,}, the number of samples in {dataset.name}'
            )
        self.dataset, self.batch, self.device = dataset, batch, context(device)
        self.per_epoch = len(dataset) // batch
        self._resident = mx.nd.array(dataset.samples, ctx=self.device, dtype=dataset.samples.dtype)
        self._gather = _Gather(dataset.is_image)
        self._labels = (
            None
            if dataset.labels is None
            else mx.nd.array(dataset.labels, ctx=self.device, dtype='int32')
        )
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0])))
        self._shuffle()

    def _shuffle(self) -> None:
        self._at_epoch = self._generator.bit_generator.state
        # The order goes to the device whole: a slice of it costs nothing there.
        self._order = mx.nd.array(
            self._generator.permutation(len(self.dataset)), ctx=self.device, dtype='int32'
        )
        self._drawn = 0

    def draw(self) -> mx.nd.NDArray:
        """Return the next batch; after an epoch's last one the next epoch begins."""
        if self._drawn == self.per_epoch:
            self._shuffle()
        self._index = self._order[self._drawn * self.batch : (self._drawn + 1) * self.batch]
        self._drawn += 1
        return self._gather(self._resident, self._index)

    def labels(self) -> mx.nd.NDArray:
        """Return the one-hot labels (batch, classes) of the batch that was drawn last."""
        return mx.nd.one_hot(mx.nd.take(self._labels, self._index), depth=len(self.dataset.classes))

    def __iter__(self) -> Iterator[mx.nd.NDArray]:
        if self._drawn == self.per_epoch:
            self._shuffle()
        while self._drawn < self.per_epoch:
            yield self.draw()

    def __len__(self) -> int:
        return self.per_epoch

    def state(self) -> dict[str, Any]:
        """Return the generator's state at this epoch's start and the number of batches drawn since: JSON can hold it."""
        return {'generator': self._at_epoch, 'drawn': self._drawn}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where `state` was read."""
        self._generator.bit_generator.state = state['generator']
        self._shuffle()
        self._drawn = state['drawn']
