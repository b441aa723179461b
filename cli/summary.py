"""gluongan summary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gluongan.config import Config
from gluongan.recipes import RECIPES, recipe
from gluongan.runs.folder import read_config

from .faults import Usage, refusals
from .options import output

if TYPE_CHECKING:
    from gluongan.nn.layers import Chain

TITLES = {'gen': 'generator', 'dis': 'discriminator'}


@click.command(short_help="Print a recipe's, a run's or an export's networks layer by layer.")
@click.argument('name', metavar='RECIPE|RUN|EXPORT')
@click.option(
    '--network',
    type=click.Choice(list(TITLES)),
    help='Only the generator or the discriminator. [default: both; the '
    'drawing is of the generator]',
)
@click.option(
    '--graph',
    'drawing',
    type=click.Path(path_type=Path),
    metavar='FILE.svg',
    help='Draw the symbol graph.',
)
def summary(name: str, network: str | None, drawing: Path | None) -> None:
    """Print the networks of a recipe or a run, or the one of an export: layers, activations, output shapes, parameters, and
    FLOPs a sample, which are 2 × the multiply-adds of dense layers and convolutions.

    \b
    gluongan summary dense
    gluongan summary runs/00000-dense-mnist --network gen --graph generator.svg
    gluongan summary generator
    """
    path = drawing and output(drawing, drawing, '.svg', flag='--graph')
    with refusals():
        if name not in RECIPES and not Path(name).is_dir():
            raise Usage(f'{name}: must be a run folder, an export or one of {", ".join(RECIPES)}')
        from gluongan.exports import is_export

        show = _export if is_export(Path(name)) else _networks
        draw = show(name, network)
        if path:
            click.echo(draw(path))


def _export(name: str, network: str | None) -> Callable[[Path], Path]:
    from gluongan.exports import load_export, summary
    from gluongan.nn.layers import format_table

    loaded = load_export(name)
    own = loaded.manifest.network
    if network not in (None, own):
        raise Usage(f'--network {network}: {name} is the export of a {TITLES[own]}; leave it out')
    rows = summary.rows(loaded.graph, loaded.weights, loaded.shapes, loaded.rows)
    click.echo(f'{TITLES[own]} of {name}\n{format_table(rows)}\n')
    return lambda path: summary.draw(loaded.graph, loaded.shapes, path)


def _networks(name: str, network: str | None) -> Callable[[Path], Path]:
    config, shape, classes = _found(name)
    from gluongan import build

    makers: dict[str, Callable[..., Chain]] = {
        'gen': build.make_generator,
        'dis': build.make_discriminator,
    }
    nets = {
        key: makers[key](config, shape, classes if config.conditional else 0, 'cpu')
        for key in ([network] if network else makers)
    }
    for key, net in nets.items():
        click.echo(f'{TITLES[key]} of {name}\n{net}\n')
    return lambda path: _drawn(next(iter(nets.values())), config.pack, path)


def _drawn(net: Any, batch: int, path: Path) -> Path:
    from gluongan.exports import summary

    return summary.draw(*summary.graph_of(net, batch), path)


def _found(name: str) -> tuple[Config, tuple[int, ...], int]:
    if name in RECIPES:
        from gluongan.data.toys import MIXTURES

        config = recipe(name)
        return config, (2,) if config.data in MIXTURES else (1, 28, 28), 10
    from gluongan.runs.reading import class_names, sample_shape

    return read_config(Path(name)), sample_shape(name), len(class_names(name))
