"""Products of matrices in 16 bits: on the matrix units (AMX) of a processor, or on those of a GPU.

bfloat16 has the range of float32 with 8 bits of precision. float16 has 11 bits, and a small range:
from 6e-8 to 65504. So the loss is scaled, see `nn.scaling`.
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
TYPES = {'bfloat16': BFLOAT16, 'float16': 'float16'}


def rounded(F: Any, factors: list[Any], precision: str) -> list[Any]:
    """Return the factors of a product, rounded to `precision`."""
    if precision == 'float32':
        return factors
    return [F.amp_cast(factor, dtype=TYPES[precision]) for factor in factors]


def in_full(F: Any, y: Any, precision: str) -> Any:
    """Return a product of `rounded` factors as float32."""
    return y if precision == 'float32' else F.amp_cast(y, dtype='float32')


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
    y = F.FullyConnected(*rounded(F, factors, precision), **options)
    return in_full(F, y, precision)


def use_precision(net: mx.gluon.HybridBlock, precision: str) -> None:
    """Have the layers of `net` compute their products in float32, bfloat16 or float16.

    The weights stay float32, as in Micikevicius et al. 2018 (arXiv 1710.03740), and so does all but
    the products: normalisation, activations, losses. As bfloat16 has the range of float32, the loss
    need not be scaled. In bfloat16, convolutions stay float32: MXNet 1.9.1 gains little there, and
    its deconvolution in bfloat16 crashes the process.
    """
    for block in all_blocks(net):
        if precision in getattr(block, 'precisions', ()):
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
