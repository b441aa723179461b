"""Spectral normalisation: a weight divided by its largest singular value.

Miyato et al. 2018 (arXiv 1802.05957).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...runtime import mx
from .tree import all_blocks


def add_singular_vectors(layer: mx.gluon.HybridBlock, rows: int, columns: int) -> None:
    """Give a layer the two vectors u and v of the power iteration, for a weight of rows × columns.

    They are parameters without a gradient, so snapshots keep them.
    """
    layer.u = layer.params.get('u', shape=(rows, 1), init=mx.init.Normal(1.0), grad_req='null')
    layer.v = layer.params.get('v', shape=(columns, 1), init=mx.init.Normal(1.0), grad_req='null')


def spectral_weight(F: Any, weight: Any, u: Any, v: Any) -> Any:
    """Return W / sigma with sigma = uᵀ W v (equation 8), where W is flattened to (out, in).

    The gradient treats u and v as constants, and W as a variable in sigma too. Where u is None the
    layer is not normalised, and the weight is returned as it is.

    >>> weight = mx.nd.array([[4, 0], [0, 1]])
    >>> u = v = mx.nd.array([[1], [0]])  # the singular vectors of the largest singular value, 4
    >>> spectral_weight(mx.nd, weight, u, v).asnumpy()
    array([[1.  , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    if u is None:
        return weight
    matrix = F.reshape(weight, shape=(0, -1))
    sigma = F.sum(F.stop_gradient(u) * F.dot(matrix, F.stop_gradient(v)))
    return F.broadcast_div(weight, F.reshape_like(sigma, F.sum(weight, keepdims=True)))


def power_iteration(net: mx.gluon.HybridBlock, steps: int = 1) -> None:
    """Move u and v of every normalised layer towards the largest singular value's (Algorithm 1)."""
    move_singular_vectors(normalised_layers(net), steps)


def normalised_layers(net: mx.gluon.HybridBlock) -> list[mx.gluon.HybridBlock]:
    """Return the spectrally normalised layers of a network."""
    return [layer for layer in all_blocks(net) if getattr(layer, 'u', None) is not None]


def move_singular_vectors(layers: Sequence[mx.gluon.HybridBlock], steps: int = 1) -> None:
    """Do what `power_iteration` does, for these layers."""
    for layer in layers:
        matrix = layer.weight.data().reshape((layer.weight.shape[0], -1))
        u, v = layer.u.data(), layer.v.data()
        for _ in range(steps):
            v[:] = _normalise(mx.nd.dot(matrix, u, transpose_a=True))
            u[:] = _normalise(mx.nd.dot(matrix, v))


def _normalise(x: mx.nd.NDArray) -> mx.nd.NDArray:
    return x / (x.norm() + 1e-12)
