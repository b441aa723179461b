"""Data that needs no file: two mixtures of Gaussians in the plane, and a small set of shapes.

The mixtures are those of VEEGAN (Srivastava et al. 2017, arXiv 1705.07761) by PacGAN's protocol
(Lin et al. 2018, arXiv 1712.04086): 100,000 points; a ring of radius 1 with standard deviation
0.01; a grid of step 2 with standard deviation 0.05.
"""

from __future__ import annotations

import numpy as np

from .dataset import DataError, Dataset

MIXTURES = ('ring8', 'grid25')
POINTS = 100_000
COUNTED = 2_500  # generated points that the protocol evaluates
PICTURES = 512
SEEDS = {'train': 1, 'test': 2}
SHAPES = ('vertical bar', 'horizontal bar', 'square', 'disc')
# Half height and half width of each shape, in units of its radius. The disc has none.
HALF_SIZES = np.array([(1.0, 0.3), (0.3, 1.0), (0.8, 0.8), (1.0, 1.0)])
THINNEST = 0.9  # pixels of half a side; a thinner bar could fall between two pixels


def modes(name: str) -> tuple[np.ndarray, float]:
    """Return the centres, float64 (M, 2), and the standard deviation of 'ring8' or 'grid25'.

    Raises DataError for other names.

    >>> centres, deviation = modes('ring8')
    >>> centres.shape, deviation
    ((8, 2), 0.01)
    >>> modes('grid25')[0][:3].tolist()
    [[-4.0, -4.0], [-4.0, -2.0], [-4.0, 0.0]]
    """
    if name == 'ring8':
        # Not linspace(0, 2 pi, 8): it repeats its start and gives 7 modes, one of them twice.
        angles = 2 * np.pi * np.arange(8) / 8
        return np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.01
    if name == 'grid25':
        steps = np.arange(-4.0, 5.0, 2.0)
        return np.stack(np.meshgrid(steps, steps, indexing='ij'), axis=-1).reshape(-1, 2), 0.05
    allowed = f'must be {" or ".join(MIXTURES)}'
    raise DataError(allowed, setting='name', value=name, names=MIXTURES)


def make_mixture(name: str, split: str = 'train') -> Dataset:
    """Return 100,000 points of 'ring8' or 'grid25', float32 (N, 2), labelled by their mode.

    Each split is a sample of its own.
    """
    centres, deviation = modes(name)
    random = _random_state(split)
    labels = random.randint(len(centres), size=POINTS, dtype=np.int64)
    classes = tuple(map(str, range(len(centres))))
    points = centres[labels] + deviation * random.standard_normal((POINTS, 2))
    return Dataset(name, points.astype(np.float32), labels, classes, split)


def _random_state(split: str) -> np.random.RandomState:
    # NumPy promises that this stream never changes; it does not promise it for default_rng.
    return np.random.RandomState(SEEDS[split])


def make_synthetic(split: str = 'train', *, image_size: int = 28, channels: int = 1) -> Dataset:
    """Return 512 images of bars, squares and discs at random positions, in four classes.

    They are uint8 (512, channels, image_size, image_size).

    >>> shapes = make_synthetic(image_size=32, channels=3)
    >>> shapes.samples.shape, shapes.classes
    ((512, 3, 32, 32), ('vertical bar', 'horizontal bar', 'square', 'disc'))
    """
    random = _random_state(split)
    labels = np.arange(PICTURES, dtype=np.int64) % len(SHAPES)
    centres = image_size * random.uniform(0.34, 0.66, (PICTURES, 2))
    radii = image_size * random.uniform(0.2, 0.3, PICTURES)
    colours = random.randint(160, 256, (PICTURES, channels, 1, 1))
    samples = np.empty((PICTURES, channels, image_size, image_size), np.uint8)
    step = max(1, 2**20 // image_size**2)  # keeps the float masks small at any size
    for start in range(0, PICTURES, step):
        part = slice(start, start + step)
        masks = _masks(image_size, centres[part], radii[part], labels[part])
        samples[part] = np.rint(colours[part] * masks)
    return Dataset('synthetic', samples, labels, SHAPES, split)


def _masks(size: int, centres: np.ndarray, radii: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how much of each pixel its shape covers: 0.5 - distance to the edge, within [0, 1].

    float32 (n, 1, size, size).
    """
    pixels = np.arange(size, dtype=np.float32) + 0.5
    down = np.abs(pixels[:, None] - centres[:, 0, None, None].astype(np.float32))
    across = np.abs(pixels[None, :] - centres[:, 1, None, None].astype(np.float32))
    half = np.maximum(radii[:, None] * HALF_SIZES[labels], THINNEST)
    half = half.astype(np.float32)[:, :, None, None]
    distance = np.maximum(down - half[:, 0], across - half[:, 1])
    disc = labels == SHAPES.index('disc')
    distance[disc] = np.hypot(down[disc], across[disc]) - half[disc, 0]
    return np.clip(0.5 - distance, 0, 1)[:, None]
