"""Rewrites the graph of a training pass: gluongan's operators take the place of MXNet's."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from math import prod
from typing import Any

import numpy as np

from .. import native
from ..runtime import mx
from .chains import fuse_chains
from .formulas import FORMULA, fuse_formula
from .graph import VARIABLE
from .modulations import fuse_modulations

RawNode = dict[str, Any]

DENSE = 'gluongan_dense'
BATCHNORM = 'gluongan_batchnorm'

# What these operators take for an attribute that a node does not have.
DEFAULTS = {
    DENSE: {
        'bias': '1',
        'parts': '1',
        'activation': 'leaky',
        'activation_before': 'leaky',
        'slope': '1',
        'slope_before': '1',
        'is_scaled': '0',
        'of_input': '1',
        'of_weights': '1',
    },
    BATCHNORM: {
        'eps': '0.001',
        'momentum': '0.9',
        'fix_gamma': '1',
        'slope': '1',
        'slope_before': '1',
        'of_input': '1',
        'of_weights': '1',
    },
}

CURVES = ('sigmoid', 'tanh')  # that a dense layer of ours can have

# These pass no gradient on.
CONSTANT = ('BlockGrad', 'stop_gradient', 'zeros_like', 'ones_like')

# Between two of these oneDNN keeps pictures in an order of its own, which MXNet's BatchNorm takes.
# Ours takes plain order; to put pictures in order and back costs more than it saves.
CONVOLUTIONS = ('Convolution', 'Deconvolution')


def can_fuse(parameters: Collection[mx.gluon.Parameter]) -> bool:
    """Return whether gluongan's operators take a network with these parameters.

    They must be float32, on the CPU, and without `grad_req='add'`: MXNet does not tell an operator
    of a library to add. With an engine that computes later, MXNet would not know that BatchNorm's
    backward pass changes the running statistics.
    """
    if not native.computes_at_once() or not any(map(native.is_available, ('norms', 'dense'))):
        return False
    return all(_is_plain(parameter) for parameter in parameters)


def _is_plain(parameter: mx.gluon.Parameter) -> bool:
    if np.dtype(parameter.dtype) != np.float32 or parameter.grad_req == 'add':
        return False
    return all(device.device_type == 'cpu' for device in parameter.list_ctx())


def fused(
    symbol: mx.sym.Symbol,
    differentiated: Collection[str],
    *,
    fuse_dense: bool | None = None,
    fuse_norms: bool | None = None,
) -> mx.sym.Symbol:
    """Return the graph of the same function with gluongan's operators in it.

    differentiated: the names of the variables whose gradients are wanted. An operator computes only
    what they need: no gradient of its input in a discriminator's first layer, none of its weights
    in a frozen view.
    fuse_dense: a fully connected layer, the activation behind it ((leaky) ReLU, sigmoid or tanh)
    and the reshape behind both become one operator. By default where the processor has the
    instructions for it, see `native.has_products`.
    fuse_norms: so do a BatchNorm and the (leaky) ReLU behind it, by default where that is
    available. The graph is then for training alone: it normalises by the statistics of the batch in
    prediction, too.

    MXNet keeps what our operators cannot do: weights that two layers share, BatchNorm with running
    statistics or another axis than 1, layers in bfloat16. It also keeps BatchNorm between two
    convolutions, where its own is faster.
    """
    content = json.loads(symbol.tojson(remove_amp_cast=False))
    if fuse_dense is None:
        fuse_dense = native.has_products()
    if fuse_norms is None:
        fuse_norms = native.is_available('norms')
    rewriting = _Rewriting(content, differentiated)
    if fuse_dense:
        rewriting.fuse_dense()
    if fuse_norms:
        rewriting.fuse_norms()
        rewriting.fuse_modulations()
    rewriting.fuse_activations()
    rewriting.fuse_reshapes()
    rewriting.fuse_slopes()
    if fuse_dense:
        rewriting.fuse_formula()
    rewriting.drop_defaults()
    rewriting.fuse_chains()
    content.pop('node_row_ptr', None)
    return mx.sym.load_json(json.dumps(content))


class _Rewriting:
    """Changes the nodes of a graph in place.

    A node that is no longer used stays in the list; MXNet drops it.
    """

    def __init__(self, content: dict[str, Any], differentiated: Collection[str]) -> None:
        self._nodes: list[RawNode] = content['nodes']
        for node in self._nodes:
            node.setdefault('attrs', {})
        self._heads = content['heads']
        self._needing = _needing_gradient(self._nodes, differentiated)
        self._uses = Counter(edge[0] for edge in self._edges())

    def fuse_dense(self) -> None:
        for node in self._nodes:
            if self._is_dense(node):
                self._skip_flatten(node)
                self._replace(node, DENSE, _dense_attributes(node))
                self._skip_concat(node)

    def fuse_norms(self) -> None:
        # Only its first output is one of ours.
        inspected = {edge[0] for edge in self._edges() if edge[1] > 0}
        for index, node in enumerate(self._nodes):
            if index in inspected or not self._is_norm(node):
                continue
            if not self._is_between_convolutions(index):
                self._replace(node, BATCHNORM, _norm_attributes(node))

    def fuse_modulations(self) -> None:
        """Let one operator scale and shift the channels of each sample."""
        fuse_modulations(self._nodes, self._uses)

    def fuse_activations(self) -> None:
        """Move each activation into the operator of ours that it follows."""
        layers: dict[int, int] = {}
        for index, node in enumerate(self._nodes):
            slope = _slope(node)
            curve = _curve(node)
            if slope is not None and self._follows(node, (DENSE, BATCHNORM)):
                layers[index] = self._add_to_layer(index, {'slope': slope})
            elif curve is not None and self._follows(node, (DENSE,)):
                layers[index] = self._add_to_layer(index, {'activation': curve})
        self._point_at(layers)

    def fuse_reshapes(self) -> None:
        """Let each dense layer give its output the shape that it would be given next."""
        for index, node in enumerate(self._nodes):
            sizes = _sizes(node)
            if sizes is None or not self._follows(node, (DENSE,)):
                continue
            if prod(sizes) == int(self._nodes[node['inputs'][0][0]]['attrs']['units']):
                layer = self._add_to_layer(index, {'shape': ','.join(map(str, sizes))})
                self._point_at({index: layer})  # at once: another reshape may follow

    def fuse_slopes(self) -> None:
        """Let each layer scale the gradient that it hands to a dense layer with an activation."""
        for node in self._nodes:
            if node['op'] not in (DENSE, BATCHNORM) or node['attrs']['of_input'] == '0':
                continue
            before = self._nodes[node['inputs'][0][0]]
            if not self._follows(node, (DENSE,)):
                continue
            activation = before['attrs']['activation']
            if node['op'] == DENSE:
                node['attrs']['activation_before'] = activation
            elif activation != 'leaky':
                continue
            node['attrs']['slope_before'] = before['attrs']['slope']
            before['attrs']['is_scaled'] = '1'

    def fuse_formula(self) -> None:
        """Let one operator compute what is behind the last layers, such as a loss."""
        fuse_formula(self._nodes, self._heads, self._needing)

    def drop_defaults(self) -> None:
        """Leave out what the operators assume: MXNet copies attributes whenever it runs one."""
        for node in self._nodes:
            defaults = DEFAULTS.get(node['op'], {})
            attributes = node['attrs']
            node['attrs'] = {k: v for k, v in attributes.items() if defaults.get(k) != v}

    def fuse_chains(self) -> None:
        """Let one operator run several of ours that follow one another."""
        fuse_chains(self._nodes, self._heads, (DENSE, BATCHNORM, FORMULA), ends=(DENSE, FORMULA))

    def _add_to_layer(self, index: int, attributes: dict[str, str]) -> int:
        """Let the layer that a node follows take its place; return the layer's index."""
        layer = self._nodes[index]['inputs'][0][0]
        self._nodes[layer]['attrs'].update(attributes)
        self._uses[layer] = self._uses[index]
        return layer

    def _point_at(self, layers: dict[int, int]) -> None:
        """Put layers in the places of the nodes that have become a part of them."""
        for edge in self._edges():
            edge[0] = layers.get(edge[0], edge[0])

    def _edges(self) -> Iterator[list[int]]:
        for node in self._nodes:
            yield from node['inputs']
        yield from self._heads

    def _replace(self, node: RawNode, op: str, attributes: dict[str, str]) -> None:
        x, *parameters = [edge[0] for edge in node['inputs']]
        node['op'] = op
        node['attrs'] = {
            **DEFAULTS[op],
            **attributes,
            'of_input': str(int(x in self._needing)),
            'of_weights': str(int(not self._needing.isdisjoint(parameters))),
        }

    def _skip_flatten(self, node: RawNode) -> None:
        """Let a dense layer read what is flattened for it: ours takes (N, ...) as it is."""
        before = self._nodes[node['inputs'][0][0]]
        if before['op'] == 'Flatten':
            node['inputs'][0] = list(before['inputs'][0])

    def _skip_concat(self, node: RawNode) -> None:
        """Let a dense layer read both halves of a batch where they lie, if both are constant."""
        blocked = node['inputs'][0][0]
        if self._nodes[blocked]['op'] != 'BlockGrad' or self._uses[blocked] > 1:
            return
        joined = self._nodes[blocked]['inputs'][0][0]
        attributes = self._nodes[joined]['attrs']
        if self._nodes[joined]['op'] != 'Concat' or self._uses[joined] > 1:
            return
        if joined in self._needing:
            return
        if (attributes['num_args'], attributes.get('dim', '1')) == ('2', '0'):
            node['inputs'][:1] = [list(edge) for edge in self._nodes[joined]['inputs']]
            node['attrs']['parts'] = '2'

    def _is_dense(self, node: RawNode) -> bool:
        if node['op'] != 'FullyConnected' or not _is_true(node, 'flatten', default=True):
            return False
        return self._takes_float32(node) and self._owns_parameters(node)

    def _is_norm(self, node: RawNode) -> bool:
        if node['op'] != 'BatchNorm' or node['attrs'].get('axis', '1') != '1':
            return False
        if _is_true(node, 'use_global_stats') or _is_true(node, 'output_mean_var'):
            return False
        return self._takes_float32(node) and self._owns_parameters(node)

    def _is_between_convolutions(self, index: int) -> bool:
        before = self._nodes[index]['inputs'][0][0]
        if self._nodes[before]['op'] not in CONVOLUTIONS:
            return False
        return any(node['op'] in CONVOLUTIONS for node in self._readers(index))

    def _readers(self, index: int) -> Iterator[RawNode]:
        """Yield the nodes that read the output of a node, directly or through an activation."""
        for reader, node in enumerate(self._nodes):
            if index in (edge[0] for edge in node['inputs']):
                yield node
                if _slope(node) is not None:
                    yield from self._readers(reader)

    def _takes_float32(self, node: RawNode) -> bool:
        sources = [self._nodes[edge[0]] for edge in node['inputs']]
        casts = [source for source in sources if source['op'] in ('amp_cast', 'Cast', 'cast')]
        return all(cast['attrs']['dtype'] == 'float32' for cast in casts)

    def _owns_parameters(self, node: RawNode) -> bool:
        return all(self._uses[edge[0]] == 1 for edge in node['inputs'][1:])

    def _follows(self, node: RawNode, ops: Collection[str]) -> bool:
        """Return whether a node, and no other, reads the output of one of these operators."""
        layer = node['inputs'][0][0]
        return self._nodes[layer]['op'] in ops and self._uses[layer] == 1


def _needing_gradient(nodes: list[RawNode], differentiated: Collection[str]) -> set[int]:
    """Return the indices of the nodes whose output depends on a differentiated variable."""
    needing: set[int] = set()
    for index, node in enumerate(nodes):
        if node['op'] == VARIABLE:
            if node['name'] in differentiated:
                needing.add(index)
        elif node['op'] not in CONSTANT and any(edge[0] in needing for edge in node['inputs']):
            needing.add(index)
    return needing


def _dense_attributes(node: RawNode) -> dict[str, str]:
    return {
        'units': node['attrs']['num_hidden'],
        'bias': str(int(len(node['inputs']) == 3)),
    }


def _norm_attributes(node: RawNode) -> dict[str, str]:
    numbers = {name: node['attrs'][name] for name in ('eps', 'momentum') if name in node['attrs']}
    return {**numbers, 'fix_gamma': str(int(_is_true(node, 'fix_gamma', default=True)))}


def _is_true(node: RawNode, attribute: str, *, default: bool = False) -> bool:
    return node['attrs'].get(attribute, str(default)) in ('True', '1')


def _slope(node: RawNode) -> str | None:
    """Return the slope below 0 of a (leaky) ReLU, None for another operator.

    The backward pass takes the sign of the input from that of the output. So a slope below 0 is
    left to MXNet.
    """
    kind = node['attrs'].get('act_type', 'leaky')
    if node['op'] == 'Activation' and kind == 'relu':
        return '0'
    if node['op'] == 'LeakyReLU' and kind == 'leaky':
        slope = node['attrs'].get('slope', '0.25')
        return slope if float(slope) >= 0 else None
    return None


def _curve(node: RawNode) -> str | None:
    """Return the name of an activation that a dense layer can compute, None for another one."""
    kind = node['attrs'].get('act_type')
    return kind if node['op'] == 'Activation' and kind in CURVES else None


def _sizes(node: RawNode) -> list[int] | None:
    """Return the sizes behind the batch that a reshape gives, None where it does more than that."""
    if node['op'] != 'Reshape' or _is_true(node, 'reverse'):
        return None
    batch, *sizes = map(int, re.findall(r'-?[0-9]+', node['attrs']['shape']))
    return sizes if batch in (-1, 0) and all(size > 0 for size in sizes) else None
