"""Settings that were given and change nothing, or too late: each is said in one line."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from gluongan.config import QUICK_METRICS, Config
from gluongan.errors import as_typed

Condition = tuple[str, Callable[[Config], bool]]


def _needs(setting: str, *values: object) -> Condition:
    """Return the condition that a setting is one of some values."""
    words = ' or '.join(map(str, values))
    return f'without `{setting}` {words}', lambda config: getattr(config, setting) in values


def _needs_any(*settings: str) -> Condition:
    """Return the condition that one of some settings is on."""
    words = ' or '.join(f'`{setting}`' for setting in settings)
    return f'without {words}', lambda config: any(getattr(config, each) for each in settings)


CONDITIONS: dict[str, Condition] = {
    'data_dir': _needs('data', 'fashion-mnist'),
    'clusters': _needs_any('conditional'),
    'gen_hidden': _needs('network', 'dense'),
    'dis_hidden': _needs('network', 'dense'),
    'conv_width': _needs('network', 'conv'),
    'conv_depth': _needs('network', 'conv'),
    'conv_extra': _needs('network', 'conv'),
    'dis_beside': _needs('network', 'conv'),
    'gen_modulated': (
        'without `network` conv and `gen_batchnorm`',
        lambda config: config.network == 'conv' and config.gen_batchnorm,
    ),
    'batchnorm_momentum': _needs_any('gen_batchnorm', 'dis_batchnorm'),
    'leaky_slope': (
        'without an activation leaky_relu',
        lambda config: 'leaky_relu' in (config.gen_activation, config.dis_activation),
    ),
    'penalty_weight': _needs_any('penalty'),
    'penalty_every': _needs_any('penalty'),
    'class_weight': _needs_any('dis_projection'),
    'noise_until': _needs_any('instance_noise'),
    'augment_probability': (
        'without `augment`, and beside `augment_target`',
        lambda config: bool(config.augment) and config.augment_target is None,
    ),
    'augment_target': _needs_any('augment'),
    'augment_span': (
        'without `augment_target`',
        lambda config: bool(config.augment) and config.augment_target is not None,
    ),
    'lr': (
        'beside both `gen_lr` and `dis_lr`',
        lambda config: config.gen_lr is None or config.dis_lr is None,
    ),
    'beta1': _needs('optimizer', 'adam'),
    'beta2': _needs('optimizer', 'adam'),
    'decay': _needs('optimizer', 'rmsprop'),
    'momentum': _needs('optimizer', 'sgd'),
    'schedule_iterations': _needs('schedule', 'linear', 'cosine'),
    'judge': _needs_any('judge_every'),
    'judge_samples': _needs_any('judge_every'),
    'image_size': ('with points', lambda config: not config.makes_points),
    'channels': ('with points', lambda config: not config.makes_points),
    'samples': ('with points', lambda config: not config.makes_points),
}


def without_result(config: Config, given: Collection[str]) -> list[str]:
    """Return what `without_effect` and `beyond_the_end` say."""
    return [*without_effect(config, given), *beyond_the_end(config, given)]


# What is left of a setting that is more than the iterations of the run.
BEYOND = {
    'log_every': 'losses are logged only at the end',
    'sample_every': 'samples are written only at start and end, and at ends of epochs',
    'eval_every': 'samples are measured only at start and end',
    'judge_every': 'samples are judged only at start and end',
    'snapshot_every': 'the only snapshot is that of the end',
}


def beyond_the_end(config: Config, given: Collection[str]) -> list[str]:
    """Return a sentence for each setting among `given` that the run ends too soon for.

    >>> beyond_the_end(Config(iterations=300, judge_every=1_000), ['judge_every'])
    ['`judge_every` 1000 is beyond `iterations` 300: samples are judged only at start and end']
    """
    sentences = []
    for name in given:
        value = getattr(config, name)
        if name in BEYOND and value and value > config.iterations:
            if name == 'snapshot_every' and _saves_scored(config):
                continue
            limit = f'`iterations` {config.iterations}'
            sentences.append(f'`{name}` {value} is beyond {limit}: {BEYOND[name]}')
    if 'penalty_every' in given and config.penalty:
        updates = config.iterations * config.dis_steps
        if config.penalty_every > updates:
            beyond = f'`penalty_every` {config.penalty_every} is beyond the {updates} updates of D'
            sentences.append(f'{beyond}: the penalty is computed only in the first')
    if 'patience' in given and config.patience:
        count = config.iterations // _scored_every(config)
        if config.patience > count:
            beyond = f'`patience` {config.patience} is beyond the {count} measurements of `best`'
            sentences.append(f'{beyond} in `iterations` {config.iterations}: it stops no run')
    return sentences


def _scored_every(config: Config) -> int:
    """Return after how many iterations the metric behind `best` is measured."""
    every = config.eval_every if config.best in QUICK_METRICS else config.judge_every
    return every or config.iterations


def _saves_scored(config: Config) -> bool:
    """Return whether snapshots are also written when `best` is measured, before the end."""
    does = config.patience or config.best not in QUICK_METRICS
    return bool(does) and _scored_every(config) <= config.iterations


def without_effect(config: Config, given: Collection[str]) -> list[str]:
    """Return a sentence for each setting among `given` that changes nothing in this Config.

    >>> without_effect(Config(penalty_weight=5.0), ['penalty_weight'])
    ['`penalty_weight` has no effect without `penalty`']
    """
    sentences = []
    for name in given:
        reason, has_effect = CONDITIONS.get(name, ('', lambda config: True))
        if not has_effect(config):
            sentences.append(f'`{name}` has no effect {reason}')
    return sentences


def what_wins(asked: Config | None, file: Path | None, from_file: dict[str, Any]) -> list[str]:
    """Return a warning where a file overrides settings of the recipe that was asked for."""
    if asked is None:
        return []
    settings = asked.to_dict()
    other = [name for name in from_file if from_file[name] != settings[name]]
    other.sort(key=lambda name: name not in ('recipe', 'network'))  # they say the most
    if not other:
        return []
    named = ', '.join(f'{name} {as_typed(from_file[name])}' for name in other[:3])
    rest = f' and {len(other) - 3} more' if len(other) > 3 else ''
    return [f'--config {file} overrides --recipe {asked.recipe}: {named}{rest}']
