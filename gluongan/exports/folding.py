"""A graph made plain: what depends on weights alone is computed once, and the way around a fault of MXNet's is taken out."""

from __future__ import annotations

import numpy as np

from ..nn.graph import VARIABLE, Graph, Node
from ..runtime import mx
from .symbol import INPUT, Traced


def plain(net: Traced) -> Traced:
    """Return the same function of its input with fewer nodes: W / sigma of spectral normalisation, say, is one weight."""
    return _folded(Traced(_without_zero_channel(net.graph), net.weights))


def _without_zero_channel(graph: Graph) -> Graph:
    """Deconv(x with a channel of zeros, W with a row of zeros) is Deconv(x, W); see layers/conv.py."""
    nodes = list(graph.nodes)
    for place, node in enumerate(nodes):
        if node.op == 'Deconvolution':
            x, weight, *bias = node.inputs
            nodes[place] = node._replace(inputs=(_bare(nodes, x), _bare(nodes, weight), *bias))
    return _needed(Graph(tuple(nodes), graph.output))


def _bare(nodes: list[Node], place: int) -> int:
    node = nodes[place]
    padded = node.op == 'Concat' and nodes[node.inputs[1]].op == 'zeros_like'
    return node.inputs[0] if padded else place


def _needed(graph: Graph) -> Graph:
    """Drop every node that the output does not depend on."""
    kept = sorted(graph.ancestors([graph.output]))
    new = {old: place for place, old in enumerate(kept)}
    nodes = (graph.nodes[old] for old in kept)
    return Graph(
        tuple(node._replace(inputs=tuple(new[place] for place in node.inputs)) for node in nodes),
        new[graph.output],
    )


def _folded(net: Traced) -> Traced:
    """Every node that no input reaches, and that another which one does reach asks for, becomes a weight."""
    nodes, reached = net.graph.nodes, net.graph.descendants(INPUT)
    asked = {place for each in reached for place in nodes[each].inputs} - reached
    constants = [place for place in sorted(asked) if nodes[place].op != VARIABLE]
    values = {nodes[place].name: _value(net, place) for place in constants}
    graph = _needed(
        Graph(
            tuple(
                Node(VARIABLE, node.name, {}, ()) if node.name in values else node for node in nodes
            ),
            net.graph.output,
        )
    )
    own = {**net.weights, **values}
    return Traced(graph, {name: own[name] for name in graph.variables() if name != INPUT})


def _value(net: Traced, place: int) -> np.ndarray:
    """What MXNet computes at a node from the weights alone."""
    part = _needed(Graph(net.graph.nodes, place))
    names = part.variables()
    block = mx.gluon.SymbolBlock(
        mx.sym.load_json(part.json()), [mx.sym.var(name, dtype='float32') for name in names]
    )
    return block(*(mx.nd.array(net.weights[name]) for name in names)).asnumpy()
