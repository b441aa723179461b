"""Blocks for training: gluongan's operators take the place of MXNet's in their graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..runtime import mx
from .fusion import can_fuse, fused
from .layers import plain_batchnorm


class Fused(mx.gluon.HybridBlock):
    """A block whose graph is `fused` when it is hybridized. It is for training alone.

    Whoever changes `grad_req` of a parameter calls `hybridize` again. An input whose gradient is
    never wanted goes through BlockGrad: then no operator computes it.

    inputs_are_constant: whether nobody wants a gradient of any input.
    """

    inputs_are_constant = False

    def forward(self, *inputs: Any) -> Any:
        is_traced = self._active and self._cached_op is not None and self._callback is None
        if is_traced and isinstance(inputs[0], mx.nd.NDArray):
            return self._run_graph(inputs)
        return super().forward(*inputs)

    def trace_again(self) -> None:
        """Forget the graph; the next pass traces it."""
        self._clear_cached_op()

    def _run_graph(self, inputs: Sequence[mx.nd.NDArray]) -> Any:
        """Do what Gluon does, without what it checks each time: as long as a small graph takes."""
        arguments = []
        for is_input, which in self._cached_op_args:
            # `data()` would check what holds here, and take ten times as long.
            arguments.append(inputs[which] if is_input else which._data[0])
        outputs = self._cached_op(*arguments)
        return outputs if isinstance(outputs, mx.nd.NDArray) else tuple(outputs)

    def _get_graph(self, *inputs: Any) -> Any:
        # Gluon has no public way to change the graph that it has traced.
        if not self._cached_graph:
            self._cached_graph = self._traced(*inputs)
        return self._cached_graph

    def _traced(self, *inputs: Any) -> tuple[list[mx.sym.Symbol], mx.sym.Symbol]:
        parameters = self.collect_params().values()
        if not can_fuse(parameters):
            return super()._get_graph(*inputs)
        with plain_batchnorm(self):
            arguments, output = super()._get_graph(*inputs)
        differentiated = {p.name for p in parameters if p.grad_req != 'null'}
        if not self.inputs_are_constant:
            differentiated.update(argument.name for argument in arguments)
        return arguments, fused(output, differentiated)


class FusedNet(Fused):
    """A network's passes in training: the same function of the same weights, in less time.

    Prediction is left to the network itself. The inputs count as constants: their gradient is 0.

    >>> import gluongan as gg
    >>> gen = gg.dense_generator([5, 16, 64])
    >>> FusedNet(gen)(mx.nd.zeros((8, 5))).shape
    (8, 1, 8, 8)
    """

    def __init__(self, net: mx.gluon.HybridBlock) -> None:
        super().__init__(prefix='')
        self.net = net
        self.hybridize(static_alloc=True)

    def forward(self, *inputs: Any) -> Any:
        if isinstance(inputs[0], mx.nd.NDArray) and not mx.autograd.is_training():
            return self.net(*inputs)
        return super().forward(*inputs)

    def hybrid_forward(self, F: Any, *inputs: Any) -> Any:
        return self.net(*map(F.BlockGrad, inputs))
