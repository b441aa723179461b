"""Baselines and errors of pictures that were completed from what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .metrics.distances import Rows, nearest

FEWEST = 5  # pictures, below which no answer is called better than another


class _Seen:
    """Rows of which only what is known is read."""

    def __init__(self, rows: Rows, see: Callable[[np.ndarray], np.ndarray]) -> None:
        self._rows = rows
        self._see = see

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        return self._see(self._rows[index])


def nearest_training(
    x: np.ndarray, train: Rows, see: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return, for each picture (N, ...), the training picture nearest to it by what is known.

    >>> train = np.array([[0.0, 7.0], [1.0, 8.0]])
    >>> nearest_training(np.array([[0.9, 0.0]]), train, lambda x: x[:, :1]).tolist()
    [[1.0, 8.0]]
    """
    index, _ = nearest(see(x), _Seen(train, see))
    return train[index]


def mean_fill(x: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return pictures (N, C, H, W) whose missing pixels are the mean of the known ones.

    known: bool (H, W). The mean is that of each picture and channel.

    >>> mean_fill(np.array([[[[0.0, 1.0, 9.0]]]]), np.array([[True, True, False]])).tolist()
    [[[[0.0, 1.0, 0.5]]]]
    """
    mean = x[:, :, known].mean(axis=2)[:, :, None, None]
    return np.where(known, x, mean)


def bicubic(small: np.ndarray, factor: int) -> np.ndarray:
    """Return pictures (N, C, H, W) enlarged by Pillow's bicubic filter, in [0, 1]."""
    from PIL import Image

    count, channels, high, wide = small.shape
    size = (wide * factor, high * factor)
    planes = small.reshape(-1, high, wide).astype(np.float32)
    large = [
        np.asarray(Image.fromarray(each).resize(size, Image.Resampling.BICUBIC)) for each in planes
    ]
    return np.stack(large).reshape(count, channels, size[1], size[0]).clip(0, 1)


def squared_error(x: np.ndarray, answer: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return the mean squared error of each picture (N, C, H, W) where bool (H, W) is true."""
    return ((answer - x) ** 2)[:, :, where].mean(axis=(1, 2))


def verdict(errors: Mapping[str, np.ndarray]) -> str:
    """Return in a sentence whether the first answer is better than each of the others.

    errors: those of the same N pictures, by the name of the answer. Better is a mean difference of
    more than two standard errors.

    >>> error = np.array([0.1, 0.2, 0.1, 0.2, 0.1])
    >>> verdict({'G': error, 'grey': error + 0.1, 'bicubic': error})
    'G is better than grey (mean error 0.1400 against 0.2400); not clearly different from bicubic \
(0.1400 against 0.1400)'
    """
    (name, own), *others = errors.items()
    if len(own) < FEWEST:
        return f'{len(own)} pictures are too few to say which is better; {FEWEST} is the least'
    parts = []
    for other, error in others:
        label = 'mean error ' if not parts else ''
        numbers = f'({label}{own.mean():.4f} against {error.mean():.4f})'
        parts.append(f'{_relation(own - error)} {other} {numbers}')
    return f'{name} is {"; ".join(parts)}'


def _relation(difference: np.ndarray) -> str:
    doubt = 2 * difference.std(ddof=1) / np.sqrt(len(difference))
    if abs(difference.mean()) <= doubt:
        return 'not clearly different from'
    return 'better than' if difference.mean() < 0 else 'worse than'
