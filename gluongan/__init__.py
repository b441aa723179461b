"""gluongan trains, judges, benchmarks and exports generative adversarial networks on MXNet/Gluon.

The public names below are resolved when they are first used, so `import gluongan` does not import
MXNet.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = '0.1.0'

_HOMES = {
    'Config': 'config',
    'ConfigError': 'config',
    'GluonganError': 'errors',
    'recipe': 'recipes',
    'RECIPES': 'recipes',
    'Activation': 'nn.layers',
    'Chain': 'nn.layers',
    'Dense': 'nn.layers',
    'TwoUnitSoftmax': 'nn.layers',
    'frozen': 'nn.layers',
    'conv_discriminator': 'nn.models',
    'conv_generator': 'nn.models',
    'dense_discriminator': 'nn.models',
    'dense_generator': 'nn.models',
    'Tangent': 'nn.jvp',
    'Optimizer': 'nn.optimizer',
    'LOSSES': 'gan.losses',
    'Loss': 'gan.losses',
    'Noise': 'gan.noise',
    'DisObjective': 'gan.objectives',
    'GenObjective': 'gan.objectives',
    'GradientPenalty': 'gan.penalties',
    'PENALTIES': 'gan.penalties',
    'record_fake': 'gan.steps',
    'update_dis': 'gan.steps',
    'update_gen': 'gan.steps',
    'GANUpdater': 'gan.updater',
    'NonFinite': 'gan.updater',
    'Extension': 'trainer',
    'Trainer': 'trainer',
    'CollapseAlarm': 'extensions',
    'EarlyStopping': 'extensions',
    'Evaluation': 'extensions',
    'FigureReport': 'extensions',
    'LogReport': 'extensions',
    'Progress': 'extensions',
    'QuickMetrics': 'extensions',
    'SampleGrid': 'extensions',
    'Snapshot': 'extensions',
    'TensorBoard': 'extensions',
    'use_threads': 'runtime',
    'SnapshotError': 'snapshot',
    'ExportError': 'exports',
    'export': 'exports',
    'load_export': 'exports',
    'load_run': 'loading',
}
_ROOMS = {
    'bench': 'bench',
    'data': 'data',
    'evaluation': 'evaluation',
    'figures': 'figures',
    'judge': 'evaluation.classifier',
    'metrics': 'evaluation.metrics',
    'runtime': 'runtime',
}

__all__ = [*_HOMES, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        value = import_module(f'.{_ROOMS[name]}', __name__)
    elif name in _HOMES:
        value = getattr(import_module(f'.{_HOMES[name]}', __name__), name)
    else:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
