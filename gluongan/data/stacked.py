"""Stacked MNIST: three digits as the red, green and blue of one image; its data has 1,000 modes.

The protocol is PacGAN's (Lin et al. 2018, arXiv 1712.04086, section 4.2): 128,000 random triples
for training, and 26,000 samples to evaluate.
"""

from __future__ import annotations

import numpy as np

from . import bundled
from .dataset import Dataset

COUNTS = {'train': 128_000, 'test': 26_000}
SEEDS = {'train': 1, 'test': 2}
CLASSES = tuple(f'{number:03d}' for number in range(1000))


def load(split: str = 'train') -> Dataset:
    """Return random triples of the digits of `split`, uint8 (N, 3, 28, 28), labelled 0 to 999.

    The training split takes 301 MB.
    """
    digits = bundled.load(split)
    # NumPy promises that this stream never changes; it does not promise it for default_rng.
    random = np.random.RandomState(SEEDS[split])
    triples = random.randint(len(digits), size=(COUNTS[split], 3))
    labels = digits.labels[triples] @ np.array([100, 10, 1])
    return Dataset('stacked-mnist', digits.samples[:, 0][triples], labels, CLASSES, split)
