"""gluongan plot."""

from __future__ import annotations

from pathlib import Path

import click

from gluongan.files import check_writable
from gluongan.runs.folder import FACTS, FIGURES_FOLDER, check_folder

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
    with refusals():
        from gluongan import figures

        check_folder(run, FACTS)
        check_writable(run / FIGURES_FOLDER, folder=True)
        paths = figures.draw_all(run)
    if not paths:
        raise Usage(f'{run}: has no samples and no logs yet; must be a run that has begun to train')
    for path in paths:
        echo(path)
