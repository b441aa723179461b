"""Evaluation: samples and a reference in, numbers with names, a table and a sentence out."""

from __future__ import annotations

from ..metric_names import MEANINGS, find, meaning, named, stem
from .calibration import KNOWN, Calibration, CalibrationError, calibrate
from .calibration import read as read_calibration
from .reference import Reference
from .report import Report, read_metrics, rows
from .samples import Samples
from .suite import Counts, closest, evaluate
from .summary import sentence

__all__ = [
    'KNOWN',
    'MEANINGS',
    'Calibration',
    'CalibrationError',
    'Counts',
    'Reference',
    'Report',
    'Samples',
    'calibrate',
    'closest',
    'evaluate',
    'find',
    'meaning',
    'named',
    'read_calibration',
    'read_metrics',
    'rows',
    'sentence',
    'stem',
]
