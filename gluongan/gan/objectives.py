"""What each network minimises: the discriminator and a loss, as one graph.

In a hybridized block MXNet plans the forward pass, the loss and the backward pass of both together.
That is faster than a graph for the network and one call for every operator of the loss.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import InputError
from ..nn.fused import Fused
from ..nn.layers import (
    Classifying,
    mixes_samples,
    move_singular_vectors,
    normalised_layers,
    power_iteration,
)
from ..runtime import mx
from .losses import LOSSES, Array, Loss


class Objective(Fused):
    """A discriminator and a loss as one block, for training. It shares the weights of `net`.

    loss: its functions must take symbols as well as arrays, see `losses.operators`.
    class_weight: of the cross entropy of the samples' classes, see `Projection.classified`.
    """

    def __init__(
        self,
        net: mx.gluon.HybridBlock,
        loss: Loss = LOSSES['nonsaturating'],
        *,
        class_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.net = net
        self.loss = loss
        self.class_weight = class_weight
        self._graph_of_net: Any = None
        self._move_vectors: Callable[[], None] | None = None  # of the layers in that graph
        self.hybridize(static_alloc=True)

    def forward(self, *inputs: Array) -> Any:
        # A network drops its graph when it is cast, hybridized again or given another layer.
        # Nothing tells the blocks around it.
        if self.net._cached_graph is not self._graph_of_net:
            self.trace_again()
        return super().forward(*inputs)

    def _get_graph(self, *inputs: Array) -> Any:
        graph = super()._get_graph(*inputs)
        self._graph_of_net = self.net._get_graph(inputs[0])
        self._move_vectors = partial(move_singular_vectors, normalised_layers(self.net))
        return graph


class DisObjective(Objective):
    """What the discriminator minimises: (x_real, x_fake) -> its loss (1,), y_real and y_fake.

    x_real, x_fake: samples as the discriminator takes them, (N, ...) and (M, ...). They count as
    constants: their gradient is 0. y_real, y_fake: its logits, one for each sample or each pack of
    samples.
    class_weight: see `Objective`; the discriminator learns the classes of real samples alone.

    >>> from gluongan.nn.layers import Dense
    >>> dis = Dense(1, in_units=2)
    >>> dis.initialize(mx.init.One())
    >>> objective = DisObjective(dis, LOSSES['wasserstein'])
    >>> value, y_real, y_fake = objective(mx.nd.array([[1, 2]]), mx.nd.array([[3, 4]]))
    >>> value.asscalar().item(), y_real.asscalar().item(), y_fake.asscalar().item()
    (4.0, 3.0, 7.0)
    """

    inputs_are_constant = True
    _same_size = True

    def forward(self, x_real: Array, x_fake: Array) -> tuple[Array, Array, Array]:
        same_size = len(x_real) == len(x_fake)
        if same_size != self._same_size:
            self._same_size = same_size
            self.trace_again()
        if isinstance(x_real, mx.nd.NDArray):
            # The fused graph does not compute their gradients. Even if it said so, backward would
            # run through the whole generator, on zeros.
            x_real, x_fake = x_real.detach(), x_fake.detach()
        return super().forward(x_real, x_fake)

    def after_step(self) -> None:
        """Move the singular vectors of spectrally normalised layers, see `power_iteration`."""
        if self._cached_op is None:
            power_iteration(self.net)
        else:
            self._move_vectors()  # without looking for the layers again

    def hybrid_forward(self, F: Any, x_real: Any, x_fake: Any) -> tuple[Any, Any, Any]:
        y_real, y_fake, *errors = self._judged(F, x_real, x_fake)
        value = self.loss.dis(y_real, y_fake)
        if errors:
            value = value + self.class_weight * errors[0].mean()
        # No gradient comes back through the logits. Unsaid, MXNet makes one of zeros, and adds it.
        return value, F.BlockGrad(y_real), F.BlockGrad(y_fake)

    def _judged(self, F: Any, x_real: Any, x_fake: Any) -> tuple[Any, ...]:
        """Return the logits of both batches, then the cross entropies of the real one, if any.

        One pass over both batches is faster than two, and gives the same. The exception is a
        discriminator that looks at a batch as a whole (BatchNorm, mini-batch discrimination): there
        each batch has its own statistics.
        """
        if mixes_samples(self.net) or not self._same_size:
            y_real, *errors = self._outputs(F.BlockGrad(x_real))
            # With another attribute MXNet does not merge the casts of a weight in both passes. Its
            # gradients would be added in bfloat16.
            with mx.AttrScope(__pass__='second'):
                return (y_real, self._outputs(F.BlockGrad(x_fake))[0], *errors)
        y, *errors = self._outputs(F.BlockGrad(F.concat(x_real, x_fake, dim=0)))
        y_real, y_fake = F.split(y, num_outputs=2, axis=0)
        return (y_real, y_fake, *(F.split(of, num_outputs=2, axis=0)[0] for of in errors))

    def _outputs(self, x: Any) -> tuple[Any, ...]:
        return Classifying(self.net)(x) if self.class_weight else (self.net(x),)


class GenObjective(Objective):
    """What the generator minimises: (x_fake, x_real) -> its loss (1,).

    net: a `frozen` view of the discriminator, which computes no gradients of its weights; with a
    `class_weight` (see `Objective`), of `Classifying(dis)`.
    x_real: real samples, for a loss that compares with them. Raises InputError if missing; other
    losses ignore it.

    >>> from gluongan.nn.layers import Dense, frozen
    >>> dis = Dense(1, in_units=2)
    >>> dis.initialize(mx.init.One())
    >>> objective = GenObjective(frozen(dis), LOSSES['wasserstein'])
    >>> objective(mx.nd.array([[3, 4]])).asscalar().item()
    -7.0
    """

    def forward(self, x_fake: Array, x_real: Array | None = None) -> Array:
        if not self.loss.is_relative:
            return super().forward(x_fake)
        if x_real is None:
            raise InputError(
                'missing; this loss compares generated samples with real ones', setting='x_real'
            )
        return super().forward(x_fake, x_real)

    def hybrid_forward(self, F: Any, x_fake: Any, x_real: Any = None) -> Any:
        y_fake, *errors = self._outputs(x_fake)
        y_real = self._outputs(F.BlockGrad(x_real))[0] if self.loss.is_relative else None
        value = self.loss.gen(y_fake, y_real)
        return value + self.class_weight * errors[0].mean() if errors else value

    def _outputs(self, x: Any) -> tuple[Any, ...]:
        return self.net(x) if self.class_weight else (self.net(x),)
