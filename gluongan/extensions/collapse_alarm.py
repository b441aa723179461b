"""The collapse alarm: says on the training line that samples become alike, and what to try against it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from ..runs.reading import history
from ..trainer import Extension

if TYPE_CHECKING:
    from ..trainer import Trainer

DEAD = 0.05  # of the data's distance between two samples: below, G makes one picture, whatever its noise
ALIKE = 0.25  # below this it makes one picture with variations
FEW = 2.5  # different pictures at most
SUNK = 10  # times as many different pictures as now there once were; a healthy run's number rises
MANY = 100  # different pictures, from which on their number is no accident of the start
LOST = 0.6  # of the most classes, or modes, that were covered: fewer are a loss
SOME = 6  # classes, or modes, from which on their number is no accident of the start
FIRST = 300  # iterations, before which every recipe makes one blot
START = (
    2_000,
    0.2,
)  # iterations, and share of the run, before which slow recipes still do, and are healthy
WATCHED = ('spread', 'support', 'classes', 'caught')


class CollapseAlarm(Extension):
    """Warns once when the samples become alike; `trainer.report['alarm']` says so for as long as they are.

    remedies: settings that may help, for the warning. It looks at what Evaluation and Judging have written: see `verdict`.
    """

    trigger = (500, 'iteration')

    def __init__(
        self, remedies: Sequence[str] = (), *, warn: Callable[[str], None] | None = None
    ) -> None:
        self._remedies, self._warn = (
            list(remedies),
            warn or (lambda text: click.echo(f'Warning: {text}', err=True)),
        )
        self._on = False

    def __call__(self, trainer: Trainer) -> None:
        seen = {name: history(trainer.folder, name) for name in WATCHED}
        at, (least, share) = trainer.updater.iteration, START
        found = at >= FIRST and verdict(
            {name: values[iterations > 0].tolist() for name, (iterations, values) in seen.items()},
            late=at >= max(least, share * trainer.total),
        )
        trainer.report.pop('alarm', None)
        if found:
            trainer.report['alarm'] = found
            if not self._on:
                advice = f'; try {" or ".join(self._remedies)}' if self._remedies else ''
                self._warn(
                    f'{found} at iteration {trainer.updater.iteration:,}: this looks like collapse{advice}'
                )
        self._on = bool(found)


def verdict(seen: dict[str, Sequence[float]], *, late: bool) -> str:
    """Return what is wrong with a run whose measurements after its start are `seen`, by stem, oldest first; '' for nothing.

    Spread and support (see `metrics.diversity`) count as too low twice in a row: early samples are few blots that change fast.
    Neither they nor the classes covered and the modes caught may sink far below what they were. late: the start is over.
    """
    spread, support = (seen.get(name, ()) for name in ('spread', 'support'))
    if len(spread) > 1 and max(spread[-2:]) < (ALIKE if late else DEAD):
        return f'samples are {spread[-1]:.0%} as far apart as the data'
    if late and len(support) > 1 and max(support[-2:]) < FEW:
        return f'as if G knew {support[-1]:.0f} picture{"s" if support[-1] >= 1.5 else ""}'
    if len(support) > 1 and max(support) >= MANY and max(support[-2:]) * SUNK < max(support):
        return f'as if G knew {support[-1]:.0f} pictures, where it once knew {max(support):,.0f}'
    for name, words in (('classes', 'classes covered'), ('caught', 'modes caught')):
        found = seen.get(name, ())
        if len(found) > 1 and max(found) >= SOME and max(found[-2:]) < LOST * max(found):
            return f'{found[-1]:.0f} {words}, once {max(found):.0f}'
    return ''
