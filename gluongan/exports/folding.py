"""Simplify a graph for ONNX: compute once what depends on weights alone, drop a workaround."""

from __future__ import annotations

import numpy as np

from ..nn.graph import VARIABLE, Graph, Node
from ..runtime import mx
from .symbol import INPUT, Traced


def simplify(net: Traced) -> Traced:
    """Return the same function of the input with fewer nodes.

    W / sigma of spectral normalisation, for example, becomes one weight.
    """
    without_zeros = Traced(_remove_zero_channels(net.graph), net.weights)
    return _fold_constants(without_zeros)


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


def _evaluate(net: Traced, index: int) -> np.ndarray:
    """Return what MXNet computes at a node from the weights alone."""
    part = _prune(Graph(net.graph.nodes, index))
    names = part.variables()
    inputs = [mx.sym.var(name, dtype='float32') for name in names]
    block = mx.gluon.SymbolBlock(mx.sym.load_json(part.json()), inputs)
    return block(*(mx.nd.array(net.weights[name]) for name in names)).asnumpy()
