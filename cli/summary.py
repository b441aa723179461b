"""gluongan summary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gluongan.config import Config
from gluongan.errors import as_typed, did_you_mean
from gluongan.recipes import RECIPES, recipe
from gluongan.runs.folder import is_run, read_config
from gluongan.runs.nearest import did_you_mean_path

from .faults import Usage, refusals
from .knobs import PATH
from .outputs import MANIFEST, output
from .printing import echo, echo_text
from .shell import complete_recipe_or_run

if TYPE_CHECKING:
    from gluongan.nn.layers import Chain

Draw = Callable[[Path], Path]

TITLES = {'gen': 'generator', 'dis': 'discriminator'}


@click.command(short_help='Print the networks of a recipe, a run or an export layer by layer.')
@click.argument('name', metavar='RECIPE|RUN|EXPORT', shell_complete=complete_recipe_or_run)
@click.option(
    '--network',
    type=click.Choice(list(TITLES)),
    help='Print the generator or the discriminator alone. '
    '[default: both; the drawing shows the generator]',
)
@click.option(
    '--graph',
    'drawing',
    type=PATH,
    metavar='FILE.svg',
    help='Draw the symbol graph into a file; needs the program dot of graphviz.',
)
def summary(name: str, network: str | None, drawing: Path | None) -> None:
    """Print the networks of a recipe or a run, or the network of an export in MXNet's format.

    The table has a row for each layer: activation, output shape, parameters, and FLOPs a sample.
    FLOPs are 2 × the multiply-adds of dense layers and convolutions.

    \b
    gluongan summary dense
    gluongan summary runs/00000-dense-mnist --network gen --graph generator.svg
    gluongan summary generator
    """
    if drawing:
        output(drawing, drawing, '.svg', option='--graph')
    with refusals():
        if name not in RECIPES and not (name and Path(name).is_dir()):
            allowed = f'must be a run folder, an export, or one of {", ".join(RECIPES)}'
            near = did_you_mean(name, RECIPES) or did_you_mean_path(Path(name), _has_networks)
            raise Usage(f'{as_typed(name)}: {allowed}{near}')
        from gluongan.exports import is_export

        print_networks = _print_export if is_export(Path(name)) else _print_networks
        draw = print_networks(name, network)
        if drawing:
            echo(draw(drawing))


def _has_networks(path: Path) -> bool:
    return is_run(path) or (path / MANIFEST).is_file()


def _print_export(name: str, network: str | None) -> Draw:
    """Print the network of an export, and return what draws it."""
    from gluongan.exports import load_export, summary
    from gluongan.nn.layers import format_table

    loaded = load_export(name)
    title = TITLES[loaded.manifest.network]
    if network not in (None, loaded.manifest.network):
        raise Usage(
            f'--network {network}: {name} is the export of a {title}; '
            f'must be {loaded.manifest.network} or left out'
        )
    rows = summary.rows(loaded.graph, loaded.weights, loaded.shapes, loaded.batch)
    echo(f'{title} of {name}')
    echo_text(f'{format_table(rows)}\n')
    return lambda path: summary.draw(loaded.graph, loaded.shapes, path)


def _print_networks(name: str, network: str | None) -> Draw:
    """Print networks of a recipe or a run, and return what draws the first of them."""
    config, shape, classes = _settings(name)
    from gluongan import build

    makers: dict[str, Callable[..., Chain]] = {
        'gen': build.make_generator,
        'dis': build.make_discriminator,
    }
    if not config.conditional:
        classes = 0
    nets = []
    for key in [network] if network else list(makers):
        net = makers[key](config, shape, classes, 'cpu')
        echo(f'{TITLES[key]} of {name}')
        echo_text(f'{net}\n')
        nets.append(net)
    return lambda path: _draw(nets[0], config.pack, path)


def _draw(net: Chain, batch: int, path: Path) -> Path:
    from gluongan.exports import summary

    graph, shapes = summary.trace_graph(net, batch)
    return summary.draw(graph, shapes, path)


def _settings(name: str) -> tuple[Config, tuple[int, ...], int]:
    """Return the Config of a recipe or a run, the shape of a sample, the number of classes."""
    if name not in RECIPES:
        from gluongan.runs.reading import class_names, sample_shape

        return read_config(Path(name)), sample_shape(name), len(class_names(name))
    from gluongan.data.toys import MIXTURES

    config = recipe(name)
    shape = (2,) if config.data in MIXTURES else (1, 28, 28)
    return config, shape, 10
