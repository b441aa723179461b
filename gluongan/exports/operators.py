"""The operators that gluongan's networks are made of: what each may be told, and what shape it gives.

A graph from a file is computed only where every node is in this table, says what the table allows, and has the shape and the
size that it should. What MXNet then sees was written anew from here, so nothing in the file reaches it.
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
Reader = Callable[[str], Any]

# Of all values between input and output together, a sample: 128 MB. A picture of 512 × 512 needs some 27 million.
MOST_VALUES = 2**25


class Operator(NamedTuple):
    """How many inputs it takes; its shape from its attributes and its inputs' shapes; its attributes' readers."""

    arity: tuple[int, ...]
    shape: Rule
    attrs: Mapping[str, Reader] = MappingProxyType({})
    optional: Mapping[str, Reader] = MappingProxyType({})


# Readers of attributes, which MXNet writes as text


def _int(text: str) -> int:
    if not re.fullmatch(r'-?\d{1,9}', text):
        raise ValueError
    return int(text)


def _maybe_int(text: str) -> int | None:
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


def _one_of(*allowed: str) -> Reader:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError
        return text

    return read


_WINDOW = {
    'kernel': _one_of('(4, 4)'),
    'stride': _one_of('(2, 2)'),
    'pad': _one_of('(1, 1)'),
    'dilate': _one_of('(1, 1)'),
    'num_filter': _int,
    'num_group': _one_of('1'),
    'no_bias': _bool,
    'layout': _one_of('NCHW'),
}
_SCALAR = Operator((1,), rules.same, {'scalar': _float})
_PAIR, _STRETCHED, _ALONE = (
    Operator((2,), rules.equal),
    Operator((2,), rules.broadcast),
    Operator((1,), rules.same),
)
_REDUCTION = Operator((1,), rules.reduced, optional={'axis': _int, 'keepdims': _bool})

OPERATORS: dict[str, Operator] = {
    'FullyConnected': Operator(
        (2, 3), rules.dense, {'num_hidden': _int, 'no_bias': _bool}, {'flatten': _one_of('True')}
    ),
    'Convolution': Operator((2, 3), rules.halved, _WINDOW),
    'Deconvolution': Operator((2, 3), rules.doubled, {**_WINDOW, 'adj': _one_of('(0, 0)')}),
    'BatchNorm': Operator(
        (5,),
        rules.normed,
        {
            'axis': _one_of('1'),
            'eps': _float,
            'momentum': _float,
            'fix_gamma': _one_of('False'),
            'use_global_stats': _one_of('False'),
        },
    ),
    'Activation': Operator(
        (1,), rules.same, {'act_type': _one_of('relu', 'sigmoid', 'softrelu', 'tanh')}
    ),
    'LeakyReLU': Operator(
        (1,), rules.same, {'act_type': _one_of('leaky', 'elu', 'gelu')}, {'slope': _float}
    ),
    'Dropout': Operator(
        (1,), rules.same, {'p': _float}, {'axes': _one_of('()'), 'cudnn_off': _bool}
    ),
    'BlockGrad': _ALONE,
    'abs': _ALONE,
    'exp': _ALONE,
    'sigmoid': _ALONE,
    'sqrt': _ALONE,
    'square': _ALONE,
    'zeros_like': _ALONE,
    '_plus_scalar': _SCALAR,
    '_minus_scalar': _SCALAR,
    '_mul_scalar': _SCALAR,
    '_div_scalar': _SCALAR,
    'elemwise_add': _PAIR,
    'elemwise_sub': _PAIR,
    'elemwise_mul': _PAIR,
    'broadcast_add': _STRETCHED,
    'broadcast_sub': _STRETCHED,
    'broadcast_div': _STRETCHED,
    'sum': _REDUCTION,
    'mean': _REDUCTION,
    'dot': Operator((2,), rules.product),
    'Flatten': Operator((1,), rules.flat),
    'Reshape': Operator((1,), rules.reshaped, {'shape': _ints}),
    'reshape_like': Operator((2,), rules.reshaped_like),
    'expand_dims': Operator((1,), rules.expanded, {'axis': _int}),
    'slice_axis': Operator((1,), rules.sliced, {'axis': _int, 'begin': _int, 'end': _maybe_int}),
    'Concat': Operator((2,), rules.joined, {'dim': _int, 'num_args': _int}),
}


def checked(graph: Graph) -> Graph:
    """Return the graph with its attributes read. Raises ValueError for an operator or attribute that is not in OPERATORS."""
    return Graph(
        tuple(node if node.op == VARIABLE else _checked(node) for node in graph.nodes), graph.output
    )


def _checked(node: Node) -> Node:
    operator = OPERATORS.get(node.op)
    if operator is None:
        raise ValueError(
            f"has the operator {node.op[:40]!r}, which none of gluongan's networks uses"
        )
    if len(node.inputs) not in operator.arity or not set(operator.attrs) <= set(node.attrs):
        raise ValueError(f'has a node {node.name} that is no proper {node.op}')
    readers, attrs = {**operator.attrs, **operator.optional}, {}
    for key, text in node.attrs.items():
        try:
            attrs[key] = readers[key](text)
        except (KeyError, ValueError):
            raise ValueError(
                f'has {key[:40]!r} {text[:40]!r} at node {node.name}, which is not allowed'
            ) from None
    return node._replace(attrs=attrs)


def shapes(graph: Graph, given: Mapping[str, Shape], rows: int) -> list[Shape]:
    """Return the shape of every node of a checked graph, `given` those of its variables, for a batch of `rows` samples.

    Raises ValueError where two do not fit together, or all of them would take more than MOST_VALUES a sample.
    """
    found: list[Shape] = []
    total = 0
    for node in graph.nodes:
        try:
            shape = (
                given[node.name]
                if node.op == VARIABLE
                else (
                    OPERATORS[node.op].shape(node.attrs, *(found[place] for place in node.inputs))
                )
            )
            rules.need(min(shape, default=0) > 0)
        except (KeyError, ValueError, ZeroDivisionError):
            raise ValueError(
                f'has a node {node.name} that does not fit what is before it'
            ) from None
        found.append(shape)
        total += prod(shape) if node.op != VARIABLE else 0
        if total > MOST_VALUES * rows:
            raise ValueError(
                f'would take more than {MOST_VALUES:,} values between its input and output for each sample'
            )
    return found


def output_range(graph: Graph) -> Range | None:
    """Return [0, 1] where a checked graph ends in a sigmoid or a scaled tanh, which cannot leave it; else None."""
    chain = _tail(graph)
    last = [(node.op, node.attrs.get('act_type', node.attrs.get('scalar'))) for node in chain]
    unit_tanh = [('_div_scalar', 2.0), ('_plus_scalar', 1.0), ('Activation', 'tanh')]
    return (0.0, 1.0) if last[:1] == [('Activation', 'sigmoid')] or last[:3] == unit_tanh else None


def _tail(graph: Graph) -> list[Node]:
    """The nodes from the output backwards while each has one input; reshapes, which change no value, left out."""
    node, found = graph.nodes[graph.output], []
    while len(node.inputs) == 1:
        found += [node] * (node.op not in ('Reshape', 'Flatten'))
        node = graph.nodes[node.inputs[0]]
    return found
