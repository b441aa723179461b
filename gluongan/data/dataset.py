"""What every source of data hands over: one frozen `Dataset`, held in memory as it was stored."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from .batches import Batches


class DataError(InputError):
    """Data that cannot be used: one sentence naming the file or option, what is wrong and what is allowed."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples, their labels and the names of their classes.

    samples: uint8 (N, C, H, W) images in 0..255, or float32 (N, 2) points in the plane; N >= 1.
    labels:  int64 (N,) in 0..len(classes)-1, or None; classes is () when there are none.
    Raises DataError when the arrays are of any other kind.
    """

    name: str
    samples: np.ndarray = field(repr=False)
    labels: np.ndarray | None = field(default=None, repr=False)
    classes: tuple[str, ...] = ()
    split: str = 'train'

    def __post_init__(self) -> None:
        points = (
            self.samples.dtype == np.float32
            and self.samples.ndim == 2
            and self.samples.shape[1] == 2
        )
        if not (points or self.is_image) or not self.samples.size:
            raise DataError(
                f'{self.name}: samples are {self.samples.dtype} {self.samples.shape}, '
                'allowed are uint8 (N, C, H, W) images and float32 (N, 2) points with N >= 1'
            )
        if self.labels is not None:
            self._check_labels(self.labels)

    def _check_labels(self, labels: np.ndarray) -> None:
        if labels.dtype != np.int64 or labels.shape != (len(self),):
            raise DataError(
                f'{self.name}: labels are {labels.dtype} {labels.shape}, allowed is int64 ({len(self)},)'
            )
        if labels.min() < 0 or labels.max() >= len(self.classes):
            raise DataError(
                f'{self.name}: labels run from {labels.min()} to {labels.max()}, '
                f'allowed are the indices of its {len(self.classes)} classes'
            )

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample: (C, H, W) of an image, (2,) of a point."""
        return self.samples.shape[1:]

    @property
    def is_image(self) -> bool:
        """True for images, False for points."""
        return self.samples.dtype == np.uint8 and self.samples.ndim == 4

    def floats(self, index: object = slice(None)) -> np.ndarray:
        """The samples at `index` as float32: images scaled to [0, 1], points as they are."""
        chosen = self.samples[index]
        # The dtype is named because uint8 / 255 would be float64, twice as large and slow.
        return np.divide(chosen, 255, dtype=np.float32) if self.is_image else np.array(chosen)

    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation over all pixels, in units of [0, 1]; over all coordinates for points."""
        if not self.is_image:
            return float(self.samples.mean(dtype=np.float64)), float(
                self.samples.std(dtype=np.float64)
            )
        share = self._histogram() / self.samples.size
        values = np.arange(256) / 255
        mean = float(share @ values)
        return mean, math.sqrt(share @ (values - mean) ** 2)

    def _histogram(self) -> np.ndarray:
        # In blocks of about a million pixels, because bincount casts what it is given to int64.
        step = max(1, 2**20 // math.prod(self.shape))
        blocks = (self.samples[start : start + step] for start in range(0, len(self), step))
        return sum(np.bincount(block.ravel(), minlength=256) for block in blocks)

    def binarized(self) -> Dataset:
        """The same images in pure black and white: 255 where value / 255 > 0.5, else 0; DataError for points."""
        if not self.is_image:
            raise DataError(
                f'{self.name} is made of points; only images can be binarized', setting='binarize'
            )
        return replace(self, samples=np.where(self.samples > 127, np.uint8(255), np.uint8(0)))

    def batches(self, batch: int, *, seed: int = 0, device: Any = 'cpu') -> Batches:
        """Shuffled batches of `batch` samples, float32 NDArrays on `device` (a name or a context); see Batches."""
        from .batches import Batches  # here, because it brings MXNet in

        return Batches(self, batch, seed=seed, device=device)


def numbered(labels: np.ndarray | None) -> tuple[str, ...]:
    """Class names '0', '1', ... up to the highest label, for data that brings no names of its own."""
    return () if labels is None else tuple(str(k) for k in range(int(labels.max()) + 1))
