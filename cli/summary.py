"""gluongan summary."""
from __future__ import annotations

from pathlib import Path

import click

from gluongan.config import Config
from gluongan.recipes import RECIPES, recipe
from gluongan.runs import read_config

from .faults import Usage, told


@click.command(short_help="Print a recipe's or a run's networks layer by layer.")
@click.argument('name', metavar='RECIPE|RUN')
def summary(name: str) -> None:
    """Print the generator and the discriminator of a recipe or a run: layers, activations, output shapes, parameters.

    \b
    gluongan summary dense
    gluongan summary runs/00000-dense-mnist
    """
    with told():
        config, shape, classes = _found(name)
        from gluongan import build
        for title, net in (('generator', build.generator), ('discriminator', build.discriminator)):
            click.echo(f'{title} of {name}\n{net(config, shape, classes if config.conditional else 0, "cpu")}\n')


def _found(name: str) -> tuple[Config, tuple[int, ...], int]:
    if name in RECIPES:
        from gluongan.data.toys import MIXTURES
        config = recipe(name)
        return config, (2,) if config.data in MIXTURES else (1, 28, 28), 10
    if not Path(name).is_dir():
        raise Usage(f'{name}: must be a run folder or one of {", ".join(RECIPES)}')
    from gluongan.build import class_names, sample_shape
    return read_config(Path(name)), sample_shape(name), len(class_names(name))
