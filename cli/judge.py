"""gluongan judge: the classifiers that metrics use."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from gluongan.config import Config
from gluongan.metric_names import metric_stem
from gluongan.runs.folder import run_name

from .faults import refusals
from .knobs import PATH, data_flags, number_option, typed
from .options import DEVICE, JUDGE, THREADS
from .outputs import check_target, unused
from .printing import echo

SHOWN = ('fd', 'coverage', 'ndb')  # stems of the metrics that `calibrate` prints as it goes on


@click.group(short_help='Train, calibrate and list judges, the classifiers that metrics use.')
def judge() -> None:
    """A judge is a small classifier of the data itself, whose features and classes metrics use.

    Judges of MNIST and Fashion-MNIST ship with the package.

    \b
    gluongan judge list
    gluongan judge train --data mnist
    gluongan judge calibrate --data mnist
    """


@judge.command(name='list', short_help='List the judges that ship with the package.')
def list_() -> None:
    """List the judges that ship with the package.

    For each it prints the test accuracy, the SHA-256, and the command that made it.
    """
    with refusals():
        from gluongan.evaluation.classifier import SHIPPED, load_shipped

        for name, entry in SHIPPED.items():
            about = load_shipped(name).about
            accuracy = f'{about.split} accuracy {about.accuracy:.2%}'
            echo(f'{name:<14} {about.net}  {accuracy}  {entry.sha256}')
            echo(f'{"":14} {about.command}')


@judge.command(short_help='Train a judge on labelled data.')
@data_flags
@click.option(
    '--net',
    type=click.Choice(['lenet', 'resnet20']),
    help='The network. [default: lenet for grey pictures, resnet20 for colour]',
)
@click.option(
    '--epochs',
    type=click.IntRange(1, 1000),
    default=7,
    show_default=True,
    help='Passes through the data.',
)
@number_option(
    'lr',
    'The initial learning rate; a cosine schedule reduces it to 0.',
    low=1e-6,
    high=1,
    default=1e-3,
)
@click.option(
    '--seed',
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    show_default=True,
    help='The seed of the initial weights and of the order of the data.',
)
@click.option(
    '--out',
    type=PATH,
    metavar='FILE',
    help='The file to write. [default: DATA.judge]',
)
@DEVICE
@THREADS
def train(
    net: str | None, epochs: int, lr: float, seed: int, out: Path | None, device: str, **flags: Any
) -> None:
    """Train a judge on labelled data, for use with `--judge FILE` of other commands.

    Grey pictures get LeNet-5, which has 84 features; colour gets gluoncv's cifar_resnet20_v1, which
    has 64. MNIST takes about a minute.

    \b
    gluongan judge train --data mnist
    gluongan judge train --data path/to/pictures --image-size 32 --epochs 30 --out mine.judge
    """
    with refusals():
        from gluongan import build
        from gluongan.evaluation import classifier
        from gluongan.runtime import device as context

        config = Config().with_settings(typed(flags))
        path = out or unused(Path(f'{_data_name(config)}.judge'))
        check_target(path, setting=out and 'out')
        dataset = build.load_data(config)
        trained = classifier.train(
            dataset,
            build.load_test(config, dataset),
            net=net,
            epochs=epochs,
            lr=lr,
            seed=seed,
            device=context(device),
            command=shlex.join(['gluongan', *sys.argv[1:]]),
            on_step=_print_step,
        )
        trained.write(path)
    about = trained.about
    echo(f'{path}: {about.split} accuracy {about.accuracy:.2%}')


def _data_name(config: Config) -> str:
    """Return the name of the data as it stands in a run's name."""
    return run_name(config).partition('-')[2]


def _print_step(step: int, steps: int, loss: float) -> None:
    if step % 200 == 0 or step == steps:
        echo(f'{step:>7,}/{steps:,}  cross entropy {loss:.4f}', err=True)


@judge.command(short_help='Measure known sets: pictures with known faults.')
@data_flags
@JUDGE
@THREADS
@click.option(
    '--samples',
    'count',
    type=click.IntRange(100, 100_000),
    metavar='INT',
    help='How many pictures in each set. '
    '[default: 10000; 26000 for stacked-mnist, as in its papers]',
)
@click.option(
    '--draws',
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help='How many times to draw each set; mean and standard deviation are written.',
)
@click.option(
    '--out',
    type=PATH,
    metavar='FILE.json',
    help='The file to write. [default: DATA.calibration.json]',
)
def calibrate(
    judge_file: Path | None, count: int | None, draws: int, out: Path | None, **flags: Any
) -> None:
    """Measure known sets: pictures with known faults, such as a missing class or noise.

    `gluongan evaluate` prints their metrics beside those of a run. MNIST takes several minutes.

    \b
    gluongan judge calibrate --data mnist
    gluongan judge calibrate --data pictures.npz --judge mine.judge --out mine.json
    """
    with refusals():
        from gluongan import evaluation
        from gluongan.evaluation import sources

        config = Config().with_settings(typed(flags))
        path = out or unused(Path(f'{_data_name(config)}.calibration.json'))
        check_target(path, setting=out and 'out')
        reference = sources.make_reference(config, judge_file)
        count = count or sources.COUNTS.get(config.data, sources.COUNT)
        calibration = evaluation.calibrate(reference, count, draws=draws, on_set=_print_set)
        calibration.write(path)
    echo(path)


def _print_set(name: str, means: dict[str, float]) -> None:
    shown = [f'  {key} {value:.4g}' for key, value in means.items() if metric_stem(key) in SHOWN]
    echo(f'{name:<14}' + ''.join(shown), err=True)
