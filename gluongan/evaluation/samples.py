"""Samples: what is evaluated, and what is known of how it was made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Slopes = Callable[[int], np.ndarray]
Critic = Callable[[np.ndarray, 'np.ndarray | None'], np.ndarray]


@dataclass(frozen=True, eq=False)
class Samples:
    """Pictures x (N, C, H, W) in [0, 1], or points (N, 2), float32, in random order.

    source: where they come from, for the report.
    labels: the class that a conditional generator was asked for, (N,).
    critic: critic(x, labels) returns the discriminator's logits (N,), higher for real.
    is_classifier: whether the discriminator's logits are above 0 for real and below 0 for fake.
    slopes: slopes(n) returns `gan.sensitivity.slopes` of n latent vectors of the generator.

    >>> samples = Samples('black', np.zeros((20, 1, 28, 28), dtype=np.float32))
    >>> len(samples), samples
    (20, Samples(source='black', is_classifier=False))
    """

    source: str
    x: np.ndarray = field(repr=False)
    labels: np.ndarray | None = field(default=None, repr=False)
    critic: Critic | None = field(default=None, repr=False)
    is_classifier: bool = False
    slopes: Slopes | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.x)
