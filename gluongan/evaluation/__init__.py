"""Evaluation: samples and a reference in; metrics, a table and a summary out."""

from __future__ import annotations

from ..metric_names import (
    MEANINGS,
    MetricName,
    find_metric,
    metric_meaning,
    metric_name,
    metric_stem,
)
from .calibration import (
    KNOWN_SETS,
    Calibration,
    CalibrationError,
    calibrate,
    read_calibration,
    real_samples,
)
from .intervals import Intervals
from .measures import Counts, closest_to_training
from .reference import Reference
from .report import Report, read_metrics
from .samples import Samples
from .suite import evaluate
from .summary import summarize

__all__ = [
    'KNOWN_SETS',
    'MEANINGS',
    'Calibration',
    'CalibrationError',
    'Counts',
    'Intervals',
    'MetricName',
    'Reference',
    'Report',
    'Samples',
    'calibrate',
    'closest_to_training',
    'evaluate',
    'find_metric',
    'metric_meaning',
    'metric_name',
    'metric_stem',
    'read_calibration',
    'read_metrics',
    'real_samples',
    'summarize',
]
