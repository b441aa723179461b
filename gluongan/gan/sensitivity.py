"""How far the samples of a generator move when its latent vector moves a little."""

from __future__ import annotations

import numpy as np

from ..runtime import mx
from .sampling import generate

STEP = 0.01  # length of the step between two latent vectors


def slopes(gen: mx.gluon.HybridBlock, inputs: np.ndarray, latent: int, seed: int) -> np.ndarray:
    """Return ‖G(z + εv/2) - G(z - εv/2)‖ / ε for inputs (N, latent + classes), (N,), float64.

    v is a random unit vector for each z, ε is 0.01, and the classes stay as they are. As ε goes to
    0, it is the norm of the product of the Jacobian and v; for a linear G = Wz it is ‖Wv‖.
    """
    v = np.random.default_rng([seed, 4]).normal(size=(len(inputs), latent))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    shift = np.zeros(inputs.shape)
    shift[:, :latent] = v * STEP / 2
    ends = [generate(gen, (inputs + sign * shift).astype(np.float32)) for sign in (1, -1)]
    difference = (ends[0].astype(np.float64) - ends[1]).reshape(len(inputs), -1)
    return np.linalg.norm(difference, axis=1) / STEP
