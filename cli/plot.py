"""gluongan plot."""

from __future__ import annotations

from pathlib import Path

import click

from gluongan.runs.folder import FACTS

from .faults import Usage, refusals
from .options import RUN


@click.command(short_help='Draw the figures of a run again from its files.')
@RUN
def plot(run: Path) -> None:
    """Draw every figure of RUN again from the files in its folder, also while it is still training; MXNet is not needed.

    \b
    gluongan plot runs/00000-dense-mnist
    """
    from gluongan import figures

    if not (run / FACTS).is_file():
        raise Usage(f'{run}: is no run folder (it has no run.json)')
    with refusals():
        drawn = figures.draw_all(run)
    if not drawn:
        raise Usage(f'{run}: has nothing to draw yet')
    for path in drawn:
        click.echo(path)
