"""CollapseAlarm: warns when the samples become alike, and says what to try against it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from ..evaluation import collapse
from ..trainer import Extension

if TYPE_CHECKING:
    from ..trainer import Trainer


class CollapseAlarm(Extension):
    """Warns once when the samples become alike; see `collapse.verdict`.

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
        problem = collapse.problem(trainer.folder, iteration, trainer.total)
        trainer.report.pop('alarm', None)
        if problem:
            trainer.report['alarm'] = problem
        if problem and not self._is_on:
            advice = f'; try {" or ".join(self._remedies)}' if self._remedies else ''
            self._warn(
                f'at iteration {iteration:,}, {problem}: this looks like mode collapse{advice}'
            )
        self._is_on = bool(problem)


def _print_warning(text: str) -> None:
    click.echo(f'Warning: {text}', err=True)
