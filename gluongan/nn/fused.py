"""Graphs for training, in which gluongan's own operators take the place of several of MXNet's."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from typing import Any

import numpy as np

from .. import native
from ..runtime import mx
from .graph import VARIABLE

RawNode = dict[str, Any]

# These pass no gradient on.
CONSTANT = ('BlockGrad', 'stop_gradient', 'zeros_like', 'ones_like')


class Fused(mx.gluon.HybridBlock):
    """A block whose graph is `fused` when it is hybridized. It is for training alone.

    Subclasses say in `input_gradient` whether a gradient of their inputs is ever asked for.
    """

    input_gradient = False

    def _get_graph(self, *inputs: Any) -> Any:
        # Gluon has no public way to change the graph that it has traced.
        if not self._cached_graph:
            arguments, output = super()._get_graph(*inputs)
            self._cached_graph = arguments, self._fuse(arguments, output)
        return self._cached_graph

    def _fuse(self, arguments: list[mx.sym.Symbol], output: mx.sym.Symbol) -> mx.sym.Symbol:
        parameters = self.collect_params().values()
        if not can_fuse(parameters):
            return output
        differentiated = {p.name for p in parameters if p.grad_req != 'null'}
        if self.input_gradient:
            differentiated.update(argument.name for argument in arguments)
        return fused(output, differentiated)


def can_fuse(parameters: Collection[mx.gluon.Parameter]) -> bool:
    """Return whether gluongan's operators take a network with these parameters."""
    if not native.has_products():
        return False
    for parameter in parameters:
        if np.dtype(parameter.dtype) != np.float32 or parameter.grad_req == 'add':
            return False
        if any(device.device_type != 'cpu' for device in parameter.list_ctx()):
            return False
    return True


def fused(symbol: mx.sym.Symbol, differentiated: Collection[str]) -> mx.sym.Symbol:
    """Return the same graph with each fully connected layer and its activation as one operator.

    differentiated: the names of the variables whose gradients are wanted. An operator computes only
    what they need: no gradient of its input in a discriminator's first layer, none of its weights
    in a frozen view.

    A weight that two layers share is left to MXNet, which adds gradients; our operator cannot.
    """
    content = json.loads(symbol.tojson())
    nodes = content['nodes']
    needs_gradient = _needing_gradient(nodes, differentiated)
    edges = Counter(edge[0] for node in nodes for edge in node['inputs'])
    edges.update(head[0] for head in content['heads'])
    replaced: dict[int, int] = {}
    for index, node in enumerate(nodes):
        if _is_dense(nodes, node, edges):
            nodes[index] = _dense(node, needs_gradient)
        elif _is_activation_of_dense(nodes, node, edges):
            layer = node['inputs'][0][0]
            nodes[layer]['attrs']['slope'] = _slope(node)
            replaced[index] = layer
    for edge in [*(edge for node in nodes for edge in node['inputs']), *content['heads']]:
        edge[0] = replaced.get(edge[0], edge[0])
    content.pop('node_row_ptr', None)
    return mx.sym.load_json(json.dumps(content))


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


def _is_dense(nodes: list[RawNode], node: RawNode, edges: Counter[int]) -> bool:
    if node['op'] != 'FullyConnected' or node['attrs'].get('flatten', 'True') != 'True':
        return False
    factors = [edge[0] for edge in node['inputs']]
    if any(nodes[factor]['op'] == 'amp_cast' for factor in factors):  # bfloat16
        return False
    return all(edges[parameter] == 1 for parameter in factors[1:])


def _dense(node: RawNode, needs_gradient: Collection[int]) -> RawNode:
    x, *parameters = [edge[0] for edge in node['inputs']]
    attrs = {
        'units': node['attrs']['num_hidden'],
        'bias': str(int(len(parameters) == 2)),
        'slope': '1',
        'of_input': str(int(x in needs_gradient)),
        'of_weights': str(int(not needs_gradient.isdisjoint(parameters))),
    }
    return {**node, 'op': 'gluongan_dense', 'attrs': attrs}


def _is_activation_of_dense(nodes: list[RawNode], node: RawNode, edges: Counter[int]) -> bool:
    if _slope(node) is None:
        return False
    layer = node['inputs'][0][0]
    return nodes[layer]['op'] == 'gluongan_dense' and edges[layer] == 1


def _slope(node: RawNode) -> str | None:
    """Return the slope below 0 of a (leaky) ReLU, None for another operator."""
    kind = node.get('attrs', {}).get('act_type')
    if node['op'] == 'Activation' and kind == 'relu':
        return '0'
    if node['op'] == 'LeakyReLU' and kind == 'leaky':
        return node['attrs'].get('slope', '0.25')
    return None
