"""The objectives: for each, a pair of pure functions on logits, one per network.

`y_real` and `y_fake` are the discriminator's logits for real and generated samples: shape (N,),
any real number. Each loss is a scalar of shape (1,), in nats for the probabilistic ones. All stay
finite at logits of ±1000: with D = sigmoid(y), log D = -softplus(-y) and log(1 - D) = -softplus(y),
and softplus(y) = log(1 + exp(y)) is computed without overflow.

Logits may be symbols as well as arrays, so that a loss can be part of a network's graph (see
`objectives`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ..errors import InputError
from ..runtime import mx

Array = mx.nd.NDArray


class Loss(NamedTuple):
    """A pair: the discriminator minimises dis(y_real, y_fake), the generator gen(y_fake, y_real).

    is_probability: sigmoid(logit) is the discriminator's probability of `real`.
    is_relative: the generator's side depends on y_real too.

    Both functions must take symbols as well as arrays. Arithmetic and methods such as `y.mean()`
    do; take other operators from `operators(y)`.
    """

    dis: Callable[[Array, Array], Array]
    gen: Callable[[Array, Array], Array]
    is_probability: bool
    is_relative: bool = False


def operators(y: Any) -> Any:
    """Return the module with the operators for `y`: mx.nd for an array, mx.sym for a symbol.

    >>> operators(mx.nd.zeros(4)) is mx.nd, operators(mx.sym.var('y')) is mx.sym
    (True, True)
    """
    return mx.sym if isinstance(y, mx.sym.Symbol) else mx.nd


def softplus(y: Array) -> Array:
    """Return log(1 + exp(y)), elementwise, accurate to 2e-6; the gradient is exact.

    A loss near 0 may therefore come out as -8e-7.

    >>> softplus(mx.nd.array([-1000, 1000])).asnumpy().tolist()
    [0.0, 1000.0]
    """
    return operators(y).Activation(y, act_type='softrelu')


def cross_entropy_dis(
    y_real: Array, y_fake: Array, *, real_target: float = 1.0, fake_target: float = 0.0
) -> Array:
    """Binary cross entropy, -mean log D(x) - mean log(1 - D(G(z))) (Goodfellow et al. 2014, eq. 1).

    With a target t in [0, 1] other than 1 and 0, a side is -t log D - (1 - t) log(1 - D), which is
    softplus(y) - t·y. This is label smoothing: one-sided with real_target = 0.9 (Salimans et al.
    2016, section 3.4), two-sided with 0.9 and 0.1.

    A discriminator that cannot decide pays 2 log 2:

    >>> y = mx.nd.zeros(4)
    >>> round(cross_entropy_dis(y, y).asscalar().item(), 4)
    1.3863
    """
    return _cross_entropy(y_real, real_target) + _cross_entropy(y_fake, fake_target)


def _cross_entropy(y: Array, target: float) -> Array:
    # Targets 1 and 0 are written out: softplus(y) - y loses a small loss's digits at large logits.
    if target == 1.0:
        return softplus(-y).mean()
    if target == 0.0:
        return softplus(y).mean()
    return (softplus(y) - target * y).mean()


def minimax_gen(y_fake: Array, y_real: Array | None = None) -> Array:
    """The generator's side of the minimax game, mean log(1 - D(G(z))) (Goodfellow 2014, eq. 1).

    Its gradient vanishes where the discriminator wins.
    """
    return -softplus(y_fake).mean()


def nonsaturating_gen(y_fake: Array, y_real: Array | None = None) -> Array:
    """-mean log D(G(z)) (Goodfellow et al. 2014, section 3).

    Its fixed point is that of `minimax_gen`, but its gradient is strong where the discriminator
    wins:

    >>> losing = mx.nd.array([-12.0])
    >>> losing.attach_grad()
    >>> for loss in (minimax_gen, nonsaturating_gen):
    ...     with mx.autograd.record():
    ...         value = loss(losing)
    ...     value.backward()
    ...     print(f'{losing.grad.asscalar():.5f}')
    -0.00001
    -0.99999
    """
    return softplus(-y_fake).mean()


def least_squares_dis(
    y_real: Array, y_fake: Array, *, real_target: float = 1.0, fake_target: float = 0.0
) -> Array:
    """½ mean (D(x) - 1)² + ½ mean D(G(z))² on raw outputs (Mao et al. 2017, 1611.04076, eq. 9).

    The targets 1 and 0 may be replaced.

    >>> y_real, y_fake = mx.nd.array([1, -2]), mx.nd.array([0.5, 3])
    >>> least_squares_dis(y_real, y_fake).asscalar().item()    # (0 + 9) / 4 + (0.25 + 9) / 4
    4.5625
    """
    F = operators(y_real)
    real_side = F.square(y_real - real_target).mean()
    fake_side = F.square(y_fake - fake_target).mean()
    return 0.5 * (real_side + fake_side)


def least_squares_gen(y_fake: Array, y_real: Array | None = None) -> Array:
    """½ mean (D(G(z)) - 1)² (Mao et al. 2017, eq. 9)."""
    return 0.5 * operators(y_fake).square(y_fake - 1).mean()


def wasserstein_dis(y_real: Array, y_fake: Array) -> Array:
    """mean D(G(z)) - mean D(x) (Arjovsky et al. 2017, eq. 2).

    Its negative is the critic's estimate of the distance between both distributions:

    >>> wasserstein_dis(mx.nd.array([3, 5]), mx.nd.array([1, 2])).asscalar().item()
    -2.5
    """
    return y_fake.mean() - y_real.mean()


def critic_gen(y_fake: Array, y_real: Array | None = None) -> Array:
    """-mean D(G(z)) (Arjovsky et al. 2017, eq. 3; Miyato et al. 2018, eq. 17)."""
    return -y_fake.mean()


def hinge_dis(y_real: Array, y_fake: Array) -> Array:
    """mean max(0, 1 - D(x)) + mean max(0, 1 + D(G(z))) (Miyato et al. 2018, 1802.05957, eq. 16).

    Logits beyond the margin of ±1 cost nothing:

    >>> hinge_dis(mx.nd.array([7, 1]), mx.nd.array([-1, -9])).asscalar().item()
    0.0
    """
    F = operators(y_real)
    return F.relu(1 - y_real).mean() + F.relu(1 + y_fake).mean()


def relativistic_dis(y_real: Array, y_fake: Array) -> Array:
    """-mean log s(y_real - mean y_fake) - mean log(1 - s(y_fake - mean y_real)), s = sigmoid.

    Is a real sample more real than the average fake, and a fake less real than the average real
    sample? (RaSGAN: Jolicoeur-Martineau 2018, arXiv 1807.00734.) Only differences count:

    >>> y_real, y_fake = mx.nd.array([1, -2]), mx.nd.array([0.5, 3])
    >>> for shift in (0, 100):
    ...     print(f'{relativistic_dis(y_real + shift, y_fake + shift).asscalar():.4f}')
    4.8766
    4.8766
    """
    F = operators(y_real)
    real_side = softplus(-F.broadcast_sub(y_real, y_fake.mean())).mean()
    fake_side = softplus(F.broadcast_sub(y_fake, y_real.mean())).mean()
    return real_side + fake_side


def relativistic_gen(y_fake: Array, y_real: Array) -> Array:
    """`relativistic_dis` with the sides exchanged: fakes should be more real than the average."""
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


def make_loss(name: str, *, real_target: float = 1.0, fake_target: float = 0.0) -> Loss:
    """Return a loss of LOSSES, with the discriminator's targets smoothed if they are not 1 and 0.

    Raises InputError for an unknown name, and for targets of a loss outside SMOOTHABLE.

    >>> smoothed = make_loss('nonsaturating', real_target=0.9)
    >>> y = mx.nd.array([5.0])
    >>> [f'{loss.dis(y, -y).asscalar():.3f}' for loss in (LOSSES['nonsaturating'], smoothed)]
    ['0.013', '0.513']
    """
    if name not in LOSSES:
        allowed = f'must be one of {", ".join(LOSSES)}'
        raise InputError(allowed, setting='loss', value=name, names=LOSSES)
    loss = LOSSES[name]
    if (real_target, fake_target) == (1.0, 0.0):
        return loss
    if name not in SMOOTHABLE:
        raise InputError(
            f'has no targets to smooth; must be one of {", ".join(SMOOTHABLE)}',
            setting='loss',
            value=name,
        )
    dis = partial(loss.dis, real_target=real_target, fake_target=fake_target)
    return loss._replace(dis=dis)
