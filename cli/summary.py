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
        config, shape = _found(name)
        from gluongan import build
        for title, net in (('generator', build.generator), ('discriminator', build.discriminator)):
            click.echo(f'{title} of {name}\n{net(config, shape, "cpu")}\n')


def _found(name: str) -> tuple[Config, tuple[int, ...]]:
    if name in RECIPES:
        return recipe(name), (1, 28, 28)
    if not Path(name).is_dir():
        raise Usage(f'{name}: must be a run folder or one of {", ".join(RECIPES)}')
    from gluongan.build import sample_shape
    return read_config(Path(name)), sample_shape(Path(name))
