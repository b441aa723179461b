"""Batches of a data set, cut from one array that lives on the device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import native
from ..errors import check_count
from ..runtime import device as context
from ..runtime import mx
from .dataset import DataError, Dataset
from .mapped import is_mapped, release

MOST_RESIDENT = 2**31 - 1  # values in one array of MXNet, as its wheels are built


class Gather(mx.gluon.HybridBlock):
    """Take samples of the resident array by index, and scale bytes to [0, 1], in one call.

    labels: int32 (N,) on the same device, for a `native.Gatherer`, and the number of classes.
    """

    def __init__(
        self, is_image: bool, labels: mx.nd.NDArray | None = None, classes: int = 0
    ) -> None:
        super().__init__()
        self._is_image = is_image
        self._labels = labels, classes
        self._resident: Any = None  # what `_gatherer` is for
        self._gatherer: native.Gatherer | None = None
        self.hybridize(static_alloc=True)

    def forward(self, resident: Any, index: Any) -> Any:
        gatherer = self.gatherer(resident) if isinstance(resident, mx.nd.NDArray) else None
        if gatherer and gatherer.takes(index):
            return gatherer(index, 0, len(index))
        return super().forward(resident, index)

    def gatherer(self, resident: mx.nd.NDArray) -> native.Gatherer | None:
        """Return the operator in C++ for these samples, None where MXNet's are used."""
        if not self._active:
            return None
        if resident is not self._resident:
            self._resident = resident
            self._gatherer = None
            if native.can_gather(resident):
                scale = 1 / 255 if self._is_image else 1.0
                self._gatherer = native.Gatherer(resident, scale, *self._labels)
        return self._gatherer

    def hybrid_forward(self, F: Any, resident: Any, index: Any) -> Any:
        """Return float32 (batch, *shape) for int32 indices (batch,)."""
        x = F.take(resident, index)
        if not self._is_image:
            return x
        return F.cast(x, dtype='float32') * (1 / 255)


class Batches:
    """Batches (batch, *shape), float32, images in [0, 1], in a new random order each epoch.

    The whole data set is copied to the device once, as bytes, unless it is too large; there are no
    worker processes. The samples left over at the end of an epoch are dropped; other ones are left
    over in the next. Iterating ends with the epoch, `draw` never ends. Raises DataError for a
    `batch` that is larger than the data set.

    resident: the data on the device, uint8 or float32 (N, *shape). Batches of the same data set
              on one device may share it: assign one's `resident` to the other. None where it has
              more values than an array of MXNet can hold, or is mapped from a file; then each batch
              is copied there.
    gather:   the HybridBlock that cuts a batch out of it.
    part:     which part of whole batches, of how many: this rank's. `batch` is the size of a part.
              All parts have the same order and the same `state`.
    mirror:   mirror each picture left to right, or not, at random. The generator of the order
              decides for a whole epoch at once, so that a `state` holds that too. Raises DataError
              for points.

    >>> from gluongan.data import load
    >>> batches = load('synthetic').batches(100, seed=0)
    >>> len(batches), sum(len(x_real) for x_real in batches)
    (5, 500)
    >>> x_real = batches.draw()
    >>> x_real.shape, x_real.dtype.__name__, float(x_real.max().asscalar()) <= 1
    ((100, 1, 28, 28), 'float32', True)
    >>> batches.labels().shape
    (100, 4)
    """

    def __init__(
        self,
        dataset: Dataset,
        batch: int,
        *,
        seed: int = 0,
        device: str | mx.Context = 'cpu',
        mirror: bool = False,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        if not 1 <= batch <= len(dataset):
            raise DataError(
                f'must be from 1 to {len(dataset):,}, the number of samples in {dataset.name}',
                setting='batch',
                value=batch,
            )
        if mirror and not dataset.is_image:
            raise DataError(
                f'{dataset.name} is made of points, not images; must be off', setting='mirror'
            )
        self.dataset = dataset
        self.batch = batch
        self.mirror = mirror
        self.device = context(device)
        self._part, parts = part
        self._whole = batch * parts
        self.per_epoch = len(dataset) // self._whole
        self.resident = None
        if dataset.samples.size <= MOST_RESIDENT and not is_mapped(dataset.samples):
            self.resident = self._on_device(dataset.samples, dataset.samples.dtype)
        self._labels = None
        if dataset.labels is not None:
            self._labels = self._on_device(dataset.labels, 'int32')
        self.gather = Gather(dataset.is_image, self._labels, len(dataset.classes))
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 0])))
        self._shuffle()

    def _on_device(self, array: Any, dtype: Any) -> mx.nd.NDArray:
        return mx.nd.array(array, ctx=self.device, dtype=dtype)

    def _shuffle(self) -> None:
        self._at_epoch = self._generator.bit_generator.state
        # The whole order goes to the device, because a slice of it costs nothing there.
        self._order = self._on_device(self._generator.permutation(len(self.dataset)), 'int32')
        if self.mirror:
            mirrored = self._generator.random(len(self.dataset)) < 0.5
            self._mirrored = self._on_device(mirrored, 'float32')
        self._drawn = 0

    def draw(self) -> mx.nd.NDArray:
        """Return the next batch; after the last one of an epoch the next epoch begins."""
        self._advance()
        return self._pictures()

    def draw_with_labels(self) -> mx.nd.NDArray:
        """Return the next batch of flat samples (batch, size + classes): behind each its label."""
        self._advance()
        gatherer = self._gatherer()
        if gatherer and not self.mirror:
            return gatherer.with_labels(self._order, self._start, self.batch)
        return mx.nd.concat(self._pictures().flatten(), self.labels(), dim=1)

    def labels(self) -> mx.nd.NDArray:
        """Return the one-hot labels (batch, classes) of the batch that was drawn last."""
        gatherer = self._gatherer()
        if gatherer:
            return gatherer.one_hot(self._order, self._start, self.batch)
        return mx.nd.one_hot(mx.nd.take(self._labels, self._index), depth=len(self.dataset.classes))

    def _advance(self) -> None:
        if self._drawn == self.per_epoch:
            self._shuffle()
        self._start = self._drawn * self._whole + self._part * self.batch
        self._drawn += 1

    @property
    def _index(self) -> mx.nd.NDArray:
        """The indices of the samples in the batch that was drawn last."""
        return self._order[self._start : self._start + self.batch]

    def _gatherer(self) -> native.Gatherer | None:
        return None if self.resident is None else self.gather.gatherer(self.resident)

    def _pictures(self) -> mx.nd.NDArray:
        """Return the samples of the batch that was drawn last, some of them mirrored."""
        x = self._gathered()
        if not self.mirror:
            return x
        chosen = self._mirrored[self._start : self._start + self.batch]
        return mx.nd.where(chosen, mx.nd.flip(x, axis=3), x)

    def _gathered(self) -> mx.nd.NDArray:
        gatherer = self._gatherer()
        if gatherer:  # without a slice of the order, which takes as long as the batch
            return gatherer(self._order, self._start, self.batch)
        if self.resident is not None:
            return self.gather(self.resident, self._index)
        chosen = self.dataset.samples[self._index.asnumpy()]
        release(self.dataset.samples)
        return self.gather(
            self._on_device(chosen, chosen.dtype), self._on_device(range(self.batch), 'int32')
        )

    def __iter__(self) -> Iterator[mx.nd.NDArray]:
        if self._drawn == self.per_epoch:
            self._shuffle()
        while self._drawn < self.per_epoch:
            yield self.draw()

    def __len__(self) -> int:
        return self.per_epoch

    def state(self) -> dict[str, Any]:
        """Return the generator's state at the start of this epoch, and how many batches were drawn.

        JSON can hold it, and `restore` takes it.
        """
        return {'generator': self._at_epoch, 'drawn': self._drawn}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue where `state` was taken.

        >>> from gluongan.data import load
        >>> dataset = load('synthetic')
        >>> first, second = dataset.batches(8, seed=1), dataset.batches(8, seed=2)
        >>> _ = first.draw()
        >>> second.restore(first.state())
        >>> bool((first.draw() == second.draw()).min().asscalar())
        True
        """
        check_count('drawn', state['drawn'], 0)
        self._generator.bit_generator.state = state['generator']
        self._shuffle()
        self._drawn = min(state['drawn'], self.per_epoch)  # the data may have become smaller
