"""MXNet's operators as ONNX operators (opset 13): one converter for each of OPERATORS.

A converter takes a Writer, the node's attributes and the names of its inputs, and returns the name
of its output. Definitions: https://github.com/onnx/onnx/blob/main/docs/Operators.md
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from .shape_rules import Attrs, Shape

OPSET = 13
TO_THE_END = 2**63 - 1  # as the end of a slice
ACTIVATIONS = {'relu': 'Relu', 'sigmoid': 'Sigmoid', 'softrelu': 'Softplus', 'tanh': 'Tanh'}
LEAKY = {'leaky': 'LeakyRelu', 'elu': 'Elu'}


class Writer:
    """Collects the nodes and constants of an ONNX graph.

    shapes: of the values so far, by name.
    """

    def __init__(self, helper: Any, shapes: dict[str, Shape]) -> None:
        self._helper = helper
        self.shapes = shapes
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}

    def __call__(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return its output's name."""
        name = f'{op}_{len(self.nodes)}'  # no weight has such a name
        self.nodes.append(self._helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def rename(self, old: str, new: str) -> None:
        """Rename a value wherever a node computes or uses it."""
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [new if name == old else name for name in names]

    def scalar(self, value: float) -> str:
        """Return the name of a float32 constant."""
        return self._constant(f'number_{value!r}', np.asarray(np.float32(value)))

    def integers(self, *values: int) -> str:
        """Return the name of a constant list of integers."""
        return self._constant('places_' + '_'.join(map(str, values)), np.array(values, np.int64))

    def _constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = value
        return name


Converter = Callable[..., str]


# Converters that fit several operators


def _direct(op: str) -> Converter:
    """The same inputs, no attributes."""
    return lambda w, attrs, *inputs: w(op, *inputs)


def _with_scalar(op: str) -> Converter:
    """The scalar as a second input."""
    return lambda w, attrs, x: w(op, x, w.scalar(attrs['scalar']))


def _window(op: str) -> Converter:
    """Convolutions, which are padded by one pixel."""

    def convert(w: Writer, attrs: Attrs, *inputs: str) -> str:
        window = {'kernel_shape': list(attrs['kernel']), 'strides': list(attrs['stride'])}
        return w(op, *inputs, **window, pads=[1, 1, 1, 1])

    return convert


def _identity(w: Writer, attrs: Attrs, x: str) -> str:
    return x


# Converters of one operator


def _dense(w: Writer, attrs: Attrs, x: str, *weights: str) -> str:
    if len(w.shapes[x]) != 2:
        x = w('Flatten', x, axis=1)
    return w('Gemm', x, *weights, transB=1)


def _batchnorm(w: Writer, attrs: Attrs, *inputs: str) -> str:
    return w('BatchNormalization', *inputs, epsilon=attrs['eps'])


def _activation(w: Writer, attrs: Attrs, x: str) -> str:
    return w(ACTIVATIONS[attrs['act_type']], x)


def _leaky(w: Writer, attrs: Attrs, x: str) -> str:
    if attrs['act_type'] == 'gelu':
        return _gelu(w, x)
    return w(LEAKY[attrs['act_type']], x, alpha=attrs.get('slope', 0.25))


def _gelu(w: Writer, x: str) -> str:
    """Return x Φ(x) = x (erf(x / √2) + 1) / 2."""
    scaled = w('Div', x, w.scalar(sqrt(2)))
    twice_phi = w('Add', w('Erf', scaled), w.scalar(1))
    return w('Mul', w('Mul', x, twice_phi), w.scalar(0.5))


def _square(w: Writer, attrs: Attrs, x: str) -> str:
    return w('Mul', x, x)


def _zeros_like(w: Writer, attrs: Attrs, x: str) -> str:
    return w('Mul', x, w.scalar(0))


def _sum(w: Writer, attrs: Attrs, x: str) -> str:
    axes = [w.integers(attrs['axis'])] if 'axis' in attrs else []
    return w('ReduceSum', x, *axes, keepdims=int(attrs.get('keepdims', False)))


def _mean(w: Writer, attrs: Attrs, x: str) -> str:
    axes = {'axes': [attrs['axis']]} if 'axis' in attrs else {}
    return w('ReduceMean', x, keepdims=int(attrs.get('keepdims', False)), **axes)


def _flatten(w: Writer, attrs: Attrs, x: str) -> str:
    return w('Flatten', x, axis=1)


def _reshape(w: Writer, attrs: Attrs, x: str) -> str:
    first, *others = attrs['shape']
    if first == 0 and 0 in others and -1 not in others:
        # Lengths that are kept are written out: OpenCV 4.11 does not understand a second 0.
        kept = w.shapes[x][1:]
        lengths = [kept[i] if length == 0 else length for i, length in enumerate(others)]
        return w('Reshape', x, w.integers(-1, *lengths))
    return w('Reshape', x, w.integers(first, *others))


def _reshape_like(w: Writer, attrs: Attrs, x: str, y: str) -> str:
    return w('Reshape', x, w('Shape', y))


def _expand_dims(w: Writer, attrs: Attrs, x: str) -> str:
    return w('Unsqueeze', x, w.integers(attrs['axis']))


def _slice_axis(w: Writer, attrs: Attrs, x: str) -> str:
    end = TO_THE_END if attrs['end'] is None else attrs['end']
    return w('Slice', x, w.integers(attrs['begin']), w.integers(end), w.integers(attrs['axis']))


def _concat(w: Writer, attrs: Attrs, *inputs: str) -> str:
    return w('Concat', *inputs, axis=attrs['dim'])


CONVERTERS: dict[str, Converter] = {
    'FullyConnected': _dense,
    'Convolution': _window('Conv'),
    'Deconvolution': _window('ConvTranspose'),
    'BatchNorm': _batchnorm,
    'Activation': _activation,
    'LeakyReLU': _leaky,
    'Dropout': _identity,
    'BlockGrad': _identity,
    'abs': _direct('Abs'),
    'exp': _direct('Exp'),
    'sigmoid': _direct('Sigmoid'),
    'sqrt': _direct('Sqrt'),
    'square': _square,
    'zeros_like': _zeros_like,
    '_plus_scalar': _with_scalar('Add'),
    '_minus_scalar': _with_scalar('Sub'),
    '_mul_scalar': _with_scalar('Mul'),
    '_div_scalar': _with_scalar('Div'),
    'elemwise_add': _direct('Add'),
    'elemwise_sub': _direct('Sub'),
    'elemwise_mul': _direct('Mul'),
    'broadcast_add': _direct('Add'),
    'broadcast_sub': _direct('Sub'),
    'broadcast_mul': _direct('Mul'),
    'broadcast_div': _direct('Div'),
    'sum': _sum,
    'mean': _mean,
    'dot': _direct('MatMul'),
    'Flatten': _flatten,
    'Reshape': _reshape,
    'reshape_like': _reshape_like,
    'expand_dims': _expand_dims,
    'slice_axis': _slice_axis,
    'Concat': _concat,
}
