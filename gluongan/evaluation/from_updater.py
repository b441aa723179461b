"""What an updater generates, as Samples; and its discriminator's logits of any samples."""

from __future__ import annotations

import numpy as np

from ..gan.labels import one_hot
from ..gan.updater import GANUpdater
from ..runtime import mx
from .samples import Samples

PASS = 1_000  # samples that the discriminator scores at a time


def draw_samples(updater: GANUpdater, count: int, *, seed: int, source: str = 'run') -> Samples:
    """Return `count` samples of a GAN that depend on `seed` alone.

    The classes of a conditional GAN take turns.
    """
    labels = np.arange(count) % updater.classes if updater.classes else None
    x = updater.samples(updater.fixed_inputs(count, seed))
    if x.ndim == 4:
        x = np.clip(x, 0, 1)

    def critic(x: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        return discriminator_logits(updater, x, labels)

    return Samples(source, x, labels, critic, updater.loss.is_probability)


def discriminator_logits(
    updater: GANUpdater, x: np.ndarray, labels: np.ndarray | None = None
) -> np.ndarray:
    """Return the discriminator's logits of samples x (N, ...), (N,), higher for real.

    A discriminator that packs samples gives one logit for each complete pack.
    labels: the classes of the samples (N,), for a conditional GAN.
    """
    passes = []
    for start in range(0, len(x), PASS):
        rows = slice(start, start + PASS)
        passes.append(_pass(updater, x[rows], None if labels is None else labels[rows]))
    return np.concatenate(passes)


def _pass(updater: GANUpdater, x: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    device = updater.real.device
    count = len(x) // updater.pack * updater.pack
    if count == 0:
        return np.empty(0, dtype=np.float32)
    label = None
    if updater.classes:
        label = mx.nd.array(one_hot(labels[:count], updater.classes), ctx=device)
    x_seen = updater.seen(mx.nd.array(x[:count], ctx=device), label, blur=False)
    return updater.dis(x_seen).asnumpy()
