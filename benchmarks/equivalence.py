"""Whether the peers run the same algorithm: the same weights, noise and batches in, the same weights out.

    python -m benchmarks.equivalence [--cases dense-128,dcgan-64] [--forms torch,jax] [--environments DIR]
"""
from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import cases
from .driver import ENVIRONMENTS, FORMS, Peer, interpreter

ITERATIONS = 3
Arrays = dict[str, np.ndarray]


class Difference(NamedTuple):
    """How far two runs are apart: the worst tensor's ‖ours - theirs‖ / ‖ours - initial‖, and its name."""

    worst: float
    name: str


def feed(case: dict[str, Any], samples: int, *, iterations: int = ITERATIONS, seed: int = 0) -> Arrays:
    """Return noise z (iterations, draws, batch, latent) and rows of the data, index (iterations, dis_steps, batch)."""
    draw = np.random.default_rng(seed)
    draws = 1 if case['shared_noise'] else case['dis_steps'] + 1
    shape = (iterations, draws, case['batch'], case['latent'])
    z = draw.uniform(-1, 1, shape) if case['noise'] == 'uniform' else draw.standard_normal(shape)
    return {'z': z.astype(np.float32), 'index': draw.integers(samples, size=(iterations, case['dis_steps'], case['batch']))}


class Material:
    """What all peers of a case are loaded with, in files."""

    def __init__(self, name: str, folder: Path, **changes: Any) -> None:
        self.case, updater, dataset = cases.load(name, **changes)
        self.initial = {key: value for key, value in updater.state()[0].items() if not key.startswith('opt_')}
        self._folder = folder
        np.savez(folder / 'weights.npz', **self.initial)
        np.save(folder / 'samples.npy', dataset.samples)
        np.save(folder / 'labels.npy', dataset.labels)
        np.savez(folder / 'feed.npz', **feed(self.case, len(dataset)))

    def load(self, peer: Peer) -> None:
        """Build the case in a peer."""
        peer.load(self.case, self._folder / 'weights.npz', self._folder / 'samples.npy', self._folder / 'labels.npy')

    def trained(self, form: str, *, environments: Path = ENVIRONMENTS, iterations: int = ITERATIONS) -> Arrays:
        """Return the weights of a form after some iterations on the given noise and batches."""
        with Peer(form, environments=environments) as peer:
            self.load(peer)
            peer.ask('run', n=iterations, feed=str(self._folder / 'feed.npz'))
            return peer.weights()


def differences(initial: Arrays, ours: Arrays, theirs: Arrays) -> dict[str, tuple[float, float]]:
    """Return for each tensor: distance over how far it moved, by norm, and the same for the single number that differs most."""
    assert set(ours) == set(theirs), set(ours) ^ set(theirs)
    found = {}
    for name, own in ours.items():
        moved, apart = (own - initial[name]).astype(np.float64), (own - theirs[name]).astype(np.float64)
        found[name] = (float(np.linalg.norm(apart) / (np.linalg.norm(moved)+1e-30)), float(np.abs(apart).max() / (np.abs(moved).max()+1e-30)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', default=','.join(cases.NAMES))
    parser.add_argument('--forms', default=','.join(FORMS))
    parser.add_argument('--environments', type=Path, default=ENVIRONMENTS)
    parser.add_argument('--iterations', type=int, default=ITERATIONS)
    given = parser.parse_args()
    for name in given.cases.split(','):
        with tempfile.TemporaryDirectory() as folder:
            material = Material(name, Path(folder))
            ours = material.trained('gluongan', iterations=given.iterations)
            for form in given.forms.split(','):
                theirs = material.trained(form, environments=given.environments, iterations=given.iterations)
                found = differences(material.initial, ours, theirs)
                key = max(found, key=lambda key: found[key][0])
                print(f'{name:16s} {form:16s}', key, *('%.2e' % v for v in found[key]), 'max %.2e' % max(v[1] for v in found.values()), flush=True)
                if len(given.cases.split(',')) == 1:
                    for k, v in found.items(): print('   ', k, *('%.2e' % x for x in v))


if __name__ == '__main__':
    main()
