"""gluongan density."""

from __future__ import annotations

from pathlib import Path

import click

from .faults import refusals
from .options import CHANGED_DATA, DATA_AT, DEVICE, RUN, THREADS, WHICH
from .printing import echo


@click.command(
    short_help='Print the Parzen window log-likelihood of samples, as in the first GAN paper.'
)
@RUN
@WHICH
@DATA_AT
@CHANGED_DATA
@DEVICE
@THREADS
def density(run: Path, which: str, data_at: str | None, changed_data: bool, device: str) -> None:
    """Print the log-likelihood of the test images under windows around 10,000 samples of RUN.

    This is the protocol of Goodfellow et al. 2014. The window's width is the best of 10 from 0.1 to
    1 on 1,000 of the last 10,000 training images. The result is the mean over 10,000 test images
    in nats, with its standard error. It takes about 10 seconds.

    \b
    gluongan density runs/00000-dense-mnist
    gluongan density runs/00000-dense-mnist --snapshot best
    """
    with refusals():
        from gluongan.evaluation.density import MNIST_VALUES, measure_density

        result = measure_density(
            run, which=which, device=device, data_at=data_at, changed_data=changed_data
        )
    mean, error, sigma = result.parzen
    samples = f'{result.samples:,} samples at iteration {result.iteration:,}'
    echo(f'{mean:.0f} ± {error:.1f} nats   {samples}, sigma {sigma:.3f}')
    if result.is_mnist:
        echo(MNIST_VALUES)
