"""The algorithm: both networks' updates, each read top to bottom. GANUpdater calls them in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from itertools import chain

from ..nn.optimizer import Optimizer
from ..ranks.exchange import ALONE, Ranks
from ..runtime import mx
from .augmentation import Augmentation
from .losses import Array
from .objectives import DisObjective, GenObjective
from .penalties import GradientPenalty

Watch = Callable[[str], AbstractContextManager]

record = mx.autograd.record


def record_fake(gen: mx.gluon.HybridBlock, *inputs: Array) -> Array:
    """Return the generator's samples for its inputs, recorded.

    gen: the generator, or its `FusedNet`, which takes less time.

    The discriminator's objective detaches it. The generator's update runs backward through it.
    """
    with record():
        return gen(*inputs)


def update_dis(
    objective: DisObjective,
    optimizer: Optimizer,
    x_real: Array,
    x_fake: Array,
    *,
    penalty: GradientPenalty | None = None,
    augment: Augmentation | None = None,
) -> tuple[Array, Array, Array]:
    """Move the discriminator, and nothing else, one step.

    Return its loss including the penalty (1,), and its logits for the real and the generated
    samples, all from before the step.

    augment: changes both batches first; then the penalty is on the gradient by what D sees.

    A training loop of one's own is these lines and a loop around them:

    >>> import gluongan as gg
    >>> gg.runtime.seed(0)
    >>> gen, dis = gg.dense_generator([5, 16, 64]), gg.dense_discriminator([64, 16, 1])
    >>> opt_gen, opt_dis = Optimizer(gen), Optimizer(dis)
    >>> dis_objective, gen_objective = gg.DisObjective(dis), gg.GenObjective(gg.frozen(dis))
    >>> noise = gg.Noise(5)
    >>> x_real = mx.nd.ones((8, 1, 8, 8))
    >>> x_fake = record_fake(gen, noise.draw(8))
    >>> dis_loss, y_real, y_fake = update_dis(dis_objective, opt_dis, x_real, x_fake)
    >>> gen_loss = update_gen(gen_objective, opt_gen, x_fake)
    >>> dis_loss.shape, y_real.shape, gen_loss.shape
    ((1,), (8,), (1,))
    """
    if augment:
        x_real, x_fake = augment(x_real), augment(x_fake)
    point = penalty.at(x_real, x_fake) if penalty else None
    with record():
        value, y_real, y_fake = objective(x_real, x_fake)
        minimised = value
        if penalty:
            minimised = value + penalty.surrogate(point)
    optimizer.backward(minimised)
    optimizer.step()
    objective.after_step()
    if penalty:
        value = value + point.value
    return value, y_real, y_fake


def update_gen(
    objective: GenObjective,
    optimizer: Optimizer,
    x_fake: Array,
    *,
    x_real: Array | None = None,
    augment: Augmentation | None = None,
) -> Array:
    """Move the generator, and nothing else, one step; return its loss (1,) from before the step.

    x_fake: the generator's samples, as `record_fake` recorded them.
    x_real: real samples, for a loss that compares with them. Raises InputError if missing.
    augment: changes both batches first; the gradient goes through it.
    """
    with record():
        if augment:
            x_fake = augment(x_fake)
            if x_real is not None and objective.loss.is_relative:
                x_real = augment(x_real)
        value = objective(x_fake, x_real)
    optimizer.backward(value)
    optimizer.step()
    return value


class WatchedOptimizer:
    """An optimiser whose steps run in `watch('optimiser')`, along the gradients of all ranks.

    also: further arrays whose means over the ranks come with those of the gradients.
    """

    def __init__(
        self, optimizer: Optimizer, watch: Watch, ranks: Ranks = ALONE, also: Iterable[Array] = ()
    ) -> None:
        self._optimizer = optimizer
        self._watch = watch
        self._ranks = ranks
        self._also = also

    def backward(self, loss: Array) -> None:
        """Run backward through a loss, see `Optimizer.backward`."""
        self._optimizer.backward(loss)

    def step(self) -> None:
        """Take one step, see `Optimizer.step`."""
        gradients = (each.grad() for each in self._optimizer.parameters)
        self._ranks.average(chain(gradients, self._also))
        with self._watch('optimiser'):
            self._optimizer.step()
