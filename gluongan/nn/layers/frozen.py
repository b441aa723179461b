"""A network seen without its gradients."""

from __future__ import annotations

from ...runtime import mx
from ..graph import Graph, parsed


def frozen(
    net: mx.gluon.HybridBlock,
    values: dict[str, mx.nd.NDArray] | None = None,
    *,
    settled: bool = False,
) -> mx.gluon.SymbolBlock:
    """Return a view of `net`, (N, ...) -> the same, that shares its weights' memory and takes no gradient for them.

    values: arrays to compute with instead of the weights, by their parameters' names. settled: BatchNorm takes its running
    statistics whatever the mode, and the gradient by the input is right there. Of MXNet 1.9.1's BatchNorm in prediction it is
    not: its backward pass goes on as in training (no upstream issue is known).

    G's update runs backward *through* D; with D itself every weight gradient of D would be computed and thrown away, a
    third of that pass. Turning `grad_req` on and off instead costs 1 ms an iteration and replans the memory. Where D has
    BatchNorm, its running statistics are shared too, and so move in G's update.
    """
    x = mx.sym.var('x', dtype='float32')
    view = mx.gluon.SymbolBlock(_settled(net(x)) if settled else net(x), x)
    for name, own in net.collect_params().items():
        shared = view.collect_params()[name]
        shared.grad_req, shared.shape = 'null', own.shape
        shared.initialize(ctx=own.list_ctx())
        held = own.list_data() if values is None else [values[name]]
        shared._data = [
            value.detach() for value in held
        ]  # Gluon has no public way to share memory alone
    view.hybridize(static_alloc=True)
    return view


def _settled(symbol: mx.sym.Symbol) -> mx.sym.Symbol:
    graph = parsed(symbol.tojson())
    nodes = (
        node._replace(attrs={**node.attrs, 'use_global_stats': True})
        if node.op == 'BatchNorm'
        else node
        for node in graph.nodes
    )
    return mx.sym.load_json(Graph(tuple(nodes), graph.output).json())
