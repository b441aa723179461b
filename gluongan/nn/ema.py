"""An exponential moving average of a network's weights."""

from __future__ import annotations

from ..runtime import mx
from .layers import Chain, frozen


class MovingAverage:
    """a ← decay · a + (1 - decay) · w for every number of `net`, BatchNorm's running statistics among them.

    Samples of an average of G are steadier than G's own (Yazıcı et al. 2019, arXiv 1806.04498). `net` is a view that computes
    with the average. 0 < decay < 1: 0.999 remembers about a thousand updates. The first ones count for more, with
    min(decay, (1 + t) / (10 + t)) at update t: else the untrained weights, and BatchNorm's initial variance of 1, would stay
    in the average for thousands of updates, and its samples grey.
    """

    def __init__(self, net: Chain, decay: float) -> None:
        self._decay = decay
        self._pairs = {
            name: (p.data().copy(), p.data())
            for name, p in net._collect_params_with_prefix().items()
        }
        own = {id(p): name for name, p in net._collect_params_with_prefix().items()}
        self.net = frozen(
            net, {p.name: self._pairs[own[id(p)]][0] for p in net.collect_params().values()}
        )

    def update(self, t: int) -> None:
        """Take in the weights as they are after update number t = 1, 2, ..."""
        decay = min(self._decay, (1 + t) / (10 + t))
        # w ← (1 - lr · wd) · w - lr · rescale_grad · grad is this very sum in one pass, without an array in between.
        rule = {'lr': 1.0, 'wd': 1 - decay, 'rescale_grad': decay - 1}
        for average, weight in self._pairs.values():
            mx.nd.sgd_update(average, weight, out=average, **rule)

    def state(self) -> dict[str, mx.nd.NDArray]:
        """Return the live averages by their place in the network (`0.weight`)."""
        return {name: average for name, (average, _) in self._pairs.items()}
