"""Data sets: `load(name or path)` gives a `Dataset`, whose `batches()` feed the training loop."""

from __future__ import annotations

from .dataset import DataError, Dataset, NoSplit
from .description import count_shared
from .sources import NAMES, load, locate_datasets

__all__ = ['NAMES', 'DataError', 'Dataset', 'NoSplit', 'count_shared', 'load', 'locate_datasets']
