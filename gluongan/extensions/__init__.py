"""What happens beside training: logs, progress, samples, measurements, snapshots, figures."""

from __future__ import annotations

from .collapse_alarm import CollapseAlarm
from .early_stopping import EarlyStopping
from .evaluation import Evaluation
from .follow import Confirm, Follow
from .log import LogReport, Progress
from .pictures import FigureReport, SampleGrid
from .quick_metrics import QuickMetrics
from .snapshots import Snapshot
from .tensorboard import TensorBoard, add_tensorboard

__all__ = [
    'CollapseAlarm',
    'Confirm',
    'EarlyStopping',
    'Evaluation',
    'FigureReport',
    'Follow',
    'LogReport',
    'Progress',
    'QuickMetrics',
    'SampleGrid',
    'Snapshot',
    'TensorBoard',
    'add_tensorboard',
]
