"""gluongan recipes."""

from __future__ import annotations

import inspect

import click

from gluongan.errors import as_typed, did_you_mean
from gluongan.files import as_json, text_table
from gluongan.recipes import RECIPES, recipe

from .faults import Usage, flag, refusals
from .printing import echo_text
from .shell import complete_recipe

HEADING = ('recipe', 'generator', 'discriminator', 'loss', 'optimizer', 'iterations', '')


@click.command(short_help='List the recipes, or describe one.')
@click.argument('name', required=False, shell_complete=complete_recipe)
@click.option(
    '--json',
    'only_settings',
    is_flag=True,
    help='Print the settings of NAME as JSON, for --config.',
)
def recipes(name: str | None, only_settings: bool) -> None:
    """List the recipes, or describe NAME: its source, how it deviates, and every setting.

    \b
    gluongan recipes
    gluongan recipes wgan
    gluongan recipes wgan --json > mine.json
    """
    if name is not None and name not in RECIPES:
        near = did_you_mean(name, RECIPES)
        raise Usage(f'{as_typed(name)}: must be one of {", ".join(RECIPES)}{near}')
    with refusals():
        if name is None:
            rows = [_row(each) for each in RECIPES]
            echo_text(text_table([HEADING, *rows], left=range(len(HEADING))))
        elif only_settings:
            echo_text(as_json(recipe(name).to_dict()).rstrip())
        else:
            echo_text(_description(name))


def _row(name: str) -> tuple[str, ...]:
    config = recipe(name)
    loss = config.loss
    if config.penalty:
        loss += f' + {config.penalty}'
    gen, dis = as_typed(config.gen_hidden), as_typed(config.dis_hidden)
    if config.network == 'conv':
        gen = dis = f'conv {config.conv_width}'
    return (
        name,
        f'{config.latent},{gen}',
        dis,
        loss,
        f'{config.optimizer} {config.lr:g}',
        f'{config.iterations:,}',
        _docstring(name).splitlines()[0],
    )


def _description(name: str) -> str:
    lines = [f'{name}: {_docstring(name)}', '', 'Settings']
    for setting, value in recipe(name).to_dict().items():
        lines.append(f'  {flag(setting):<22} {as_typed(value)}')
    return '\n'.join(lines)


def _docstring(name: str) -> str:
    return inspect.getdoc(RECIPES[name]) or ''
