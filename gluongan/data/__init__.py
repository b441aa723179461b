"""Data sets: `load(name or path)` gives a `Dataset`, whose `batches()` feed the training loop."""

from __future__ import annotations

from .dataset import DataError, Dataset
from .sources import NAMES, found, load

__all__ = ['NAMES', 'DataError', 'Dataset', 'found', 'load']
