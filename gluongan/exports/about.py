"""What a network does not know of itself: what its input means, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..gan.labels import one_hot
from ..gan.noise import draw_noise
from .operators import Range

SPANS: dict[str, Range | None] = {'normal': None, 'uniform': (-1.0, 1.0), 'truncated': (-2.0, 2.0)}


@dataclass(frozen=True)
class About:
    """Which network it is (`gen` or `dis`), of which noise and classes, of pictures or points, and of which run."""

    network: str = 'gen'
    noise: str = 'normal'
    classes: tuple[str, ...] = ()
    pictures: bool = True
    recipe: str | None = None
    data: str | None = None
    iteration: int | None = None
    ema: bool | None = None

    def span(self) -> Range | None:
        """Return the closed range of the network's input, where it has one; the one-hot class lies within it."""
        if self.network == 'dis':
            return (0.0, 1.0) if self.pictures else None
        return SPANS[self.noise]

    def probe(self, shape_in: tuple[int, ...], rows: int) -> np.ndarray:
        """Return inputs (rows, *shape_in) such as the network is made for, the same ones every time."""
        generator = np.random.default_rng(0)
        if self.network == 'dis':
            return generator.random((rows, *shape_in), dtype=np.float32)
        classes = len(self.classes)
        z = draw_noise(generator, rows, shape_in[0] - classes, self.noise)
        return (
            np.concatenate([z, one_hot(np.arange(rows) % classes, classes)], axis=1)
            if classes
            else z
        )
