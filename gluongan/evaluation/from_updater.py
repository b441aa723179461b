"""What an updater makes, as Samples that an evaluation takes: its pictures, the classes asked for, and its D as a critic."""

from __future__ import annotations

import numpy as np

from ..gan.labels import one_hot
from ..gan.updater import GANUpdater
from ..nn.layers import MinibatchDiscrimination, MinibatchStdDev, has_layer
from ..nn.passes import ROWS, in_passes
from ..runtime import mx
from . import Samples

MIXED = 1_000  # samples in a pass of a discriminator that compares the samples of a batch


def samples_of(updater: GANUpdater, count: int, *, seed: int, source: str = 'run') -> Samples:
    """Return `count` samples of a GAN that depend on `seed` alone; a conditional one's classes take turns."""
    asked = np.arange(count) % updater.classes if updater.classes else None
    x = updater.samples(updater.fixed_inputs(count, seed))
    return Samples(
        source,
        np.clip(x, 0, 1) if x.ndim == 4 else x,
        asked,
        lambda x, labels: logits(updater, x, labels),
        updater.loss.is_probability,
    )


def logits(updater: GANUpdater, x: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Return the discriminator's logits of samples (N, ...): (N,), or one for each whole pack.

    labels: (N,), where the discriminator is conditional. A sample gives the same bits beside any
    others, on the CPU with the same number of threads, unless the discriminator itself compares
    the samples of a batch.
    """
    whole = len(x) // updater.pack * updater.pack
    if not whole:
        return np.empty(0, dtype=np.float32)
    arrays = [x[:whole]]
    if updater.classes:
        arrays.append(one_hot(labels[:whole], updater.classes))

    def run(x: np.ndarray, label: np.ndarray | None = None) -> list[mx.nd.NDArray]:
        device = updater.real.device
        if label is not None:
            label = mx.nd.array(label, ctx=device)
        x = updater.as_seen_by_dis(mx.nd.array(x, ctx=device), label, instance_noise=False)
        return [updater.dis(x)]

    if has_layer(updater.dis, MinibatchDiscrimination, MinibatchStdDev):
        rows = max(1, MIXED // updater.pack) * updater.pack
        return in_passes(run, *arrays, rows=rows, pad=False)[0]
    return in_passes(run, *arrays, rows=ROWS * updater.pack)[0]
