"""The noise of an image: the z whose G(z) is nearest to it, by gradient descent from several places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, prod, sqrt

import numpy as np

from .. import runtime
from ..nn.layers import Chain, Dense, frozen
from ..nn.models import initialize
from ..nn.optimizer import Optimizer
from ..runtime import mx
from .labels import one_hot, with_label
from .noise import Noise, path, sample
from .sampling import device_of, generate

ROWS = 256  # guesses that are moved at once
BETAS = 0.9, 0.999  # Adam's
BOUNDS = {'uniform': 1.0, 'truncated': 2.0}
FOUND = 1e-3  # an image whose mean squared error is at most that counts as found again


@dataclass(frozen=True)
class Inversion:
    """What was found for N images: z (N, latent), with the one-hot class behind it; G(z); mean squared error of each."""

    z: np.ndarray
    x: np.ndarray
    error: np.ndarray

    def found(self) -> float:
        """Return the share of images that were found again, in [0, 1]."""
        return float((self.error <= FOUND).mean())


class Inverter:
    """Finds z for images, for a G (N, latent + classes) -> (N, *shape) trained on noise of a distribution.

    It minimises the mean squared error plus `prior` · mean z², the pull toward normal noise, by Adam on z over `steps` steps
    with a rate that falls from `lr` to 0 along a cosine. Noise that has bounds is put back into them after each step. `starts`
    guesses are moved for each image, and for each class where G has classes; the best is taken. With an `encoder` the first
    guess is its own.
    """

    def __init__(
        self,
        gen: Chain,
        latent: int,
        noise: str = 'normal',
        *,
        classes: int = 0,
        starts: int = 4,
        steps: int = 400,
        lr: float = 0.1,
        prior: float = 1e-3,
        seed: int = 0,
        encoder: Chain | None = None,
    ) -> None:
        self._gen, self._device = gen, device_of(gen)
        self._view = frozen(gen, use_running_stats=True)
        self._latent, self._noise, self._classes = latent, noise, classes
        self._starts, self._steps, self._lr, self._prior = (
            starts,
            steps,
            lr,
            0.0 if noise == 'uniform' else prior,
        )
        self._seed, self._encoder = seed, encoder

    def invert(self, x: np.ndarray) -> Inversion:
        """Return what was found for images (N, *shape) in [0, 1]."""
        x = x.astype(np.float32)
        guesses = self._guesses(x)
        starts, targets = np.concatenate(guesses), np.repeat(x, len(guesses[0]), axis=0)
        z = np.concatenate(
            [
                self._descend(starts[at : at + ROWS], targets[at : at + ROWS])
                for at in range(0, len(starts), ROWS)
            ]
        )
        made = generate(self._gen, z)
        error = ((made - targets) ** 2).reshape(len(x), len(guesses[0]), -1).mean(axis=2)
        best = np.arange(len(x)) * len(guesses[0]) + error.argmin(axis=1)
        return Inversion(z[best], made[best], error.min(axis=1))

    def _guesses(self, x: np.ndarray) -> np.ndarray:
        """(N, guesses, latent + classes): the same noise for every image, but for the encoder's guess."""
        z = sample(np.random.default_rng([self._seed, 3]), self._starts, self._latent, self._noise)
        z = np.repeat(z[None], len(x), axis=0)
        if self._encoder is not None:
            z[:, 0] = self._bounded(self._encoder(mx.nd.array(x, ctx=self._device))).asnumpy()
        if not self._classes:
            return z
        labels = one_hot(np.repeat(np.arange(self._classes), self._starts), self._classes)
        return np.concatenate(
            [np.tile(z, (1, self._classes, 1)), np.repeat(labels[None], len(x), axis=0)], axis=2
        )

    def _descend(self, guesses: np.ndarray, x: np.ndarray) -> np.ndarray:
        z, target = (
            mx.nd.array(part, ctx=self._device) for part in (guesses[:, : self._latent], x)
        )
        label = mx.nd.array(guesses[:, self._latent :], ctx=self._device) if self._classes else None
        mean, variance = mx.nd.zeros_like(z), mx.nd.zeros_like(z)
        z.attach_grad()
        for step in range(1, self._steps + 1):
            with mx.autograd.record(train_mode=False):
                apart = mx.nd.square(self._view(with_label(z, label)) - target).sum() / prod(
                    x.shape[1:]
                )
                # Sums over the images, so that each goes its own way.
                (apart + self._prior / self._latent * mx.nd.square(z).sum()).backward()
            mx.nd.adam_update(
                z,
                z.grad,
                mean,
                variance,
                out=z,
                lr=self._rate(step),
                beta1=BETAS[0],
                beta2=BETAS[1],
                epsilon=1e-10,
            )  # the gradients are as small as 1e-6
            z[:] = self._bounded(z)
        return np.concatenate([z.asnumpy(), guesses[:, self._latent :]], axis=1)

    def _rate(self, step: int) -> float:
        """Adam's, with its correction of the moments' start."""
        falling = self._lr * (1 + cos(pi * step / self._steps)) / 2
        return falling * sqrt(1 - BETAS[1] ** step) / (1 - BETAS[0] ** step)

    def _bounded(self, z: mx.nd.NDArray) -> mx.nd.NDArray:
        bound = BOUNDS.get(self._noise)
        return z if bound is None else mx.nd.clip(z, -bound, bound)

    def walk(self, z: np.ndarray, steps: int) -> np.ndarray:
        """Return pictures on the way through the points z (P, latent + classes), `steps` a leg; classes fade into others."""
        parts = (
            path(z[:, : self._latent], steps, self._noise),
            path(z[:, self._latent :], steps, 'uniform'),
        )
        return generate(self._gen, np.concatenate(parts, axis=1))


def train_encoder(
    gen: Chain,
    latent: int,
    noise: str,
    iterations: int,
    *,
    shape: tuple[int, ...],
    classes: int = 0,
    batch: int = 128,
    seed: int = 0,
    told: Callable[[int, float], None] = lambda iteration, loss: None,
) -> Chain:
    """Return a network E (N, *shape) -> (N, latent), trained on pairs (G(z), z) to give z back, by its mean squared error.

    A G with classes makes every class in turn. told is called every 100 iterations with the loss: 1 is a blind guess of normal
    noise.
    """
    device = device_of(gen)
    runtime.seed(seed, 1)
    net = initialize(
        Chain(
            mx.gluon.nn.Flatten(),  # (N, values)
            Dense(1024, 'leaky_relu', in_units=prod(shape)),
            Dense(512, 'leaky_relu', in_units=1024),
            Dense(latent, in_units=512),  # (N, latent)
            shape_in=shape,
        ),
        'he',
        device,
    )
    optimizer, stream = (
        Optimizer(net, 'adam', lr=1e-3, beta1=0.9),
        Noise(latent, noise, seed=seed, device=device),
    )
    label = (
        mx.nd.array(one_hot(np.arange(batch) % classes, classes), ctx=device) if classes else None
    )
    for iteration in range(1, iterations + 1):
        z = stream.draw(batch)
        x = gen(with_label(z, label))
        with mx.autograd.record():
            loss = mx.nd.square(net(x) - z).mean()
        loss.backward()
        optimizer.step()
        if iteration % 100 == 0:
            told(iteration, float(loss.asscalar()))
    return net
