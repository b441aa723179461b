"""What is known of pictures where not all of it is: some of the pixels, or a smaller picture.

Each class is a differentiable function of pictures (N, C, H, W); inversion compares its results.
"""

from __future__ import annotations

from math import sqrt
from typing import Protocol

import numpy as np

from ..errors import InputError
from ..runtime import mx


class Known(Protocol):
    """A function from pictures to what is known of them."""

    def __call__(self, x: mx.nd.NDArray) -> mx.nd.NDArray:
        """Return what is known of pictures (N, C, H, W)."""

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise InputError where it does not suit pictures of this shape (C, H, W)."""


class KnownPixels:
    """The known pixels, where `known`, bool (H, W), is true; the missing ones become 0.

    They are scaled so that the mean square of the result is that of the known pixels alone.
    source: where the mask comes from, for messages.

    >>> known = KnownPixels(np.array([[True, False], [False, False]]))
    >>> seen(known, np.ones((1, 1, 2, 2))).tolist()
    [[[[2.0, 0.0], [0.0, 0.0]]]]
    """

    def __init__(self, known: np.ndarray, source: object = None) -> None:
        if known.all() or not known.any():
            share = 'all' if known.all() else 'no'
            problem = f'has {share} pixels known; must have some known and some missing'
            raise InputError(problem, setting='mask', value=source)
        self.known = known
        self._source = source
        self._weights = (known * sqrt(known.size / known.sum())).astype(np.float32)[None, None]

    def __call__(self, x: mx.nd.NDArray) -> mx.nd.NDArray:
        """Return pictures (N, C, H, W) with their missing pixels 0."""
        return mx.nd.broadcast_mul(x, mx.nd.array(self._weights, ctx=x.context))

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise InputError where the pictures (C, H, W) have another size."""
        if self.known.shape != shape[1:]:
            high, wide = self.known.shape
            problem = f'has {wide} × {high} pixels; must have {shape[2]} × {shape[1]}'
            raise InputError(problem, setting='mask', value=self._source)


class SmallPicture:
    """The means of blocks of `factor` × `factor` pixels.

    >>> seen(SmallPicture(2), np.arange(8.0).reshape(1, 1, 2, 4)).tolist()
    [[[[2.5, 4.5]]]]
    """

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, x: mx.nd.NDArray) -> mx.nd.NDArray:
        """Return pictures (N, C, H, W) as (N, C, H / factor, W / factor)."""
        high, wide = (side // self.factor for side in x.shape[2:])
        blocks = x.reshape((0, 0, high, self.factor, wide, self.factor))
        return blocks.mean(axis=(3, 5))

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise InputError where the factor does not divide the sides of pictures (C, H, W)."""
        if any(side % self.factor for side in shape[1:]):
            problem = f'must divide the sides of pictures of {shape[2]} × {shape[1]} pixels'
            raise InputError(problem, setting='downsample', value=self.factor)


def seen(known: Known, x: np.ndarray, device: mx.Context | None = None) -> np.ndarray:
    """Return what is known of pictures (N, C, H, W), as an array. device: by default the CPU."""
    return known(mx.nd.array(x, ctx=device or mx.cpu())).asnumpy()
