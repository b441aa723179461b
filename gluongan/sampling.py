"""Samples out of a trained G."""
from __future__ import annotations

import numpy as np

from .runtime import mx

# One size for every pass: the same z in passes of 1 or 7 differs in the last bit from that in passes of 64.
PASS = 64


def generate(gen: mx.gluon.HybridBlock, z: np.ndarray) -> np.ndarray:
    """Return G(z) for z (N, latent): (N, *shape), float32, pictures in [0, 1]; a z gives the same bits in any company.

    BatchNorm uses its running statistics here and dropout drops nothing.
    """
    device, made = device_of(gen), []
    for start in range(0, len(z), PASS):
        part = z[start:start + PASS]
        padded = np.concatenate([part, np.zeros((PASS - len(part), z.shape[1]), dtype=z.dtype)])
        with mx.autograd.pause():    # whatever scope the caller is in
            made.append(gen(mx.nd.array(padded, ctx=device)).asnumpy()[:len(part)])
    return np.concatenate(made)


def device_of(net: mx.gluon.HybridBlock) -> mx.Context:
    """Return where a network lives."""
    return next(iter(net.collect_params().values())).list_ctx()[0]


def pixels(x: np.ndarray) -> np.ndarray:
    """Return images in [0, 1], or bytes as they are, as bytes."""
    return x if x.dtype == np.uint8 else (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)
