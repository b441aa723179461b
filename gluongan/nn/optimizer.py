"""The optimiser of one network: MXNet's update rules, with a state that is saved without pickle.

Gluon's Trainer saves its state as a pickle, and a pickle from elsewhere must never be loaded. The
rules that Trainer is built on are all that is needed. Where `gluongan.native` is available, it
takes a step for all weights in one call, with the same bits.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from math import inf, sqrt
from numbers import Real
from operator import attrgetter, is_

import numpy as np

from .. import native
from ..errors import InputError
from ..runtime import import_gluoncv, mx
from .scaling import LossScale

RULES = ('adam', 'rmsprop', 'sgd')
SCHEDULES = ('constant', 'linear', 'cosine')

_ARRAYS = attrgetter('_data', '_grad')  # of a parameter: lists with one array for each device


class Optimizer:
    """Moves the weights of `net` down their gradients by one rule.

    name: `adam` (Kingma and Ba 2015; uses beta1 and beta2), `rmsprop` (Tieleman and Hinton 2012;
    uses decay) or `sgd` (uses momentum).
    lr: the learning rate, above 0.
    clip: if given, every weight is clipped to [-clip, clip] after a step (Arjovsky et al. 2017,
    Algorithm 1).
    schedule: `constant`, or `linear` or `cosine`, where the learning rate falls to 0 over the first
    `schedule_steps` steps and stays there.

    scales_loss: `backward` scales the loss and `step` the gradients back; a step along gradients
    that are infinite or NaN is left out. For products in float16, see `LossScale`.

    Raises InputError for a name, a number or a combination that makes no sense.

    >>> net = mx.gluon.nn.Dense(1, in_units=1)
    >>> net.initialize(mx.init.One())
    >>> optimizer = Optimizer(net, 'sgd', lr=0.1, momentum=0.0)
    >>> with mx.autograd.record():
    ...     loss = 2 * net(mx.nd.array([[1]]))
    >>> loss.backward()
    >>> optimizer.step()
    >>> net.weight.data().asnumpy()  # 1 - 0.1 · 2
    array([[0.8]], dtype=float32)
    >>> Optimizer(net, schedule='linear')
    Traceback (most recent call last):
    gluongan.errors.InputError: schedule_steps: is missing, and schedule linear needs it; ...
    """

    def __init__(
        self,
        net: mx.gluon.HybridBlock,
        name: str = 'adam',
        *,
        lr: float = 2e-4,
        beta1: float = 0.5,
        beta2: float = 0.999,
        decay: float = 0.9,
        momentum: float = 0.9,
        clip: float | None = None,
        schedule: str = 'constant',
        schedule_steps: int | None = None,
        scales_loss: bool = False,
    ) -> None:
        if not isinstance(net, mx.gluon.Block):
            raise InputError('must be a network', setting='net', value=net)
        _check_choice('optimizer', name, RULES)
        _check_choice('schedule', schedule, SCHEDULES)
        _check_positive('lr', lr)
        if clip is not None:
            _check_positive('clip', clip)
        for setting, value in (
            ('beta1', beta1),
            ('beta2', beta2),
            ('decay', decay),
            ('momentum', momentum),
        ):
            _check_fraction(setting, value)
        rules = {
            'adam': partial(mx.optimizer.Adam, beta1=beta1, beta2=beta2),
            'rmsprop': partial(mx.optimizer.RMSProp, gamma1=decay, clip_weights=clip),
            'sgd': partial(mx.optimizer.SGD, momentum=momentum),
        }
        scheduler = _make_scheduler(schedule, lr, schedule_steps)
        self._make_rule = partial(rules[name], learning_rate=lr, lr_scheduler=scheduler)
        self._clip = clip
        self.loss_scale = LossScale() if scales_loss else None
        self.parameters = [p for p in net.collect_params().values() if p.grad_req != 'null']
        self._start_at(0)
        self._slots = [self._rule.create_state(i, p.data()) for i, p in enumerate(self.parameters)]
        self._attributes = {
            'adam': self._adam_attributes,
            'rmsprop': self._rmsprop_attributes,
            'sgd': self._momentum_attributes,
        }[name]
        self._native_rule = {'sgd': 'momentum'}.get(name, name)
        self._is_native = self._can_be_native()
        self._update: native.Update | None = None
        self._lists: list[list[mx.nd.NDArray]] = []  # of the arrays that it updates

    def _start_at(self, steps: int) -> None:
        self.steps = steps
        self._rule = self._make_rule(begin_num_update=steps)

    def backward(self, loss: mx.nd.NDArray) -> None:
        """Run backward through the loss whose gradients the next step follows."""
        if self.loss_scale is None:
            loss.backward()
        else:
            self.loss_scale.backward(loss)

    def step(self) -> None:
        """Take one step along the gradients that the last backward pass left."""
        if self.loss_scale is not None:
            self._rule.rescale_grad = self.loss_scale.inverse
            overflows = self.loss_scale.overflows(self.parameters)
            self.loss_scale.prepare()
            if overflows:
                return
        self.steps += 1
        if self._is_native:
            self._step_at_once()
        else:
            self._step_one_by_one()

    def _step_one_by_one(self) -> None:
        for i, (parameter, slot) in enumerate(zip(self.parameters, self._slots)):
            weight = parameter.data()
            self._rule.update(i, weight, parameter.grad(), slot)
            if self._clip and self._native_rule != 'rmsprop':  # whose own rule clips, in one pass
                mx.nd.clip(weight, -self._clip, self._clip, out=weight)

    def _step_at_once(self) -> None:
        # Gluon makes new lists when there are other arrays than before, as after a cast.
        lists = chain.from_iterable(map(_ARRAYS, self.parameters))
        if self._update is None or not all(map(is_, lists, self._lists)):
            self._lists = list(chain.from_iterable(map(_ARRAYS, self.parameters)))
            self._update = native.Update(self._native_rule, self._groups())
        self._update(self._attributes())

    def _groups(self) -> list[list[mx.nd.NDArray]]:
        groups = []
        for parameter, slot in zip(self.parameters, self._slots):
            groups.append([parameter.data(), parameter.grad(), *_moments(slot)])
        return groups

    def _can_be_native(self) -> bool:
        if self.loss_scale is not None:
            return False
        if any(slot is None for slot in self._slots):  # SGD without momentum
            return False
        return native.can_update(parameter.data() for parameter in self.parameters)

    def _rate(self) -> float:
        """The learning rate of this step."""
        scheduler = self._rule.lr_scheduler
        return scheduler(self.steps) if scheduler else self._rule.lr

    def _adam_attributes(self) -> dict[str, float]:
        beta1, beta2 = self._rule.beta1, self._rule.beta2
        # The correction of the moments' start, in the order of operations of mx.optimizer.Adam.
        rate = self._rate() * (sqrt(1.0 - beta2**self.steps) / (1.0 - beta1**self.steps))
        return {'rate': rate, 'beta1': beta1, 'beta2': beta2, **self._shared_attributes()}

    def _rmsprop_attributes(self) -> dict[str, float]:
        return {'rate': self._rate(), 'decay': self._rule.gamma1, **self._shared_attributes()}

    def _momentum_attributes(self) -> dict[str, float]:
        bound = self._clip or inf
        return {'rate': self._rate(), 'momentum': self._rule.momentum, 'bound': bound}

    def _shared_attributes(self) -> dict[str, float]:
        return {'epsilon': self._rule.epsilon, 'bound': self._clip or inf}

    def state(self) -> dict[str, mx.nd.NDArray]:
        """Return the live moments by name; with `steps` they are all that a resume needs."""
        arrays = {}
        for i, slot in enumerate(self._slots):
            for j, moment in enumerate(_moments(slot)):
                arrays[f'{i:03d}.{j}'] = moment
        return arrays

    def restore(self, arrays: dict[str, np.ndarray], steps: int) -> None:
        """Restore moments that `state` returned after `steps` steps.

        Adam's bias correction and the schedule depend on the number of steps. Raises KeyError where
        a moment is missing.
        """
        for name, moment in self.state().items():
            moment[:] = arrays[name]
        self._start_at(steps)


def _moments(slot: mx.nd.NDArray | list[mx.nd.NDArray] | None) -> list[mx.nd.NDArray]:
    """The moments of one weight; SGD without momentum has none."""
    if slot is None:
        return []
    return list(slot) if isinstance(slot, (tuple, list)) else [slot]


def _check_choice(setting: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        allowed = f'must be one of {", ".join(choices)}'
        raise InputError(allowed, setting=setting, value=value, names=choices)


def _check_positive(setting: str, value: float) -> None:
    if not isinstance(value, Real) or not 0 < value < inf:
        raise InputError('must be a finite number above 0', setting=setting, value=value)


def _check_fraction(setting: str, value: float) -> None:
    if not isinstance(value, Real) or not 0 <= value < 1:
        raise InputError('must be at least 0 and below 1', setting=setting, value=value)


def _make_scheduler(name: str, lr: float, steps: int | None) -> mx.lr_scheduler.LRScheduler | None:
    if name == 'constant':
        return None
    if steps is None:
        raise InputError(
            f'is missing, and schedule {name} needs it; '
            'must be the number of steps after which the learning rate is 0',
            setting='schedule_steps',
        )
    if steps < 1:
        raise InputError('must be at least 1', setting='schedule_steps', value=steps)
    # gluoncv's last step is number niters - 1, and MXNet counts steps from 1: with these arguments
    # step t = 0, 1, ... has the learning rate lr · f(t / steps).
    schedule = import_gluoncv('utils').LRScheduler
    return schedule(name, base_lr=lr, target_lr=0, niters=steps + 1, offset=1)
