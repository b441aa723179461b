"""gluongan density."""

from __future__ import annotations

from pathlib import Path

import click

from .faults import Usage, refusals
from .options import DEVICE, RUN, WHICH

HISTORY = """\
225 ± 2   published for adversarial nets (Goodfellow et al. 2014, arXiv 1406.2661, Table 1)
242 ± 2   10,000 real training images as samples (our measurement)
299 ± 2   2,000 k-means centroids of the training images (our measurement)
Blurred means score above the data itself, so this number is history, not a judge."""


@click.command(
    short_help="Parzen window log-likelihood of a run's samples, as in the first GAN paper."
)
@RUN
@WHICH
@DEVICE
def density(run: Path, which: str, device: str) -> None:
    """Print how likely the test images are under windows around 10,000 samples of RUN, by the protocol of Goodfellow et al.
    2014: the windows' width is the best of 10 from 0.1 to 1 on 1,000 of the last 10,000 training images; then the mean and its
    standard error over 10,000 test images, in nats. Some 10 seconds.

    \b
    gluongan density runs/00000-dense-mnist
    gluongan density runs/00000-dense-mnist --snapshot best
    """
    with refusals():
        from gluongan import build, loading
        from gluongan.evaluation.metrics import parzen
        from gluongan.runs.folder import read_config

        config = read_config(run)
        train, test = (build.load_data(config, split) for split in ('train', 'test'))
        if len(train) < 60_000 or len(test) < 10_000:
            raise Usage(
                f'{run}: its data is {len(train):,} and {len(test):,} images; the protocol takes 60,000 and 10,000'
            )
        sampler = loading.load_sampler(run, which=which, device=device)
        x, _ = sampler.sample_grid(list(range(10_000 // max(1, len(sampler.classes)))))
        found = parzen(x, train.floats(slice(50_000, 51_000)), test.floats(slice(0, 10_000)))
    click.echo(
        f'{found.mean:.0f} ± {found.error:.1f} nats   {len(x):,} samples, sigma {found.sigma:.3f}'
    )
    if config.data == 'mnist' and not config.binarize:
        click.echo(HISTORY)
