"""A live network as MXNet's own pair of files, with names that depend on the network alone."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..files import write_bytes, write_text
from ..nn.graph import Graph, parse_graph
from ..nn.layers import Chain, plain_batchnorm
from ..runtime import mx
from . import params
from .operators import Range, check_operators, output_range

INPUT = 'data'  # the name that Module expects by default


class Traced(NamedTuple):
    """A network as data: its graph, and its weights by their names in the graph."""

    graph: Graph
    weights: dict[str, np.ndarray]


def trace(net: Chain, output: str) -> Traced:
    """Return the graph of a network, its output called `output`, and a copy of its weights.

    The weight at `net[3].weight` is called layer3_weight.
    """
    with plain_batchnorm(net):
        graph = parse_graph(net(mx.sym.var(INPUT)).tojson())
    names = {INPUT: INPUT}
    for path, parameter in net._collect_params_with_prefix().items():
        names[parameter.name] = weight_name(path)
    weights = {names[p.name]: p.data().asnumpy() for p in net.collect_params().values()}
    return Traced(graph.renamed(names, output), weights)


def weight_name(path: str) -> str:
    """Return what an export calls the weight at a position in a network.

    >>> weight_name('3.weight')
    'layer3_weight'
    """
    return 'layer' + path.replace('.', '_')


def write(net: Traced, prefix: Path) -> list[Path]:
    """Write PREFIX-symbol.json and PREFIX-0000.params, and return them.

    SymbolBlock, Module and MXNet in other languages load this pair. Each weight's node has the
    weight's shape: Module binds without the weights, and MXNet cannot infer a shape backwards
    through Concat or `reshape_like`.
    """
    symbol_file, weights_file = Path(f'{prefix}-symbol.json'), Path(f'{prefix}-0000.params')
    symbol = mx.sym.load_json(_with_shapes(net).json())
    write_text(symbol_file, symbol.tojson())
    auxiliary = set(symbol.list_auxiliary_states())
    arrays = {}
    for name, value in net.weights.items():
        kind = 'aux' if name in auxiliary else 'arg'
        arrays[f'{kind}:{name}'] = value
    write_bytes(weights_file, params.pack(arrays))  # MXNet does not notice that a disk is full
    return [symbol_file, weights_file]


def _with_shapes(net: Traced) -> Graph:
    """Return the graph with the shape of each weight in the attribute that MXNet reads."""
    nodes = []
    for node in net.graph.nodes:
        if node.name in net.weights:
            node = node._replace(attrs={'__shape__': net.weights[node.name].shape})
        nodes.append(node)
    return Graph(tuple(nodes), net.graph.output)


def output_shape(net: Chain, batch: int) -> tuple[int, ...]:
    """Return the shape of one output of a network for a batch of that size; () for a logit."""
    _, (whole, *_), _ = net(mx.sym.var(INPUT)).infer_shape(**{INPUT: (batch, *net.shape_in)})
    return whole[1:]


def known_range(net: Traced) -> Range | None:
    """Return the range that the output cannot leave.

    None where its last operators do not bound it, or where the graph has operators that
    gluongan's own networks do not use.
    """
    try:
        return output_range(check_operators(net.graph))
    except ValueError:
        return None
