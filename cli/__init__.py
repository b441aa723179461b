"""The command line: it parses arguments, calls the package and prints. It trains nothing itself."""

from __future__ import annotations

import click

from gluongan import __version__

from .bench import bench
from .cache import cache
from .compare import compare
from .data import data
from .density import density
from .directions import directions
from .doctor import doctor
from .evaluate import evaluate
from .exits import CommandLine
from .export import export
from .interpolate import interpolate
from .invert import invert
from .judge import judge
from .notes import shown
from .play import play
from .plot import plot
from .recipes import recipes
from .report import report
from .runs import runs
from .sample import sample
from .shell import completion
from .summary import summary
from .train import train
from .watch import watch

COMMANDS = (
    data,
    train,
    sample,
    interpolate,
    evaluate,
    compare,
    runs,
    judge,
    export,
    invert,
    directions,
    play,
    density,
    plot,
    report,
    watch,
    summary,
    recipes,
    bench,
    cache,
    doctor,
    completion,
)


@click.group(
    cls=CommandLine,
    context_settings={'help_option_names': ['-h', '--help'], 'max_content_width': 120},
)
@click.version_option(__version__)
@click.pass_context
def main(context: click.Context) -> None:
    """Train, evaluate and export generative adversarial networks on MXNet/Gluon.

    \b
    gluongan train                                     train `dense` on the bundled digits
    gluongan sample runs/00000-dense-mnist             make new images with the trained generator
    gluongan evaluate runs/00000-dense-mnist           measure how good they are
    gluongan export runs/00000-dense-mnist --out gen   save the generator as a symbol graph
    """
    context.with_resource(shown())


for command in COMMANDS:
    main.add_command(command)
