"""MXNet's operators in ONNX's words (opset 13): one entry for each of OPERATORS.

An entry is called with a Writer, the node's attributes and the names of its inputs, and returns the name of its output. The
definitions are those of https://github.com/onnx/onnx/blob/main/docs/Operators.md.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from .shape_rules import Attrs, Shape

OPSET = 13
END = 2**63 - 1  # where a slice goes on to the end


class Writer:
    """Nodes and constants of an ONNX graph as they come up; `shapes` are those of the values so far, by name."""

    def __init__(self, helper: Any, shapes: dict[str, Shape]) -> None:
        self._helper, self.shapes = helper, shapes
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}

    def __call__(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return its output's name."""
        name = f'{op}_{len(self.nodes)}'  # no weight is called so
        self.nodes.append(self._helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def rename(self, old: str, new: str) -> None:
        """Call a value by another name, wherever it is made or used."""
        for node in self.nodes:
            for ends in (node.input, node.output):
                ends[:] = [new if end == old else end for end in ends]

    def number(self, value: float) -> str:
        """Return the name of a float32 constant."""
        return self._constant(f'number_{value!r}', np.float32(value))

    def places(self, *values: int) -> str:
        """Return the name of a constant list of whole numbers."""
        return self._constant('places_' + '_'.join(map(str, values)), np.array(values, np.int64))

    def _constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = np.asarray(value)
        return name


Entry = Callable[..., str]


def _dense(w: Writer, attrs: Attrs, x: str, *weights: str) -> str:
    flat = x if len(w.shapes[x]) == 2 else w('Flatten', x, axis=1)
    return w('Gemm', flat, *weights, transB=1)


def _window(op: str) -> Entry:
    return lambda w, attrs, *inputs: w(
        op, *inputs, kernel_shape=[4, 4], strides=[2, 2], pads=[1, 1, 1, 1]
    )


def _batchnorm(w: Writer, attrs: Attrs, *inputs: str) -> str:
    return w('BatchNormalization', *inputs, epsilon=attrs['eps'])


def _activation(w: Writer, attrs: Attrs, x: str) -> str:
    return w(
        {'relu': 'Relu', 'sigmoid': 'Sigmoid', 'softrelu': 'Softplus', 'tanh': 'Tanh'}[
            attrs['act_type']
        ],
        x,
    )


def _leaky(w: Writer, attrs: Attrs, x: str) -> str:
    if attrs['act_type'] == 'gelu':  # x Φ(x), by the error function
        share = w('Add', w('Erf', w('Div', x, w.number(sqrt(2)))), w.number(1))
        return w('Mul', w('Mul', x, share), w.number(0.5))
    return w(
        {'leaky': 'LeakyRelu', 'elu': 'Elu'}[attrs['act_type']], x, alpha=attrs.get('slope', 0.25)
    )


def _slice(w: Writer, attrs: Attrs, x: str) -> str:
    end = END if attrs['end'] is None else attrs['end']
    return w('Slice', x, w.places(attrs['begin']), w.places(end), w.places(attrs['axis']))


def _sum(w: Writer, attrs: Attrs, x: str) -> str:
    axes = [w.places(attrs['axis'])] if 'axis' in attrs else []
    return w('ReduceSum', x, *axes, keepdims=int(attrs.get('keepdims', False)))


def _mean(w: Writer, attrs: Attrs, x: str) -> str:
    axes = {'axes': [attrs['axis']]} if 'axis' in attrs else {}
    return w('ReduceMean', x, keepdims=int(attrs.get('keepdims', False)), **axes)


def _plainly(op: str) -> Entry:
    return lambda w, attrs, *inputs: w(op, *inputs)


def _scalar(op: str) -> Entry:
    return lambda w, attrs, x: w(op, x, w.number(attrs['scalar']))


def _as_it_is(w: Writer, attrs: Attrs, x: str) -> str:
    return x


ENTRIES: dict[str, Entry] = {
    'FullyConnected': _dense,
    'Convolution': _window('Conv'),
    'Deconvolution': _window('ConvTranspose'),
    'BatchNorm': _batchnorm,
    'Activation': _activation,
    'LeakyReLU': _leaky,
    'Dropout': _as_it_is,
    'BlockGrad': _as_it_is,
    'abs': _plainly('Abs'),
    'exp': _plainly('Exp'),
    'sigmoid': _plainly('Sigmoid'),
    'sqrt': _plainly('Sqrt'),
    'square': lambda w, attrs, x: w('Mul', x, x),
    'zeros_like': lambda w, attrs, x: w('Mul', x, w.number(0)),
    '_plus_scalar': _scalar('Add'),
    '_minus_scalar': _scalar('Sub'),
    '_mul_scalar': _scalar('Mul'),
    '_div_scalar': _scalar('Div'),
    'elemwise_add': _plainly('Add'),
    'elemwise_sub': _plainly('Sub'),
    'elemwise_mul': _plainly('Mul'),
    'broadcast_add': _plainly('Add'),
    'broadcast_sub': _plainly('Sub'),
    'broadcast_div': _plainly('Div'),
    'sum': _sum,
    'mean': _mean,
    'dot': _plainly('MatMul'),
    'Flatten': lambda w, attrs, x: w('Flatten', x, axis=1),
    'Reshape': lambda w, attrs, x: w('Reshape', x, w.places(*attrs['shape'])),
    'reshape_like': lambda w, attrs, x, y: w('Reshape', x, w('Shape', y)),
    'expand_dims': lambda w, attrs, x: w('Unsqueeze', x, w.places(attrs['axis'])),
    'slice_axis': _slice,
    'Concat': lambda w, attrs, *inputs: w('Concat', *inputs, axis=attrs['dim']),
}
