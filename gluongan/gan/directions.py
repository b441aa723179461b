"""Directions of the latent space along which a generator's pictures change most.

They need no training, and no labels: Shen and Zhou 2021 (SeFa, arXiv 2007.06600) take them from the
weights of the first layer, Härkönen et al. 2020 (GANSpace, arXiv 2004.02546) from its activations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import InputError
from ..nn.graph import PRODUCTS, VARIABLE, Graph, Node, parse_graph
from ..nn.passes import in_passes
from ..runtime import mx
from .noise import BOUNDS
from .sampling import device_of

INPUT = 'data'
METHODS = ('sefa', 'ganspace')


class Directions(NamedTuple):
    """Directions of z, the strongest first.

    vectors: (K, latent), of length 1. shares: (K,), how much of all change each one makes.
    """

    vectors: np.ndarray
    shares: np.ndarray


def principal_directions(weight: np.ndarray) -> Directions:
    """Return the directions of z that change W z most, for a weight W (units, latent).

    They are the eigenvectors of WᵀW, which are orthogonal (SeFa, equation 5), and their shares are
    those of the eigenvalues. The largest number of each is positive, so the result is unique.

    >>> vectors, shares = principal_directions(np.array([[0, 3], [1, 0]]))
    >>> vectors.tolist(), shares.round(2).tolist()
    ([[0.0, 1.0], [1.0, 0.0]], [0.9, 0.1])
    """
    values, vectors = np.linalg.eigh(weight.T.astype(np.float64) @ weight)
    order = np.argsort(-values, kind='stable')
    values = values[order].clip(0)
    total = values.sum()
    shares = values / total if total else np.full(len(values), 1 / len(values))
    return Directions(_with_signs(vectors.T[order]), shares)


def activation_directions(activations: np.ndarray, z: np.ndarray, count: int) -> Directions:
    """Return the directions of z (N, latent) along the principal components of activations (N, D).

    Each is the least-squares regression of z on the coordinate of one component (GANSpace, section
    2.2), made of length 1. Its share is that of the activations' variance. There are `count` of
    them, or as many as z or the activations have numbers.

    >>> z = np.random.default_rng(0).standard_normal((500, 2))
    >>> vectors, shares = activation_directions(np.maximum(z * [1, 5], 0), z, count=1)
    >>> bool(vectors[0, 1] > 0.99), bool(shares[0] > 0.9)
    (True, True)
    """
    from scipy.linalg import eigh  # here, because the import takes a while

    centred = activations.astype(np.float64)
    centred -= centred.mean(axis=0)
    covariance = centred.T @ centred
    sides = len(covariance)
    count = min(count, z.shape[1], sides)
    values, components = eigh(covariance, subset_by_index=[sides - count, sides - 1])
    values, components = values[::-1], components[:, ::-1]
    coordinates = centred @ components
    # The components are orthogonal, so that each regression is on its own.
    slopes = coordinates.T @ (z - z.mean(axis=0)) / np.square(coordinates).sum(axis=0)[:, None]
    lengths = np.linalg.norm(slopes, axis=1, keepdims=True)
    return Directions(_with_signs(slopes / lengths), values / np.trace(covariance))


def latent_directions(
    gen: mx.gluon.HybridBlock, inputs: np.ndarray, latent: int, method: str, count: int
) -> Directions:
    """Return the first directions of a generator's z by a method of METHODS.

    inputs: of the generator (N, latent + classes), whose activations `ganspace` compares.

    >>> import gluongan as gg
    >>> gen = gg.dense_generator([5, 16, 64])
    >>> latent_directions(gen, gg.Noise(5).fixed(100), 5, 'sefa', count=3).vectors.shape
    (3, 5)
    """
    if method == 'ganspace':
        activations = first_activations(gen, inputs)
        return activation_directions(activations, inputs[:, :latent], count)
    found = principal_directions(noise_weight(gen, latent))
    return Directions(found.vectors[:count], found.shares[:count])


def _with_signs(vectors: np.ndarray) -> np.ndarray:
    """Return vectors turned so that the largest number of each is positive."""
    largest = np.abs(vectors).argmax(axis=1)
    signs = np.sign(vectors[np.arange(len(vectors)), largest])
    return vectors * signs[:, None]


def moved(z: np.ndarray, vector: np.ndarray, distance: float, noise: str) -> np.ndarray:
    """Return z (N, latent) moved along a vector, within the bounds of its noise.

    >>> moved(np.zeros((1, 2), np.float32), np.array([0.6, 0.8]), 5, 'truncated').tolist()
    [[2.0, 2.0]]
    """
    bound = BOUNDS.get(noise, np.inf)
    return (z + distance * vector).clip(-bound, bound).astype(np.float32)


def noise_weight(gen: mx.gluon.HybridBlock, latent: int) -> np.ndarray:
    """Return the weight (units, latent) of everything in a generator that z meets first.

    That is the first layer; where z also modulates BatchNorm, the weights of that are below it, as
    in SeFa, section 4. Class labels are left out. Raises InputError where there is none.

    >>> import gluongan as gg
    >>> gen = gg.dense_generator([5 + 2, 16, 64])
    >>> noise_weight(gen, 5).shape
    (16, 5)
    """
    graph = _graph(gen)
    parameters = gen.collect_params()
    weights = []
    for node in graph.nodes:
        is_first = node.op == 'FullyConnected' and graph.nodes[node.inputs[0]].name == INPUT
        if is_first and graph.nodes[node.inputs[1]].op == VARIABLE:
            weights.append(parameters[graph.nodes[node.inputs[1]].name].data().asnumpy())
    if not weights:  # of an export that another program wrote
        raise InputError('the generator has no dense layer that z meets first; must have one')
    return np.concatenate(weights)[:, :latent]


def first_activations(gen: mx.gluon.HybridBlock, inputs: np.ndarray) -> np.ndarray:
    """Return what the second product of a generator multiplies, (N, D), for inputs (N, ...).

    That is the output of the first layer with its normalisation and activation.

    >>> import gluongan as gg
    >>> gen = gg.dense_generator([5, 16, 64])
    >>> first_activations(gen, np.ones((3, 5), np.float32)).shape
    (3, 16)
    """
    part = _first_part(gen)
    device = device_of(gen)
    outputs = in_passes(lambda block: [part(mx.nd.array(block, ctx=device))], inputs)[0]
    return outputs.reshape(len(inputs), -1)


def _first_part(gen: mx.gluon.HybridBlock) -> mx.gluon.SymbolBlock:
    """Return the part of a generator before its second product, which shares its weights."""
    symbol = gen(mx.sym.var(INPUT, dtype='float32'))
    graph = parse_graph(symbol.tojson())
    products = [node for node in graph.nodes if node.op in PRODUCTS and not _reads(graph, node)]
    if products:
        source = graph.nodes[products[0].inputs[0]]
        if source.op == 'Concat':  # a channel of zeros, see nn/layers/conv.py
            source = graph.nodes[source.inputs[0]]
        symbol = symbol.get_internals()[f'{source.name}_output']
    part = mx.gluon.SymbolBlock(symbol, mx.sym.var(INPUT, dtype='float32'))
    shared = gen.collect_params()
    for name, parameter in part.collect_params().items():
        parameter.grad_req = 'null'
        parameter.shape = shared[name].shape
        parameter.initialize(ctx=device_of(gen))
        parameter.set_data(shared[name].data())
    return part


def _graph(gen: mx.gluon.HybridBlock) -> Graph:
    return parse_graph(gen(mx.sym.var(INPUT, dtype='float32')).tojson())


def _reads(graph: Graph, node: Node) -> bool:
    """Return whether a node multiplies the input of the network."""
    return graph.nodes[node.inputs[0]].name == INPUT
