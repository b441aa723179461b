"""Are samples any good? NumPy arrays in, numbers out; nothing here needs MXNet."""

from __future__ import annotations

from .bins import BINS, Bins, Difference, jensen_shannon
from .classes import (
    COVERED,
    SURE,
    Classes,
    chance_above,
    classes,
    classes_without,
    classifier_score,
    missing_classes,
    redrawn_missing,
    uniform_kl,
)
from .diversity import ALIKE, Diversity, Pairs, diversity, diversity_parts, pairs
from .frechet import Moments, frechet_distance, moments, moments_without
from .kernel import KernelDistance, kernel_blocks, kernel_distance
from .leaving_out import (
    Interval,
    bootstrap_interval,
    groups,
    jackknife_interval,
    mean_interval,
    pair_share_interval,
    share_interval,
    without_each,
)
from .manifold import Manifold, Overlap, manifold, overlap
from .mixtures import Coverage, coverage
from .neighbours import Halves, Memory, halves, memory, nearest_neighbour_accuracy
from .parzen import Parzen, parzen
from .pixels import pixels_without, sharpness, sliced_wasserstein
from .sensitivity import Sensitivity, sensitivity

__all__ = [
    'ALIKE',
    'BINS',
    'COVERED',
    'SURE',
    'Bins',
    'Classes',
    'Coverage',
    'Difference',
    'Diversity',
    'Halves',
    'Interval',
    'KernelDistance',
    'Manifold',
    'Memory',
    'Moments',
    'Overlap',
    'Pairs',
    'Parzen',
    'Sensitivity',
    'bootstrap_interval',
    'chance_above',
    'classes',
    'classes_without',
    'classifier_score',
    'coverage',
    'diversity',
    'diversity_parts',
    'frechet_distance',
    'groups',
    'halves',
    'jackknife_interval',
    'jensen_shannon',
    'kernel_blocks',
    'kernel_distance',
    'manifold',
    'mean_interval',
    'memory',
    'missing_classes',
    'moments',
    'moments_without',
    'nearest_neighbour_accuracy',
    'overlap',
    'pair_share_interval',
    'pairs',
    'parzen',
    'pixels_without',
    'redrawn_missing',
    'sensitivity',
    'share_interval',
    'sharpness',
    'sliced_wasserstein',
    'uniform_kl',
    'without_each',
]
