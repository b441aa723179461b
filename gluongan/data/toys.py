"""Data that needs no file: two mixtures of Gaussians in the plane, and a small set of drawn shapes.

The mixtures are those of VEEGAN (Srivastava et al. 2017, arXiv 1705.07761) by PacGAN's protocol (Lin et al. 2018,
arXiv 1712.04086): 100,000 points, ring of radius 1 with standard deviation 0.01, grid of step 2 with 0.05.
"""

from __future__ import annotations

import numpy as np

from .dataset import DataError, Dataset, numbered

MIXTURES = ('ring8', 'grid25')
POINTS = 100_000
COUNTED = 2_500  # generated points by which that protocol judges
PICTURES = 512
SEEDS = {'train': 1, 'test': 2}
SHAPES = ('vertical bar', 'horizontal bar', 'square', 'disc')


def modes(name: str) -> tuple[np.ndarray, float]:
    """The centres, float64 (M, 2), and the standard deviation of 'ring8' or 'grid25'; DataError for other names."""
    if name == 'ring8':
        # arange, not linspace(0, 2 pi, 8): that repeats the end and has 7 modes, one of them double.
        angles = 2 * np.pi * np.arange(8) / 8
        return np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.01
    if name == 'grid25':
        steps = np.arange(-4.0, 5.0, 2.0)
        return np.stack(np.meshgrid(steps, steps, indexing='ij'), axis=-1).reshape(-1, 2), 0.05
    raise DataError(f'modes: {name!r} has none, allowed are {" and ".join(MIXTURES)}')


def mixture(name: str, split: str = 'train') -> Dataset:
    """100,000 points of 'ring8' or 'grid25', float32 (N, 2), labelled by their mode; another draw for 'test'."""
    centres, deviation = modes(name)
    draw = _random(split)
    labels = draw.randint(len(centres), size=POINTS, dtype=np.int64)
    points = centres[labels] + deviation * draw.standard_normal((POINTS, 2))
    return Dataset(name, points.astype(np.float32), labels, numbered(labels), split)


def _random(split: str) -> np.random.RandomState:
    # The legacy generator, because numpy promises its stream for ever and that of default_rng only for a while.
    return np.random.RandomState(SEEDS[split])


def synthetic(split: str = 'train', *, image_size: int = 28, channels: int = 1) -> Dataset:
    """512 images of bars, squares and discs at random places, uint8 (512, channels, size, size), in four classes."""
    draw = _random(split)
    labels = np.arange(PICTURES, dtype=np.int64) % len(SHAPES)
    centres = image_size * draw.uniform(0.34, 0.66, (PICTURES, 2))
    radii = image_size * draw.uniform(0.2, 0.3, PICTURES)
    colours = draw.randint(160, 256, (PICTURES, channels, 1, 1))
    samples = np.empty((PICTURES, channels, image_size, image_size), np.uint8)
    step = max(1, 2**20 // image_size**2)  # so that the float masks stay small at any size
    for start in range(0, PICTURES, step):
        part = slice(start, start + step)
        samples[part] = np.rint(
            colours[part] * _masks(image_size, centres[part], radii[part], labels[part])
        )
    return Dataset('synthetic', samples, labels, SHAPES, split)


def _masks(size: int, centres: np.ndarray, radii: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How much of each pixel its shape covers, float32 (n, 1, size, size) in [0, 1]: 0.5 - distance to the edge."""
    pixels = np.arange(size, dtype=np.float32) + 0.5
    down = np.abs(pixels[:, None] - centres[:, 0, None, None].astype(np.float32))
    across = np.abs(pixels[None, :] - centres[:, 1, None, None].astype(np.float32))
    # Half height and half width of a vertical bar, a horizontal bar, a square; the disc is overwritten below.
    half = radii[:, None] * np.array([(1.0, 0.3), (0.3, 1.0), (0.8, 0.8), (1.0, 1.0)])[labels]
    half = np.maximum(half, 0.9).astype(np.float32)[
        :, :, None, None
    ]  # pixels; a finer bar could fall between two
    distance = np.maximum(down - half[:, 0], across - half[:, 1])
    disc = labels == SHAPES.index('disc')
    distance[disc] = np.hypot(down[disc], across[disc]) - half[disc, 0]
    return np.clip(0.5 - distance, 0, 1)[:, None]
