"""A symbol graph as a table, and as a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

import graphviz
import numpy as np

from ..files import write_bytes
from ..nn.graph import VARIABLE, Graph, Node
from ..nn.layers import Chain, Row
from . import symbol
from .manifest import ExportError
from .operators import check_operators, infer_shapes
from .shape_rules import Shape
from .symbol import INPUT

PAPER, INK, FAINT = 'white', '#222222', '#888888'
BLUE, YELLOW, GREEN = '#cfe2f3', '#fff2cc', '#d9ead3'
FILL = {
    'FullyConnected': BLUE,
    'Convolution': BLUE,
    'Deconvolution': BLUE,
    'BatchNorm': YELLOW,
    'Activation': GREEN,
    'LeakyReLU': GREEN,
    'sigmoid': GREEN,
}
GRAPH_STYLE = {'bgcolor': PAPER, 'ranksep': '0.3'}
NODE_STYLE = {
    'shape': 'box',
    'style': 'rounded,filled',
    'fontname': 'Helvetica',
    'fontsize': '11',
}
EDGE_STYLE = {'fontname': 'Helvetica', 'fontsize': '9', 'color': FAINT, 'fontcolor': FAINT}
SHOWN_ATTRS = ('act_type', 'scalar', 'slope', 'p')


def rows(
    graph: Graph, weights: Mapping[str, np.ndarray], shapes: Sequence[Shape], batch: int
) -> list[Row]:
    """Return the table of a checked graph, a row for each node that depends on the input.

    shapes: of its nodes, for a batch of `batch` samples. A weight counts in the row of the first
    node that uses it, directly or through nodes that prepare it (spectral normalisation).
    """
    dependent = graph.descendants(INPUT)
    flops = graph.flops(shapes)
    counted = set(dependent)
    table = []
    for index in sorted(dependent):
        node = graph.nodes[index]
        new = graph.ancestors([index]) - counted
        counted |= new
        variables = [graph.nodes[i] for i in new if graph.nodes[i].op == VARIABLE]
        parameters = sum(weights[variable.name].size for variable in variables)
        layer = 'input' if node.op == VARIABLE else node.op
        activation = node.attrs.get('act_type', '')
        table.append(Row(layer, activation, shapes[index][1:], parameters, flops[index] // batch))
    return table


def trace_graph(net: Chain, batch: int) -> tuple[Graph, list[Shape]]:
    """Return the checked graph of a network, and its nodes' shapes for a batch of that size."""
    traced = symbol.trace(net, 'output')
    graph = check_operators(traced.graph)
    given = {name: value.shape for name, value in traced.weights.items()}
    given[INPUT] = (batch, *net.shape_in)
    return graph, infer_shapes(graph, given, batch)


def draw(graph: Graph, shapes: Sequence[Shape], path: Path) -> Path:
    """Draw a graph as SVG, the input at the top.

    What depends on weights alone stands beside it, in grey. Raises ExportError where graphviz's
    program `dot` is not installed.
    """
    picture = graphviz.Digraph(graph_attr=GRAPH_STYLE, node_attr=NODE_STYLE, edge_attr=EDGE_STYLE)
    dependent = graph.descendants(INPUT)
    for index, node in enumerate(graph.nodes):
        _add_node(picture, graph, shapes, index, depends=index in dependent)
        for source in node.inputs:
            if source in dependent:
                picture.edge(str(source), str(index), _shape_text(shapes[source][1:]))
            elif graph.nodes[source].op != VARIABLE:
                picture.edge(str(source), str(index))
    try:
        write_bytes(path, picture.pipe(format='svg'))
    except graphviz.ExecutableNotFound:
        raise ExportError(
            'needs the program dot; must be installed (apt-get install graphviz)',
            setting='graph',
            value=path,
        ) from None
    return path


def _add_node(
    picture: graphviz.Digraph, graph: Graph, shapes: Sequence[Shape], index: int, *, depends: bool
) -> None:
    """Add a box for a node; a weight has none, it is counted in the box of what uses it."""
    node = graph.nodes[index]
    if node.op == VARIABLE and not depends:
        return
    ink = INK if depends else FAINT
    picture.node(
        str(index),
        _label(graph, shapes, index, depends=depends),
        fillcolor=FILL.get(node.op, PAPER),
        color=ink,
        fontcolor=ink,
    )


def _label(graph: Graph, shapes: Sequence[Shape], index: int, *, depends: bool) -> str:
    node = graph.nodes[index]
    lines = [_title(node)]
    weights = []
    for source in node.inputs:
        if graph.nodes[source].op == VARIABLE and graph.nodes[source].name != INPUT:
            weights.append(source)
    if not depends:
        lines += [f'of {graph.nodes[weight].name}' for weight in weights]
    elif weights:
        lines.append(f'weights: {sum(prod(shapes[weight]) for weight in weights):,}')
    if index == graph.output:
        lines.append(f'gives {_shape_text(shapes[index][1:])}')
    return '\n'.join(lines).replace('\\', '')  # graphviz takes a backslash for a command


def _title(node: Node) -> str:
    if node.op == VARIABLE:
        return node.name
    attrs = [str(node.attrs[key]) for key in SHOWN_ATTRS if key in node.attrs]
    return ' '.join([node.op.strip('_'), *attrs])


def _shape_text(shape: Shape) -> str:
    return ' × '.join(map(str, shape)) or '1'
