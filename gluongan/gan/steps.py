"""The algorithm: both networks' updates, each read top to bottom. GANUpdater calls them in turn."""

from __future__ import annotations

from ..errors import InputError
from ..nn.layers import Chain, mixes_samples, power_iteration
from ..nn.optimizer import Optimizer
from ..runtime import mx
from .losses import LOSSES, Array, Loss
from .penalties import GradientPenalty

record = mx.autograd.record


def record_fake(gen: mx.gluon.HybridBlock, z: Array) -> Array:
    """Return G(z), recorded.

    gen: the generator, or its `FusedNet`, which takes less time.

    The discriminator's update detaches it; the generator's update runs backward through this pass.
    """
    with record():
        return gen(z)


def discriminate(dis: Chain, x_real: Array, x_fake: Array) -> tuple[Array, Array]:
    """Return the discriminator's logits for both batches.

    One pass over both batches is faster than two, and gives the same. The exception is a
    discriminator that looks at a batch as a whole (BatchNorm, mini-batch discrimination): there
    each batch has its own statistics.
    """
    if mixes_samples(dis):
        return dis(x_real), dis(x_fake)
    y = dis(mx.nd.concat(x_real, x_fake, dim=0))
    # A pack of samples has one logit.
    real_logits = len(y) * len(x_real) // (len(x_real) + len(x_fake))
    return y[:real_logits], y[real_logits:]


def update_dis(
    dis: Chain,
    optimizer: Optimizer,
    x_real: Array,
    x_fake: Array,
    *,
    loss: Loss = LOSSES['nonsaturating'],
    penalty: GradientPenalty | None = None,
) -> tuple[Array, Array, Array]:
    """Move the discriminator, and nothing else, one step.

    Return its loss including the penalty (1,), and its logits for the real and the generated
    samples, all from before the step.

    A training loop of one's own is these lines and a loop around them:

    >>> import gluongan as gg
    >>> gg.runtime.seed(0)
    >>> gen, dis = gg.dense_generator([5, 16, 64]), gg.dense_discriminator([64, 16, 1])
    >>> opt_gen, opt_dis = Optimizer(gen), Optimizer(dis)
    >>> view, noise = gg.frozen(dis), gg.Noise(5)
    >>> x_real = mx.nd.ones((8, 1, 8, 8))
    >>> x_fake = record_fake(gen, noise.draw(8))
    >>> dis_loss, y_real, y_fake = update_dis(dis, opt_dis, x_real, x_fake)
    >>> gen_loss = update_gen(view, opt_gen, x_fake)
    >>> dis_loss.shape, y_real.shape, gen_loss.shape
    ((1,), (8,), (1,))
    """
    # Even behind BlockGrad, backward would run through the whole generator, on zeros.
    x_fake = x_fake.detach()
    point = penalty.at(x_real, x_fake) if penalty else None
    with record():
        y_real, y_fake = discriminate(dis, x_real, x_fake)
        value = loss.dis(y_real, y_fake)
        objective = value
        if penalty:
            objective = value + penalty.surrogate(point)
    objective.backward()
    optimizer.step()
    power_iteration(dis)
    if penalty:
        value = value + point.value
    return value, y_real, y_fake


def update_gen(
    dis: mx.gluon.HybridBlock,
    optimizer: Optimizer,
    x_fake: Array,
    *,
    loss: Loss = LOSSES['nonsaturating'],
    x_real: Array | None = None,
) -> Array:
    """Move the generator, and nothing else, one step; return its loss (1,) from before the step.

    dis: a `frozen` view of the discriminator, which computes no gradients of its weights.
    x_fake: the generator's samples, as `record_fake` recorded them.
    x_real: real samples, for a loss that compares with them. Raises InputError if missing.
    """
    if loss.is_relative and x_real is None:
        raise InputError(
            'missing; this loss compares generated samples with real ones', setting='x_real'
        )
    with record():
        y_fake = dis(x_fake)
        y_real = dis(x_real) if loss.is_relative else None
        value = loss.gen(y_fake, y_real)
    value.backward()
    optimizer.step()
    return value
