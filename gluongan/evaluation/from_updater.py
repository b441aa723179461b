"""What an updater makes, as Samples that an evaluation takes: its pictures, the classes asked for, and its D as a critic."""

from __future__ import annotations

import numpy as np

from ..gan.labels import one_hot
from ..gan.updater import GANUpdater
from ..runtime import mx
from . import Samples

PASS = 1_000  # pictures that D judges at a time


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
    """Return D's logits of samples (N, ...): (N,), or one for each whole pack of them; labels where it is conditional."""
    return np.concatenate(
        [
            _pass(
                updater,
                x[start : start + PASS],
                None if labels is None else labels[start : start + PASS],
            )
            for start in range(0, len(x), PASS)
        ]
    )


def _pass(updater: GANUpdater, x: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    device, whole = updater.real.device, len(x) // updater.pack * updater.pack
    if not whole:
        return np.empty(0, dtype=np.float32)
    label = (
        mx.nd.array(one_hot(labels[:whole], updater.classes), ctx=device)
        if updater.classes
        else None
    )
    return updater.dis(
        updater.as_seen_by_dis(mx.nd.array(x[:whole], ctx=device), label, instance_noise=False)
    ).asnumpy()
