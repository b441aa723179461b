"""CollapseAlarm: warns when the samples become alike, and says what to try against it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from ..runs.reading import history
from ..trainer import Extension

if TYPE_CHECKING:
    from ..trainer import Trainer

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


class CollapseAlarm(Extension):
    """Warns once when the samples become alike; see `verdict`.

    For as long as they are, `trainer.report['alarm']` says how. It looks at the files that
    QuickMetrics and Evaluation write.
    remedies: settings that may help, such as '`pack` 2', for the warning.
    warn: is called with the warning, by default printed to stderr.
    """

    trigger = (500, 'iteration')

    def __init__(
        self, remedies: Sequence[str] = (), *, warn: Callable[[str], None] | None = None
    ) -> None:
        self._remedies = list(remedies)
        self._warn = warn or _print_warning
        self._is_on = False

    def __call__(self, trainer: Trainer) -> None:
        iteration = trainer.updater.iteration
        problem = self._problem(trainer) if iteration >= FIRST else ''
        trainer.report.pop('alarm', None)
        if problem:
            trainer.report['alarm'] = problem
        if problem and not self._is_on:
            advice = f'; try {" or ".join(self._remedies)}' if self._remedies else ''
            self._warn(
                f'at iteration {iteration:,}, {problem}: this looks like mode collapse{advice}'
            )
        self._is_on = bool(problem)

    def _problem(self, trainer: Trainer) -> str:
        measured = {}
        for name in WATCHED:
            iterations, values = history(trainer.folder, name)
            measured[name] = values[iterations > 0].tolist()
        start = max(START, START_SHARE * trainer.total)
        return verdict(measured, late=trainer.updater.iteration >= start)


def _print_warning(text: str) -> None:
    click.echo(f'Warning: {text}', err=True)


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
