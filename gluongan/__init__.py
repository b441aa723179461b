"""gluongan trains, judges, benchmarks and exports generative adversarial networks on MXNet/Gluon.

The public names below are resolved when they are first used, so `import gluongan` does not import
MXNet.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:  # the same names for type checkers, which cannot follow __getattr__
    from . import bench as bench
    from . import data as data
    from . import evaluation as evaluation
    from . import figures as figures
    from . import runtime as runtime
    from .config import Config as Config
    from .config import ConfigError as ConfigError
    from .errors import GluonganError as GluonganError
    from .evaluation import classifier as judge  # noqa: F401
    from .evaluation import metrics as metrics
    from .exports import ExportError as ExportError
    from .exports import export as export
    from .exports import load_export as load_export
    from .extensions import CollapseAlarm as CollapseAlarm
    from .extensions import EarlyStopping as EarlyStopping
    from .extensions import Evaluation as Evaluation
    from .extensions import FigureReport as FigureReport
    from .extensions import LogReport as LogReport
    from .extensions import Progress as Progress
    from .extensions import QuickMetrics as QuickMetrics
    from .extensions import SampleGrid as SampleGrid
    from .extensions import Snapshot as Snapshot
    from .extensions import TensorBoard as TensorBoard
    from .gan.losses import LOSSES as LOSSES
    from .gan.losses import Loss as Loss
    from .gan.noise import Noise as Noise
    from .gan.objectives import DisObjective as DisObjective
    from .gan.objectives import GenObjective as GenObjective
    from .gan.observations import NonFinite as NonFinite
    from .gan.penalties import PENALTIES as PENALTIES
    from .gan.penalties import GradientPenalty as GradientPenalty
    from .gan.steps import record_fake as record_fake
    from .gan.steps import update_dis as update_dis
    from .gan.steps import update_gen as update_gen
    from .gan.updater import GANUpdater as GANUpdater
    from .loading import load_run as load_run
    from .nn.jvp import Tangent as Tangent
    from .nn.layers import Activation as Activation
    from .nn.layers import Chain as Chain
    from .nn.layers import Dense as Dense
    from .nn.layers import TwoUnitSoftmax as TwoUnitSoftmax
    from .nn.layers.frozen import frozen as frozen
    from .nn.models import conv_discriminator as conv_discriminator
    from .nn.models import conv_generator as conv_generator
    from .nn.models import dense_discriminator as dense_discriminator
    from .nn.models import dense_generator as dense_generator
    from .nn.optimizer import Optimizer as Optimizer
    from .recipes import RECIPES as RECIPES
    from .recipes import recipe as recipe
    from .runtime import use_threads as use_threads
    from .snapshot import SnapshotError as SnapshotError
    from .trainer import Extension as Extension
    from .trainer import Trainer as Trainer
else:

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
