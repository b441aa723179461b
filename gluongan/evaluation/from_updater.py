"""What an updater generates, as Samples; and its discriminator's logits of any samples."""

from __future__ import annotations

import numpy as np

from ..gan.labels import one_hot
from ..gan.sensitivity import slopes
from ..gan.updater import GANUpdater
from ..nn.layers import MinibatchDiscrimination, MinibatchStdDev, has_layer
from ..nn.passes import ROWS, in_passes
from ..runtime import mx
from .samples import Samples

MIXED = 1_000  # samples in a pass of a discriminator that compares the samples of a batch


def draw_samples(updater: GANUpdater, count: int, *, seed: int, source: str = 'run') -> Samples:
    """Return `count` samples of a GAN that depend on `seed` alone.

    The classes of a conditional GAN are asked for in the data's proportions.
    """
    labels = updater.labels_as_in_data(count)
    x = updater.samples(updater.fixed_inputs(count, seed, labels))
    if x.ndim == 4:
        x = np.clip(x, 0, 1)

    def critic(x: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        return discriminator_logits(updater, x, labels)

    def slopes_of(n: int) -> np.ndarray:
        inputs = updater.fixed_inputs(n, seed, updater.labels_as_in_data(n))
        return slopes(updater.sampler, inputs, updater.noise.size, seed)

    return Samples(source, x, labels, critic, updater.loss.is_probability, slopes_of)


def discriminator_logits(
    updater: GANUpdater, x: np.ndarray, labels: np.ndarray | None = None
) -> np.ndarray:
    """Return the discriminator's logits of samples x (N, ...), (N,), higher for real.

    A discriminator that packs samples gives one logit for each complete pack.
    labels: the classes of the samples (N,), for a conditional GAN.
    A sample gives the same bits beside any others, on the CPU with the same number of threads,
    unless the discriminator itself compares the samples of a batch.
    """
    count = len(x) // updater.pack * updater.pack
    if count == 0:
        return np.empty(0, dtype=np.float32)
    arrays = [x[:count]]
    if updater.classes:
        arrays.append(one_hot(labels[:count], updater.classes))

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
