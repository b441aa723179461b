"""An updater whose iterations are those of several ranks: each computes its share of the batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..nn.layers import Chain, weights
from ..ranks.exchange import Ranks
from .losses import Array

if TYPE_CHECKING:
    from .updater import GANUpdater


def join(updater: GANUpdater, ranks: Ranks) -> None:
    """Let an updater train with those of other ranks: its gradients are the means over all ranks.

    Its batches must be this rank's parts of the whole ones, see `Batches`. From here on it draws
    the noise and the augmentation of its part. After each iteration all ranks have the same arrays,
    and states of their generators that are the same: a snapshot of one is a snapshot of all.
    """
    updater.ranks = ranks
    if ranks.size > 1:
        updater.noise.rank = ranks.rank
        if updater.augmentation:
            updater.augmentation.part = ranks.rank, ranks.size


def share_state(updater: GANUpdater) -> None:
    """Give all ranks the weights, the averages and the moments of rank 0."""
    parts = updater.arrays().values()
    updater.ranks.share(value for part in parts for value in part.values())


def running_statistics(*nets: Chain) -> Iterator[Array]:
    """Yield BatchNorm's running means and variances of some networks.

    Each rank has moved them by its share of a batch. With their means, samples of all ranks agree.
    """
    for net in nets:
        for name, value in weights(net).items():
            if name.endswith(('running_mean', 'running_var')):
                yield value
