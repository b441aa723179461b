"""Chain, a network that is the list of its layers as in Flux, and the layers that Gluon lacks."""
from __future__ import annotations

from .activations import ACTIVATIONS, Activation
from .chain import Chain, Row, format_table, parameter_count
from .dense import Dense, Reshape, TwoUnitSoftmax
from .frozen import frozen

__all__ = ['ACTIVATIONS', 'Activation', 'Chain', 'Dense', 'Reshape', 'Row', 'TwoUnitSoftmax', 'format_table', 'frozen',
           'parameter_count']
