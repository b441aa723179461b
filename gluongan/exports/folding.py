"""Simplify a graph for ONNX: compute once what depends on weights alone, drop a workaround."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ..nn.graph import PRODUCTS, VARIABLE, Graph, Node
from ..runtime import mx
from .symbol import INPUT, Traced


def simplify(net: Traced) -> Traced:
    """Return the same function of the input with fewer nodes.

    W / sigma of spectral normalisation, for example, becomes one weight, and BatchNorm becomes a
    part of the convolution before it.
    """
    without_zeros = Traced(_remove_zero_channels(net.graph), net.weights)
    return _fold_batchnorm(_fold_constants(without_zeros))


def _remove_zero_channels(graph: Graph) -> Graph:
    """Make Deconv(x with a zero channel, W with a zero row) Deconv(x, W); see nn/layers/conv.py."""
    nodes = list(graph.nodes)
    for index, node in enumerate(nodes):
        if node.op == 'Deconvolution':
            x, weight, *bias = node.inputs
            inputs = (_without_zeros(nodes, x), _without_zeros(nodes, weight), *bias)
            nodes[index] = node._replace(inputs=inputs)
    return _prune(Graph(tuple(nodes), graph.output))


def _without_zeros(nodes: list[Node], index: int) -> int:
    """Return the node that a Concat pads with zeros; any other node as it is."""
    node = nodes[index]
    if node.op == 'Concat' and nodes[node.inputs[1]].op == 'zeros_like':
        return node.inputs[0]
    return index


def _prune(graph: Graph) -> Graph:
    """Drop every node that the output does not depend on."""
    kept = sorted(graph.ancestors([graph.output]))
    new_index = {old: new for new, old in enumerate(kept)}
    nodes = []
    for old in kept:
        node = graph.nodes[old]
        nodes.append(node._replace(inputs=tuple(new_index[source] for source in node.inputs)))
    return Graph(tuple(nodes), new_index[graph.output])


def _fold_constants(net: Traced) -> Traced:
    """Make a weight of each node that depends on weights alone and feeds one that does not."""
    nodes = net.graph.nodes
    weights = dict(net.weights)
    folded = {nodes[index].name: index for index in _constants(net.graph)}
    for name, index in folded.items():
        weights[name] = _evaluate(net, index)
    new_nodes = (Node(VARIABLE, n.name, {}, ()) if n.name in folded else n for n in nodes)
    graph = _prune(Graph(tuple(new_nodes), net.graph.output))
    return Traced(graph, {name: weights[name] for name in graph.variables() if name != INPUT})


def _constants(graph: Graph) -> list[int]:
    """Return the computed nodes that the input does not reach, and whose value it meets."""
    dependent = graph.descendants(INPUT)
    sources = {source for index in dependent for source in graph.nodes[index].inputs}
    return sorted(i for i in sources - dependent if graph.nodes[i].op != VARIABLE)


def _fold_batchnorm(net: Traced) -> Traced:
    """Make BatchNorm after a product a part of the product's weight and bias.

    OpenCV 4.11 computes a ConvTranspose with a BatchNorm after it rightly for the first batch only:
    where a later one has another size, its samples are wrong.
    """
    nodes = list(net.graph.nodes)
    weights = dict(net.weights)
    for index, node in enumerate(nodes):
        if node.op == 'BatchNorm' and _is_alone(net.graph, node.inputs[0]):
            nodes[index] = _merge(nodes, weights, node)
    graph = _prune(Graph(tuple(nodes), net.graph.output))
    return Traced(graph, {name: weights[name] for name in graph.variables() if name != INPUT})


def _is_alone(graph: Graph, index: int) -> bool:
    """Return whether a node is a product that feeds one node, as its weight and its bias do."""
    product = graph.nodes[index]
    if product.op not in PRODUCTS:
        return False
    users = Counter(source for node in graph.nodes for source in node.inputs)
    return all(
        users[source] == 1 and (source == index or graph.nodes[source].op == VARIABLE)
        for source in (index, *product.inputs[1:])
    )


def _merge(nodes: list[Node], weights: dict[str, np.ndarray], batchnorm: Node) -> Node:
    """Return a product that computes what it and the BatchNorm after it do; change its weights."""
    source, *parameters = batchnorm.inputs
    names = [nodes[index].name for index in parameters]
    gamma, beta, mean, variance = (weights[name].astype(np.float64) for name in names)
    scale = gamma / np.sqrt(variance + batchnorm.attrs['eps'])
    product = nodes[source]
    x, weight, *bias = product.inputs
    shift = weights[nodes[bias[0]].name] if bias else 0.0
    weights[names[1]] = ((shift - mean) * scale + beta).astype(np.float32)
    name = nodes[weight].name
    sides = [1] * weights[name].ndim
    sides[1 if product.op == 'Deconvolution' else 0] = -1  # the axis of the output's channels
    weights[name] = (weights[name] * scale.reshape(sides)).astype(np.float32)
    attrs = {**product.attrs, 'no_bias': False}
    return Node(product.op, batchnorm.name, attrs, (x, weight, parameters[1]))


def _evaluate(net: Traced, index: int) -> np.ndarray:
    """Return what MXNet computes at a node from the weights alone."""
    part = _prune(Graph(net.graph.nodes, index))
    names = part.variables()
    inputs = [mx.sym.var(name, dtype='float32') for name in names]
    block = mx.gluon.SymbolBlock(mx.sym.load_json(part.json()), inputs)
    return block(*(mx.nd.array(net.weights[name]) for name in names)).asnumpy()
