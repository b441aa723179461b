"""How likely augmentation is, set by how much the discriminator overfits.

Karras et al. 2020, "Training generative adversarial networks with limited data" (arXiv 2006.06676,
section 3). A discriminator that knows the training data by heart says of each real sample that it
is real: r = E[sign(D(x))] goes to 1. Where r is above a target, augmentation becomes more likely,
and where it is below, less.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError, check_count
from ..runtime import mx
from .augmentation import Augmentation
from .losses import Array, Loss, hinge_dis

UPDATES = 4  # of the discriminator, between two adjustments; as in the paper
SPAN = 500_000  # real samples in which the probability can go from 0 to 1; as in the paper


class AdaptiveProbability:
    """Adjusts the probability of an augmentation, which begins at 0, to reach a target of r.

    target: of r, from -1 to 1; 0.6 in the paper. span: the number of real samples in which the
    probability goes from 0 to 1 where r is always above the target.
    r: as it was last measured, 0 at the start.

    Every UPDATES updates of the discriminator the probability moves by the share of `span` that was
    seen since. Each decision depends on the logits alone, and all that it needs is in the `state`.

    >>> augmentation = Augmentation(['shift'], (1, 28, 28))
    >>> adaptive = AdaptiveProbability(augmentation, target=0.6, span=1000)
    >>> for _ in range(UPDATES):
    ...     adaptive.observe(mx.nd.array([3, 1, 2, 4]), samples=4)
    >>> adaptive.r, augmentation.probability
    (1.0, 0.016)
    """

    def __init__(self, augmentation: Augmentation, target: float, span: int = SPAN) -> None:
        if not -1 <= target <= 1:
            raise InputError(
                'must be a number from -1 to 1', setting='augment_target', value=target
            )
        check_count('augment_span', span)
        self.augmentation = augmentation
        self.target = target
        self.span = span
        self.r = 0.0
        augmentation.probability = 0.0
        self._pending: list[Array] = []  # logits that were not counted yet, see `_count`
        self._signs = self._logits = self._samples = self._updates = 0

    def observe(self, y_real: Array, samples: int) -> None:
        """Take the logits of an update's real samples into account; samples: their number."""
        self._pending.append(y_real)
        self._samples += samples
        self._updates += 1
        if self._updates == UPDATES:
            self._adjust()

    def _adjust(self) -> None:
        self._count()
        self.r = self._signs / self._logits
        step = np.sign(self.r - self.target) * self._samples / self.span
        self.augmentation.probability = float(np.clip(self.augmentation.probability + step, 0, 1))
        self._signs = self._logits = self._samples = self._updates = 0

    def _count(self) -> None:
        """Count the signs of what was observed; fetching the logits waits for the device."""
        if self._pending:
            y = mx.nd.concat(*self._pending, dim=0).asnumpy()
            self._signs += int((y > 0).sum()) - int((y < 0).sum())
            self._logits += y.size
            self._pending = []

    def numbers(self) -> dict[str, float]:
        """Return what a log shows: the probability and r."""
        return {'augment/p': self.augmentation.probability, 'augment/r': self.r}

    def state(self) -> dict[str, Any]:
        """Return all that the next adjustments depend on; JSON can hold it."""
        self._count()
        return {
            'p': self.augmentation.probability,
            'r': self.r,
            'counts': [self._signs, self._logits, self._samples, self._updates],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state`. Raises ValueError, TypeError or KeyError for anything else."""
        p, r = float(state['p']), float(state['r'])
        signs, *others = counts = state['counts']
        if not (0 <= p <= 1 and -1 <= r <= 1) or any(type(count) is not int for count in counts):
            raise ValueError(f'p {p}, r {r}, counts {counts}: are not those of a run')
        logits, samples, updates = others
        if not (abs(signs) <= logits <= samples < 2**53 and 0 <= updates < UPDATES):
            raise ValueError(f'counts {counts}: cannot be')
        self._pending = []
        self._signs, self._logits, self._samples, self._updates = counts
        self.r = r
        self.augmentation.probability = p


def check_loss(loss: Loss) -> None:
    """Raise InputError for a loss that does not draw real samples to logits above 0.

    >>> from gluongan.gan.losses import LOSSES
    >>> check_loss(LOSSES['hinge'])
    >>> check_loss(LOSSES['wasserstein'])
    Traceback (most recent call last):
    gluongan.errors.InputError: augment_target: needs logits above 0 for real samples, as minimax, \
nonsaturating and hinge have them; must be used with such a loss
    """
    if not (loss.is_probability or loss.dis is hinge_dis):
        raise InputError(
            'needs logits above 0 for real samples, as minimax, nonsaturating and hinge have them; '
            'must be used with such a loss',
            setting='augment_target',
        )
