"""Spectral normalisation: a weight divided by its largest singular value (Miyato et al. 2018, arXiv 1802.05957)."""

from __future__ import annotations

from typing import Any

from ...runtime import mx


def add_vectors(layer: mx.gluon.HybridBlock, rows: int, columns: int) -> None:
    """Give a layer the two vectors of the power iteration; they are parameters without gradient, so snapshots keep them."""
    layer.u = layer.params.get('u', shape=(rows, 1), init=mx.init.Normal(1.0), grad_req='null')
    layer.v = layer.params.get('v', shape=(columns, 1), init=mx.init.Normal(1.0), grad_req='null')


def normalised(F: Any, weight: Any, u: Any, v: Any) -> Any:
    """Return W / sigma with sigma = uᵀ W v, W flattened to (out, rest); u and v are held constant, W is not (eq. 8).

    Without vectors the weight is returned as it is.
    """
    if u is None:
        return weight
    matrix = F.reshape(weight, shape=(0, -1))
    sigma = F.sum(F.stop_gradient(u) * F.dot(matrix, F.stop_gradient(v)))
    return F.broadcast_div(weight, F.reshape_like(sigma, F.sum(weight, keepdims=True)))


def power_iteration(net: mx.gluon.HybridBlock, steps: int = 1) -> None:
    """Move the vectors of every normalised layer towards the top singular pair of its weight (Algorithm 1)."""
    for layer in _normalised_layers(net):
        matrix = layer.weight.data().reshape((layer.weight.shape[0], -1))
        u, v = layer.u.data(), layer.v.data()
        for _ in range(steps):
            v[:] = _unit(mx.nd.dot(matrix, u, transpose_a=True))
            u[:] = _unit(mx.nd.dot(matrix, v))


def _unit(x: mx.nd.NDArray) -> mx.nd.NDArray:
    return x / (x.norm() + 1e-12)


def _normalised_layers(net: mx.gluon.HybridBlock) -> list[mx.gluon.HybridBlock]:
    found = [net] if getattr(net, 'u', None) is not None else []
    return found + [
        layer for child in net._children.values() for layer in _normalised_layers(child)
    ]
