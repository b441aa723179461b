"""A symbol graph as plain data: MXNet's JSON in, a list of nodes, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, NamedTuple

VARIABLE = 'null'  # MXNet's name for the operator of an input or a weight
PRODUCTS = ('FullyConnected', 'Convolution', 'Deconvolution')
MOST_NODES = 5_000

Shape = tuple[int, ...]


class Node(NamedTuple):
    """One step: an operator, what it is told, and the places of the nodes that feed it. A variable has no inputs."""

    op: str
    name: str
    attrs: dict[str, Any]
    inputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which they can be computed, and the place of the one that is the output.

    Of a node with several outputs (BatchNorm) only the first is ever used.
    """

    nodes: tuple[Node, ...]
    output: int

    def variables(self) -> list[str]:
        """Return the names of the inputs and weights, in their order."""
        return [node.name for node in self.nodes if node.op == VARIABLE]

    def named(self, names: Mapping[str, str], last: str) -> Graph:
        """Return it with its variables named anew, its output called `last`, and other nodes numbered by operator.

        Gluon numbers layers by how many the process has made, so the same network would never be the same file twice.
        """
        nodes, count = [], dict.fromkeys((node.op for node in self.nodes), 0)
        for place, node in enumerate(self.nodes):
            number = count[node.op]
            count[node.op] += 1
            name = (
                names[node.name] if node.op == VARIABLE else f'{node.op.lower().strip("_")}{number}'
            )
            nodes.append(node._replace(name=last if place == self.output else name))
        return replace(self, nodes=tuple(nodes))

    def before(self, places: list[int]) -> set[int]:
        """Return the places of all nodes that those at `places` depend on, themselves among them."""
        found, waiting = set(), list(places)
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                waiting += self.nodes[place].inputs
        return found

    def reached(self, name: str) -> set[int]:
        """Return the places of the variable `name` and of all that depends on it."""
        found: set[int] = set()
        for place, node in enumerate(self.nodes):
            if node.name == name or found & set(node.inputs):
                found.add(place)
        return found

    def flops(self, shapes: Sequence[Shape]) -> list[int]:
        """Return what each node costs for the batch of these `shapes`, one a node: 2 × the multiply-adds of products.

        Products are FullyConnected, Convolution and Deconvolution; everything else counts 0. Each weight, as stored, meets a
        value at every place of the output (of a deconvolution: of the input).
        """
        return [self._flops(node, place, shapes) for place, node in enumerate(self.nodes)]

    def _flops(self, node: Node, place: int, shapes: Sequence[Shape]) -> int:
        if node.op not in PRODUCTS:
            return 0
        weight = node.inputs[1]
        while self.nodes[weight].inputs:  # behind what prepares it, such as spectral normalisation
            weight = self.nodes[weight].inputs[0]
        batch, _, *sides = shapes[node.inputs[0] if node.op == 'Deconvolution' else place]
        return 2 * prod(shapes[weight]) * batch * prod(sides)

    def json(self) -> str:
        """Return the text that `mx.sym.load_json` reads."""
        nodes = [
            {
                'op': node.op,
                'name': node.name,
                'inputs': [[place, 0, 0] for place in node.inputs],
                'attrs': {key: str(value) for key, value in node.attrs.items()},
            }
            for node in self.nodes
        ]
        variables = [place for place, node in enumerate(self.nodes) if node.op == VARIABLE]
        return json.dumps(
            {
                'nodes': nodes,
                'arg_nodes': variables,
                'heads': [[self.output, 0, 0]],
                'attrs': {'mxnet_version': ['int', 10901]},
            }
        )


def document(text: str | bytes) -> Any:
    """Return what JSON tells. Raises ValueError, in plain words, for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError('is not JSON') from None


def parsed(text: str | bytes) -> Graph:
    """Return the graph in MXNet's JSON. Raises ValueError for what is no graph of one output; operators are not judged."""
    whole = document(text)
    nodes, heads = (_of(list, whole, key) for key in ('nodes', 'heads'))
    if not 0 < len(nodes) <= MOST_NODES:
        raise ValueError(f'has {len(nodes):,} nodes; 1 to {MOST_NODES:,} are allowed')
    if len(heads) != 1:
        raise ValueError(f'has {len(heads):,} outputs; must be one')
    graph = Graph(
        tuple(_node(place, node) for place, node in enumerate(nodes)), *_edges(len(nodes), heads)
    )
    if len({node.name for node in graph.nodes}) < len(nodes):
        raise ValueError('has two nodes of one name')
    return graph


def _node(place: int, raw: Any) -> Node:
    op, name = (_of(str, raw, key) for key in ('op', 'name'))
    if not name or len(name) > 200 or not name.isprintable():
        raise ValueError(f'has no proper name for node {place}')
    attrs = _of(dict, raw, 'attrs') if 'attrs' in raw else {}
    if not all(isinstance(value, str) for value in attrs.values()):
        raise ValueError(f'has an attribute of node {name} that is no text')
    inputs = _edges(place, _of(list, raw, 'inputs'))
    if (op == VARIABLE) == bool(inputs):
        raise ValueError(f'has {len(inputs)} inputs to node {name}, which cannot be')
    # What begins with __ is Gluon's own note on how a weight was made.
    return Node(
        op, name, {key: value for key, value in attrs.items() if not key.startswith('__')}, inputs
    )


def _edges(below: int, raw: list[Any]) -> tuple[int, ...]:
    """Each [place, output, version]; a place comes before `below`, so there is no circle."""
    for edge in raw:
        if not (
            isinstance(edge, list)
            and len(edge) in (2, 3)
            and all(type(part) is int for part in edge)
            and 0 <= edge[0] < below
            and edge[1] == 0
        ):
            raise ValueError(f'has an edge {str(edge)[:40]} that leads nowhere')
    return tuple(edge[0] for edge in raw)


def _of(kind: type, raw: Any, key: str) -> Any:
    if not isinstance(raw, dict) or type(raw.get(key)) is not kind:
        raise ValueError(f'lacks {key!r}, or has it in another form')
    return raw[key]
