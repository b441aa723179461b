"""Samples: pictures to be judged, and what is known of how they were made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Critic = Callable[[np.ndarray, 'np.ndarray | None'], np.ndarray]


@dataclass(frozen=True, eq=False)
class Samples:
    """Pictures (N, C, H, W) in [0, 1], float32, in random order, or points (N, 2), and where they come from.

    asked: the class that each was made for, (N,), of a conditional generator. critic(x, labels) gives D's logits (N,), higher
    for real, where D is there; decides: whether 0 is its border between real and fake, as it is for a classifier.
    """

    source: str
    x: np.ndarray = field(repr=False)
    asked: np.ndarray | None = field(default=None, repr=False)
    critic: Critic | None = field(default=None, repr=False)
    decides: bool = False

    def __len__(self) -> int:
        return len(self.x)
