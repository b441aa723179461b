"""An exponential moving average of a network's weights."""
from __future__ import annotations

from .layers import Chain, frozen
from .runtime import mx


class Average:
    """a ← decay · a + (1 - decay) · w for every number of `net`, BatchNorm's running statistics among them.

    Samples of an average of G are steadier than G's own (Yazıcı et al. 2019, arXiv 1806.04498). `net` is a view that computes
    with the average. 0 < decay < 1: 0.999 remembers about a thousand updates.
    """

    def __init__(self, net: Chain, decay: float) -> None:
        self._decay = decay
        self._pairs = {name: (p.data().copy(), p.data()) for name, p in net._collect_params_with_prefix().items()}
        own = {id(p): name for name, p in net._collect_params_with_prefix().items()}
        self.net = frozen(net, {p.name: self._pairs[own[id(p)]][0] for p in net.collect_params().values()})

    def update(self) -> None:
        """Take in the weights as they are now."""
        for average, weight in self._pairs.values():
            average *= self._decay
            average += (1 - self._decay) * weight

    def state(self) -> dict[str, mx.nd.NDArray]:
        """Return the live averages by their place in the network (`0.weight`)."""
        return {name: average for name, (average, _) in self._pairs.items()}
