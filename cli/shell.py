"""gluongan completion, and what the shell completes beside options: names of data, runs, recipes.

Nothing here imports MXNet: a shell waits for the answer at every tab.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from glob import escape, glob
from pathlib import Path

import click
from click.shell_completion import CompletionItem, get_completion_class

import gluongan
from gluongan.files import read_text
from gluongan.recipes import RECIPES
from gluongan.runs.folder import CONFIG, FACTS, is_run
from gluongan.runs.nearest import RUNS

from .outputs import MANIFEST
from .printing import echo_text

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

PROGRAM, VARIABLE = 'gluongan', '_GLUONGAN_COMPLETE'
INSTALL = {
    'bash': 'gluongan completion bash >> ~/.bashrc',
    'zsh': 'gluongan completion zsh >> ~/.zshrc',
    'fish': 'gluongan completion fish > ~/.config/fish/completions/gluongan.fish',
}
# The generators that ship with the package; their module would import MXNet.
GENERATORS = Path(gluongan.__file__).parent / 'exports' / 'generators'


@click.command(short_help='Print the script that lets a shell complete commands and options.')
@click.argument('shell', type=click.Choice(list(INSTALL)))
def completion(shell: str) -> None:
    """Print the script that lets SHELL complete commands, options, their values, and run folders.

    The line that installs it, for the shells that are started from then on:

    \b
    gluongan completion bash >> ~/.bashrc
    gluongan completion zsh >> ~/.zshrc
    gluongan completion fish > ~/.config/fish/completions/gluongan.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # click has all of them
    command = click.get_current_context().find_root().command
    echo_text(kind(command, {}, PROGRAM, VARIABLE).source().strip())
    echo_text(f'# installed by: {INSTALL[shell]}')


def items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Return the names that begin with what was typed, to be offered."""
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def items_of_list(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Return what completes the last name of a list with commas."""
    before, comma, _ = incomplete.rpartition(',')
    given = before.split(',')
    return items((f'{before}{comma}{name}' for name in names if name not in given), incomplete)


def one_of(*names: str) -> Complete:
    """Return what completes an option or argument that takes one of these names."""
    return lambda context, parameter, incomplete: items(names, incomplete)


def complete_path(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer files and folders."""
    return [CompletionItem(incomplete, type='file')]


no_names = one_of()
complete_recipe = one_of(*RECIPES)


def complete_data(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer built-in data, else files and folders."""
    from gluongan.data import NAMES

    return items(NAMES, incomplete) or [CompletionItem(incomplete, type='file')]


def complete_run(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer runs: those that begin as typed, those in runs/, else folders."""
    offered = [CompletionItem(path) for path in _folders(incomplete, is_run)]
    return offered or [CompletionItem(incomplete, type='dir')]


def _folders(incomplete: str, fits: Callable[[Path], bool]) -> list[str]:
    """Return the folders that begin as typed, or are in runs/, and fit."""
    beginning = escape(os.path.expanduser(incomplete))
    paths = [path for path in sorted(glob(f'{beginning}*')) if fits(Path(path))]
    if RUNS.startswith(incomplete.rstrip('/')):
        paths += [path for path in sorted(glob(f'{RUNS}/*')) if fits(Path(path))]
    return list(dict.fromkeys(paths))


def complete_generator(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer runs and exports, as `complete_run` does, and the generators that ship."""
    names = _folders(incomplete, lambda path: is_run(path) or (path / MANIFEST).is_file())
    names += [name for name in _shipped() if name.startswith(incomplete)]
    offered = [CompletionItem(name) for name in dict.fromkeys(names)]
    return offered or [CompletionItem(incomplete, type='dir')]


def _shipped() -> list[str]:
    return sorted(path.parent.name for path in GENERATORS.glob(f'*/{MANIFEST}'))


def complete_class(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the classes of the run, the export or the generator that was given before."""
    # click stops at an option without its value, and leaves the arguments where they were
    given = [context.params.get('run'), *context.args]
    run = next((each for each in given if each), None)
    return items(filter(str.isprintable, _classes(Path(run))) if run else (), incomplete)


def _classes(source: Path) -> list[str]:
    """Return the names of the classes that a generator makes, [] where they cannot be read."""
    if str(source) in _shipped() and not source.exists():
        source = GENERATORS / source
    try:
        of_run = is_run(source)
        if of_run and not json.loads(read_text(source / CONFIG)).get('conditional'):
            return []
        names = json.loads(read_text(source / (FACTS if of_run else MANIFEST)))['classes']
    except (OSError, ValueError, RecursionError, AttributeError, KeyError, TypeError):
        return []  # a shell has nowhere to say why
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def complete_recipe_or_run(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer recipes, then runs."""
    runs = complete_run(context, parameter, incomplete)
    recipes = complete_recipe(context, parameter, incomplete)
    return recipes + [each for each in runs if each.type == 'plain'] if recipes else runs
