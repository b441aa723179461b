"""A symbol graph as plain data: read from MXNet's JSON into a list of nodes, and written back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple

VARIABLE = 'null'  # MXNet's name for the operator of an input or a weight
PRODUCTS = ('FullyConnected', 'Convolution', 'Deconvolution')
MOST_NODES = 5_000

Shape = tuple[int, ...]


class Node(NamedTuple):
    """One step of a graph: an operator, its attributes, and the indices of the nodes that feed it.

    A variable has no inputs.
    """

    op: str
    name: str
    attrs: dict[str, Any]
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which they can be computed, and the index of the output node.

    Of a node with several outputs (BatchNorm) only the first is ever used.
    """

    nodes: tuple[Node, ...]
    output: int

    def variables(self) -> list[str]:
        """Return the names of the inputs and weights, in their order."""
        return [node.name for node in self.nodes if node.op == VARIABLE]

    def renamed(self, names: Mapping[str, str], output: str) -> Graph:
        """Return the graph with new names, so that the same network always gives the same file.

        Gluon's own names count the layers that the process has made so far. Here `names` maps the
        names of variables to new ones, the output node is called `output`, and the other nodes are
        numbered by operator.
        """
        nodes = []
        numbers: Counter[str] = Counter()
        for index, node in enumerate(self.nodes):
            if node.op == VARIABLE:
                name = names[node.name]
            else:
                name = f'{node.op.lower().strip("_")}{numbers[node.op]}'
            numbers[node.op] += 1
            nodes.append(node._replace(name=output if index == self.output else name))
        return replace(self, nodes=tuple(nodes))

    def ancestors(self, indices: Iterable[int]) -> set[int]:
        """Return the indices of all nodes that these nodes depend on, and of these nodes."""
        ancestors: set[int] = set()
        waiting = list(indices)
        while waiting:
            index = waiting.pop()
            if index not in ancestors:
                ancestors.add(index)
                waiting += self.nodes[index].inputs
        return ancestors

    def descendants(self, name: str) -> set[int]:
        """Return the indices of the variable `name` and of all nodes that depend on it."""
        descendants: set[int] = set()
        for index, node in enumerate(self.nodes):
            if node.name == name or descendants & set(node.inputs):
                descendants.add(index)
        return descendants

    def flops(self, shapes: Sequence[Shape]) -> list[int]:
        """Return the FLOPs of each node for a batch: 2 × the multiply-adds of products, else 0.

        shapes: the output shape of each node. Products are FullyConnected, Convolution and
        Deconvolution. Each number of the weight, as stored, is multiplied once at every position of
        the output (of a deconvolution: of the input).
        """
        return [self._flops(index, shapes) for index in range(len(self.nodes))]

    def _flops(self, index: int, shapes: Sequence[Shape]) -> int:
        node = self.nodes[index]
        if node.op not in PRODUCTS:
            return 0
        weight = node.inputs[1]
        while self.nodes[weight].inputs:  # behind what prepares it, such as spectral normalisation
            weight = self.nodes[weight].inputs[0]
        visited = node.inputs[0] if node.op == 'Deconvolution' else index
        batch, _, *sides = shapes[visited]
        return 2 * prod(shapes[weight]) * batch * prod(sides)

    def json(self) -> str:
        """Return the text that `mx.sym.load_json` reads."""
        nodes = [_as_json(node) for node in self.nodes]
        variables = [index for index, node in enumerate(self.nodes) if node.op == VARIABLE]
        content = {
            'nodes': nodes,
            'arg_nodes': variables,
            'heads': [[self.output, 0, 0]],
            'attrs': {'mxnet_version': ['int', 10901]},
        }
        return json.dumps(content)


def _as_json(node: Node) -> dict[str, Any]:
    return {
        'op': node.op,
        'name': node.name,
        'inputs': [[index, 0, 0] for index in node.inputs],
        'attrs': {key: str(value) for key, value in node.attrs.items()},
    }


def used_nodes(nodes: list[dict[str, Any]], heads: list[list[int]]) -> set[int]:
    """Return the indices of the nodes in MXNet's JSON that the outputs `heads` depend on."""
    used = {head[0] for head in heads}
    for index in reversed(range(len(nodes))):
        if index in used:
            used.update(edge[0] for edge in nodes[index]['inputs'])
    return used


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text. Raises ValueError, in plain words, where it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError('is not JSON') from None


def parse_graph(text: str | bytes) -> Graph:
    """Return the graph in MXNet's JSON.

    Raises ValueError where it is not a graph with one output. Operators are not checked.

    >>> from gluongan.runtime import mx
    >>> graph = parse_graph(mx.sym.exp(mx.sym.var('x'), name='y').tojson())
    >>> graph.nodes[graph.output]
    Node(op='exp', name='y', attrs={}, inputs=(0,))
    >>> parse_graph('{"nodes": []}')
    Traceback (most recent call last):
    ValueError: lacks 'heads', or has it as another type; must be a list
    """
    content = parse_json(text)
    raw_nodes = _field(content, 'nodes', list)
    heads = _field(content, 'heads', list)
    if not 0 < len(raw_nodes) <= MOST_NODES:
        raise ValueError(f'has {len(raw_nodes):,} nodes; must be 1 to {MOST_NODES:,}')
    if len(heads) != 1:
        raise ValueError(f'has {len(heads):,} outputs; must be 1')
    nodes = tuple(_parse_node(index, raw) for index, raw in enumerate(raw_nodes))
    (output,) = _parse_edges(heads, len(nodes))
    if len({node.name for node in nodes}) < len(nodes):
        raise ValueError('has two nodes of the same name; names must be unique')
    return Graph(nodes, output)


def _parse_node(index: int, raw: Any) -> Node:
    op = _field(raw, 'op', str)
    name = _field(raw, 'name', str)
    if not name or len(name) > 200 or not name.isprintable():
        raise ValueError(f'has a bad name at node {index}; must be 1 to 200 printable characters')
    attrs = _field(raw, 'attrs', dict) if 'attrs' in raw else {}
    if not all(isinstance(value, str) for value in attrs.values()):
        raise ValueError(f'has an attribute of node {name} that is not text; must be text')
    inputs = _parse_edges(_field(raw, 'inputs', list), index)
    if op == VARIABLE and inputs:
        raise ValueError(f'has {len(inputs)} inputs at variable {name}; must be 0')
    if op != VARIABLE and not inputs:
        raise ValueError(f'has no inputs at node {name}; must be at least 1')
    # What begins with __ is Gluon's own note on how a weight was made.
    attrs = {key: value for key, value in attrs.items() if not key.startswith('__')}
    return Node(op, name, attrs, inputs)


def _parse_edges(raw: list[Any], below: int) -> tuple[int, ...]:
    """Return the node indices of edges [index, output, version].

    Every index is less than `below`, so that no node depends on itself.
    """
    for edge in raw:
        if not _is_edge(edge, below):
            raise ValueError(
                f'has the edge {str(edge)[:40]}; must be the first output of an earlier node'
            )
    return tuple(edge[0] for edge in raw)


def _is_edge(edge: Any, below: int) -> bool:
    if not isinstance(edge, list) or len(edge) not in (2, 3):
        return False
    if not all(type(part) is int for part in edge):
        return False
    return 0 <= edge[0] < below and edge[1] == 0


def _field(raw: Any, key: str, kind: type) -> Any:
    if not isinstance(raw, dict) or type(raw.get(key)) is not kind:
        raise ValueError(f'lacks {key!r}, or has it as another type; must be a {kind.__name__}')
    return raw[key]
