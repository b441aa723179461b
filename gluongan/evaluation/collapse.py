"""Whether the samples of a run have become alike, from its files, and what to try against it.

Needs the files of the run alone, not MXNet.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..config import Config, ConfigError, defaults
from ..errors import as_typed
from ..runs.reading import history

# Spread: the distance between two samples, as a share of the distance between two real samples.
DEAD = 0.05  # below it the generator makes one picture, whatever its noise
ALIKE = 0.25  # below it the generator makes one picture with variations

# Support: an upper bound of the number of distinct images. It rises in a healthy run.
FEW = 2.5  # below it there is one image, or two
MANY = 100  # from here on it is no accident of the start
SUNK = 10  # a fall to less than 1/SUNK of what it was is a loss

# Classes covered, and modes caught.
SOME = 6  # from here on it is no accident of the start
LOST = 0.6  # a fall to less than this share of the most is a loss

FIRST = 300  # iterations; before, every recipe makes one blot
START = 2_000  # iterations, and
START_SHARE = 0.2  # of the run: before both are over, slow but healthy recipes still make one blot

COUNTS = {'classes': 'classes covered', 'caught': 'modes caught'}
WATCHED = ('spread', 'support', *COUNTS)


def problem(run: Path, iteration: int, total: int) -> str:
    """Return what is wrong with the samples of a run by the measurements in its folder.

    iteration: how far it is, of `total`. See `verdict`, whose `late` follows from both.
    """
    if iteration < FIRST:
        return ''
    measured = {}
    for name in WATCHED:
        iterations, values = history(run, name)
        measured[name] = values[iterations > 0].tolist()
    return verdict(measured, late=iteration >= max(START, START_SHARE * total))


def verdict(measured: dict[str, Sequence[float]], *, late: bool) -> str:
    """Return what is wrong with the samples of a run, '' for nothing.

    measured: {stem of a metric: its values after iteration 0, oldest first}, for `spread` and
    `support` (see `metrics.diversity`), `classes` and `caught`. late: whether the start is over.

    Only two bad values in a row count, because early samples are a few blots that change fast.
    Spread and support must not be too low; support, the classes covered and the modes caught must
    not fall far below their highest value.

    >>> verdict({'spread': [0.9, 0.03, 0.02]}, late=False)
    'samples are 2% as far apart as the data'
    >>> verdict({'support': [40, 900, 80, 70]}, late=True)
    'samples are about 70 distinct images, down from 900'
    >>> verdict({'classes': [2, 6, 9]}, late=True)
    ''
    """
    spread = measured.get('spread', ())
    if len(spread) > 1 and max(spread[-2:]) < (ALIKE if late else DEAD):
        return f'samples are {spread[-1]:.0%} as far apart as the data'
    support = measured.get('support', ())
    if len(support) > 1:
        highest, recent = max(support), max(support[-2:])
        if late and recent < FEW:
            return f'samples are {_distinct(support[-1])}'
        if highest >= MANY and recent * SUNK < highest:
            return f'samples are {_distinct(support[-1])}, down from {highest:,.0f}'
    for name, label in COUNTS.items():
        counts = measured.get(name, ())
        if len(counts) > 1 and max(counts) >= SOME and max(counts[-2:]) < LOST * max(counts):
            return f'{counts[-1]:.0f} {label}, down from {max(counts):.0f}'
    return ''


def _distinct(support: float) -> str:
    noun = 'distinct image' if support < 1.5 else 'distinct images'
    return f'about {support:.0f} {noun}'


def remedies(config: Config) -> list[str]:
    """Return at most two settings to try against collapse: unset so far, legal with the others.

    >>> remedies(Config())
    ['`pack` 2', '`dis_kernels` 16']
    >>> remedies(Config(pack=2, gen_lr=1e-4, loss='wasserstein', penalty='gp'))
    ['`instance_noise` 0.1']
    """
    candidates = {
        'pack': 2,
        'dis_kernels': 16,
        'instance_noise': 0.1,
        'gen_lr': (config.gen_lr or config.lr) / 4,
    }
    legal = []
    for name, value in candidates.items():
        if getattr(config, name) not in (None, defaults()[name]):
            continue
        with suppress(ConfigError):
            config.with_settings({name: value})
            legal.append(f'`{name}` {as_typed(value)}')
    return legal[:2]
