"""How a run is repeated, and what to try next: commands, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...config import Config, ConfigError, knobs
from ...errors import as_typed, shell_word
from ...evaluation.collapse import remedies
from ...evaluation.comparison import shown_setting
from ...recipes import RECIPES, recipe

JUDGED = 1_000  # iterations between looks of a judge; at most a third of the run
JUDGED_DATA = ('mnist', 'fashion-mnist')  # those whose judges ship with the package


class Setting(NamedTuple):
    """A setting that differs from the recipe: its name, both values, and what it does."""

    name: str
    value: str
    of_recipe: str
    help: str


class Step(NamedTuple):
    """What to try next, and why."""

    why: str
    command: str


def base_of(config: Config) -> Config:
    """Return the recipe that a run started from; the defaults where its name is no recipe."""
    return recipe(config.recipe) if config.recipe in RECIPES else Config()


def differing_settings(config: Config) -> list[Setting]:
    """Return the settings in which a run differs from its recipe.

    >>> differing_settings(recipe('dense').with_settings({'lr': 0.001}))[0][:3]
    ('lr', '0.001', '0.0002')
    """
    base = base_of(config)
    return [
        Setting(
            name,
            shown_setting(name, config),
            shown_setting(name, base),
            knobs()[name].help.replace('`', ''),
        )
        for name in base.differences(config)
        if name != 'recipe'
    ]


def all_settings(config: Config) -> list[tuple[str, str]]:
    """Return every setting and its value, as typed."""
    return [(name, shown_setting(name, config)) for name in knobs()]


def repeat_command(config: Config, initial: str | None = None) -> str:
    """Return the command that trains such a run once more.

    initial: the run or export with whose weights it began.

    >>> repeat_command(recipe('dense').with_settings({'lr': 0.001, 'gen_batchnorm': False}))
    'gluongan train --no-gen-batchnorm --lr 0.001'
    """
    words = ['gluongan', 'train']
    if config.recipe in RECIPES and config.recipe != 'dense':
        words += [_flag('recipe'), config.recipe]
    for name, (_, value) in base_of(config).differences(config).items():
        if name == 'recipe':
            continue
        if isinstance(value, bool):
            words.append(_flag(name) if value else _flag(f'no_{name}'))
        else:
            words += [_flag(name), shell_word(as_typed(value))]
    if initial is not None:
        words += [_flag('init_from'), shell_word(initial)]
    return ' '.join(words)


def _flag(name: str) -> str:
    return '--' + name.replace('_', '-')


def next_steps(
    run: Path,
    config: Config,
    *,
    last: int,
    state: str,
    is_evaluated: bool,
    problem: str = '',
    has_classes: bool = False,
    is_judged: bool = False,
) -> list[Step]:
    """Return what to try next with a run.

    last: how far it has come. state: see `contents.state_word`. is_evaluated: whether there is an
    evaluation of its newest snapshot.
    problem: in what its samples have become alike, '' for nothing. is_judged: whether a judge
    measured it during training.
    """
    folder = shell_word(run)
    steps = []
    if state in ('stopped', 'killed'):
        resume = f'gluongan train --resume {folder}'
        steps.append(Step(f'It stopped at iteration {last:,} of {config.iterations:,}.', resume))
    if not is_evaluated:
        why = 'An evaluation says in words how good its newest samples are.'
        steps.append(Step(why, f'gluongan evaluate {folder} && gluongan report {folder}'))
    if problem:
        steps += _against_collapse(config, problem)
    if state == 'complete':
        again = f'gluongan train --resume {folder} {_flag("iterations")} {2 * last}'
        steps.append(Step('Longer training continues exactly where it stopped.', again))
    if not is_judged and has_classes and config.data in JUDGED_DATA:
        why = 'A judge beside the training shows when quality comes, and the share of each class.'
        steps.append(
            Step(why, repeat_command(config.with_settings({'judge_every': _judged_every(config)})))
        )
    why = 'One seed says little about settings; several show what is noise.'
    seeded = repeat_command(config.with_settings({'seed': base_of(config).seed}))
    steps.append(Step(why, f'{seeded} {_flag("seeds")} 0-2'))
    steps.append(Step('More samples, each with its own number.', f'gluongan sample {folder}'))
    export = f'gluongan export {folder} {_flag("out")} generator'
    steps.append(Step('The generator for other programs.', export))
    return steps


def _judged_every(config: Config) -> int:
    """Return how often a judge should look, so that it looks a few times in a short run, too."""
    return max(1, min(JUDGED, config.iterations // 3))


def _against_collapse(config: Config, problem: str) -> Sequence[Step]:
    steps = []
    for remedy in remedies(config):
        name, value = remedy.replace('`', '').split(' ')
        why = f'The {problem}: this looks like mode collapse, against which {remedy} may help.'
        try:
            parsed = float(value) if '.' in value or 'e' in value else int(value)
            steps.append(Step(why, repeat_command(config.with_settings({name: parsed}))))
        except ConfigError:
            continue
    return steps
