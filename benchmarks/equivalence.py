"""Whether all forms run the same algorithm: the same weights, noise and batches in, the same weights out.

    python -m benchmarks.equivalence [--cases dense-128,dcgan-64] [--forms torch,jax] [--environments DIR]

The measure is ‖ours - theirs‖ / ‖ours - initial‖ of the worst tensor after 3 iterations: how far two runs are apart by how far
they went. Rounding alone gives up to 1e-3 in dense networks. It gives more where a LeakyReLU's input is 0 to the last bit, so
that a sample has another slope on the other side; most noise has no such sample, so the best of three feeds counts: a wrong
algorithm is wrong on each. In `dcgan` every batch has some among its half a million inputs, and the share of gradients near
Adam's epsilon is large: up to 2e-2.
"""
from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import cases
from .driver import ENVIRONMENTS, FORMS, Peer, interpreter

ITERATIONS, FEEDS = 3, 3
ROWS = 2_048    # of the data: the first batch is as good as any, and reading all takes longer than the iterations
TOLERANCE = {'dcgan': 5e-2}
DENSE_TOLERANCE = 2e-3
Arrays = dict[str, np.ndarray]


class Difference(NamedTuple):
    """How far two runs are apart, by how far they went: of the tensor where that is most."""

    value: float
    tensor: str


class Material:
    """What every form of a case is loaded with, and fed with, as files in a folder; `rows`: of the data, by default all."""

    def __init__(self, name: str, folder: Path, *, rows: int | None = None, **changes: Any) -> None:
        self.case, updater, dataset = cases.load(name, **changes)
        self.initial = {key: value for key, value in updater.state()[0].items() if not key.startswith('opt_')}
        self._folder, self._samples = folder, len(dataset.samples[:rows])
        np.savez(folder / 'weights.npz', **self.initial)
        np.save(folder / 'samples.npy', dataset.samples[:rows])
        np.save(folder / 'labels.npy', dataset.labels[:rows])

    def load(self, peer: Peer) -> None:
        """Build the case in a peer, from its first weights."""
        peer.load(self.case, self._folder / 'weights.npz', self._folder / 'samples.npy', self._folder / 'labels.npy')

    def trained(self, peer: Peer, seed: int) -> Arrays:
        """Return the weights of a peer after 3 iterations from the beginning, on the feed of that seed."""
        self.load(peer)
        path = self._folder / f'feed{seed}.npz'
        np.savez(path, **feed(self.case, self._samples, seed=seed))
        peer.ask('run', n=ITERATIONS, feed=str(path))
        return peer.weights()


def feed(case: dict[str, Any], samples: int, *, seed: int = 0) -> Arrays:
    """Return noise z (3, draws, batch, latent) and rows of the data, index (3, dis_steps, batch)."""
    draw = np.random.default_rng(seed)
    shape = (ITERATIONS, 1 if case['shared_noise'] else case['dis_steps'] + 1, case['batch'], case['latent'])
    z = draw.uniform(-1, 1, shape) if case['noise'] == 'uniform' else draw.standard_normal(shape)
    return {'z': z.astype(np.float32), 'index': draw.integers(samples, size=(ITERATIONS, case['dis_steps'], case['batch']))}


def difference(initial: Arrays, ours: Arrays, theirs: Arrays) -> Difference:
    """Return how far two runs are apart. Raises ValueError where they do not have the same tensors."""
    if {name: value.shape for name, value in ours.items()} != {name: value.shape for name, value in theirs.items()}:
        raise ValueError(f'other tensors: {sorted(set(ours) ^ set(theirs)) or "of another shape"}')
    return max(Difference(_distance(own, theirs[name]) / max(_distance(own, initial[name]), 1e-12), name)
               for name, own in ours.items())


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    distance = float(np.linalg.norm(a.astype(np.float64) - b))
    return distance if np.isfinite(distance) else float('inf')


def tolerance(case: str) -> float:
    """Return the largest difference that rounding explains."""
    return TOLERANCE.get(case.rpartition('-')[0], DENSE_TOLERANCE)


def compared(name: str, forms: list[str], environments: Path = ENVIRONMENTS, **changes: Any) -> dict[str, Difference]:
    """Return for each form of a case how far it is from gluongan, on the best of the feeds."""
    with tempfile.TemporaryDirectory() as folder:
        material = Material(name, Path(folder), rows=ROWS, **changes)
        with Peer('gluongan') as peer:
            ours = [material.trained(peer, seed) for seed in range(FEEDS)]
        found = {}
        for form in forms:
            with Peer(form, environments=environments) as peer:
                theirs = (material.trained(peer, seed) for seed in range(FEEDS))
                for own, other in zip(ours, theirs):
                    apart = difference(material.initial, own, other)
                    found[form] = min(apart, found.get(form, apart))
                    if apart.value <= tolerance(name):
                        break
        return found


def main() -> None:
    """Compare what was asked for, and fail where a form is not the same algorithm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', default=','.join(cases.NAMES))
    parser.add_argument('--forms', help='by default all whose environment is there')
    parser.add_argument('--environments', type=Path, default=ENVIRONMENTS)
    given = parser.parse_args()
    there = [form for form in FORMS if form != 'gluongan' and interpreter(form, given.environments)]
    wrong = False
    for name in given.cases.split(','):
        for form, apart in compared(name, given.forms.split(',') if given.forms else there, given.environments).items():
            verdict = 'same' if apart.value <= tolerance(name) else 'DIFFERS'
            wrong |= verdict == 'DIFFERS'
            print(f'{name:16} {form:16} {apart.value:.1e} of {tolerance(name):.0e}  {verdict}  ({apart.tensor})', flush=True)
    raise SystemExit(wrong)


if __name__ == '__main__':
    main()
