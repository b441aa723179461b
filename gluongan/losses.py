"""The objectives, each a named pair of pure functions on logits: what D minimises and what G minimises.

`y_real` and `y_fake` are D's logits for real and generated samples, shape (N,), any real number; each loss is a scalar of
shape (1,), in nats for the probabilistic ones. All stay finite for logits of ±1000: softplus(y) = log(1 + exp(y)) is computed
without overflow, and log D = -softplus(-y), log(1 - D) = -softplus(y) for D = sigmoid(y).
"""
from __future__ import annotations

from typing import Callable, NamedTuple

from .runtime import mx

Array = mx.nd.NDArray


class Loss(NamedTuple):
    """What D minimises, what G minimises, and whether sigmoid(logit) is D's probability of `real`."""

    dis: Callable[[Array, Array], Array]
    gen: Callable[[Array], Array]
    is_probability: bool


def softplus(y: Array) -> Array:
    """log(1 + exp(y)), elementwise, to 1e-6: a loss near 0 may come out as -8e-7, its gradient is exact."""
    return mx.nd.Activation(y, act_type='softrelu')


def cross_entropy_dis(y_real: Array, y_fake: Array) -> Array:
    """-mean log D(x) - mean log(1 - D(G(z))): binary cross entropy with real = 1, fake = 0 (Goodfellow et al. 2014, eq. 1)."""
    return softplus(-y_real).mean() + softplus(y_fake).mean()


def minimax_gen(y_fake: Array) -> Array:
    """mean log(1 - D(G(z))), G's side of the minimax game (Goodfellow et al. 2014, eq. 1); its gradient fades where D wins."""
    return -softplus(y_fake).mean()


def nonsaturating_gen(y_fake: Array) -> Array:
    """-mean log D(G(z)): the same fixed point with a strong gradient where D wins (Goodfellow et al. 2014, section 3)."""
    return softplus(-y_fake).mean()


def wasserstein_dis(y_real: Array, y_fake: Array) -> Array:
    """mean D(G(z)) - mean D(x), minus the critic's estimate of the distance (Arjovsky et al. 2017, eq. 2)."""
    return y_fake.mean() - y_real.mean()


def wasserstein_gen(y_fake: Array) -> Array:
    """-mean D(G(z)) (Arjovsky et al. 2017, eq. 3)."""
    return -y_fake.mean()


LOSSES: dict[str, Loss] = {
    'minimax': Loss(cross_entropy_dis, minimax_gen, True),
    'nonsaturating': Loss(cross_entropy_dis, nonsaturating_gen, True),
    'wasserstein': Loss(wasserstein_dis, wasserstein_gen, False),
}


def named(name: str) -> Loss:
    """Return the loss of that name; ValueError where there is none."""
    if name not in LOSSES:
        raise ValueError(f'loss {name!r}: must be one of {", ".join(LOSSES)}')
    return LOSSES[name]
