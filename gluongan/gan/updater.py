"""GANUpdater: one iteration of training, from batches of data to the numbers in the log."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from typing import Any

import numpy as np

from ..data.batches import Batches
from ..nn.ema import MovingAverage
from ..nn.fused import FusedNet
from ..nn.layers import Chain, Classifying, frozen, has_layer, weights
from ..nn.optimizer import Optimizer
from ..ranks.exchange import ALONE, Ranks
from ..runtime import mx
from ..runtime import seed as seed_mxnet
from . import arguments
from .adaptive import SPAN
from .labels import LabelledGenerator, append_labels, labels_in_proportion, one_hot
from .losses import Array, Loss, make_loss
from .noise import Noise
from .objectives import DisObjective, GenObjective
from .observations import NonFinite, Observation, Observations
from .penalties import GradientPenalty
from .sampling import generate
from .steps import Watch, WatchedOptimizer, record, record_fake, update_dis, update_gen
from .together import running_statistics

_NO_WATCH = nullcontext()


class GANUpdater:
    """Trains a GAN: each call of `update` is one iteration.

    An iteration is `dis_steps` updates of the discriminator, then `gen_steps` of the generator.

    gen, dis: networks, already initialised. real: batches of data, `load(...).batches(...)`.
    loss: a name in LOSSES, or a Loss.
    opt_gen, opt_dis: the networks' optimisers; without them, Adam with `lr` and `beta1`.
    penalty: a name in PENALTIES, or a GradientPenalty. penalty_weight, penalty_every: of the named
    one, see `GradientPenalty`.
    shared_noise: both networks see the same z within an iteration, so that the generator runs once;
    otherwise each update draws its own (Goodfellow et al. 2014, Algorithm 1).
    noise: `normal`, `uniform` or `truncated`.
    ema: decay of the generator's moving average, which `sampler` then is; 0 turns it off.
    instance_noise: standard deviation of the noise on everything that the discriminator sees; it
    falls linearly to 0 at iteration `noise_until`.
    augment: names in AUGMENTATIONS; D sees real and generated pictures changed in these ways, each
    with `augment_probability`, see `Augmentation`. augment_target, augment_span: let that
    probability follow the discriminator's overfitting, see `AdaptiveProbability`.
    conditional: both networks get one-hot labels: the generator takes (N, latent + classes), the
    discriminator images with `classes` more channels.
    class_weight: of the cross entropy of the samples' classes in both objectives; the discriminator
    must project labels, see `Projection.classified`.

    Raises InputError, a ValueError, for arguments that are missing or contradict each other.

    >>> import gluongan as gg
    >>> gg.runtime.seed(0)
    >>> gen, dis = gg.dense_generator([5, 16, 64]), gg.dense_discriminator([64, 16, 1])
    >>> real = gg.data.load('synthetic', image_size=8).batches(128)
    >>> updater = GANUpdater(gen, dis, real, loss='hinge', lr=2e-4, beta1=0.5)
    >>> updater.update()
    >>> updater.iteration, updater.epoch
    (1, 0.25)
    >>> updater.drain()
    >>> [observation.iteration for observation in updater.take()]
    [1]

    Other optimisers are built by the caller:

    >>> opt_gen = gg.Optimizer(gen, 'rmsprop', lr=5e-5)
    >>> opt_dis = gg.Optimizer(dis, 'rmsprop', lr=5e-5, clip=0.01)
    >>> critic = GANUpdater(gen, dis, real, loss='wasserstein', opt_gen=opt_gen, opt_dis=opt_dis)
    >>> GANUpdater(gen, dis, real, opt_gen=opt_gen)
    Traceback (most recent call last):
    gluongan.errors.InputError: opt_dis: missing; must be given together with `opt_gen`
    """

    def __init__(
        self,
        gen: Chain,
        dis: Chain,
        real: Batches,
        *,
        loss: str | Loss = 'nonsaturating',
        lr: float | None = None,
        beta1: float | None = None,
        opt_gen: Optimizer | None = None,
        opt_dis: Optimizer | None = None,
        penalty: str | GradientPenalty | None = None,
        penalty_weight: float | None = None,
        penalty_every: int | None = None,
        dis_steps: int = 1,
        gen_steps: int = 1,
        shared_noise: bool = True,
        noise: str = 'normal',
        ema: float = 0.0,
        instance_noise: float = 0.0,
        noise_until: int | None = None,
        augment: Collection[str] = (),
        augment_probability: float = 1.0,
        augment_target: float | None = None,
        augment_span: int = SPAN,
        conditional: bool = False,
        class_weight: float = 0.0,
        seed: int = 0,
    ) -> None:
        arguments.check_types(real, loss, {'dis_steps': dis_steps, 'gen_steps': gen_steps})
        arguments.check_batches(real, dis, conditional)
        arguments.check_instance_noise(instance_noise, noise_until)
        self.gen = gen
        self.dis = dis
        self.real = real
        self.classes = len(real.dataset.classes) if conditional else 0
        arguments.check_networks(gen, dis, real, self.classes)
        arguments.check_class_weight(class_weight, dis)
        optimizers = arguments.make_optimizers(gen, dis, opt_gen, opt_dis, lr, beta1)
        self.opt_gen, self.opt_dis = optimizers
        self._joins_labels = conditional and not instance_noise  # within G's graph
        self.fused_gen = FusedNet(self._labelled_gen() if self._joins_labels else gen)
        self.dis_objective = DisObjective(
            dis, make_loss(loss) if isinstance(loss, str) else loss, class_weight=class_weight
        )
        view = frozen(dis)
        gen_view = frozen(Classifying(dis)) if class_weight else view
        self.gen_objective = GenObjective(gen_view, self.loss, class_weight=class_weight)
        options = {'weight': penalty_weight, 'every': penalty_every}
        self.penalty = arguments.make_penalty(penalty, options, dis, view, self.classes)
        self.noise = Noise(gen.shape_in[0] - self.classes, noise, seed=seed, device=real.device)
        self.average = MovingAverage(gen, ema) if ema else None
        self.augmentation = arguments.make_augmentation(
            augment, augment_probability, real, dis, self.classes, seed
        )
        self.adaptive = arguments.make_adaptive(
            self.augmentation, augment_target, augment_span, self.loss
        )
        self.dis_steps, self.gen_steps = dis_steps, gen_steps
        self.shared_noise = shared_noise
        self.seed = seed
        self.watch: Watch = lambda part: _NO_WATCH
        self.ranks: Ranks = ALONE  # see `together.join`
        self._instance_noise = instance_noise
        self._noise_until = noise_until
        self._uses_mxnet_random = self._draws_from_mxnet()
        self.iteration = 0
        self._observations = Observations(self.loss)

    def _labelled_gen(self) -> LabelledGenerator:
        size, *sides = self.dis.shape_in
        return LabelledGenerator(self.gen, flat_size=0 if sides else size - self.classes)

    def _draws_from_mxnet(self) -> bool:
        """Whether an iteration draws from MXNet's own generator, whose state cannot be saved."""
        if self._instance_noise > 0 or (self.penalty and self.penalty.kind.is_random):
            return True
        return any(has_layer(net, mx.gluon.nn.Dropout) for net in (self.gen, self.dis))

    @property
    def pack(self) -> int:
        """The number of samples that the discriminator judges together."""
        return arguments.pack_size(self.dis)

    @property
    def loss(self) -> Loss:
        """The loss of both objectives."""
        return self.dis_objective.loss

    @property
    def dis_view(self) -> mx.gluon.HybridBlock:
        """The `frozen` view of the discriminator that the generator's updates run through.

        With a `class_weight` it is a view of `Classifying(dis)`. Otherwise assigning one replaces
        the penalty's view as well.
        """
        return self.gen_objective.net

    @dis_view.setter
    def dis_view(self, view: mx.gluon.HybridBlock) -> None:
        class_weight = self.gen_objective.class_weight
        self.gen_objective = GenObjective(view, self.loss, class_weight=class_weight)
        if self.penalty and not class_weight:
            self.penalty.view = view

    def blocks(self) -> list[mx.gluon.HybridBlock]:
        """Return every HybridBlock that an iteration runs, to be hybridized or not."""
        blocks = [self.gen, self.fused_gen, self.dis_objective, self.gen_objective]
        blocks.append(self.real.gather)
        if self.penalty:
            blocks.append(self.penalty.tangent)
        if self.augmentation:
            blocks.append(self.augmentation.block)
        return blocks

    @property
    def sampler(self) -> mx.gluon.HybridBlock:
        """The network that samples are drawn from: the generator, or its moving average."""
        return self.average.net if self.average else self.gen

    @property
    def iterations_per_epoch(self) -> float:
        """How many iterations go through the data once; fractional where `dis_steps` is not 1."""
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
        """Run one iteration; `take` returns its numbers at most LAG iterations later.

        `drain` fetches them at once. Each part of the iteration runs in the context manager that
        `watch` returns for its name: 'data', 'noise', 'G(z)', 'D update', 'G update', and within
        the last two 'optimiser'. By default it does nothing; assign `watch` to time the parts.
        """
        if self._uses_mxnet_random:  # takes 1 ms
            # (seed, 0) is the stream of the initial weights.
            seed_mxnet(self.seed, self.iteration + 1, *filter(None, [self.ranks.rank]))
        for step in range(self.dis_steps):
            x_real, labels = self._draw_real()
            # A new batch of data brings new labels.
            if step == 0 or self.classes or not self.shared_noise:
                x_fake = self._record_fake(labels)
            dis_loss, y_real, y_fake = self._update_dis(x_real, x_fake)
            if self.adaptive:
                self.adaptive.observe(y_real, self.real.batch)
        for step in range(self.gen_steps):
            if step > 0 or not self.shared_noise:
                x_fake = self._record_fake(labels)
            gen_loss = self._update_gen(x_fake, x_real)
            if self.average:
                self.average.update(self.opt_gen.steps)
        self.iteration += 1
        self._observations.add(self.iteration, dis_loss, gen_loss, y_real, y_fake)

    def _draw_real(self) -> tuple[Array, Array | None]:
        """Return the next batch as the discriminator sees it, and its labels."""
        with self.watch('data'):
            if self._joins_labels and len(self.dis.shape_in) == 1:
                return self.real.draw_with_labels(), self.real.labels()
            x = self.real.draw()
            labels = self.real.labels() if self.classes else None
        return self.as_seen_by_dis(x, labels), labels

    def _record_fake(self, labels: Array | None) -> Array:
        """Return new samples as the discriminator sees them, recorded."""
        with self.watch('noise'):
            z = self.noise.draw(self.real.batch)
        with self.watch('G(z)'):
            if self._joins_labels:
                return record_fake(self.fused_gen, z, labels)
            x = record_fake(self.fused_gen, append_labels(z, labels))
        if not self._instance_noise:
            return x
        with record():
            return self.as_seen_by_dis(x, labels)

    def _update_dis(self, x_real: Array, x_fake: Array) -> tuple[Array, Array, Array]:
        optimizer = WatchedOptimizer(self.opt_dis, self.watch, self.ranks)
        is_due = self.penalty and self.penalty.is_due(self.opt_dis.steps)
        with self.watch('D update'):
            return update_dis(
                self.dis_objective,
                optimizer,
                x_real,
                x_fake,
                penalty=self.penalty if is_due else None,
                augment=self.augmentation,
            )

    def _update_gen(self, x_fake: Array, x_real: Array) -> Array:
        also = running_statistics(self.gen, self.dis)
        optimizer = WatchedOptimizer(self.opt_gen, self.watch, self.ranks, also)
        with self.watch('G update'):
            return update_gen(
                self.gen_objective, optimizer, x_fake, x_real=x_real, augment=self.augmentation
            )

    def as_seen_by_dis(
        self, x: Array, labels: Array | None, *, instance_noise: bool = True
    ) -> Array:
        """Return samples (N, ...) as the discriminator sees them.

        That is with instance noise, as long as there is some, and with one-hot labels appended.
        """
        deviation = self._deviation() if instance_noise else 0.0
        if deviation > 0:
            x = x + mx.nd.random.normal(0, deviation, shape=x.shape, ctx=x.ctx)
        if labels is not None and len(self.dis.shape_in) == 1:
            x = x.flatten()
        return append_labels(x, labels)

    def _deviation(self) -> float:
        """The instance noise's standard deviation in this iteration."""
        if not self._instance_noise:
            return 0.0
        return self._instance_noise * max(0.0, 1 - self.iteration / self._noise_until)

    def fixed_inputs(
        self, count: int, seed: int = 0, labels: np.ndarray | None = None
    ) -> np.ndarray:
        """Return inputs of the generator (count, ...) whose noise depends on `seed` alone.

        labels (count,): their classes; by default in the data's proportions, `labels_as_in_data`.
        """
        z = self.noise.fixed(count, seed)
        if not self.classes:
            return z
        if labels is None:
            labels = self.labels_as_in_data(count)
        return np.concatenate([z, one_hot(labels, self.classes)], axis=1)

    def labels_as_in_data(self, count: int) -> np.ndarray | None:
        """Return classes (count,) in the data's proportions, None where G is not conditional."""
        return labels_in_proportion(self.real.dataset.labels, count) if self.classes else None

    def samples(self, inputs: np.ndarray) -> np.ndarray:
        """Return the sampler's output for inputs of the generator, see `sampling.generate`.

        Raises NonFinite where it is NaN or infinite.
        """
        self.drain()
        x = generate(self.sampler, inputs)
        if not np.isfinite(x).all():
            problem = f'samples hold NaN or infinity at iteration {self.iteration}'
            raise NonFinite(f'{problem}: lower the learning rate')
        return x

    def drain(self) -> None:
        """Wait until the device has finished every iteration so far, and fetch their numbers."""
        self._observations.fetch()
        mx.nd.waitall()

    def take(self) -> list[Observation]:
        """Return the numbers that have been fetched since the last call."""
        return self._observations.take()

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return everything the rest of the run depends on: arrays by name, and JSON values."""
        self.drain()
        arrays = {}
        for part, values in self.arrays().items():
            for name, value in values.items():
                arrays[f'{part}/{name}'] = value.asnumpy()
        meta = {
            'iteration': self.iteration,
            'gen_steps': self.opt_gen.steps,
            'dis_steps': self.opt_dis.steps,
        }
        for name, part in self._parts_with_state().items():
            meta[name] = part.state()
        return arrays, meta

    def restore(self, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
        """Restore a `state`; training then continues as the same run, bit for bit on the CPU."""
        self.restore_weights(arrays, meta)
        for part, optimizer in (('gen', self.opt_gen), ('dis', self.opt_dis)):
            moments = {name: arrays[f'opt_{part}/{name}'] for name in optimizer.state()}
            optimizer.restore(moments, meta[f'{part}_steps'])
        for name, part in self._parts_with_state().items():
            part.restore(meta[name])

    def _parts_with_state(self) -> dict[str, Any]:
        """Return what holds JSON values besides the optimisers, as far as this run has it."""
        parts = {
            'noise': self.noise,
            'real': self.real,
            'augmentation': self.augmentation,
            'adaptive': self.adaptive,
            'gen_scale': self.opt_gen.loss_scale,
            'dis_scale': self.opt_dis.loss_scale,
        }
        return {name: part for name, part in parts.items() if part is not None}

    def restore_weights(self, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
        """Restore what samples and scores depend on: networks, moving average, iteration."""
        live = self.arrays()
        for part in ('gen', 'dis', 'ema'):
            for name, value in live[part].items():
                value[:] = arrays[f'{part}/{name}']
        self.iteration = meta['iteration']
        self._observations.clear()

    def arrays(self) -> dict[str, dict[str, Array]]:
        """Return the live arrays in a `state`, by part and name."""
        return {
            'gen': weights(self.gen),
            'dis': weights(self.dis),
            'ema': self.average.state() if self.average else {},
            'opt_gen': self.opt_gen.state(),
            'opt_dis': self.opt_dis.state(),
        }
