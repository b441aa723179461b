"""An exponential moving average of a network's weights."""

from __future__ import annotations

from .. import native
from ..runtime import mx
from .layers import Chain, frozen


class MovingAverage:
    """average ← decay · average + (1 - decay) · weight, for every number of `net`.

    BatchNorm's running statistics are averaged too. Samples from an averaged generator are steadier
    than the generator's own (Yazıcı et al. 2019, arXiv 1806.04498).

    net: the network; the attribute `net` of the average is a view of it that computes with the
    averages. decay: between 0 and 1; 0.999 remembers about a thousand updates. The first updates
    count for more: at update t the decay is min(decay, (1 + t) / (10 + t)). Otherwise the untrained
    weights, and BatchNorm's initial variance of 1, would stay in the average for thousands of
    updates, and its samples would be grey.

    >>> net = Chain(mx.gluon.nn.Dense(1, in_units=1))
    >>> net.initialize(mx.init.One())
    >>> average = MovingAverage(net, decay=0.1)
    >>> net[0].weight.data()[:] = 3
    >>> average.update(t=1)
    >>> average.state()['0.weight'].asnumpy().round(3)  # 0.1 · 1 + 0.9 · 3
    array([[2.8]], dtype=float32)
    """

    def __init__(self, net: Chain, decay: float) -> None:
        self._decay = decay
        self._pairs = {}
        averages = {}
        for position, parameter in net._collect_params_with_prefix().items():
            average = parameter.data().copy()
            self._pairs[position] = (average, parameter.data())
            averages[parameter.name] = average
        self.net = frozen(net, averages)
        self._update: native.Update | None = None
        if native.can_update(averages.values()):
            self._update = native.Update('average', list(self._pairs.values()))

    def update(self, t: int) -> None:
        """Add the weights as they are after update number t = 1, 2, ... of `net`."""
        decay = min(self._decay, (1 + t) / (10 + t))
        # With lr = 1, sgd_update computes w ← (1 - wd) · w - rescale_grad · grad. With the average
        # as w and the weight as grad it is the formula above, in one pass and no temporary array.
        if self._update:
            self._update({'missing': 1 - decay, 'added': decay - 1})
            return
        rule = {'lr': 1.0, 'wd': 1 - decay, 'rescale_grad': decay - 1}
        for average, weight in self._pairs.values():
            mx.nd.sgd_update(average, weight, out=average, **rule)

    def state(self) -> dict[str, mx.nd.NDArray]:
        """Return the live averages by their position in the network, such as `0.weight`."""
        return {position: average for position, (average, _) in self._pairs.items()}
