"""Products in bfloat16: float32's range with 8 bits of precision, on the matrix units (AMX) of a processor that has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...runtime import mx

BFLOAT16 = np.dtype(
    [('bfloat16', np.uint16)]
)  # NumPy has none; this is how MXNet 1.9.1 tells it from uint16


def product(F: Any, x: Any, weight: Any, bias: Any, units: int, precision: str = 'float32') -> Any:
    """Return x Wᵀ + b as float32, its factors and its result rounded to `precision`: (N, in) -> (N, units).

    The sums themselves are float32's. Gradients are such products too. bias: None for none.
    """
    factors = [x, weight] if bias is None else [x, weight, bias]
    if precision == 'float32':
        return F.FullyConnected(*factors, num_hidden=units, no_bias=bias is None)
    rounded = [F.amp_cast(factor, dtype=BFLOAT16) for factor in factors]
    return F.amp_cast(
        F.FullyConnected(*rounded, num_hidden=units, no_bias=bias is None), dtype='float32'
    )


def use_precision(net: mx.gluon.HybridBlock, precision: str) -> None:
    """Have every Dense layer of `net` compute its products so; its weights stay float32, as Micikevicius et al. 2018 do.

    (arXiv 1710.03740.) bfloat16 has the range of float32, so that no loss is scaled. Convolutions stay as they are: MXNet
    1.9.1's gain little from it, and its deconvolution in bfloat16 ends the process.
    """
    for block in _blocks(net):
        if hasattr(block, 'precision'):
            block.precision = precision
        block._clear_cached_op()  # its graph was traced in the precision before; Gluon has no public way


@contextmanager
def in_float32(net: mx.gluon.HybridBlock) -> Iterator[None]:
    """Have `net` compute in float32 for a while."""
    before = {block: block.precision for block in _blocks(net) if hasattr(block, 'precision')}
    use_precision(net, 'float32')
    try:
        yield
    finally:
        for block, precision in before.items():
            use_precision(block, precision)
        net._clear_cached_op()


def _blocks(net: mx.gluon.HybridBlock) -> Iterator[mx.gluon.HybridBlock]:
    yield net
    for child in net._children.values():
        yield from _blocks(child)
