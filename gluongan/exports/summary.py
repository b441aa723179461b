"""A symbol graph as a table, and as a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

import graphviz
import numpy as np

from ..files import write_bytes
from ..nn.graph import VARIABLE, Graph
from ..nn.layers import Chain, Row
from . import symbol
from .errors import ExportError
from .operators import checked, shapes
from .shape_rules import Shape
from .symbol import INPUT

PAPER, INK, FAINT = 'white', '#222222', '#888888'
FILL = {
    'FullyConnected': '#cfe2f3',
    'Convolution': '#cfe2f3',
    'Deconvolution': '#cfe2f3',
    'BatchNorm': '#fff2cc',
    'Activation': '#d9ead3',
    'LeakyReLU': '#d9ead3',
    'sigmoid': '#d9ead3',
}


def rows(
    graph: Graph, weights: Mapping[str, np.ndarray], found: Sequence[Shape], batch: int
) -> list[Row]:
    """Return the table of a checked graph, a row for each step that the input reaches; `found` are its shapes for `batch`.

    A step has the parameters that it, or what prepares them for it, is the first to use.
    """
    reached, costs = graph.descendants(INPUT), graph.flops(found)
    counted = set(reached)
    table = []
    for place in sorted(reached):
        node = graph.nodes[place]
        own = graph.ancestors([place]) - counted
        counted |= own
        parameters = sum(
            weights[graph.nodes[each].name].size for each in own if graph.nodes[each].op == VARIABLE
        )
        table.append(
            Row(
                'input' if node.op == VARIABLE else node.op,
                node.attrs.get('act_type', ''),
                found[place][1:],
                parameters,
                costs[place] // batch,
            )
        )
    return table


def graph_of(net: Chain, batch: int) -> tuple[Graph, list[Shape]]:
    """Return a network's checked graph and its shapes for a batch of so many samples."""
    traced = symbol.traced(net, 'output')
    graph = checked(traced.graph)
    return graph, shapes(
        graph,
        {
            **{name: each.shape for name, each in traced.weights.items()},
            INPUT: (batch, *net.shape_in),
        },
        batch,
    )


def draw(graph: Graph, found: Sequence[Shape], path: Path) -> Path:
    """Draw a graph as SVG: what the input reaches from top to bottom, what is made of weights alone beside it, faint.

    Raises ExportError where graphviz's program `dot` is not installed.
    """
    picture = graphviz.Digraph(
        graph_attr={'bgcolor': PAPER, 'ranksep': '0.3'},
        node_attr={
            'shape': 'box',
            'style': 'rounded,filled',
            'fontname': 'Helvetica',
            'fontsize': '11',
        },
        edge_attr={'fontname': 'Helvetica', 'fontsize': '9', 'color': FAINT, 'fontcolor': FAINT},
    )
    reached = graph.descendants(INPUT)
    for place, node in enumerate(graph.nodes):
        if place in reached or node.op != VARIABLE:
            ink = INK if place in reached else FAINT
            label = _label(place, graph, found, faint=place not in reached)
            picture.node(
                str(place), label, fillcolor=FILL.get(node.op, PAPER), color=ink, fontcolor=ink
            )
        for source in node.inputs:
            if graph.nodes[source].op != VARIABLE or source in reached:
                picture.edge(
                    str(source), str(place), _text(found[source][1:]) if source in reached else ''
                )
    try:
        write_bytes(path, picture.pipe(format='svg'))
    except graphviz.ExecutableNotFound:
        raise ExportError(
            'needs the program dot of graphviz; apt-get install graphviz',
            setting='graph',
            value=path,
        ) from None
    return path


def _label(place: int, graph: Graph, found: Sequence[Shape], *, faint: bool) -> str:
    node = graph.nodes[place]
    told = [node.attrs[key] for key in ('act_type', 'scalar', 'slope', 'p') if key in node.attrs]
    weights = [
        each
        for each in node.inputs
        if graph.nodes[each].op == VARIABLE and graph.nodes[each].name != INPUT
    ]
    count = sum(prod(found[each]) for each in weights)
    under = (
        [f'of {graph.nodes[each].name}' for each in weights]
        if faint
        else [f'weights: {count:,}'] * bool(weights)
    )
    over = node.name if node.op == VARIABLE else ' '.join(map(str, [node.op.strip('_'), *told]))
    last = [f'gives {_text(found[place][1:])}'] if place == graph.output else []
    return '\n'.join([over, *under, *last]).replace(
        '\\', ''
    )  # to graphviz a backslash begins a command


def _text(shape: Shape) -> str:
    return ' × '.join(map(str, shape)) or '1'
