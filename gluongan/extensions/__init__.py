"""What happens beside training: logs, progress, samples, measurements, snapshots, figures."""
from __future__ import annotations

from .evaluation import Evaluation
from .log import LogReport, Progress
from .pictures import FigureReport, SampleGrid
from .snapshots import Snapshot

__all__ = ['Evaluation', 'FigureReport', 'LogReport', 'Progress', 'SampleGrid', 'Snapshot']
