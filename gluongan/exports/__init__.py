"""A network taken away: symbol graphs and ONNX, checked before they are handed over and before they are believed."""

from __future__ import annotations

from . import summary
from .errors import ExportError
from .loading import Loaded, load_export, load_sampler
from .making import FORMATS, Export, export, export_run
from .manifest import Manifest, is_export

__all__ = [
    'FORMATS',
    'Export',
    'ExportError',
    'Loaded',
    'Manifest',
    'export',
    'export_run',
    'is_export',
    'load_export',
    'load_sampler',
    'summary',
]
