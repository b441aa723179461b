"""Latent noise, from a generator whose state can be saved."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..errors import InputError
from ..runtime import mx, threads

DISTRIBUTIONS = ('normal', 'uniform', 'truncated')
BOUNDS = {'uniform': 1.0, 'truncated': 2.0}  # of each value of z

# In radians. Beyond it, White's formula for an arc passes z that are longer than both ends by more
# than 15 %, and near π without limit.
WIDEST = 2 * np.pi / 3
SMALLEST = 1e-6  # below it, an arc is as good as a line

# MXNet's copy to a device waits for all the work queued before it. So noise for several draws goes
# there at once, within a limit on its size.
DRAWS_PER_BLOCK = 32
MAX_BLOCK_VALUES = 2**22
MAX_RESTORED_VALUES = 2**27  # of one draw, by the word of a snapshot

# Fewer values are drawn sooner than another thread starts.
MIN_SHARED_VALUES = 2**16


class Noise:
    """A stream of z (N, size), float32, on `device`.

    distribution: `normal` N(0, I), `uniform` U(-1, 1), or `truncated` N(0, I) cut at ±2.

    It draws with NumPy's SFC64, which is four times as fast as MXNet's own normal, and on two
    threads if there are two. The numbers do not depend on that. The state can be saved and
    restored:

    >>> noise = Noise(100, seed=0)
    >>> noise.draw(128).shape
    (128, 100)
    >>> state = noise.state()
    >>> z = noise.draw(128)
    >>> noise.restore(state)
    >>> bool((noise.draw(128) == z).min())
    True
    """

    def __init__(
        self,
        size: int,
        distribution: str = 'normal',
        *,
        seed: int = 0,
        device: mx.Context | None = None,
    ) -> None:
        if distribution not in DISTRIBUTIONS:
            allowed = f'must be one of {", ".join(DISTRIBUTIONS)}'
            raise InputError(allowed, setting='noise', value=distribution, names=DISTRIBUTIONS)
        self.size = size
        self.distribution = distribution
        self.device = device or mx.cpu()
        self.rank: int | None = None  # of several ranks that share the batch
        self._generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, 1])))
        self._refill(0)

    def _refill(self, count: int) -> None:
        """Draw a block of noise for the next draws of `count` z, and copy it to the device."""
        self._block_start = self._generator_state()
        self._count = count
        self._used = 0
        self._draws = 0
        if count:
            draws_that_fit = MAX_BLOCK_VALUES // (count * self.size)
            self._draws = max(1, min(DRAWS_PER_BLOCK, draws_that_fit))
            self._block = self._draw_block(self._draws * count)

    def _draw_block(self, count: int) -> mx.nd.NDArray:
        """Return z (count, size): one half from the stream, the other from one that it seeds.

        NumPy draws without Python's lock, so that two threads take half the time of one.
        """
        generator = self._generator if self.rank is None else self._stream_of_rank()
        z = np.empty((count, self.size), np.float32)
        seed = int(generator.integers(2**63))
        seeded = np.random.Generator(np.random.SFC64(seed))
        halves = z[: count // 2], z[count // 2 :]
        if threads() > 1 and z.size >= MIN_SHARED_VALUES:
            with ThreadPoolExecutor(1) as executor:
                other = executor.submit(fill_with_noise, halves[1], seeded, self.distribution)
                fill_with_noise(halves[0], generator, self.distribution)
                other.result()
        else:
            fill_with_noise(halves[0], generator, self.distribution)
            fill_with_noise(halves[1], seeded, self.distribution)
        return mx.nd.array(z, ctx=self.device)

    def _stream_of_rank(self) -> np.random.Generator:
        """Return a generator for this rank's block alone.

        All ranks have the same `_generator`, so that one state, in one snapshot, is that of all.
        """
        words = [int(self._generator.integers(2**63)), self.rank]
        return np.random.Generator(np.random.SFC64(np.random.SeedSequence(words)))

    def draw(self, count: int) -> mx.nd.NDArray:
        """Return the next `count` >= 1 z."""
        if count != self._count or self._used == self._draws:
            self._refill(count)
        start = self._used * count
        self._used += 1
        return self._block[start : start + count]

    def fixed(self, count: int, seed: int = 0) -> np.ndarray:
        """Return z (count, size) that depend on `seed` alone; the stream stays where it is."""
        return draw_noise(np.random.default_rng([seed, 2]), count, self.size, self.distribution)

    def state(self) -> list[int]:
        """Return the generator's state before the current block, `count`, and the draws used."""
        return [*self._block_start, self._count, self._used]

    def restore(self, state: list[int]) -> None:
        """Continue from a `state`. Raises ValueError or TypeError for anything else."""
        *words, has_half, half, count, used = state
        if type(count) is not int or not 0 <= count * self.size <= MAX_RESTORED_VALUES:
            raise ValueError(f'count {count}: is no number of z')
        self._generator.bit_generator.state = {
            'bit_generator': 'SFC64',
            'state': {'state': np.array(words, dtype=np.uint64)},
            'has_uint32': has_half,
            'uinteger': half,
        }
        self._refill(count)
        if type(used) is not int or not 0 <= used <= self._draws:
            raise ValueError(f'used {used}: is no number of draws')
        self._used = used

    def _generator_state(self) -> list[int]:
        state = self._generator.bit_generator.state
        words = [int(word) for word in state['state']['state']]
        return [*words, state['has_uint32'], state['uinteger']]


def draw_noise(
    generator: np.random.Generator, count: int, size: int, distribution: str
) -> np.ndarray:
    """Return z (count, size), float32, from a NumPy generator."""
    if distribution == 'uniform':
        return generator.random((count, size), dtype=np.float32) * np.float32(2) - np.float32(1)
    if distribution == 'truncated':
        return truncated_normal(generator, count, size, BOUNDS['truncated'])
    return generator.standard_normal((count, size), dtype=np.float32)


def fill_with_noise(z: np.ndarray, generator: np.random.Generator, distribution: str) -> None:
    """Fill z (count, size), float32, in place, with what `draw_noise` returns."""
    if distribution == 'normal':
        generator.standard_normal(dtype=np.float32, out=z)
    else:
        z[:] = draw_noise(generator, *z.shape, distribution)


def truncated_normal(
    generator: np.random.Generator, count: int, size: int, bound: float
) -> np.ndarray:
    """Return N(0, I) (count, size) with every value beyond ±bound drawn again, until none is left.

    Brock et al. 2019, arXiv 1809.11096.

    >>> z = truncated_normal(np.random.default_rng(0), 1000, 10, bound=0.5)
    >>> bool(0.49 < abs(z).max() <= 0.5)
    True
    """
    z = generator.standard_normal((count, size), dtype=np.float32)
    beyond = np.abs(z) > bound
    while beyond.any():
        z[beyond] = generator.standard_normal(int(beyond.sum()), dtype=np.float32)
        beyond = np.abs(z) > bound
    return z


def noise_from_seeds(
    seeds: Sequence[int], size: int, distribution: str, trunc: float | None = None
) -> np.ndarray:
    """Return one z per seed, (len(seeds), size); a seed's z does not depend on the other seeds.

    trunc: normal noise beyond ±trunc is drawn again: better samples, less variety. Raises
    InputError for a truncation that the distribution cannot have, see `check_trunc`.

    >>> z = noise_from_seeds([7, 8], 100, 'normal')
    >>> bool((z[1] == noise_from_seeds([8], 100, 'normal')[0]).all())
    True
    """
    check_trunc(trunc, distribution)
    generators = [np.random.default_rng(seed) for seed in seeds]
    if trunc is not None:
        return np.concatenate([truncated_normal(each, 1, size, trunc) for each in generators])
    return np.concatenate([draw_noise(each, 1, size, distribution) for each in generators])


def check_trunc(trunc: float | None, distribution: str) -> None:
    """Raise InputError for a truncation that noise of a distribution cannot have.

    Uniform noise has no tails, and of truncated noise a generator never saw a value beyond ±2.

    >>> check_trunc(0.5, 'truncated')
    >>> check_trunc(3, 'truncated')
    Traceback (most recent call last):
    gluongan.errors.InputError: trunc 3: truncated noise has no values beyond ±2; must be at most 2
    """
    if trunc is None:
        return
    fault = None
    if distribution == 'uniform':
        fault = 'uniform noise has no tails; must be left out'
    elif trunc > BOUNDS.get(distribution, np.inf):
        bound = f'{BOUNDS[distribution]:g}'
        fault = f'truncated noise has no values beyond ±{bound}; must be at most {bound}'
    if fault:
        raise InputError(fault, setting='trunc', value=f'{trunc:g}')


def interpolate(z: np.ndarray, steps: int, distribution: str) -> np.ndarray:
    """Return z along the path through the points z (P, size): ((P - 1) · steps + 1, size).

    The path takes `steps` steps from each point to the next. It is straight for uniform noise, and
    follows great circles for normal noise, which is never found near the middle of a straight line
    (White 2016, arXiv 1609.04468). It is also straight where there is no great circle: from or to
    the zero vector, and where z is one number. Between opposite points, which lie on many great
    circles, it follows one of them. Truncated noise stays within its bound.

    >>> ends = np.array([[1, 0], [0, 1]])
    >>> interpolate(ends, 2, 'uniform').tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    >>> print(interpolate(ends, 2, 'normal')[1].round(2))
    [0.71 0.71]
    """
    blend = _along_line if distribution == 'uniform' else _along_arc
    points = []
    for start, end in zip(z[:-1].astype(np.float64), z[1:].astype(np.float64)):
        for share in np.linspace(0, 1, steps, endpoint=False):
            points.append(blend(start, end, share))
    path = np.stack([*points, z[-1]]).astype(np.float32)
    if distribution == 'truncated':
        path = path.clip(-BOUNDS[distribution], BOUNDS[distribution])
    return path


def _along_line(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    return (1 - share) * a + share * b


def _along_arc(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if min(lengths) == 0 or len(a) == 1:
        return _along_line(a, b, share)
    start, end = a / lengths[0], b / lengths[1]
    angle = 2 * np.arctan2(np.linalg.norm(start - end), np.linalg.norm(start + end))
    if angle < SMALLEST:
        return _along_line(a, b, share)
    if angle > WIDEST:
        return _along_line(*lengths, share) * _turn(start, end, share * angle)
    return (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)


def _turn(start: np.ndarray, end: np.ndarray, angle: float) -> np.ndarray:
    """Return the unit vector `start` turned by an angle towards the unit vector `end`."""
    across = end - (start @ end) * start
    if np.linalg.norm(across) < SMALLEST:  # opposite: towards the axis that is most across
        axis = np.argmin(np.abs(start))
        across = (np.arange(len(start)) == axis) - start[axis] * start
    return np.cos(angle) * start + np.sin(angle) * across / np.linalg.norm(across)
