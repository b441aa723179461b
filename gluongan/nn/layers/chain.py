"""Chain, a network that is the list of its layers as in Flux, and its table."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from ...runtime import mx
from ..graph import VARIABLE, parsed
from .batchwise import Pack

nn = mx.gluon.nn


class Row(NamedTuple):
    """One line of a network's table; FLOPs are those of one sample, 2 × the multiply-adds of its products."""

    layer: str
    activation: str
    output: tuple[int, ...] | None
    parameters: int
    flops: int | None = None


class Chain(nn.HybridSequential):
    """The composition of layers in order: `Chain(Dense(500, 'tanh', in_units=100), Dense(784, 'sigmoid', in_units=500))`.

    Slices are Chains that share their layers' parameters. `shape_in` is the shape of one sample of its input, where known.
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

    def rows(self, shape_in: tuple[int, ...] | None = None) -> list[Row]:
        """Return the table of its layers; `shape_in` is one sample's shape, by default the one it was built for."""
        shape = shape_in or self.shape_in
        if shape is None:
            raise ValueError(
                'this Chain was built without shape_in: hand the shape of one input sample to rows()'
            )
        batch = prod(layer.m for layer in self if isinstance(layer, Pack))
        table, whole = [Row('input', '', shape, 0, 0)], (batch, *shape)
        for layer in self:
            whole, flops = _passed(layer, whole)
            act = getattr(layer, 'act', None)
            title = getattr(act, 'title', None) or getattr(
                act, '_act_type', ''
            )  # Gluon's own layers have the latter
            title = '' if title == 'identity' else title
            table.append(
                Row(type(layer).__name__, title, whole[1:], parameter_count(layer), flops // batch)
            )
        return table

    def __repr__(self) -> str:
        rows = (
            self.rows()
            if self.shape_in
            else [Row(type(x).__name__, '', None, parameter_count(x)) for x in self]
        )
        return format_table(rows)


def _passed(layer: mx.gluon.HybridBlock, shape: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """The shape of a batch behind a layer, and the FLOPs; by the symbol graph, which computes nothing."""
    symbol = layer(mx.sym.var('x'))
    graph, inside = parsed(symbol.tojson()), symbol.get_internals()
    known = dict(zip(inside.list_outputs(), inside.infer_shape(x=shape)[1]))
    shapes = [
        known[node.name if node.op == VARIABLE else f'{node.name}_output'] for node in graph.nodes
    ]
    return tuple(shapes[graph.output]), sum(graph.flops(shapes))


def parameter_count(net: mx.gluon.HybridBlock) -> int:
    """Return how many numbers a network holds, BatchNorm's running mean and variance among them."""
    return sum(prod(p.shape) for p in net.collect_params().values())


def weights(net: mx.gluon.HybridBlock) -> dict[str, mx.nd.NDArray]:
    """Return a network's live arrays by their place in it (`0.weight`), BatchNorm's running statistics among them."""
    return {name: parameter.data() for name, parameter in net._collect_params_with_prefix().items()}


def format_table(rows: list[Row]) -> str:
    """Return a network's table as text: layer, activation, output shape, parameters, FLOPs a sample, and their totals."""
    known = all(row.flops is not None for row in rows)
    total = Row(
        'total',
        '',
        None,
        sum(row.parameters for row in rows),
        sum(row.flops for row in rows) if known else None,
    )
    cells = [
        ('layer', 'activation', 'output', 'parameters', 'FLOPs'),
        *(
            (
                r.layer,
                r.activation,
                _shape_text(r.output),
                f'{r.parameters:,}',
                '' if r.flops is None else f'{r.flops:,}',
            )
            for r in (*rows, total)
        ),
    ]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return '\n'.join(
        f'{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}  {e:>{widths[4]}}'
        for a, b, c, d, e in cells
    )


def _shape_text(shape: tuple[int, ...] | None) -> str:
    return '' if shape is None else ' × '.join(map(str, shape)) or '1'
