"""Data sets: `load(name or path)` gives a `Dataset`, whose `batches()` feed the training loop."""

from __future__ import annotations

from .dataset import DataError, Dataset, NoSplit
from .description import count_shared
from .fingerprint import fingerprint
from .inspection import inspect
from .sources import NAMES, has_shape_by_choice, load, locate_datasets

__all__ = [
    'NAMES',
    'DataError',
    'Dataset',
    'NoSplit',
    'count_shared',
    'fingerprint',
    'has_shape_by_choice',
    'inspect',
    'load',
    'locate_datasets',
]
