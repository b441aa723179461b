"""gluongan judge: the networks whose features and classes metrics use."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gluongan.config import Config
from gluongan.metric_names import metric_stem
from gluongan.runs.folder import run_name

from .faults import refusals
from .knobs import PATH, data_flags, number_option, typed
from .notes import print_progress, say_what_loads
from .options import DEVICE, JUDGE, THREADS
from .outputs import check_target, unused
from .printing import echo

if TYPE_CHECKING:
    from gluongan.data import Dataset
    from gluongan.evaluation.classifier import About

SHOWN = ('fd', 'coverage', 'ndb')  # stems of the metrics that `calibrate` prints as it goes on


@click.group(short_help='Train, calibrate and list judges, the networks that metrics use.')
def judge() -> None:
    """A judge is a small network trained on the data itself, whose features metrics use.

    One that was trained with labels classifies pictures, too. Judges of MNIST and Fashion-MNIST
    ship with the package.

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


@judge.command(short_help='Train a judge, with or without labels.')
@data_flags
@click.option(
    '--net',
    type=click.Choice(['lenet', 'resnet20', 'autoencoder']),
    help='The network; autoencoder needs no labels. [default: with labels lenet for grey pictures '
    'and resnet20 for colour, without labels autoencoder]',
)
@click.option(
    '--epochs',
    type=click.IntRange(1, 1000),
    help='Passes through the data. [default: 7; autoencoder: as many as make 1,000 steps]',
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
    net: str | None,
    epochs: int | None,
    lr: float,
    seed: int,
    out: Path | None,
    device: str,
    **flags: Any,
) -> None:
    """Train a judge, for use with `--judge FILE` of other commands.

    With labels it is a classifier. Grey pictures get LeNet-5, which has 84 features; colour gets
    gluoncv's cifar_resnet20_v1, which has 64. MNIST takes about a minute.

    Without labels, or with --net autoencoder, it learns to restore each picture from 64 features.
    `evaluate` then gives distances of features, and nothing about classes.

    \b
    gluongan judge train --data mnist
    gluongan judge train --data mnist --net autoencoder
    gluongan judge train --data path/to/pictures --image-size 32 --epochs 30 --out mine.judge
    """
    with refusals():
        say_what_loads()
        from gluongan import build
        from gluongan.evaluation import classifier
        from gluongan.runtime import device as context

        config = Config().with_settings(typed(flags))
        path = out or unused(Path(f'{_data_name(config)}.judge'))
        check_target(path, setting=out and 'out')
        dataset = build.load_data(config)
        if net is None and classifier.default_net(dataset) in classifier.WITHOUT_LABELS:
            echo(_without_labels(dataset), err=True)
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
    echo(f'{path}: {_result(trained.about)}')


def _without_labels(dataset: Dataset) -> str:
    """Return why a judge is trained without labels where nobody asked for that."""
    found = 'only one class' if dataset.classes else 'no classes'
    return f'{dataset.name} has {found}: the judge is trained without labels, net autoencoder'


def _result(about: About) -> str:
    """Return how well a judge does what it was trained for."""
    if about.has_classes:
        return f'{about.split} accuracy {about.accuracy:.2%}'
    return f'restores {about.accuracy:.1%} of the variance of the {about.split} pictures'


def _data_name(config: Config) -> str:
    """Return the name of the data as it stands in a run's name."""
    return run_name(config).partition('-')[2]


def _print_step(step: int, steps: int, loss: float) -> None:
    text = f'loss {loss:.4f}'
    line = f'{step:>7,}/{steps:,}  {text}' if step % 200 == 0 or step == steps else ''
    print_progress('judge', step, steps, text, line=line)


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
