"""Gradient penalties that are right in MXNet: WGAN-GP, DRAGAN, R1, R2.

Each is P = scale · mean over points x̂ of (n - target)², with n = ‖grad_x D(x̂)‖₂. Its gradient by
the weights of the discriminator D needs the gradient of a gradient, which MXNet 1.9.1 computes
wrongly (see `nn.jvp`). But hold v = grad_x D(x̂) / n constant: then n = grad_x D(x̂) · v is D's
derivative along v, and d n / d weights = d derivative / d weights exactly. (The change of v adds
nothing: v · dv = 0, as |v| = 1.) So, with v and c constants,

    grad P = grad of  sum_i c_i · Tangent(D)(x̂_i, v_i),   c_i = 2 · scale · (n_i - target) / N.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..errors import InputError, check_count
from ..nn.jvp import Tangent
from ..nn.layers import Chain
from ..runtime import mx
from .losses import Array


class Kind(NamedTuple):
    """A penalty: its points (from real and generated samples, (N, ...) each), and its numbers.

    target: the gradient norm that it asks for. factor · weight is the scale; weight is the default.
    is_random: the points are drawn at random, from MXNet's own generator.
    """

    points: Callable[[Array, Array], Array]
    target: float
    factor: float
    weight: float
    is_random: bool


def between(x_real: Array, x_fake: Array) -> Array:
    """Return one uniform point on each line from a real to a generated sample.

    Gulrajani et al. 2017, arXiv 1704.00028.

    >>> x = between(mx.nd.ones((1000, 2)), mx.nd.zeros((1000, 2))).asnumpy()
    >>> bool((x >= 0).all() and (x <= 1).all() and (x[:, 0] == x[:, 1]).all())
    True
    """
    share = _one_per_sample(x_real)
    return x_fake + share * (x_real - x_fake)


def around(x_real: Array, x_fake: Array) -> Array:
    """Return points near the real samples: x + u/2 · sd(x) · U(0, 1).

    Each sample has one u ~ U(0, 1). Kodali et al. 2017, arXiv 1705.07215.
    """
    deviation = mx.nd.sqrt(mx.nd.square(x_real - x_real.mean()).mean())
    noise = mx.nd.random.uniform(shape=x_real.shape, ctx=x_real.ctx) * deviation * 0.5
    share = _one_per_sample(x_real)
    return x_real + share * noise


def _one_per_sample(x: Array) -> Array:
    shape = (len(x), *[1] * (x.ndim - 1))
    return mx.nd.random.uniform(shape=shape, ctx=x.ctx)


def at_real(x_real: Array, x_fake: Array) -> Array:
    """Return the real samples: γ/2 E‖grad‖² at the data (Mescheder et al. 2018, 1801.04406)."""
    return x_real


def at_fake(x_real: Array, x_fake: Array) -> Array:
    """Return the generated samples (Mescheder et al. 2018)."""
    return x_fake


PENALTIES: dict[str, Kind] = {
    'gp': Kind(between, target=1.0, factor=1.0, weight=10.0, is_random=True),
    'dragan': Kind(around, target=1.0, factor=1.0, weight=10.0, is_random=True),
    'r1': Kind(at_real, target=0.0, factor=0.5, weight=10.0, is_random=False),
    'r2': Kind(at_fake, target=0.0, factor=0.5, weight=10.0, is_random=False),
}


class Point(NamedTuple):
    """The constants of one step: x̂ and v (N, ...), c (logits,), and the penalty's value (1,)."""

    x: Array
    direction: Array
    weight: Array
    value: Array


class GradientPenalty:
    """One of PENALTIES on the discriminator.

    view: a `frozen` view of `dis`, which the input gradient is taken through.
    weight: λ of gp and dragan (10 in their papers), γ of r1 and r2.
    every: apply it in one of so many updates, as many times as strong. R1 every 16 updates costs
    little, and the discriminator is as smooth (Karras et al. 2020, arXiv 1912.04958, section 3.1).
    classes: how many of the discriminator's last input channels are labels; the gradient by them
    does not count in the norm.

    Raises TangentError for a discriminator with a layer that mixes samples (BatchNorm, mini-batch
    discrimination): the penalty is on the gradient of one sample's output by that sample.

    The slope of this discriminator is (3, 4) everywhere; 10 · (5 - 1)² = 160:

    >>> from gluongan.nn.layers import Dense, frozen
    >>> dis = Chain(Dense(1, in_units=2), shape_in=(2,))
    >>> dis.initialize()
    >>> dis[0].weight.set_data(mx.nd.array([[3, 4]]))
    >>> x = mx.nd.ones((8, 2))
    >>> GradientPenalty(dis, frozen(dis), 'gp').at(x, 2 * x).value.asscalar().item()
    160.0
    """

    def __init__(
        self,
        dis: Chain,
        view: mx.gluon.HybridBlock,
        kind: str,
        weight: float | None = None,
        *,
        every: int = 1,
        classes: int = 0,
    ) -> None:
        check_count('penalty_every', every)
        if kind not in PENALTIES:
            allowed = f'must be one of {", ".join(PENALTIES)}'
            raise InputError(allowed, setting='penalty', value=kind, names=PENALTIES)
        self.dis = dis
        self.view = view
        self.kind = PENALTIES[kind]
        self.classes = classes
        self.tangent = Tangent(dis)
        weight = self.kind.weight if weight is None else weight
        self.every = every
        self.scale = self.kind.factor * weight * every

    def is_due(self, updates: int) -> bool:
        """Return whether it belongs to the next update after so many updates."""
        return updates % self.every == 0

    def at(self, x_real: Array, x_fake: Array) -> Point:
        """Return the constants of one step; an ordinary input gradient through the frozen view."""
        x = self._points(x_real, x_fake).detach()
        x.attach_grad()
        with mx.autograd.record():
            y = self.view(x)
        y.backward()
        if self.classes:
            x.grad[:, -self.classes :] = 0
        gradient = x.grad.reshape((len(y), -1))  # one row a logit: a pack of samples has one
        norm = mx.nd.sqrt(mx.nd.square(gradient).sum(axis=1))
        excess = norm - self.kind.target
        direction = gradient / (norm + 1e-12).expand_dims(1)
        return Point(
            x=x.detach(),
            direction=direction.reshape(x.shape),
            weight=2 * self.scale / len(y) * excess,
            value=self.scale * mx.nd.square(excess).mean(),
        )

    def _points(self, x_real: Array, x_fake: Array) -> Array:
        if not self.classes:
            return self.kind.points(x_real, x_fake)
        labels = x_real[:, -self.classes :]
        samples = self.kind.points(x_real[:, : -self.classes], x_fake[:, : -self.classes])
        return mx.nd.concat(samples, labels, dim=1)

    def surrogate(self, point: Point) -> Array:
        """Return a number (1,) whose gradient by the discriminator's weights is the penalty's.

        Call it inside `record()`.
        """
        return (self.tangent(point.x, point.direction) * point.weight).sum()
