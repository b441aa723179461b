"""What a network cannot tell about itself: what its input means, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..gan.labels import one_hot
from ..gan.noise import draw_noise
from .operators import Range

NOISE_RANGES: dict[str, Range | None] = {
    'normal': None,
    'uniform': (-1.0, 1.0),
    'truncated': (-2.0, 2.0),
}


@dataclass(frozen=True)
class About:
    """The facts about a network that go into its manifest.

    network: `gen` or `dis`. noise, classes: what a generator was trained on. is_image: whether the
    samples are images, and not points. recipe, data, iteration, ema: of the run, None without one.
    """

    network: str = 'gen'
    noise: str = 'normal'
    classes: tuple[str, ...] = ()
    is_image: bool = True
    recipe: str | None = None
    data: str | None = None
    iteration: int | None = None
    ema: bool | None = None

    def input_range(self) -> Range | None:
        """Return the closed range of the network's input values, None where they are unbounded.

        A one-hot class lies inside the range of every noise.

        >>> About(noise='truncated').input_range(), About('dis').input_range()
        ((-2.0, 2.0), (0.0, 1.0))
        """
        if self.network == 'gen':
            return NOISE_RANGES[self.noise]
        return (0.0, 1.0) if self.is_image else None

    def probe_inputs(self, shape_in: tuple[int, ...], count: int) -> np.ndarray:
        """Return typical inputs (count, *shape_in), float32: the same ones every time.

        >>> x = About(noise='uniform', classes=('cat', 'dog')).probe_inputs((5,), 4)
        >>> x.shape, x[:, 3:].tolist()    # z, then the class as a one-hot vector
        ((4, 5), [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
        """
        generator = np.random.default_rng(0)
        if self.network == 'dis':
            return generator.random((count, *shape_in), dtype=np.float32)
        classes = len(self.classes)
        z = draw_noise(generator, count, shape_in[0] - classes, self.noise)
        if not classes:
            return z
        labels = np.arange(count) % classes
        return np.concatenate([z, one_hot(labels, classes)], axis=1)
