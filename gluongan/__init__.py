"""gluongan trains, judges, benchmarks and exports generative adversarial networks on MXNet/Gluon.

The public names below are resolved when they are first used, so `import gluongan` does not pay for MXNet.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = '0.1.0'

_HOMES = {
    'Config': 'config',
    'ConfigError': 'config',
    'recipe': 'recipes',
    'RECIPES': 'recipes',
    'Activation': 'layers',
    'Chain': 'layers',
    'Dense': 'layers',
    'TwoUnitSoftmax': 'layers',
    'frozen': 'layers',
    'conv_discriminator': 'nets',
    'conv_generator': 'nets',
    'dense_discriminator': 'nets',
    'dense_generator': 'nets',
    'LOSSES': 'losses',
    'Loss': 'losses',
    'Noise': 'noise',
    'Optimizer': 'optimizer',
    'GradientPenalty': 'penalties',
    'PENALTIES': 'penalties',
    'Tangent': 'tangent',
    'GANUpdater': 'updater',
    'NonFinite': 'updater',
    'record_fake': 'update',
    'update_dis': 'update',
    'update_gen': 'update',
    'Extension': 'trainer',
    'Trainer': 'trainer',
    'Alarm': 'extensions',
    'Judging': 'extensions',
    'Patience': 'extensions',
    'Evaluation': 'extensions',
    'FigureReport': 'extensions',
    'LogReport': 'extensions',
    'Progress': 'extensions',
    'SampleGrid': 'extensions',
    'Snapshot': 'extensions',
    'SnapshotError': 'snapshot',
    'ExportError': 'exports',
    'export': 'exports',
    'load_export': 'exports',
    'load_run': 'build',
}
_ROOMS = ('bench', 'data', 'evaluation', 'figures', 'judge', 'metrics', 'runtime')

__all__ = [*_HOMES, *_ROOMS]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f'.{name}', __name__)
    if name in _HOMES:
        globals()[name] = value = getattr(import_module(f'.{_HOMES[name]}', __name__), name)
        return value
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
