"""The operators that gluongan's networks use: the attributes each may have, the shape it gives.

A graph from a file is computed only where every node is in this table, has the attributes that the
table allows, and has the shape and the size that it should. MXNet then sees a graph that was
written anew from this table, so nothing in the file reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isfinite, prod
from types import MappingProxyType
from typing import Any, NamedTuple

from ..nn.graph import VARIABLE, Graph, Node
from . import shape_rules as rules
from .shape_rules import Shape

Range = tuple[float, float]
Rule = Callable[..., Shape]
Parser = Callable[[str], Any]

# The values of all nodes for one sample: 128 MB. An image of 512 × 512 needs some 27 million.
MAX_VALUES = 2**25


class Operator(NamedTuple):
    """How many inputs an operator takes, its shape rule, and the parsers of its attributes."""

    arity: tuple[int, ...]
    shape: Rule
    attrs: Mapping[str, Parser] = MappingProxyType({})
    optional: Mapping[str, Parser] = MappingProxyType({})


# Parsers of attributes, which MXNet writes as text


def _int(text: str) -> int:
    if not re.fullmatch(r'-?\d{1,9}', text):
        raise ValueError
    return int(text)


def _int_or_none(text: str) -> int | None:
    return None if text == 'None' else _int(text)


def _float(text: str) -> float:
    if len(text) > 40 or not isfinite(float(text)):
        raise ValueError
    return float(text)


def _bool(text: str) -> bool:
    return {'True': True, 'False': False}[text]


def _ints(text: str) -> Shape:
    if not re.fullmatch(r'\(-?\d{1,9},(?: ?-?\d{1,9},?){0,5}\)', text):
        raise ValueError
    return tuple(map(int, re.findall(r'-?\d+', text)))


def _one_of(*allowed: str) -> Parser:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError
        return text

    return parse


_DENSE = {'num_hidden': _int, 'no_bias': _bool}
_WINDOW = {
    'kernel': _ints,
    'stride': _ints,
    'pad': _one_of('(1, 1)'),
    'dilate': _one_of('(1, 1)'),
    'num_filter': _int,
    'num_group': _one_of('1'),
    'no_bias': _bool,
    'layout': _one_of('NCHW'),
}
_TRANSPOSED_WINDOW = {**_WINDOW, 'adj': _one_of('(0, 0)')}
_BATCHNORM = {
    'axis': _one_of('1'),
    'eps': _float,
    'momentum': _float,
    'fix_gamma': _one_of('False'),
    'use_global_stats': _one_of('False'),
}
_ACTIVATION = {'act_type': _one_of('relu', 'sigmoid', 'softrelu', 'tanh')}
_LEAKY = {'act_type': _one_of('leaky', 'elu', 'gelu')}
_NO_AXES = {'axes': _one_of('()'), 'cudnn_off': _bool}
_SLICE = {'axis': _int, 'begin': _int, 'end': _int_or_none}

_UNARY = Operator((1,), rules.same)
_WITH_SCALAR = Operator((1,), rules.same, {'scalar': _float})
_ELEMENTWISE = Operator((2,), rules.equal)
_BROADCAST = Operator((2,), rules.broadcast)
_REDUCTION = Operator((1,), rules.reduce, optional={'axis': _int, 'keepdims': _bool})

OPERATORS: dict[str, Operator] = {
    'FullyConnected': Operator((2, 3), rules.dense, _DENSE, {'flatten': _one_of('True')}),
    'Convolution': Operator((2, 3), rules.conv, _WINDOW),
    'Deconvolution': Operator((2, 3), rules.deconv, _TRANSPOSED_WINDOW),
    'BatchNorm': Operator((5,), rules.batchnorm, _BATCHNORM),
    'Activation': Operator((1,), rules.same, _ACTIVATION),
    'LeakyReLU': Operator((1,), rules.same, _LEAKY, {'slope': _float}),
    'Dropout': Operator((1,), rules.same, {'p': _float}, _NO_AXES),
    'BlockGrad': _UNARY,
    'abs': _UNARY,
    'exp': _UNARY,
    'sigmoid': _UNARY,
    'sqrt': _UNARY,
    'square': _UNARY,
    'zeros_like': _UNARY,
    '_plus_scalar': _WITH_SCALAR,
    '_minus_scalar': _WITH_SCALAR,
    '_mul_scalar': _WITH_SCALAR,
    '_div_scalar': _WITH_SCALAR,
    'elemwise_add': _ELEMENTWISE,
    'elemwise_sub': _ELEMENTWISE,
    'elemwise_mul': _ELEMENTWISE,
    'broadcast_add': _BROADCAST,
    'broadcast_sub': _BROADCAST,
    'broadcast_mul': _BROADCAST,
    'broadcast_div': _BROADCAST,
    'sum': _REDUCTION,
    'mean': _REDUCTION,
    'dot': Operator((2,), rules.dot),
    'Flatten': Operator((1,), rules.flatten),
    'Reshape': Operator((1,), rules.reshape, {'shape': _ints}),
    'reshape_like': Operator((2,), rules.reshape_like),
    'expand_dims': Operator((1,), rules.expand_dims, {'axis': _int}),
    'slice_axis': Operator((1,), rules.slice_axis, _SLICE),
    'Concat': Operator((2,), rules.concat, {'dim': _int, 'num_args': _int}),
}


def check_operators(graph: Graph) -> Graph:
    """Return the graph with its attributes parsed from text.

    Raises ValueError for an operator or an attribute that is not in OPERATORS.

    >>> x = Node(VARIABLE, 'data', {}, ())
    >>> half = Node('_div_scalar', 'half', {'scalar': '2'}, (0,))
    >>> check_operators(Graph((x, half), output=1)).nodes[1].attrs
    {'scalar': 2.0}
    >>> check_operators(Graph((x, half._replace(op='Custom')), output=1))
    Traceback (most recent call last):
    ValueError: has the operator 'Custom'; must be one that gluongan's networks use
    """
    nodes = [node if node.op == VARIABLE else _check_node(node) for node in graph.nodes]
    return Graph(tuple(nodes), graph.output)


def _check_node(node: Node) -> Node:
    operator = OPERATORS.get(node.op)
    if operator is None:
        raise ValueError(
            f"has the operator {node.op[:40]!r}; must be one that gluongan's networks use"
        )
    if len(node.inputs) not in operator.arity:
        allowed = ' or '.join(map(str, operator.arity))
        raise ValueError(
            f'has the {node.op} {node.name} with {len(node.inputs)} inputs; must be {allowed}'
        )
    missing = sorted(set(operator.attrs) - set(node.attrs))
    if missing:
        raise ValueError(f'has the {node.op} {node.name} without {", ".join(missing)}')
    parsers = {**operator.attrs, **operator.optional}
    attrs = {}
    for key, text in node.attrs.items():
        try:
            attrs[key] = parsers[key](text)
        except (KeyError, ValueError):
            raise ValueError(
                f'has the {node.op} {node.name} with {key[:40]!r} {text[:40]!r}, '
                "which none of gluongan's networks has"
            ) from None
    return node._replace(attrs=attrs)


def infer_shapes(graph: Graph, given: Mapping[str, Shape], batch: int) -> list[Shape]:
    """Return the shape of every node of a checked graph.

    given: the shapes of its variables, for a batch of `batch` samples. Raises ValueError where
    shapes do not fit together, or where all of them take more than MAX_VALUES a sample.

    >>> x, y = Node(VARIABLE, 'data', {}, ()), Node('Flatten', 'flat', {}, (0,))
    >>> infer_shapes(Graph((x, y), output=1), {'data': (64, 1, 28, 28)}, batch=64)
    [(64, 1, 28, 28), (64, 784)]
    """
    shapes: list[Shape] = []
    total = 0
    for node in graph.nodes:
        try:
            shape = _infer_shape(node, given, shapes)
        except (KeyError, ValueError, ZeroDivisionError):
            raise ValueError(f'has the node {node.name}, which does not fit its inputs') from None
        shapes.append(shape)
        if node.op != VARIABLE:
            total += prod(shape)
        if total > MAX_VALUES * batch:
            raise ValueError(
                f'needs too much memory; must be at most {MAX_VALUES:,} values a sample '
                'between input and output'
            )
    return shapes


def _infer_shape(node: Node, given: Mapping[str, Shape], shapes: list[Shape]) -> Shape:
    if node.op == VARIABLE:
        shape = given[node.name]
    else:
        inputs = [shapes[index] for index in node.inputs]
        shape = OPERATORS[node.op].shape(node.attrs, *inputs)
    rules.require(min(shape, default=0) > 0)
    return shape


def output_range(graph: Graph) -> Range | None:
    """Return [0, 1] where a checked graph ends in a sigmoid or in (tanh + 1) / 2; otherwise None.

    >>> x = Node(VARIABLE, 'data', {}, ())
    >>> y = Node('Activation', 'sample', {'act_type': 'sigmoid'}, (0,))
    >>> output_range(Graph((x, y), output=1)), output_range(Graph((x,), output=0))
    ((0.0, 1.0), None)
    """
    unit_tanh = [('_div_scalar', 2.0), ('_plus_scalar', 1.0), ('Activation', 'tanh')]
    last = []
    for node in _last_nodes(graph):
        parameter = node.attrs.get('act_type', node.attrs.get('scalar'))
        last.append((node.op, parameter))
    if last[:1] == [('Activation', 'sigmoid')] or last[:3] == unit_tanh:
        return (0.0, 1.0)
    return None


def _last_nodes(graph: Graph) -> list[Node]:
    """Return the nodes from the output backwards while each has one input.

    Reshapes are left out: they change no value.
    """
    nodes = []
    node = graph.nodes[graph.output]
    while len(node.inputs) == 1:
        if node.op not in ('Reshape', 'Flatten'):
            nodes.append(node)
        node = graph.nodes[node.inputs[0]]
    return nodes
