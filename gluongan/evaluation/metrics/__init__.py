"""Are samples any good? NumPy arrays in, numbers out; nothing here needs MXNet."""

from __future__ import annotations

from .bins import BINS, Bins, Difference, jensen_shannon
from .classes import (
    COVERED,
    SURE,
    Classes,
    chance_above,
    classes,
    classifier_score,
    missing_classes,
    uniform_kl,
)
from .diversity import Diversity, Pairs, diversity, pairs
from .frechet import Moments, frechet_distance, moments
from .kernel import KernelDistance, kernel_distance
from .manifold import Manifold, manifold
from .mixtures import Coverage, coverage
from .neighbours import Halves, Memory, memory, nearest_neighbour_accuracy
from .parzen import Parzen, parzen
from .pixels import sharpness, sliced_wasserstein
from .sensitivity import Sensitivity, sensitivity

__all__ = [
    'BINS',
    'COVERED',
    'SURE',
    'Bins',
    'Classes',
    'Coverage',
    'Difference',
    'Diversity',
    'Halves',
    'KernelDistance',
    'Manifold',
    'Memory',
    'Moments',
    'Pairs',
    'Parzen',
    'Sensitivity',
    'chance_above',
    'classes',
    'classifier_score',
    'coverage',
    'diversity',
    'frechet_distance',
    'jensen_shannon',
    'kernel_distance',
    'manifold',
    'memory',
    'missing_classes',
    'moments',
    'nearest_neighbour_accuracy',
    'pairs',
    'parzen',
    'sensitivity',
    'sharpness',
    'sliced_wasserstein',
    'uniform_kl',
]
