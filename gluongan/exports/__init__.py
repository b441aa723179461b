"""Exports: a network as a symbol graph or as ONNX, for programs that do not have gluongan.

What is written is verified before it is handed over; what is read is never trusted.
"""

from __future__ import annotations

from . import summary
from .loading import Loaded, load_export, load_sampler
from .making import FORMATS, Export, export, export_run
from .manifest import ExportError, Manifest, is_export
from .shipped import find_shipped

__all__ = [
    'FORMATS',
    'Export',
    'ExportError',
    'Loaded',
    'Manifest',
    'export',
    'export_run',
    'find_shipped',
    'is_export',
    'load_export',
    'load_sampler',
    'summary',
]
