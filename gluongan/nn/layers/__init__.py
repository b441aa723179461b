"""Chain, a network that is the list of its layers as in Flux, and the layers that Gluon lacks."""

from __future__ import annotations

from .activations import ACTIVATIONS, DERIVATIVES, Activation
from .batchnorm import BatchNorm, plain_batchnorm
from .batchwise import MinibatchDiscrimination, MinibatchStdDev, Pack, mixes_samples
from .chain import Beside, Chain, Row, format_table, parameter_count, weights
from .conv import Centre, Conv, Deconv
from .dense import Dense, Reshape, TwoUnitSoftmax
from .frozen import frozen
from .modulation import ModulatedBatchNorm, ModulatedChain
from .precision import affine, in_float32, use_precision
from .projection import Classifying, Projection
from .spectral import (
    move_singular_vectors,
    normalised_layers,
    power_iteration,
    spectral_weight,
)
from .tree import all_blocks, has_layer

__all__ = [
    'ACTIVATIONS',
    'DERIVATIVES',
    'Activation',
    'BatchNorm',
    'Beside',
    'Centre',
    'Chain',
    'Classifying',
    'Conv',
    'Deconv',
    'Dense',
    'MinibatchDiscrimination',
    'MinibatchStdDev',
    'ModulatedBatchNorm',
    'ModulatedChain',
    'Pack',
    'Projection',
    'Reshape',
    'Row',
    'TwoUnitSoftmax',
    'affine',
    'all_blocks',
    'format_table',
    'frozen',
    'has_layer',
    'in_float32',
    'mixes_samples',
    'move_singular_vectors',
    'normalised_layers',
    'parameter_count',
    'plain_batchnorm',
    'power_iteration',
    'spectral_weight',
    'use_precision',
    'weights',
]
