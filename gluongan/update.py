"""The algorithm: `update_dis`, `update_gen`, and GANUpdater, which calls them as Algorithm 1 of Goodfellow et al. 2014 does."""
from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import numpy as np

from .data.batches import Batches
from .layers import Chain, frozen
from .losses import LOSSES, Array, Loss, named
from .noise import Noise
from .optimizer import Optimizer
from .runtime import mx
from .runtime import seed as seed_mxnet

record = mx.autograd.record


class NonFinite(ArithmeticError):
    """A loss, a weight or a sample that is no number any more."""


# Numbers are fetched this many iterations late: the device never waits for Python (2 are too few: 6 % slower), and the
# queue that a Ctrl-C has to wait for stays below half a second.
LAG = 20


class Observation(NamedTuple):
    """One iteration's numbers: both losses, and D's mean score of real and of generated samples.

    The scores are probabilities of `real` in [0, 1] where the loss knows them, otherwise the critic's raw values.
    """

    iteration: int
    dis_loss: float
    gen_loss: float
    dis_real: float
    dis_fake: float


def record_fake(gen: Chain, z: Array) -> Array:
    """Return G(z), recorded: D takes it detached, and G's update may then run backward through the very same pass."""
    with record():
        return gen(z)


def discriminate(dis: Chain, x_real: Array, x_fake: Array) -> tuple[Array, Array]:
    """Return D's logits (N,) and (M,) for both batches.

    One pass over both is faster and the same, except where D has BatchNorm: there each batch has statistics of its own.
    """
    if any(isinstance(layer, mx.gluon.nn.BatchNorm) for layer in dis):
        return dis(x_real), dis(x_fake)
    y = dis(mx.nd.concat(x_real, x_fake, dim=0))
    return y[:len(x_real)], y[len(x_real):]


def update_dis(dis: Chain, optimizer: Optimizer, x_real: Array, x_fake: Array, *,
               loss: Loss = LOSSES['nonsaturating']) -> tuple[Array, Array, Array]:
    """Move D, and nothing else, one step; return its loss (1,) and its logits for the real and the fake samples."""
    x_fake = x_fake.detach()    # else D's backward goes on through all of G, on zeros, even behind BlockGrad
    with record():
        y_real, y_fake = discriminate(dis, x_real, x_fake)
        value = loss.dis(y_real, y_fake)
    value.backward()
    optimizer.step()
    return value, y_real, y_fake


def update_gen(dis: mx.gluon.HybridBlock, optimizer: Optimizer, x_fake: Array, *,
               loss: Loss = LOSSES['nonsaturating']) -> Array:
    """Move G, and nothing else, one step; return its loss (1,).

    dis: a `frozen` view of D, which computes no weight gradients of D. x_fake: G's samples as `record_fake` recorded them.
    """
    with record():
        value = loss.gen(dis(x_fake))
    value.backward()
    optimizer.step()
    return value


class GANUpdater:
    """One call of `update` is one iteration: `dis_steps` updates of D, then one of G.

    gen, dis: networks, already initialised; real: batches of data, `load(...).batches(...)`.
    loss: a name in LOSSES or a Loss. optimizer: a name in optimizer.RULES, with lr (gen_lr, dis_lr where they differ),
    beta1, beta2, decay, momentum; clip: bound of D's weights. shared_noise: D and G see the same z within an iteration,
    so that G's pass is computed once; otherwise each update draws anew (Algorithm 1). noise: `normal` or `uniform`.
    """

    def __init__(self, gen: Chain, dis: Chain, real: Batches, *, loss: str | Loss = 'nonsaturating',
                 optimizer: str = 'adam', lr: float = 2e-4, gen_lr: float | None = None, dis_lr: float | None = None,
                 beta1: float = 0.5, beta2: float = 0.999, decay: float = 0.9, momentum: float = 0.9,
                 clip: float | None = None, dis_steps: int = 1, shared_noise: bool = True, noise: str = 'normal',
                 seed: int = 0) -> None:
        rates = {'beta1': beta1, 'beta2': beta2, 'decay': decay, 'momentum': momentum}
        self.gen, self.dis, self.real = gen, dis, real
        self.dis_view = frozen(dis)
        self.opt_gen = Optimizer(gen, optimizer, lr=lr if gen_lr is None else gen_lr, **rates)
        self.opt_dis = Optimizer(dis, optimizer, lr=lr if dis_lr is None else dis_lr, clip=clip, **rates)
        self.loss = named(loss) if isinstance(loss, str) else loss
        self.noise = Noise(gen.shape_in[0], noise, seed=seed, device=real.device)
        self.dis_steps, self.shared_noise, self.seed = dis_steps, shared_noise, seed
        self.iteration = 0
        self.observations: list[Observation] = []
        self._pending: deque[tuple[int, Array, Array, Array, Array]] = deque()
        self._masks_are_drawn = any(isinstance(layer, mx.gluon.nn.Dropout) for net in (gen, dis) for layer in net)

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
        if self._masks_are_drawn:    # dropout draws from MXNet's generator, whose state nothing can save: 1 ms
            seed_mxnet(self.seed, self.iteration + 1)    # + 1: (seed, 0) is the stream of the initial weights
        batch = self.real.batch
        x_fake = record_fake(self.gen, self.noise.draw(batch))
        for step in range(self.dis_steps):
            if step and not self.shared_noise:
                x_fake = record_fake(self.gen, self.noise.draw(batch))
            dis_loss, y_real, y_fake = update_dis(self.dis, self.opt_dis, self.real.draw(), x_fake, loss=self.loss)
        if not self.shared_noise:
            x_fake = record_fake(self.gen, self.noise.draw(batch))
        gen_loss = update_gen(self.dis_view, self.opt_gen, x_fake, loss=self.loss)
        self.iteration += 1
        self._pending.append((self.iteration, dis_loss, gen_loss, y_real, y_fake))
        if len(self._pending) > LAG:
            self._fetch()

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
        seen = Observation(iteration, dis_loss.asscalar().item(), gen_loss.asscalar().item(),
                           self._score(y_real), self._score(y_fake))
        for name, value in zip(('dis/loss', 'gen/loss'), seen[1:]):
            if not np.isfinite(value):
                raise NonFinite(f'{name} is {value} at iteration {iteration}: lower the learning rate, or try another loss')
        self.observations.append(seen)

    def _score(self, y: Array) -> float:
        logits = y.asnumpy().astype(np.float64)
        return float((0.5 + 0.5 * np.tanh(logits / 2) if self.loss.is_probability else logits).mean())

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return all that the rest of the run depends on: arrays by name, and numbers that JSON can hold."""
        self.drain()
        arrays = {f'{part}/{name}': value.asnumpy() for part, values in self._parts().items()
                  for name, value in values.items()}
        meta = {'iteration': self.iteration, 'gen_steps': self.opt_gen.steps, 'dis_steps': self.opt_dis.steps,
                'noise': self.noise.state(), 'real': self.real.state()}
        return arrays, meta

    def restore(self, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
        """Put back what `state` returned; going on is then the same run, bit for bit on the CPU."""
        for part in ('gen', 'dis'):
            for name, value in self._parts()[part].items():
                value[:] = arrays[f'{part}/{name}']
        for part, optimizer in (('opt_gen', self.opt_gen), ('opt_dis', self.opt_dis)):
            own = {name: arrays[f'{part}/{name}'] for name in optimizer.state()}
            optimizer.restore(own, meta[f'{part[4:]}_steps'])
        self.noise.restore(meta['noise'])
        self.real.restore(meta['real'])
        self.iteration = meta['iteration']
        self._pending.clear()
        self.observations.clear()

    def _parts(self) -> dict[str, dict[str, Array]]:
        return {'gen': weights(self.gen), 'dis': weights(self.dis),
                'opt_gen': self.opt_gen.state(), 'opt_dis': self.opt_dis.state()}


def weights(net: mx.gluon.HybridBlock) -> dict[str, Array]:
    """Return a network's live arrays by their place in it (`0.weight`), BatchNorm's running statistics among them."""
    return {name: parameter.data() for name, parameter in net._collect_params_with_prefix().items()}
