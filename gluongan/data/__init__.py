"""Data sets: `load(name or path)` gives a `Dataset`, whose `batches()` feed the training loop."""

from __future__ import annotations

from .clusters import clustered, find_centres, has_clusters
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
    'clustered',
    'count_shared',
    'find_centres',
    'fingerprint',
    'has_clusters',
    'has_shape_by_choice',
    'inspect',
    'load',
    'locate_datasets',
]
