"""The protocol of the peers: a JSON object a line on stdin, its answer on stdout. Needs only NumPy.

{"do": "load", "case": {...}, "weights": "w.npz", "samples": "x.npy", "labels": null,
 "form": "eager", "threads": 2}              # in one line
{"do": "run", "n": 3, "feed": "feed.npz"}    # given z (n, draws, batch, latent) and
                                             # index (n, dis_steps, batch)
{"do": "run", "n": 50}                       # with noise and a data order of the peer's own
{"do": "time", "n": 100}                     # {"seconds": of one iteration, the mean over n}
{"do": "weights", "path": "out.npz"}         # named as in GANUpdater.state: gen/0.weight, dis/...
{"do": "memory"}                             # {"megabytes": the largest resident size so far}
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

Arrays = dict[str, np.ndarray]
PARTS = {'gen': 'gen', 'dis': 'dis', 'ema': 'gen'}  # the moving average has the generator's layers


class Peer(Protocol):
    """A GAN that is loaded and can be trained."""

    versions: dict[str, str]

    def draw(self) -> Iterator[Any]:
        """Yield the inputs of one iteration after another, for ever, as fast as it can."""

    def given(self, z: np.ndarray, index: np.ndarray) -> Any:
        """Return the inputs of one iteration.

        z: noise (draws, batch, latent). index: of the data (dis_steps, batch).
        """

    def iterate(self, inputs: Any) -> None:
        """Run one iteration; it need not be finished on return."""

    def wait(self) -> None:
        """Return when every iteration so far is finished."""

    def weights(self) -> Arrays:
        """Return all weights and running statistics in gluongan's layout."""


class Server:
    """Answers the requests of the process that measures."""

    def __init__(self, make: Callable[..., Peer]) -> None:
        self._make = make

    def load(
        self,
        case: dict[str, Any],
        weights: str,
        samples: str,
        labels: str | None,
        form: str,
        threads: int,
    ) -> dict[str, Any]:
        """Build the GAN of a case. samples: bytes (N, C, H, W). labels: integers (N,)."""
        with np.load(weights, allow_pickle=False) as stored:
            arrays = dict(stored)
        x = np.load(samples, allow_pickle=False)
        classes = np.load(labels, allow_pickle=False) if labels else None
        self._peer = self._make(case, arrays, x, classes, form, threads)
        self._drawn = self._peer.draw()
        return {'versions': self._peer.versions}

    def run(self, n: int, feed: str | None = None) -> dict[str, Any]:
        """Run n iterations and wait for them."""
        if feed:
            self._run_feed(n, feed)
        else:
            for _ in range(n):
                self._peer.iterate(next(self._drawn))
        self._peer.wait()
        return {}

    def _run_feed(self, n: int, feed: str) -> None:
        with np.load(feed, allow_pickle=False) as stored:
            for z, index in zip(stored['z'][:n], stored['index'][:n]):
                self._peer.iterate(self._peer.given(z, index))

    def time(self, n: int) -> dict[str, Any]:
        """Return the mean time of n iterations; none is in flight before or after."""
        self._peer.wait()
        start = time.perf_counter()
        self.run(n)
        return {'seconds': (time.perf_counter() - start) / n}

    def weights(self, path: str) -> dict[str, Any]:
        """Write the weights to an .npz."""
        np.savez(path, **self._peer.weights())
        return {}

    def memory(self) -> dict[str, Any]:
        """Return the largest resident size so far, in MB."""
        return {'megabytes': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def variance_scales(case: dict[str, Any]) -> dict[str, np.float32]:
    """Return s = n / (n - 1) for each running variance, by its name.

    n is the number of values that BatchNorm averages over. PyTorch and TensorFlow keep the unbiased
    variance s v of a batch, MXNet the biased v. Since r <- a r + (1 - a) s v is s times
    b <- a b + (1 - a) v, they start from s times the given variance and hand back 1 / s of theirs:
    exact, and free.
    """
    scales = {}
    for part, net in PARTS.items():
        for layer in case[net]:
            if layer['kind'] == 'BatchNorm':
                n = case['batch'] * int(np.prod(layer['output'][1:]))
                scales[f'{part}/{layer["name"]}.running_var'] = np.float32(n / (n - 1))
    return scales


def noise_shape(case: dict[str, Any]) -> tuple[int, int, int]:
    """Return the shape of the noise of one iteration: (draws, batch, latent)."""
    draws = 1 if case['shared_noise'] else case['dis_steps'] + 1
    return draws, case['batch'], case['latent']


def serve(make: Callable[..., Peer]) -> None:
    """Answer every line of stdin until it ends; what the framework prints goes to stderr."""
    answers = os.fdopen(os.dup(1), 'w', buffering=1)
    os.dup2(2, 1)
    server = Server(make)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(server, request.pop('do'))(**request)
        except Exception as error:  # any error of a framework is an answer: the other process stops
            traceback.print_exc()
            answer = {'error': f'{type(error).__name__}: {error}'}
        print(json.dumps(answer), file=answers)
