"""A network without its weight gradients."""

from __future__ import annotations

from ...runtime import mx
from ..graph import Graph, parse_graph


def frozen(
    net: mx.gluon.HybridBlock,
    values: dict[str, mx.nd.NDArray] | None = None,
    *,
    use_running_stats: bool = False,
) -> mx.gluon.SymbolBlock:
    """Return a view of `net` that shares the memory of its weights and has no gradient for them.

    The view computes what `net` computes, (N, ...) -> the same shape.

    values: arrays to compute with instead of the weights, by the names of the parameters.
    use_running_stats: BatchNorm uses its running statistics in training too, and the gradient with
    respect to the input is then right. It is not right when MXNet 1.9.1's BatchNorm predicts: its
    backward pass still treats the statistics as the batch's own (no upstream issue is known).

    The generator's update runs backward *through* the discriminator. With the discriminator itself,
    MXNet would compute every weight gradient of it and throw it away, a third of that pass. Turning
    `grad_req` off and on instead costs 1 ms an iteration, and memory is planned anew each time.
    BatchNorm's running statistics are shared too, so the generator's update moves them.

    >>> import gluongan as gg
    >>> net = gg.Dense(1, in_units=2)
    >>> net.initialize(mx.init.One())
    >>> view = frozen(net)
    >>> net.weight.data()[:] = 10
    >>> view(mx.nd.array([[1, 2]])).asnumpy()
    array([[30.]], dtype=float32)
    """
    x = mx.sym.var('x', dtype='float32')
    symbol = net(x)
    if use_running_stats:
        symbol = _with_running_stats(symbol)
    view = mx.gluon.SymbolBlock(symbol, x)
    for name, parameter in net.collect_params().items():
        shared = view.collect_params()[name]
        shared.grad_req = 'null'
        shared.shape = parameter.shape
        shared.initialize(ctx=parameter.list_ctx())
        arrays = parameter.list_data() if values is None else [values[name]]
        # Gluon has no public way to share the memory of a parameter without its gradient.
        shared._data = [array.detach() for array in arrays]
    view.hybridize(static_alloc=True)
    return view


def _with_running_stats(symbol: mx.sym.Symbol) -> mx.sym.Symbol:
    graph = parse_graph(symbol.tojson())
    nodes = []
    for node in graph.nodes:
        if node.op == 'BatchNorm':
            node = node._replace(attrs={**node.attrs, 'use_global_stats': True})
        nodes.append(node)
    return mx.sym.load_json(Graph(tuple(nodes), graph.output).json())
