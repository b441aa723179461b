"""GANUpdater: one iteration of training, from batches of data to numbers that a person can read."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import numpy as np

from ..data.batches import Batches
from ..errors import GluonganError
from ..nn.ema import MovingAverage
from ..nn.layers import Chain, Pack, frozen, has_layer, weights
from ..nn.optimizer import Optimizer
from ..runtime import mx
from ..runtime import seed as seed_mxnet
from .labels import one_hot, with_label
from .losses import Array, Loss, named
from .noise import Noise
from .penalties import GradientPenalty
from .sampling import generate
from .steps import record, record_fake, update_dis, update_gen

# Numbers are fetched this many iterations late: the device never waits for Python (2 are too few: 6 % slower), and the
# queue that a Ctrl-C has to wait for stays below half a second.
LAG = 20


class NonFinite(GluonganError, ArithmeticError):
    """A loss, a weight or a sample that is no number any more."""


class Observation(NamedTuple):
    """One iteration's numbers: both losses, and D's mean score of real and of generated samples.

    The scores are probabilities of `real` in [0, 1] where the loss knows them, otherwise the critic's raw values.
    """

    iteration: int
    dis_loss: float
    gen_loss: float
    dis_real: float
    dis_fake: float


class GANUpdater:
    """One call of `update` is one iteration: `dis_steps` updates of D, then `gen_steps` of G.

    gen, dis: networks, already initialised; real: batches of data, `load(...).batches(...)`. loss: a name in LOSSES or a Loss.
    optimizer: a name in optimizer.RULES, with lr (gen_lr, dis_lr where they differ), beta1, beta2, decay, momentum.
    clip: bound of D's weights. penalty: a name in PENALTIES, with penalty_weight. shared_noise: D and G see the same z within
    an iteration, so that G's pass is computed once; otherwise each update draws anew (Goodfellow et al. 2014, Algorithm 1).
    noise: `normal`, `uniform` or `truncated`. ema: decay of G's moving average, 0 for none; `sampler` is then the average.
    instance_noise: standard deviation of the noise on all that D sees, sinking to 0 at iteration noise_until.
    schedule: of both learning rates, over schedule_iterations; see Optimizer.
    conditional: G and D get one-hot labels; gen takes (N, latent + classes), dis pictures with `classes` planes more.
    """

    def __init__(
        self,
        gen: Chain,
        dis: Chain,
        real: Batches,
        *,
        loss: str | Loss = 'nonsaturating',
        optimizer: str = 'adam',
        lr: float = 2e-4,
        gen_lr: float | None = None,
        dis_lr: float | None = None,
        beta1: float = 0.5,
        beta2: float = 0.999,
        decay: float = 0.9,
        momentum: float = 0.9,
        clip: float | None = None,
        penalty: str | None = None,
        penalty_weight: float | None = None,
        dis_steps: int = 1,
        gen_steps: int = 1,
        shared_noise: bool = True,
        noise: str = 'normal',
        ema: float = 0.0,
        instance_noise: float = 0.0,
        noise_until: int = 1,
        conditional: bool = False,
        schedule: str = 'constant',
        schedule_iterations: int = 1,
        seed: int = 0,
    ) -> None:
        self.gen, self.dis, self.real = gen, dis, real
        self.dis_view = frozen(dis)
        self.pack = next((layer.m for layer in dis if isinstance(layer, Pack)), 1)
        if real.batch % self.pack:
            raise ValueError(
                f'batch {real.batch}: must be a multiple of {self.pack}, the samples that D judges at once'
            )
        rates = {
            'beta1': beta1,
            'beta2': beta2,
            'decay': decay,
            'momentum': momentum,
            'schedule': schedule,
        }
        self.opt_gen = Optimizer(
            gen,
            optimizer,
            lr=lr if gen_lr is None else gen_lr,
            schedule_steps=schedule_iterations * gen_steps,
            **rates,
        )
        self.opt_dis = Optimizer(
            dis,
            optimizer,
            lr=lr if dis_lr is None else dis_lr,
            clip=clip,
            schedule_steps=schedule_iterations * dis_steps,
            **rates,
        )
        self.loss = named(loss) if isinstance(loss, str) else loss
        if conditional and not real.dataset.classes:
            raise ValueError(f'conditional: {real.dataset.name} has no labels')
        self.classes = len(real.dataset.classes) if conditional else 0
        self.penalty = (
            GradientPenalty(dis, self.dis_view, penalty, penalty_weight, classes=self.classes)
            if penalty
            else None
        )
        self.noise = Noise(gen.shape_in[0] - self.classes, noise, seed=seed, device=real.device)
        self.average = MovingAverage(gen, ema) if ema else None
        self.dis_steps, self.gen_steps, self.shared_noise, self.seed = (
            dis_steps,
            gen_steps,
            shared_noise,
            seed,
        )
        self._blur, self._blur_until = instance_noise, noise_until
        self.iteration = 0
        self.observations: list[Observation] = []
        self._pending: deque[tuple[int, Array, Array, Array, Array]] = deque()
        drops = any(has_layer(net, mx.gluon.nn.Dropout) for net in (gen, dis))
        self._draws_on_device = drops or instance_noise > 0 or penalty in ('gp', 'dragan')

    @property
    def sampler(self) -> mx.gluon.HybridBlock:
        """The network that samples are drawn from: G, or its moving average."""
        return self.average.net if self.average else self.gen

    @property
    def iterations_per_epoch(self) -> float:
        """How many iterations go through the data once; no whole number where D takes several batches in each."""
        return self.real.per_epoch / self.dis_steps

    @property
    def epoch(self) -> float:
        """How often the data has been gone through."""
        return self.iteration * self.dis_steps / self.real.per_epoch

    @property
    def previous_epoch(self) -> float:
        """`epoch` as it was one iteration ago."""
        return max(0, self.iteration - 1) * self.dis_steps / self.real.per_epoch

    def update(self) -> None:
        """Run one iteration; its numbers appear in `observations` LAG iterations later, or after `drain`."""
        if self._draws_on_device:  # from MXNet's generator, whose state nothing can save: 1 ms
            seed_mxnet(
                self.seed, self.iteration + 1
            )  # + 1: (seed, 0) is the stream of the initial weights
        for step in range(self.dis_steps):
            x_real, label = self._real()
            if (
                step == 0 or self.classes or not self.shared_noise
            ):  # a new batch of data brings new labels
                x_fake = self._fake(label)
            dis_loss, y_real, y_fake = update_dis(
                self.dis, self.opt_dis, x_real, x_fake, loss=self.loss, penalty=self.penalty
            )
        for step in range(self.gen_steps):
            if step or not self.shared_noise:
                x_fake = self._fake(label)
            gen_loss = update_gen(
                self.dis_view, self.opt_gen, x_fake, loss=self.loss, x_real=x_real
            )
            if self.average:
                self.average.update(self.opt_gen.steps)
        self.iteration += 1
        self._pending.append((self.iteration, dis_loss, gen_loss, y_real, y_fake))
        if len(self._pending) > LAG:
            self._fetch()

    def _real(self) -> tuple[Array, Array | None]:
        """Return the next batch as D sees it, and its labels."""
        x = self.real.draw()
        label = self.real.labels() if self.classes else None
        return self.seen(x, label), label

    def _fake(self, label: Array | None) -> Array:
        """Return new samples as D sees them, recorded."""
        x = record_fake(self.gen, with_label(self.noise.draw(self.real.batch), label))
        with record():
            return self.seen(x, label)

    def seen(self, x: Array, label: Array | None, *, blur: bool = True) -> Array:
        """Return samples (N, ...) as D sees them: blurred by instance noise while there is some, their labels appended."""
        share = max(0.0, 1 - self.iteration / self._blur_until)
        if blur and self._blur and share:
            x = x + mx.nd.random.normal(0, self._blur * share, shape=x.shape, ctx=x.ctx)
        if label is not None and len(self.dis.shape_in) == 1:
            x = x.flatten()
        return with_label(x, label)

    def fixed_inputs(
        self, count: int, seed: int = 0, labels: np.ndarray | None = None
    ) -> np.ndarray:
        """Return inputs of G (count, ...) that depend on `seed` alone; its classes take turns, or are `labels`."""
        z = self.noise.fixed(count, seed)
        if not self.classes:
            return z
        labels = np.arange(count) % self.classes if labels is None else labels
        return np.concatenate([z, one_hot(labels, self.classes)], axis=1)

    def samples(self, inputs: np.ndarray) -> np.ndarray:
        """Return the sampler's output for inputs of G, see `sampling.generate`. Raises NonFinite where it is no number."""
        self.drain()
        x = generate(self.sampler, inputs)
        if not np.isfinite(x).all():
            raise NonFinite(
                f'samples hold NaN or infinity at iteration {self.iteration}: lower the learning rate'
            )
        return x

    def drain(self) -> None:
        """Wait until the device has finished every iteration so far, and fetch their numbers."""
        while self._pending:
            self._fetch()
        mx.nd.waitall()

    def take(self) -> list[Observation]:
        """Return the numbers that have been fetched since the last call."""
        taken, self.observations = self.observations, []
        return taken

    def _fetch(self) -> None:
        iteration, dis_loss, gen_loss, y_real, y_fake = self._pending.popleft()
        seen = Observation(
            iteration,
            dis_loss.asscalar().item(),
            gen_loss.asscalar().item(),
            self._score(y_real),
            self._score(y_fake),
        )
        for name, value in zip(('dis/loss', 'gen/loss'), seen[1:]):
            if not np.isfinite(value):
                raise NonFinite(
                    f'{name} is {value} at iteration {iteration}: lower the learning rate, or try another loss'
                )
        self.observations.append(seen)

    def _score(self, y: Array) -> float:
        logits = y.asnumpy().astype(np.float64)
        return float(
            (0.5 + 0.5 * np.tanh(logits / 2) if self.loss.is_probability else logits).mean()
        )

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return all that the rest of the run depends on: arrays by name, and numbers that JSON can hold."""
        self.drain()
        arrays = {
            f'{part}/{name}': value.asnumpy()
            for part, values in self._parts().items()
            for name, value in values.items()
        }
        meta = {
            'iteration': self.iteration,
            'gen_steps': self.opt_gen.steps,
            'dis_steps': self.opt_dis.steps,
            'noise': self.noise.state(),
            'real': self.real.state(),
        }
        return arrays, meta

    def restore(self, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
        """Put back what `state` returned; going on is then the same run, bit for bit on the CPU."""
        self.restore_weights(arrays, meta)
        for part, optimizer in (('gen', self.opt_gen), ('dis', self.opt_dis)):
            optimizer.restore(
                {name: arrays[f'opt_{part}/{name}'] for name in optimizer.state()},
                meta[f'{part}_steps'],
            )
        self.noise.restore(meta['noise'])
        self.real.restore(meta['real'])

    def restore_weights(self, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
        """Put back what samples and scores depend on: both networks, G's average, and the iteration."""
        for part in ('gen', 'dis', 'ema'):
            for name, value in self._parts()[part].items():
                value[:] = arrays[f'{part}/{name}']
        self.iteration = meta['iteration']
        self._pending.clear()
        self.observations.clear()

    def _parts(self) -> dict[str, dict[str, Array]]:
        return {
            'gen': weights(self.gen),
            'dis': weights(self.dis),
            'ema': self.average.state() if self.average else {},
            'opt_gen': self.opt_gen.state(),
            'opt_dis': self.opt_dis.state(),
        }
