"""Gradient penalties that are right in MXNet: WGAN-GP, DRAGAN, R1, R2.

Each is P = scale · mean over points x̂ of (n - target)², n = ‖grad_x D(x̂)‖₂. Its gradient by D's weights needs the gradient of
a gradient, which MXNet 1.9.1 has wrong (see `tangent`). But with v = grad_x D(x̂) / n held constant, n = grad_x D(x̂) · v is D's
tangent along v, and d n / d weights = d tangent / d weights exactly (the change of v adds nothing: v · dv = 0, as |v| = 1). So

    grad P = grad of  sum_i c_i · Tangent(D)(x̂_i, v_i),   c_i = 2 · scale · (n_i - target) / N,   v and c constants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..nn.jvp import Tangent
from ..nn.layers import Chain
from ..runtime import mx
from .losses import Array


class Kind(NamedTuple):
    """Where a penalty looks (from real and generated samples, (N, ...) each), what norm it wants, and its usual weight."""

    points: Callable[[Array, Array], Array]
    target: float
    factor: float
    weight: float


def between(x_real: Array, x_fake: Array) -> Array:
    """Return one uniform point on each line from a real to a generated sample (Gulrajani et al. 2017, arXiv 1704.00028)."""
    share = mx.nd.random.uniform(shape=(len(x_real), *[1] * (x_real.ndim - 1)), ctx=x_real.ctx)
    return x_fake + share * (x_real - x_fake)


def around(x_real: Array, x_fake: Array) -> Array:
    """Return points beside the real ones: x + u/2 · sd(x) · U(0, 1), u ~ U(0, 1) a sample (Kodali et al. 2017, 1705.07215)."""
    deviation = mx.nd.sqrt(mx.nd.square(x_real - x_real.mean()).mean())
    noise = mx.nd.random.uniform(shape=x_real.shape, ctx=x_real.ctx) * deviation * 0.5
    share = mx.nd.random.uniform(shape=(len(x_real), *[1] * (x_real.ndim - 1)), ctx=x_real.ctx)
    return x_real + share * noise


PENALTIES: dict[str, Kind] = {
    'gp': Kind(between, 1.0, 1.0, 10.0),
    'dragan': Kind(around, 1.0, 1.0, 10.0),
    'r1': Kind(
        lambda x_real, x_fake: x_real, 0.0, 0.5, 10.0
    ),  # γ/2 E‖grad‖² at the data (Mescheder et al. 2018, 1801.04406)
    'r2': Kind(lambda x_real, x_fake: x_fake, 0.0, 0.5, 10.0),  # the same at the samples
}


class Point(NamedTuple):
    """The constants of one step: x̂ and v (N, ...), c (logits,), and the penalty's value (1,)."""

    x: Array
    direction: Array
    weight: Array
    value: Array


class GradientPenalty:
    """One of PENALTIES on D; `weight` is λ of gp and dragan (10 in their papers), γ of r1 and r2.

    view: a `frozen` view of D, through which the input gradient is taken. classes: so many of D's input channels (the last
    ones) are labels; the gradient by them is no part of the norm. Raises TangentError where D has a layer that mixes
    samples (BatchNorm, mini-batch discrimination: the penalty is on the gradient of one sample's output by that sample).
    """

    def __init__(
        self,
        dis: Chain,
        view: mx.gluon.HybridBlock,
        kind: str,
        weight: float | None = None,
        *,
        classes: int = 0,
    ) -> None:
        if kind not in PENALTIES:
            raise ValueError(f'penalty {kind!r}: must be one of {", ".join(PENALTIES)}')
        self.kind, self._view, self._tangent, self._classes = (
            PENALTIES[kind],
            view,
            Tangent(dis),
            classes,
        )
        self.scale = self.kind.factor * (self.kind.weight if weight is None else weight)

    def at(self, x_real: Array, x_fake: Array) -> Point:
        """Return this step's constants: an ordinary input gradient, by D's frozen view."""
        x = self._points(x_real, x_fake).detach()
        x.attach_grad()
        with mx.autograd.record():
            y = self._view(x)
        y.backward()
        if self._classes:
            x.grad[:, -self._classes :] = 0
        norm = mx.nd.sqrt(
            mx.nd.square(x.grad.reshape((len(y), -1))).sum(axis=1)
        )  # a pack of samples has one logit
        off = norm - self.kind.target
        direction = (x.grad.reshape((len(y), -1)) / (norm + 1e-12).expand_dims(1)).reshape(x.shape)
        return Point(
            x.detach(),
            direction,
            2 * self.scale / len(y) * off,
            self.scale * mx.nd.square(off).mean(),
        )

    def _points(self, x_real: Array, x_fake: Array) -> Array:
        if not self._classes:
            return self.kind.points(x_real, x_fake)
        samples = self.kind.points(x_real[:, : -self._classes], x_fake[:, : -self._classes])
        return mx.nd.concat(samples, x_real[:, -self._classes :], dim=1)

    def surrogate(self, point: Point) -> Array:
        """Return a number (1,) whose gradient by D's weights is the penalty's; call it inside record()."""
        return (self._tangent(point.x, point.direction) * point.weight).sum()
