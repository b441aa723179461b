"""gluongan recipes."""

from __future__ import annotations

import inspect

import click

from gluongan.config import Config
from gluongan.errors import as_typed
from gluongan.files import as_json
from gluongan.recipes import RECIPES, recipe

from .faults import Usage, flag, refusals


@click.command(short_help='List the named systems, or print all of one.')
@click.argument('name', required=False)
@click.option(
    '--json',
    'only_settings',
    is_flag=True,
    help='Print the settings of NAME as JSON, for --config.',
)
def recipes(name: str | None, only_settings: bool) -> None:
    """List the named systems, or print all of NAME: its source, where it deviates, and every setting.

    \b
    gluongan recipes
    gluongan recipes wgan
    gluongan recipes wgan --json > mine.json
    """
    if name is not None and name not in RECIPES:
        raise Usage(f'{name}: must be one of {", ".join(RECIPES)}')
    with refusals():
        if name is None:
            click.echo(_table())
        elif only_settings:
            click.echo(as_json(recipe(name).to_dict()), nl=False)
        else:
            click.echo(_whole(name, recipe(name)))


def _table() -> str:
    heads = ('recipe', 'G', 'D', 'loss', 'optimizer', 'iterations', '')
    rows = [
        heads,
        *(
            (name, *_row(make()), (inspect.getdoc(make) or '').splitlines()[0])
            for name, make in RECIPES.items()
        ),
    ]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return '\n'.join(
        '  '.join(f'{cell:<{width}}' for cell, width in zip(row, widths)).rstrip() for row in rows
    )


def _row(config: Config) -> tuple[str, ...]:
    conv = f'conv {config.conv_width}' if config.network == 'conv' else None
    gen, dis = conv or as_typed(config.gen_hidden), conv or as_typed(config.dis_hidden)
    return (
        f'{config.latent},{gen}',
        dis,
        config.loss + (f' + {config.penalty}' if config.penalty else ''),
        f'{config.optimizer} {config.lr:g}',
        f'{config.iterations:,}',
    )


def _whole(name: str, config: Config) -> str:
    settings = '\n'.join(
        f'  {flag(key):<22} {as_typed(value)}' for key, value in config.to_dict().items()
    )
    return f'{name}: {inspect.getdoc(RECIPES[name])}\n\nSettings\n{settings}'
