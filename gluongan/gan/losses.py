"""The objectives, each a named pair of pure functions on logits: what D minimises and what G minimises.

`y_real` and `y_fake` are D's logits for real and generated samples, shape (N,), any real number; each loss is a scalar of
shape (1,), in nats for the probabilistic ones. All stay finite for logits of ±1000: softplus(y) = log(1 + exp(y)) is computed
without overflow, and log D = -softplus(-y), log(1 - D) = -softplus(y) for D = sigmoid(y).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ..runtime import mx

Array = mx.nd.NDArray


class Loss(NamedTuple):
    """What D minimises, of (y_real, y_fake), and what G minimises, of (y_fake, y_real).

    is_probability: sigmoid(logit) is D's probability of `real`. is_relative: G's side looks at y_real too.
    """

    dis: Callable[[Array, Array], Array]
    gen: Callable[[Array, Array], Array]
    is_probability: bool
    is_relative: bool = False


def softplus(y: Array) -> Array:
    """log(1 + exp(y)), elementwise, to 1e-6: a loss near 0 may come out as -8e-7, its gradient is exact."""
    return mx.nd.Activation(y, act_type='softrelu')


def cross_entropy_dis(
    y_real: Array, y_fake: Array, *, real_target: float = 1.0, fake_target: float = 0.0
) -> Array:
    """-mean log D(x) - mean log(1 - D(G(z))): binary cross entropy with real = 1, fake = 0 (Goodfellow et al. 2014, eq. 1).

    With other targets t in [0, 1] each side is -t log D - (1 - t) log(1 - D) = softplus(y) - t·y: label smoothing, one-sided
    for real_target = 0.9 alone (Salimans et al. 2016, section 3.4), two-sided for [0.1, 0.9].
    """
    return _entropy(y_real, real_target) + _entropy(y_fake, fake_target)


def _entropy(y: Array, target: float) -> Array:
    # The two ends are written out: softplus(y) - y loses every digit of a small loss at a large logit.
    if target in (0.0, 1.0):
        return softplus(y if target == 0.0 else -y).mean()
    return (softplus(y) - target * y).mean()


def minimax_gen(y_fake: Array, y_real: Array | None = None) -> Array:
    """mean log(1 - D(G(z))), G's side of the minimax game (Goodfellow et al. 2014, eq. 1); its gradient fades where D wins."""
    return -softplus(y_fake).mean()


def nonsaturating_gen(y_fake: Array, y_real: Array | None = None) -> Array:
    """-mean log D(G(z)): the same fixed point with a strong gradient where D wins (Goodfellow et al. 2014, section 3)."""
    return softplus(-y_fake).mean()


def least_squares_dis(
    y_real: Array, y_fake: Array, *, real_target: float = 1.0, fake_target: float = 0.0
) -> Array:
    """½ mean (D(x) - 1)² + ½ mean D(G(z))² on raw outputs (Mao et al. 2017, arXiv 1611.04076, eq. 9); targets as given."""
    return 0.5 * (
        mx.nd.square(y_real - real_target).mean() + mx.nd.square(y_fake - fake_target).mean()
    )


def least_squares_gen(y_fake: Array, y_real: Array | None = None) -> Array:
    """½ mean (D(G(z)) - 1)² (Mao et al. 2017, eq. 9)."""
    return 0.5 * mx.nd.square(y_fake - 1).mean()


def wasserstein_dis(y_real: Array, y_fake: Array) -> Array:
    """mean D(G(z)) - mean D(x), minus the critic's estimate of the distance (Arjovsky et al. 2017, eq. 2)."""
    return y_fake.mean() - y_real.mean()


def critic_gen(y_fake: Array, y_real: Array | None = None) -> Array:
    """-mean D(G(z)) (Arjovsky et al. 2017, eq. 3; Miyato et al. 2018, eq. 17)."""
    return -y_fake.mean()


def hinge_dis(y_real: Array, y_fake: Array) -> Array:
    """mean max(0, 1 - D(x)) + mean max(0, 1 + D(G(z))) (Miyato et al. 2018, arXiv 1802.05957, eq. 16)."""
    return mx.nd.relu(1 - y_real).mean() + mx.nd.relu(1 + y_fake).mean()


def relativistic_dis(y_real: Array, y_fake: Array) -> Array:
    """-mean log s(y_real - mean y_fake) - mean log(1 - s(y_fake - mean y_real)), s = sigmoid: is a real sample more real than
    the average fake, and a fake less than the average real (Jolicoeur-Martineau 2018, arXiv 1807.00734, RaSGAN)?"""
    return (
        softplus(-mx.nd.broadcast_sub(y_real, y_fake.mean())).mean()
        + softplus(mx.nd.broadcast_sub(y_fake, y_real.mean())).mean()
    )


def relativistic_gen(y_fake: Array, y_real: Array) -> Array:
    """The same with the sides exchanged: G wants its samples more real than the average real one."""
    return relativistic_dis(y_fake, y_real)


LOSSES: dict[str, Loss] = {
    'minimax': Loss(cross_entropy_dis, minimax_gen, True),
    'nonsaturating': Loss(cross_entropy_dis, nonsaturating_gen, True),
    'least_squares': Loss(least_squares_dis, least_squares_gen, False),
    'wasserstein': Loss(wasserstein_dis, critic_gen, False),
    'hinge': Loss(hinge_dis, critic_gen, False),
    'relativistic': Loss(relativistic_dis, relativistic_gen, False, is_relative=True),
}

SMOOTHABLE = ('minimax', 'nonsaturating', 'least_squares')


def named(name: str, *, real_target: float = 1.0, fake_target: float = 0.0) -> Loss:
    """Return the loss of that name, D's targets smoothed if they are not 1 and 0; ValueError where there is no such."""
    if name not in LOSSES:
        raise ValueError(f'loss {name!r}: must be one of {", ".join(LOSSES)}')
    loss = LOSSES[name]
    if (real_target, fake_target) == (1.0, 0.0):
        return loss
    if name not in SMOOTHABLE:
        raise ValueError(
            f'loss {name!r} has no targets to smooth; must be one of {", ".join(SMOOTHABLE)}'
        )
    return loss._replace(dis=partial(loss.dis, real_target=real_target, fake_target=fake_target))
