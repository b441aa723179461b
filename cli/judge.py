"""gluongan judge: the classifiers by whose eyes pictures are measured."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from gluongan.config import Config
from gluongan.runs.folder import run_name

from .faults import refusals
from .knobs import data_flags, typed
from .options import DEVICE, JUDGE


@click.group(short_help='Train, calibrate and list the classifiers that pictures are judged by.')
def judge() -> None:
    """A judge is a small classifier of the data itself; those of MNIST and Fashion-MNIST come with the package.

    \b
    gluongan judge list
    gluongan judge train --data mnist
    gluongan judge calibrate --data mnist
    """


@judge.command(name='list', short_help='The judges that come with the package.')
def list_() -> None:
    """Print the judges that come with the package: accuracy on the test images, SHA-256, and the command that made each."""
    with refusals():
        from gluongan.evaluation.classifier import SHIPPED, bundled

        for name, entry in SHIPPED.items():
            about = bundled(name).about
            click.echo(
                f'{name:<14} {about.net}  {about.accuracy:.2%} of {about.split}  {entry.sha256}\n'
                f'{"":14} {about.command}'
            )


@judge.command(short_help='Train a judge on labelled data.')
@data_flags
@click.option(
    '--net',
    type=click.Choice(['lenet', 'resnet20']),
    help='[default: lenet for grey pictures, resnet20 for colour]',
)
@click.option('--epochs', type=click.IntRange(1, 1000), default=7, show_default=True)
@click.option(
    '--lr',
    type=click.FloatRange(1e-6, 1),
    default=1e-3,
    show_default=True,
    help='At the start; it falls to 0.',
)
@click.option('--seed', type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@click.option(
    '--out', type=click.Path(path_type=Path), metavar='FILE', help='[default: DATA.judge]'
)
@DEVICE
def train(
    net: str | None, epochs: int, lr: float, seed: int, out: Path | None, device: str, **flags: Any
) -> None:
    """Train a judge on labelled data, a minute for MNIST; `--judge FILE` of the other commands then takes it.

    Grey pictures get LeNet-5, whose features are 84 values; colour gets gluoncv's cifar_resnet20_v1, with 64.

    \b
    gluongan judge train --data mnist
    gluongan judge train --data path/to/pictures --image-size 32 --epochs 30 --out mine.judge
    """
    with refusals():
        from gluongan import build
        from gluongan.evaluation import classifier as judges
        from gluongan.runtime import device as context

        config = Config().with_settings(typed(flags))
        data, test = build.load_data(config), build.load_test(config)
        command = shlex.join(['gluongan', *sys.argv[1:]])
        made = judges.train(
            data,
            test,
            net=net,
            epochs=epochs,
            lr=lr,
            seed=seed,
            device=context(device),
            command=command,
            tell=_tell,
        )
        path = out or Path(f'{run_name(config).partition("-")[2]}.judge')
        made.write(path)
    click.echo(f'{path}: {made.about.accuracy:.2%} right on {made.about.split}')


def _tell(step: int, steps: int, loss: float) -> None:
    if step % 200 == 0 or step == steps:
        click.echo(f'{step:>7,}/{steps:,}  cross entropy {loss:.4f}', err=True)


@judge.command(short_help='Measure pictures whose faults are known.')
@data_flags
@JUDGE
@click.option(
    '--samples',
    'count',
    type=click.IntRange(100, 100_000),
    metavar='INT',
    help='In each set. [default: 10000]',
)
@click.option(
    '--draws',
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help='Of each set; their deviation is kept.',
)
@click.option(
    '--out',
    type=click.Path(path_type=Path),
    metavar='FILE.json',
    help='[default: DATA.calibration.json]',
)
def calibrate(
    judge_file: Path | None, count: int | None, draws: int, out: Path | None, **flags: Any
) -> None:
    """Measure pictures whose faults are known, minutes for MNIST: `gluongan evaluate` prints them beside a run's numbers.

    \b
    gluongan judge calibrate --data mnist
    gluongan judge calibrate --data pictures.npz --judge mine.judge --out mine.json
    """
    with refusals():
        from gluongan.evaluation import calibrate as measured
        from gluongan.evaluation import sources as assess

        config = Config().with_settings(typed(flags))
        reference = assess.reference_of(config, judge_file)
        found = measured(
            reference,
            count or assess.COUNTS.get(config.data, assess.COUNT),
            draws=draws,
            tell=_told,
        )
        path = out or Path(f'{run_name(config).partition("-")[2]}.calibration.json')
        found.write(path)
    click.echo(path)


def _told(name: str, values: dict[str, float]) -> None:
    shown = [
        (key, value)
        for key, value in values.items()
        if '_fd' in key or 'coverage' in key or 'ndb' in key
    ]
    click.echo(f'{name:<14}' + ''.join(f'  {key} {value:.4g}' for key, value in shown), err=True)
