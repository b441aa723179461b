"""Is it any good: numbers on samples and data, NumPy arrays in, floats out."""
from __future__ import annotations

from .mixtures import Coverage, coverage
from .parzen import Parzen, parzen
from .pixels import sliced_wasserstein

__all__ = ['Coverage', 'Parzen', 'coverage', 'parzen', 'sliced_wasserstein']
