"""Evaluation: samples and a reference in, numbers with names, a table and a sentence out."""

from __future__ import annotations

from .known import KNOWN, Calibration, CalibrationError, calibrate
from .known import read as read_calibration
from .measures import Counts, closest, evaluate
from .names import MEANINGS, find, meaning, named, stem
from .reference import Reference
from .report import Report, read_metrics, rows
from .samples import Samples
from .words import sentence

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
