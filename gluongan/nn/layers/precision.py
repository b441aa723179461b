"""Matrix products in bfloat16, on the matrix units (AMX) of a processor that has them.

bfloat16 has the range of float32 with 8 bits of precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...runtime import mx
from .tree import all_blocks

# NumPy has no bfloat16; by this name MXNet 1.9.1 distinguishes it from uint16.
BFLOAT16 = np.dtype([('bfloat16', np.uint16)])


def affine(F: Any, x: Any, weight: Any, bias: Any, units: int, precision: str = 'float32') -> Any:
    """Return x Wᵀ + b as float32, its factors and its result rounded to `precision`.

    (N, in) -> (N, units). Sums are computed in float32. Gradients are computed in the same way.
    bias: None for none.

    >>> x, weight = mx.nd.array([[1, 2]]), mx.nd.array([[3, 4], [5, 6]])
    >>> affine(mx.nd, x, weight, None, units=2).asnumpy()
    array([[11., 17.]], dtype=float32)
    """
    factors = [x, weight] if bias is None else [x, weight, bias]
    options = {'num_hidden': units, 'no_bias': bias is None}
    if precision == 'float32':
        return F.FullyConnected(*factors, **options)
    rounded = [F.amp_cast(factor, dtype=BFLOAT16) for factor in factors]
    return F.amp_cast(F.FullyConnected(*rounded, **options), dtype='float32')


def use_precision(net: mx.gluon.HybridBlock, precision: str) -> None:
    """Have every Dense layer of `net` compute its products in `precision`: float32 or bfloat16.

    The weights stay float32, as in Micikevicius et al. 2018 (arXiv 1710.03740). As bfloat16 has the
    range of float32, the loss need not be scaled. Convolutions stay float32: MXNet 1.9.1 gains
    little from bfloat16 there, and its deconvolution in bfloat16 crashes the process.
    """
    for block in all_blocks(net):
        if hasattr(block, 'precision'):
            block.precision = precision
        # Its graph was traced in the old precision. Gluon has no public way to trace it again.
        block._clear_cached_op()


@contextmanager
def in_float32(net: mx.gluon.HybridBlock) -> Iterator[None]:
    """Have `net` compute in float32 inside the `with` block."""
    layers = [block for block in all_blocks(net) if hasattr(block, 'precision')]
    before = [layer.precision for layer in layers]
    use_precision(net, 'float32')
    try:
        yield
    finally:
        for layer, precision in zip(layers, before):
            use_precision(layer, precision)
        net._clear_cached_op()
