"""The algorithm: what D's update and G's update do, each read top to bottom. `GANUpdater` calls them in turn."""

from __future__ import annotations

from ..nn.layers import Chain, mixes_samples, power_iteration
from ..nn.optimizer import Optimizer
from ..runtime import mx
from .losses import LOSSES, Array, Loss
from .penalties import GradientPenalty

record = mx.autograd.record


def record_fake(gen: Chain, z: Array) -> Array:
    """Return G(z), recorded: D takes it detached, and G's update may then run backward through the very same pass."""
    with record():
        return gen(z)


def discriminate(dis: Chain, x_real: Array, x_fake: Array) -> tuple[Array, Array]:
    """Return D's logits for both batches.

    One pass over both is faster and the same, except where D looks at a batch as a whole (BatchNorm, mini-batch
    discrimination): there each batch has statistics of its own.
    """
    if mixes_samples(dis):
        return dis(x_real), dis(x_fake)
    y = dis(mx.nd.concat(x_real, x_fake, dim=0))
    half = len(y) * len(x_real) // (len(x_real) + len(x_fake))  # a pack of samples has one logit
    return y[:half], y[half:]


def update_dis(
    dis: Chain,
    optimizer: Optimizer,
    x_real: Array,
    x_fake: Array,
    *,
    loss: Loss = LOSSES['nonsaturating'],
    penalty: GradientPenalty | None = None,
) -> tuple[Array, Array, Array]:
    """Move D, and nothing else, one step; return its loss with its penalty (1,), and its logits of real and of fake."""
    x_fake = (
        x_fake.detach()
    )  # else D's backward goes on through all of G, on zeros, even behind BlockGrad
    point = penalty.at(x_real, x_fake) if penalty else None
    with record():
        y_real, y_fake = discriminate(dis, x_real, x_fake)
        value = loss.dis(y_real, y_fake)
        total = value + penalty.surrogate(point) if penalty else value
    total.backward()
    optimizer.step()
    power_iteration(dis)
    return (value + point.value if penalty else value), y_real, y_fake


def update_gen(
    dis: mx.gluon.HybridBlock,
    optimizer: Optimizer,
    x_fake: Array,
    *,
    loss: Loss = LOSSES['nonsaturating'],
    x_real: Array | None = None,
) -> Array:
    """Move G, and nothing else, one step; return its loss (1,).

    dis: a `frozen` view of D, which computes no weight gradients of D. x_fake: G's samples as `record_fake` recorded them.
    x_real: real samples, for a loss that is relative to them.
    """
    if loss.is_relative and x_real is None:
        raise ValueError(
            'this loss compares generated samples with real ones: hand x_real to update_gen'
        )
    with record():
        value = loss.gen(dis(x_fake), dis(x_real) if loss.is_relative else None)
    value.backward()
    optimizer.step()
    return value
