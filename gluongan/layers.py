"""Chain, a network that is the list of its layers as in Flux, and the layers that Gluon lacks."""
from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from .runtime import mx

nn = mx.gluon.nn

SELU_SCALE, SELU_SLOPE = 1.0507009873554805, 1.6732632423543772    # Klambauer et al. 2017, section 2

ACTIVATIONS = {
    'identity': lambda F, x, slope: x,
    'relu': lambda F, x, slope: F.Activation(x, act_type='relu'),
    'leaky_relu': lambda F, x, slope: F.LeakyReLU(x, act_type='leaky', slope=slope),
    'tanh': lambda F, x, slope: F.Activation(x, act_type='tanh'),
    'sigmoid': lambda F, x, slope: F.Activation(x, act_type='sigmoid'),
    'softplus': lambda F, x, slope: F.Activation(x, act_type='softrelu'),
    'elu': lambda F, x, slope: F.LeakyReLU(x, act_type='elu', slope=1.0),
    # Not act_type='selu': its backward in MXNet 1.9.1 is wrong below 0, even in sign below -3; ELU's is right.
    'selu': lambda F, x, slope: SELU_SCALE * F.LeakyReLU(x, act_type='elu', slope=SELU_SLOPE),
    'gelu': lambda F, x, slope: F.LeakyReLU(x, act_type='gelu'),
    'swish': lambda F, x, slope: x * F.sigmoid(x),
    'unit_tanh': lambda F, x, slope: (F.Activation(x, act_type='tanh') + 1) / 2,
}


class Activation(mx.gluon.HybridBlock):
    """An elementwise function by name (see ACTIVATIONS); `slope` is LeakyReLU's on the negative side."""

    def __init__(self, name: str, *, slope: float = 0.2) -> None:
        super().__init__()
        if name not in ACTIVATIONS:
            raise ValueError(f'activation {name!r}: must be one of {", ".join(ACTIVATIONS)}')
        self.title, self._slope = name, slope

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return ACTIVATIONS[self.title](F, x, self._slope)


class Dense(nn.Dense):
    """y = f(x Wᵀ + b): (N, in_units) -> (N, units), with any activation of this module by name."""

    def __init__(self, units: int, activation: str = 'identity', *, in_units: int, slope: float = 0.2) -> None:
        super().__init__(units, in_units=in_units)
        self.act = Activation(activation, slope=slope)


class Reshape(mx.gluon.HybridBlock):
    """(N, ...) -> (N, *shape) without moving data; `shape=()` gives (N,)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self._shape = tuple(shape)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.reshape(x, shape=(-1, *self._shape))


class TwoUnitSoftmax(mx.gluon.HybridBlock):
    """The logit of a two-unit softmax whose second unit is dropped: (N, 2) -> (N, 1).

    softmax(h)[0] = exp(h0) / (exp(h0) + exp(h1)) = sigmoid(h0 - h1), so the logit is h0 - h1. Behind two tanh units it
    lies in (-2, 2).
    """

    def hybrid_forward(self, F: Any, h: Any) -> Any:
        return F.slice_axis(h, axis=1, begin=0, end=1) - F.slice_axis(h, axis=1, begin=1, end=2)


class Row(NamedTuple):
    """One line of a network's table."""

    layer: str
    activation: str
    output: tuple[int, ...] | None
    parameters: int


class Chain(nn.HybridSequential):
    """The composition of layers in order: `Chain(Dense(500, 'tanh', in_units=100), Dense(784, 'sigmoid', in_units=500))`.

    Slices are Chains that share their layers' parameters. `shape_in` is the shape of one sample of its input, where known.
    """

    def __init__(self, *layers: mx.gluon.HybridBlock, shape_in: tuple[int, ...] | None = None,
                 prefix: str | None = None, params: Any = None) -> None:
        super().__init__(prefix=prefix, params=params)
        self.shape_in = shape_in
        self.add(*layers)

    def rows(self, shape_in: tuple[int, ...] | None = None) -> list[Row]:
        """Return the table of its layers; `shape_in` is one sample's shape, by default the one it was built for."""
        shape = shape_in or self.shape_in
        if shape is None:
            raise ValueError('this Chain was built without shape_in: hand the shape of one input sample to rows()')
        table = [Row('input', '', shape, 0)]
        for layer in self:
            shape = _output_shape(layer, shape)
            act = getattr(layer, 'act', None)
            title = '' if act is None or act.title == 'identity' else act.title
            table.append(Row(type(layer).__name__, title, shape, parameter_count(layer)))
        return table

    def __repr__(self) -> str:
        rows = self.rows() if self.shape_in else [Row(type(x).__name__, '', None, parameter_count(x)) for x in self]
        return format_table(rows)


def _output_shape(layer: mx.gluon.HybridBlock, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Infer by the symbol graph, which computes nothing and leaves a hybridized layer as it was."""
    _, shapes, _ = layer(mx.sym.var('x')).infer_shape(x=(1, *shape))
    return tuple(shapes[0][1:])


def parameter_count(net: mx.gluon.HybridBlock) -> int:
    """Return how many numbers a network holds, BatchNorm's running mean and variance among them."""
    return sum(prod(p.shape) for p in net.collect_params().values())


def format_table(rows: list[Row]) -> str:
    """Return a network's table as text: layer, activation, output shape, parameters, and their total."""
    total = sum(row.parameters for row in rows)
    cells = [('layer', 'activation', 'output', 'parameters'),
             *((r.layer, r.activation, _shape_text(r.output), f'{r.parameters:,}') for r in rows),
             ('total', '', '', f'{total:,}')]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return '\n'.join(f'{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}' for a, b, c, d in cells)


def _shape_text(shape: tuple[int, ...] | None) -> str:
    return '' if shape is None else ' × '.join(map(str, shape)) or '1'


def frozen(net: mx.gluon.HybridBlock) -> mx.gluon.SymbolBlock:
    """Return a view of `net`, (N, ...) -> the same, that shares its weights' memory and takes no gradient for them.

    G's update runs backward *through* D; with D itself every weight gradient of D would be computed and thrown away, a
    third of that pass. Turning `grad_req` on and off instead costs 1 ms an iteration and replans the memory. Where D has
    BatchNorm, its running statistics are shared too, and so move in G's update.
    """
    x = mx.sym.var('x', dtype='float32')
    view = mx.gluon.SymbolBlock(net(x), x)
    for name, own in net.collect_params().items():
        shared = view.collect_params()[name]
        shared.grad_req, shared.shape = 'null', own.shape
        shared.initialize(ctx=own.list_ctx())
        shared._data = [value.detach() for value in own.list_data()]    # Gluon has no public way to share memory alone
    view.hybridize(static_alloc=True)
    return view
