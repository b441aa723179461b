"""gluongan export."""

from __future__ import annotations

from pathlib import Path

import click

from .faults import refusals
from .knobs import PATH
from .options import RUN, THREADS, WHICH
from .outputs import check_not_taken
from .printing import echo

OUT = click.option(
    '--out',
    type=PATH,
    required=True,
    metavar='DIR',
    help='A new folder for the files.',
)
NETWORK = click.option(
    '--network',
    type=click.Choice(['gen', 'dis']),
    default='gen',
    show_default=True,
    help='The generator (its moving average where the run has one), or the discriminator.',
)
FORMAT = click.option(
    '--format',
    type=click.Choice(['mxnet', 'onnx', 'safetensors']),
    default='mxnet',
    show_default=True,
    help="MXNet's symbol graph and weights; ONNX (needs pip install 'gluongan[onnx]'); or the "
    'symbol graph, with the weights in safetensors.',
)


@click.command(short_help='Export the generator of a run for programs without gluongan.')
@RUN
@OUT
@NETWORK
@WHICH
@FORMAT
@THREADS
def export(run: Path, out: Path, network: str, which: str, format: str) -> None:
    """Export the generator of RUN into the new folder DIR, as files that other programs load.

    README.md is a card for people: a picture, how to use it, and what `gluongan evaluate` found.
    manifest.json describes the files: name, shape and range of input and output, the noise, the
    classes, and the SHA-256 of each file. Pixels are in [0, 1].

    Every export is verified. A new process loads the files and must compute the same bits; ONNX
    runs in onnxruntime and must agree within 1e-5. If it does not, nothing is kept.

    \b
    gluongan export runs/00000-dense-mnist --out generator
    gluongan export runs/00000-dense-mnist --out digits --format onnx --snapshot best
    gluongan export runs/00000-dense-mnist --out discriminator --network dis
    """
    with refusals():
        check_not_taken(out, 'out', folder=True)
        from gluongan.evaluation import card
        from gluongan.exports import export_run

        exported = export_run(
            run, out, network=network, which=which, format=format, measured=card.measured
        )
    for file in exported.files:
        echo(file)
    echo(exported.verification(), err=True)
