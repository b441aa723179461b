"""What happens beside training: logs, progress, samples, measurements, snapshots, figures."""

from __future__ import annotations

from .alarm import Alarm
from .evaluation import Evaluation
from .judging import Judging, Patience
from .log import LogReport, Progress
from .pictures import FigureReport, SampleGrid
from .snapshots import Snapshot

__all__ = [
    'Alarm',
    'Evaluation',
    'FigureReport',
    'Judging',
    'LogReport',
    'Patience',
    'Progress',
    'SampleGrid',
    'Snapshot',
]
