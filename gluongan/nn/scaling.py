"""A scale of the loss, without which small gradients would be 0 in float16."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import check_count
from ..runtime import import_mxnet, mx

MOST = 2**24  # MXNet's own bounds
NAMES = {'scale': '_loss_scale', 'next': '_next_loss_scale', 'taken': '_unskipped'}


class LossScale:
    """Multiplies the gradients of a loss, and divides them again where a step is taken.

    It is MXNet's own dynamic scale (`mx.contrib.amp`): 2**16 at first; half as much after gradients
    that overflow, whose step is not taken; twice as much after 2,000 steps without one. All scales
    are powers of two, so that in float32 they change no bit (Micikevicius et al. 2018, section
    3.2).

    >>> scale = LossScale()
    >>> x = mx.nd.array([3])
    >>> x.attach_grad()
    >>> with mx.autograd.record():
    ...     loss = x * x
    >>> scale.backward(loss)
    >>> float(x.grad.asscalar()) * scale.inverse
    6.0
    """

    def __init__(self) -> None:
        self._scaler = import_mxnet('contrib.amp.loss_scaler').LossScaler()

    @property
    def inverse(self) -> float:
        """What gradients are multiplied with to be those of the loss."""
        return 1 / self._scaler.loss_scale

    def backward(self, loss: mx.nd.NDArray) -> None:
        """Run backward through a loss, so that all gradients are those of the scaled loss."""
        loss.backward(mx.nd.full(loss.shape, self._scaler.loss_scale, ctx=loss.ctx))

    def overflows(self, parameters: Sequence[mx.gluon.Parameter]) -> bool:
        """Return whether a gradient is infinite or NaN; the scale of the next backward follows.

        It waits for the device. Take `inverse` before.
        """
        return self._scaler.has_overflow(parameters)

    def prepare(self) -> None:
        """Let the next backward use what the last `overflows` has found."""
        self._scaler._loss_scale = self._scaler._next_loss_scale

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return {name: getattr(self._scaler, attribute) for name, attribute in NAMES.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state`. Raises InputError, KeyError or TypeError for anything else."""
        check_count('taken', state['taken'], 0)
        for name in ('scale', 'next'):
            if not 0 < float(state[name]) <= MOST:
                raise ValueError(f'{name} {state[name]}: is no scale of a loss')
        for name, attribute in NAMES.items():
            setattr(self._scaler, attribute, state[name])
