"""Chain, a network that is the list of its layers as in Flux, and the table of its layers."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

from ...errors import InputError
from ...files import text_table
from ...runtime import mx
from ..graph import VARIABLE, Shape, parse_graph
from .batchwise import Pack

HEADING = ('layer', 'activation', 'output', 'parameters', 'FLOPs')


class Row(NamedTuple):
    """One row of a network's table.

    output: the shape of one sample behind the layer, None where it is unknown. flops: of one
    sample, 2 × the multiply-adds of the layer's products.
    """

    layer: str
    activation: str
    output: Shape | None
    parameters: int
    flops: int | None = None


class Chain(mx.gluon.nn.HybridSequential):
    """The composition of its layers in order; a slice is a Chain that shares their parameters.

    shape_in: the shape of one input sample, None where it is unknown.

    >>> import gluongan as gg
    >>> net = Chain(
    ...     gg.Dense(500, 'tanh', in_units=100),
    ...     gg.Dense(784, 'sigmoid', in_units=500),
    ...     shape_in=(100,),
    ... )
    >>> print(net)
    layer  activation  output  parameters      FLOPs
    input                 100           0          0
    Dense  tanh           500      50,500    100,000
    Dense  sigmoid        784     392,784    784,000
    total                         443,284    884,000
    >>> net[1:][0] is net[1]
    True
    """

    def __init__(
        self,
        *layers: mx.gluon.HybridBlock,
        shape_in: tuple[int, ...] | None = None,
        prefix: str | None = None,
        params: Any = None,
    ) -> None:
        super().__init__(prefix=prefix, params=params)
        self.shape_in = shape_in
        self.add(*layers)

    def inputs_of(self, layer: mx.gluon.HybridBlock, value: Any, first: Any) -> tuple[Any, ...]:
        """Return what a layer takes: what the layer before it gave; first: the Chain's input."""
        return (value,)

    def rows(self, shape_in: tuple[int, ...] | None = None) -> list[Row]:
        """Return the table of the layers.

        shape_in: of one input sample; the Chain's own by default. Raises InputError where there is
        neither.
        """
        shape = shape_in or self.shape_in
        if shape is None:
            raise InputError(
                'is missing, and this Chain was built without it; '
                'must be the shape of one input sample',
                setting='shape_in',
            )
        samples = prod(layer.m for layer in self if isinstance(layer, Pack))  # in one input
        first = batch_shape = (samples, *shape)
        table = [Row('input', '', shape, 0, 0)]
        for layer in self:
            shapes = self.inputs_of(layer, batch_shape, first)
            batch_shape, flops = _shape_and_flops(layer, *shapes)
            row = Row(
                type(layer).__name__,
                _activation_name(layer),
                batch_shape[1:],
                parameter_count(layer),
                flops // samples,
            )
            table.append(row)
        return table

    def __repr__(self) -> str:
        if self.shape_in:
            return format_table(self.rows())
        return format_table(
            [Row(type(layer).__name__, '', None, parameter_count(layer)) for layer in self]
        )


class Beside(mx.gluon.HybridBlock):
    """Networks beside one another: their outputs (N, units) for the same input, joined.

    nets: two or more. The result is (N, the sum of their units).

    >>> import gluongan as gg
    >>> layer = Beside(Chain(gg.Dense(3, in_units=5)), Chain(gg.Dense(4, 'relu', in_units=5)))
    >>> layer.initialize()
    >>> layer(mx.nd.ones((2, 5))).shape
    (2, 7)
    """

    def __init__(self, *nets: Chain) -> None:
        super().__init__()
        for net in nets:
            self.register_child(net)

    def __iter__(self) -> Iterator[Chain]:
        return iter(self._children.values())

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.concat(*(net(x) for net in self), dim=1)


def _shape_and_flops(layer: mx.gluon.HybridBlock, *inputs: Shape) -> tuple[Shape, int]:
    """Return the shape of a batch behind a layer, and the FLOPs; nothing is computed for it."""
    shape_of_input = {f'x{number}': shape for number, shape in enumerate(inputs)}
    symbol = layer(*map(mx.sym.var, shape_of_input))
    internals = symbol.get_internals()
    _, output_shapes, _ = internals.infer_shape(**shape_of_input)
    shape_of = dict(zip(internals.list_outputs(), output_shapes))
    graph = parse_graph(symbol.tojson())
    shapes = []
    for node in graph.nodes:
        output = node.name if node.op == VARIABLE else f'{node.name}_output'
        shapes.append(shape_of[output])
    return tuple(shapes[graph.output]), sum(graph.flops(shapes))


def _activation_name(layer: mx.gluon.HybridBlock) -> str:
    """Return the name of a layer's activation, '' for none; Gluon's layers call it `_act_type`."""
    activation = getattr(layer, 'act', None)
    name: str = getattr(activation, 'title', '') or getattr(activation, '_act_type', '')
    return '' if name == 'identity' else name


def parameter_count(net: mx.gluon.HybridBlock) -> int:
    """Return how many numbers a network holds, with BatchNorm's running mean and variance.

    >>> import gluongan as gg
    >>> parameter_count(gg.dense_generator([100, 256, 512, 1024, 784]))
    1493520
    """
    return sum(prod(parameter.shape) for parameter in net.collect_params().values())


def weights(net: mx.gluon.HybridBlock) -> dict[str, mx.nd.NDArray]:
    """Return a network's live arrays by their position in it, with BatchNorm's running statistics.

    >>> import gluongan as gg
    >>> list(weights(gg.dense_discriminator([784, 64, 1])))
    ['1.weight', '1.bias', '2.weight', '2.bias']
    """
    parameters = net._collect_params_with_prefix()
    return {name: parameter.data() for name, parameter in parameters.items()}


def format_table(rows: list[Row]) -> str:
    """Return a network's table as text, with the totals of its parameters and FLOPs last."""
    flops = [row.flops for row in rows]
    total_flops = None if None in flops else sum(filter(None, flops))
    total = Row('total', '', None, sum(row.parameters for row in rows), total_flops)
    cells: list[tuple[str, ...]] = [HEADING]
    for row in [*rows, total]:
        cells.append(_cells(row))
    return text_table(cells, left=(0, 1))


def _cells(row: Row) -> tuple[str, ...]:
    output = '' if row.output is None else _shape_text(row.output)
    flops = '' if row.flops is None else f'{row.flops:,}'
    return row.layer, row.activation, output, f'{row.parameters:,}', flops


def _shape_text(shape: Shape) -> str:
    """Return a shape as text; that of a single number, (), is 1."""
    return ' × '.join(map(str, shape)) or '1'
