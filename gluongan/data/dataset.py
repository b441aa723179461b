"""What every source of data hands over: one frozen `Dataset`, held in memory as it was stored."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .description import list_names
from .mapped import blocks

if TYPE_CHECKING:
    from .batches import Batches
    from .description import Origin


class DataError(InputError):
    """Data that cannot be used: a file, or an argument of `load`."""


class NoSplit(DataError):
    """Intact data that has no samples for the requested split."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples, their labels and the names of their classes.

    samples: uint8 (N, C, H, W) images in 0..255, or float32 (N, 2) points in the plane; N >= 1.
    labels:  int64 (N,) in 0..len(classes)-1, or None; classes is () when there are none.
    built_in: which of NAMES this data is, '' for any other. Nothing else says so: a folder of
    anything may be called `mnist`.
    origin: what the files held besides, of a folder of pictures or an archive; else None.
    Raises DataError when the arrays are of any other kind.

    >>> images = np.zeros((6, 1, 28, 28), np.uint8)
    >>> dataset = Dataset('black', images, labels=np.arange(6) % 2, classes=('even', 'odd'))
    >>> len(dataset), dataset.shape, dataset.is_image
    (6, (1, 28, 28), True)
    >>> Dataset('black', images / 255)
    Traceback (most recent call last):
    gluongan.data.dataset.DataError: black: has samples of type float64 and shape (6, 1, 28, 28); \
must be uint8 (N, C, H, W) images or float32 (N, 2) points with N >= 1
    """

    name: str
    samples: np.ndarray = field(repr=False)
    labels: np.ndarray | None = field(default=None, repr=False)
    classes: tuple[str, ...] = ()
    split: str = 'train'
    built_in: str = ''
    origin: Origin | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        kind, shape = self.samples.dtype, self.samples.shape
        is_points = kind == np.float32 and len(shape) == 2 and shape[1] == 2
        if not (is_points or self.is_image) or not self.samples.size:
            raise DataError(
                f'{self.name}: has samples of type {kind} and shape {shape}; '
                'must be uint8 (N, C, H, W) images or float32 (N, 2) points with N >= 1'
            )
        if self.labels is not None:
            self._check_labels(self.labels)

    def _check_labels(self, labels: np.ndarray) -> None:
        if labels.dtype != np.int64 or labels.shape != (len(self),):
            raise DataError(
                f'{self.name}: has labels of type {labels.dtype} and shape {labels.shape}; '
                f'must be int64 ({len(self)},)'
            )
        if labels.min() < 0 or labels.max() >= len(self.classes):
            raise DataError(
                f'{self.name}: has labels from {labels.min()} to {labels.max()}; '
                f'must be the indices of its {len(self.classes)} classes'
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

    def floats(self, index: Any = slice(None)) -> np.ndarray:
        """Return the samples at `index` as float32: images scaled to [0, 1], points as they are.

        >>> pixels = np.array([0, 51, 255, 102], np.uint8).reshape(1, 1, 2, 2)
        >>> Dataset('pixels', pixels).floats(0).tolist()
        [[[0.0, 0.20000000298023224], [1.0, 0.4000000059604645]]]
        """
        chosen = self.samples[index]
        if not self.is_image:
            return np.array(chosen)
        # With its dtype, because uint8 / 255 would be float64, twice as large and slow.
        return np.divide(chosen, 255, dtype=np.float32)

    def moments(self) -> tuple[float, float]:
        """Return mean and standard deviation over all pixels in [0, 1], or all coordinates.

        >>> black_and_white = np.array([0, 255], np.uint8).reshape(2, 1, 1, 1)
        >>> Dataset('chess', black_and_white).moments()
        (0.5, 0.5)
        """
        if not self.is_image:
            mean = self.samples.mean(dtype=np.float64)
            deviation = self.samples.std(dtype=np.float64)
            return float(mean), float(deviation)
        share = self._histogram() / self.samples.size
        values = np.arange(256) / 255
        mean = float(share @ values)
        return mean, math.sqrt(share @ (values - mean) ** 2)

    def _histogram(self) -> np.ndarray:
        # In blocks of about a million pixels, because bincount casts its input to int64.
        counts = np.zeros(256, np.int64)
        for block in blocks(self.samples, 2**20):
            counts += np.bincount(block.ravel(), minlength=256)
        return counts

    def binarized(self) -> Dataset:
        """Return the images in pure black and white: 255 where value / 255 > 0.5, else 0.

        Raises DataError for points.

        >>> pixels = np.array([0, 127, 128, 255], np.uint8).reshape(1, 1, 2, 2)
        >>> Dataset('pixels', pixels).binarized().samples.ravel().tolist()
        [0, 0, 255, 255]
        """
        if not self.is_image:
            raise DataError(
                f'does not apply to {self.name}, which has points; must be left out',
                setting='binarize',
            )
        return replace(self, samples=np.where(self.samples > 127, np.uint8(255), np.uint8(0)))

    def batches(
        self,
        batch: int,
        *,
        seed: int = 0,
        device: Any = 'cpu',
        mirror: bool = False,
        part: tuple[int, int] = (0, 1),
    ) -> Batches:
        """Return shuffled batches of `batch` samples, float32 NDArrays on `device`; see `Batches`.

        device: a name, such as 'gpu(0)', or an MXNet context. part: of whole batches, of how many.
        """
        from .batches import Batches  # here, because it imports MXNet

        return Batches(self, batch, seed=seed, device=device, mirror=mirror, part=part)


def number_labels(
    labels: np.ndarray, of_train: np.ndarray | None = None, where: object = 'labels'
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels (N,) numbered 0, 1, ... without gaps, and their names: what they were.

    of_train: the labels of the training split, which number those of both splits. where: what
    error messages call the labels. Raises DataError for a label that the training split lacks.

    >>> number_labels(np.array([10, 1, 2]))
    (array([2, 0, 1]), ('1', '2', '10'))
    >>> number_labels(np.array([2, 2]), of_train=np.array([10, 1, 2]))
    (array([1, 1]), ('1', '2', '10'))
    """
    known = np.unique(labels if of_train is None else of_train)
    unknown = np.setdiff1d(labels, known)
    if unknown.size:
        raise DataError(
            f'{where}: has labels that the training split lacks ({list_names(unknown)}); '
            f'must have none but {list_names(known)}'
        )
    return np.searchsorted(known, labels).astype(np.int64), tuple(map(str, known))


class Floats:
    """The samples of a data set as `Dataset.floats`, converted only when they are read.

    All of them as floats may need more memory than there is.

    order: the indices of those that it has, in their order; by default all of them.

    >>> grey = Dataset('grey', np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1) * 51)
    >>> floats = Floats(grey, np.array([2, 0]))
    >>> floats.shape, floats[:1].item()
    ((2, 1, 1, 1), 0.4000000059604645)
    """

    def __init__(self, dataset: Dataset, order: np.ndarray | None = None) -> None:
        self._dataset = dataset
        self._order = np.arange(len(dataset)) if order is None else order

    def __len__(self) -> int:
        return len(self._order)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array that all of them would be."""
        return (len(self), *self._dataset.shape)

    def __getitem__(self, index: Any) -> np.ndarray:
        return self._dataset.floats(self._order[index])
