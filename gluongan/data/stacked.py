"""Stacked MNIST: three digits as the red, green and blue of one picture, so that the data has 1,000 modes.

The protocol is PacGAN's (Lin et al. 2018, arXiv 1712.04086, section 4.2): 128,000 random triples; 26,000 samples are judged.
"""

from __future__ import annotations

import numpy as np

from . import bundled
from .dataset import Dataset

COUNTS = {'train': 128_000, 'test': 26_000}
SEEDS = {'train': 1, 'test': 2}
CLASSES = tuple(f'{number:03d}' for number in range(1000))


def dataset(split: str = 'train') -> Dataset:
    """Random triples of the bundled digits of `split`, uint8 (N, 3, 28, 28): 301 MB for training; labelled 0 to 999."""
    digits = bundled.dataset(split)
    draw = np.random.RandomState(
        SEEDS[split]
    )  # its stream is promised to stay, that of default_rng is not
    triples = draw.randint(len(digits), size=(COUNTS[split], 3))
    labels = digits.labels[triples] @ np.array([100, 10, 1])
    return Dataset('stacked-mnist', digits.samples[:, 0][triples], labels, CLASSES, split)
