"""gluongan export."""

from __future__ import annotations

from pathlib import Path

import click

from .faults import refusals
from .options import RUN, WHICH


@click.command(short_help="Take a run's generator away, for programs without gluongan.")
@RUN
@click.option(
    '--out',
    type=click.Path(path_type=Path),
    required=True,
    metavar='DIR',
    help='A new folder for the files.',
)
@click.option(
    '--network',
    type=click.Choice(['gen', 'dis']),
    default='gen',
    show_default=True,
    help='The generator (its moving average where the run has one), or the discriminator.',
)
@WHICH
@click.option(
    '--format',
    type=click.Choice(['mxnet', 'onnx']),
    default='mxnet',
    show_default=True,
    help="MXNet's symbol graph and weights, or ONNX (needs pip install 'gluongan[onnx]').",
)
def export(run: Path, out: Path, network: str, which: str, format: str) -> None:
    """Write the generator of RUN into the folder DIR as files that other programs load, and manifest.json, which tells all
    that they need to know: names, shapes and ranges of input and output, the noise, the classes, the SHA-256 of each file.

    Pictures come out in [0, 1]. Before it says done, a new process loads the files and must compute the same bits; ONNX is
    run in onnxruntime and must be within 1e-5. Else nothing is left.

    \b
    gluongan export runs/00000-dense-mnist --out generator
    gluongan export runs/00000-dense-mnist --out digits --format onnx --snapshot best
    gluongan export runs/00000-dense-mnist --out judge --network dis
    """
    with refusals():
        from gluongan.exports import export_run

        made = export_run(run, out, network=network, which=which, format=format)
    for file in made.files:
        click.echo(file)
    click.echo(made.checked(), err=True)
