"""Generators and discriminators, each of them a list of layers."""

from __future__ import annotations

from .conv import conv_discriminator, conv_generator, halvings
from .dense import HEAD_UNITS, dense_discriminator, dense_generator
from .shared import INITIALIZERS, initialize

__all__ = [
    'HEAD_UNITS',
    'INITIALIZERS',
    'conv_discriminator',
    'conv_generator',
    'dense_discriminator',
    'dense_generator',
    'halvings',
    'initialize',
]
