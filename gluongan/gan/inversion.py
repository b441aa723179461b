"""Inversion: the z whose G(z) is nearest to an image, by gradient descent from several starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, inf, pi, prod, sqrt

import numpy as np

from .. import runtime
from ..data import progress
from ..errors import InputError
from ..nn.layers import Chain, Dense, frozen
from ..nn.models import initialize
from ..nn.optimizer import Optimizer
from ..runtime import mx
from .labels import append_labels, one_hot
from .noise import BOUNDS, Noise, draw_noise, interpolate
from .partial import Known, seen
from .sampling import Sampler, device_of, generate

GUESSES_PER_PASS = 256
REPORT_EVERY = 20  # steps
BETA1, BETA2 = 0.9, 0.999  # of Adam
RECOVERED_ERROR = 1e-3  # an image with at most this mean squared error counts as recovered
MIN_CONTROLS, MAX_CONTROLS = 16, 64
WALK_IMAGES, WALK_STEPS = 9, 12


@dataclass(frozen=True)
class Inversion:
    """The result for N images.

    z: (N, latent), with the one-hot class appended where the generator has classes.
    x: G(z), (N, *shape). error: the mean squared error of each image, (N,).
    """

    z: np.ndarray
    x: np.ndarray
    error: np.ndarray

    def share_recovered(self) -> float:
        """Return the share of images whose error is at most RECOVERED_ERROR, in [0, 1]."""
        return float((self.error <= RECOVERED_ERROR).mean())


class Inverter:
    """Finds z for images, given a generator (N, latent + classes) -> (N, *shape).

    noise: the distribution that the generator was trained on. Bounded noise is clipped to its
    bounds after each step.
    starts: how many guesses are optimised for each image, and for each class where the generator
    has classes; the best one is the result. With an `encoder`, its output is the first guess.
    steps, lr: of Adam on z; the rate falls from `lr` to 0 along a cosine.
    prior: weight of mean z², which is added to the mean squared error and pulls z toward normal
    noise.
    known: what is known of the images; all else is not looked at, so there can be no encoder.

    >>> import gluongan as gg
    >>> gg.runtime.seed(0)
    >>> gen = gg.dense_generator([2, 16, 64], batchnorm=False, init='he')
    >>> images = generate(gen, gg.Noise(2).fixed(3))
    >>> inversion = Inverter(gen, 2, steps=100).invert(images)
    >>> inversion.z.shape, inversion.x.shape, inversion.share_recovered()
    ((3, 2), (3, 1, 8, 8), 1.0)
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
        known: Known | None = None,
    ) -> None:
        if encoder is not None and known is not None:
            raise InputError('looks at whole images; must be absent', setting='encoder')
        self._gen = gen
        self._view = frozen(gen, use_running_stats=True)
        self._device = device_of(gen)
        self._latent = latent
        self._noise = noise
        self._classes = classes
        self._starts = starts
        self._steps = steps
        self._lr = lr
        self._prior = 0.0 if noise == 'uniform' else prior
        self._seed = seed
        self._encoder = encoder
        self._known = known

    def invert(self, x: np.ndarray, *, title: str = 'images', seconds: float = inf) -> Inversion:
        """Return the nearest that the generator makes to images (N, *shape) in [0, 1].

        The error is that of what is known of the images. title: what progress calls them, see
        `data.progress`. seconds: after them, no further images are begun, and the result is that
        of the first ones alone.
        """
        until = time.monotonic() + seconds
        x = x.astype(np.float32)
        targets = self._seen(x)
        points, encoded = self._starting_points(), self._encode(x)
        best = Inversion(
            np.empty((len(x), points.shape[1]), np.float32),
            np.empty_like(x),
            np.full(len(x), np.inf, np.float32),
        )
        total = len(x) * len(points)
        passes = range(0, total, GUESSES_PER_PASS)
        for number, start in enumerate(passes):
            done = start // len(points)
            if done and time.monotonic() > until:
                return Inversion(best.z[:done], best.x[:done], best.error[:done])
            guess = np.arange(start, min(start + GUESSES_PER_PASS, total))
            image = guess // len(points)
            z = points[guess % len(points)]
            if encoded is not None:
                is_first = guess % self._starts == 0
                z[is_first, : self._latent] = encoded[image[is_first]]

            def report(step: int, number: int = number) -> None:
                done = number * self._steps + step
                progress.report(title, done, len(passes) * self._steps)

            self._keep_best(best, image, self._descend(z, targets[image], report), targets)
        return best

    def _keep_best(
        self, best: Inversion, image: np.ndarray, z: np.ndarray, targets: np.ndarray
    ) -> None:
        """Put each z into `best` whose G(z) is nearer to its image than that of any before.

        image: which image each z is for.
        """
        x = generate(self._gen, z)
        error = (self._seen(x) - targets[image]) ** 2
        error = error.reshape(len(z), -1).mean(axis=1)
        for guess, number in enumerate(image):
            if error[guess] < best.error[number] or np.isnan(error[guess]):
                best.z[number], best.x[number] = z[guess], x[guess]
                best.error[number] = error[guess]

    def make_controls(self, count: int) -> dict[str, np.ndarray]:
        """Return two sets of images, which tell whether the inversion of `count` others worked.

        `generated` images come from the generator and must be recovered; `noise` images, uniform in
        [0, 1], must not. Each set has `count` images, but at least MIN_CONTROLS and at most
        MAX_CONTROLS; the classes take equal shares of the generated ones.
        """
        count = min(max(count, MIN_CONTROLS), MAX_CONTROLS)
        class_names = [str(k) for k in range(self._classes)]
        sampler = Sampler(self._gen, self._noise, self._latent, class_names)
        seeds = range(-(-count // max(1, self._classes)))
        generated, _ = sampler.sample_grid(list(seeds))
        generated = generated[:count]
        noise = np.random.default_rng(0).random(generated.shape, dtype=np.float32)
        return {'generated': generated, 'noise': noise}

    def _seen(self, x: np.ndarray) -> np.ndarray:
        return x if self._known is None else seen(self._known, x, self._device)

    def _starting_points(self) -> np.ndarray:
        """Return the guesses (starts · classes, latent + classes), the same for every image."""
        generator = np.random.default_rng([self._seed, 3])
        z = draw_noise(generator, self._starts, self._latent, self._noise)
        if not self._classes:
            return z
        labels = one_hot(np.repeat(np.arange(self._classes), self._starts), self._classes)
        return np.concatenate([np.tile(z, (self._classes, 1)), labels], axis=1)

    def _encode(self, x: np.ndarray) -> np.ndarray | None:
        """Return what the encoder makes of images (N, latent), the first guess of each class."""
        if self._encoder is None:
            return None
        return self._clip_to_bounds(self._encoder(mx.nd.array(x, ctx=self._device))).asnumpy()

    def _descend(
        self, guesses: np.ndarray, x: np.ndarray, report: Callable[[int], None]
    ) -> np.ndarray:
        """Return the guesses (M, latent + classes) after all steps toward what is known, x.

        report: is called with the number of steps that are done.
        """
        z = mx.nd.array(guesses[:, : self._latent], ctx=self._device)
        target = mx.nd.array(x, ctx=self._device)
        labels = None
        if self._classes:
            labels = mx.nd.array(guesses[:, self._latent :], ctx=self._device)
        mean, variance = mx.nd.zeros_like(z), mx.nd.zeros_like(z)
        z.attach_grad()
        for step in range(1, self._steps + 1):
            with mx.autograd.record(train_mode=False):
                objective = self._objective(z, labels, target)
            objective.backward()
            rates = {'lr': self._rate(step), 'beta1': BETA1, 'beta2': BETA2}
            # A small epsilon, as the gradients are as small as 1e-6.
            mx.nd.adam_update(z, z.grad, mean, variance, out=z, epsilon=1e-10, **rates)
            z[:] = self._clip_to_bounds(z)
            if step % REPORT_EVERY == 0 or step == self._steps:
                z.wait_to_read()
                report(step)
        return np.concatenate([z.asnumpy(), guesses[:, self._latent :]], axis=1)

    def _objective(
        self, z: mx.nd.NDArray, labels: mx.nd.NDArray | None, target: mx.nd.NDArray
    ) -> mx.nd.NDArray:
        """Return the objective summed over the images, so that each has its own gradient."""
        x = self._view(append_labels(z, labels))
        if self._known is not None:
            x = self._known(x)
        squared_error = mx.nd.square(x - target).sum() / prod(target.shape[1:])
        return squared_error + self._prior / self._latent * mx.nd.square(z).sum()

    def _rate(self, step: int) -> float:
        """Return the cosine's learning rate, with Adam's correction of its moments' start at 0."""
        rate = self._lr * (1 + cos(pi * step / self._steps)) / 2
        return rate * sqrt(1 - BETA2**step) / (1 - BETA1**step)

    def _clip_to_bounds(self, z: mx.nd.NDArray) -> mx.nd.NDArray:
        if self._noise not in BOUNDS:
            return z
        bound = BOUNDS[self._noise]
        return mx.nd.clip(z, -bound, bound)

    def walk(self, z: np.ndarray, steps: int = WALK_STEPS) -> np.ndarray:
        """Return images along the path through the points z (P, latent + classes).

        There are (P - 1) · steps + 1 of them; classes fade into each other.
        """
        noise = interpolate(z[:, : self._latent], steps, self._noise)
        labels = interpolate(z[:, self._latent :], steps, 'uniform')
        return generate(self._gen, np.concatenate([noise, labels], axis=1))


def split_walk(x: np.ndarray, steps: int = WALK_STEPS) -> list[np.ndarray]:
    """Return a walk's images by pairs of points: each part runs from one point to the next.

    >>> [part.tolist() for part in split_walk(np.arange(7), steps=3)]
    [[0, 1, 2, 3], [3, 4, 5, 6]]
    """
    return [x[start : start + steps + 1] for start in range(0, len(x) - 1, steps)]


def _no_progress(iteration: int, loss: float) -> None:
    pass


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
    report_progress: Callable[[int, float], None] = _no_progress,
) -> Chain:
    """Return a network (N, *shape) -> (N, latent), trained on pairs (G(z), z) to predict z.

    Its loss is the mean squared error of z; a blind guess of normal noise has 1. A generator with
    classes makes all of them in turn. `report_progress` is called with the iteration and the loss
    every 100 iterations.
    """
    device = device_of(gen)
    runtime.seed(seed, 1)
    encoder = initialize(
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
    optimizer = Optimizer(encoder, 'adam', lr=1e-3, beta1=0.9)
    stream = Noise(latent, noise, seed=seed, device=device)
    labels = None
    if classes:
        labels = mx.nd.array(one_hot(np.arange(batch) % classes, classes), ctx=device)
    for iteration in range(1, iterations + 1):
        z = stream.draw(batch)
        x = gen(append_labels(z, labels))
        with mx.autograd.record():
            loss = mx.nd.square(encoder(x) - z).mean()
        loss.backward()
        optimizer.step()
        if iteration % 100 == 0:
            report_progress(iteration, float(loss.asscalar()))
    return encoder
