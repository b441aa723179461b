"""gluongan plot."""

from __future__ import annotations

from pathlib import Path

import click

from gluongan.runs.folder import FACTS

from .faults import Usage, refusals
from .options import RUN
from .printing import echo


@click.command(short_help='Redraw the figures of a run from its files.')
@RUN
def plot(run: Path) -> None:
    """Redraw every figure of RUN from the files in its folder. The run may still be training.

    MXNet is not needed.

    \b
    gluongan plot runs/00000-dense-mnist
    """
    from gluongan import figures

    if run.is_file():
        raise Usage(f'{run}: is a file; must be a run folder')
    if not (run / FACTS).is_file():
        raise Usage(f'{run}: is not a run folder (it has no {FACTS})')
    with refusals():
        paths = figures.draw_all(run)
    if not paths:
        raise Usage(f'{run}: has nothing to draw yet')
    for path in paths:
        echo(path)
