"""One network's optimiser: MXNet's update rules, with a state that can be read and put back without pickle.

Gluon's Trainer saves its state as a pickle, which no file from elsewhere may be; the rules beneath it are all that is needed.
"""

from __future__ import annotations

import numpy as np

from ..runtime import import_gluoncv, mx

RULES = ('adam', 'rmsprop', 'sgd')
SCHEDULES = ('constant', 'linear', 'cosine')


class Optimizer:
    """Moves the weights of `net` down their gradients by one rule.

    name: `adam` (Kingma and Ba 2015; beta1, beta2), `rmsprop` (Tieleman and Hinton 2012; decay) or `sgd` (momentum).
    schedule: `constant`, or the learning rate falls to 0 over schedule_steps, `linear` or along a `cosine`.
    clip: if given, every weight is put back into [-clip, clip] after a step (Arjovsky et al. 2017, Algorithm 1).
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
        schedule_steps: int = 1,
    ) -> None:
        if name not in RULES:
            raise ValueError(f'optimizer {name!r}: must be one of {", ".join(RULES)}')
        rates = {'learning_rate': lr, 'lr_scheduler': _scheduler(schedule, lr, schedule_steps)}
        self._make = {
            'adam': lambda begin: mx.optimizer.Adam(
                beta1=beta1, beta2=beta2, begin_num_update=begin, **rates
            ),
            'rmsprop': lambda begin: mx.optimizer.RMSProp(
                gamma1=decay, clip_weights=clip, begin_num_update=begin, **rates
            ),
            'sgd': lambda begin: mx.optimizer.SGD(momentum, begin_num_update=begin, **rates),
        }[name]
        self.parameters = [p for p in net.collect_params().values() if p.grad_req != 'null']
        self._clip = (
            None if name == 'rmsprop' else clip
        )  # its rule clips by itself, in the same pass
        self._begin(0)
        self._slots = [self._rule.create_state(i, p.data()) for i, p in enumerate(self.parameters)]

    def _begin(self, steps: int) -> None:
        self.steps, self._rule = steps, self._make(steps)

    def step(self) -> None:
        """Take one step along the gradients that the last backward pass left."""
        for i, (parameter, slot) in enumerate(zip(self.parameters, self._slots)):
            weight = parameter.data()
            self._rule.update(i, weight, parameter.grad(), slot)
            if self._clip:
                mx.nd.clip(weight, -self._clip, self._clip, out=weight)
        self.steps += 1

    def state(self) -> dict[str, mx.nd.NDArray]:
        """Return its moments by name, the live arrays; with `steps` they are all that a resume needs."""
        slots = (slot if isinstance(slot, (tuple, list)) else (slot,) for slot in self._slots)
        return {
            f'{i:03d}.{j}': value
            for i, values in enumerate(slots)
            for j, value in enumerate(values)
            if value is not None
        }

    def restore(self, arrays: dict[str, np.ndarray], steps: int) -> None:
        """Put moments back that `state` named, after `steps` steps (Adam corrects its bias by their number)."""
        for name, value in self.state().items():
            value[:] = arrays[name]
        self._begin(steps)


def _scheduler(name: str, lr: float, steps: int) -> mx.lr_scheduler.LRScheduler | None:
    if name not in SCHEDULES:
        raise ValueError(f'schedule {name!r}: must be one of {", ".join(SCHEDULES)}')
    if name == 'constant':
        return None
    # Its last step is number niters - 1, and MXNet counts from 1: so step t = 0, 1, … has lr · f(t / steps).
    return import_gluoncv('utils').LRScheduler(name, base_lr=lr, target_lr=0, niters=steps + 1, offset=1)
