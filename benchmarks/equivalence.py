"""Whether all forms run the same algorithm: the same weights, noise and batches in, the same weights out.

    python -m benchmarks.equivalence [--cases dense-128,dcgan-64] [--forms torch,jax] [--environments DIR]
        [--out benchmarks/results/equivalence.json]

The measure is ‖ours - theirs‖ / ‖ours - initial‖ of the worst tensor after 3 iterations: how far two runs are apart by how
far they went. Each case is compared twice. `smooth`: with tanh in the place of ReLU and LeakyReLU; then rounding gives up to
1e-3 in every case and on every feed. `own`: with its own activations. Where the input of a ReLU is 0 to the last bit,
rounding gives that sample another slope: 1e-2 and more. Some feeds have no such sample, so the first of sixteen that agrees
counts, as a wrong algorithm is wrong on each; every batch of `dcgan` has some among its million inputs, hence its wide
tolerance.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gluongan.files import write_json

from . import cases
from .driver import ENVIRONMENTS, FORMS, Peer, interpreter

ITERATIONS = 3
ROWS = 2_048  # of the data: the first batch is as good as any, and reading all takes longer than the iterations
TOLERANCE, KINKS = 2e-3, 5e-2
# What of a case is changed, and how many feeds there are.
WAYS: dict[str, tuple[dict[str, str], int]] = {
    'smooth': ({'gen_activation': 'tanh', 'dis_activation': 'tanh'}, 1),
    'own': ({}, 16),
}
Arrays = dict[str, np.ndarray]


class Difference(NamedTuple):
    """How far two runs are apart, by how far they went: of the tensor where that is most."""

    value: float
    tensor: str


class Material:
    """What every form of a case is loaded with, and fed with, as files in a folder; `rows`: of the data, by default all."""

    def __init__(self, name: str, folder: Path, *, rows: int | None = None, **changes: Any) -> None:
        self.case, updater, dataset = cases.load(name, **changes)
        self.initial = {
            key: value for key, value in updater.state()[0].items() if not key.startswith('opt_')
        }
        self._folder, self._samples = folder, len(dataset.samples[:rows])
        np.savez(folder / 'weights.npz', **self.initial)
        np.save(folder / 'samples.npy', dataset.samples[:rows])
        np.save(folder / 'labels.npy', dataset.labels[:rows])

    def load(self, peer: Peer) -> None:
        """Build the case in a peer, from its first weights."""
        peer.load(
            self.case,
            self._folder / 'weights.npz',
            self._folder / 'samples.npy',
            self._folder / 'labels.npy',
        )

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
    shape = (
        ITERATIONS,
        1 if case['shared_noise'] else case['dis_steps'] + 1,
        case['batch'],
        case['latent'],
    )
    z = draw.uniform(-1, 1, shape) if case['noise'] == 'uniform' else draw.standard_normal(shape)
    return {
        'z': z.astype(np.float32),
        'index': draw.integers(samples, size=(ITERATIONS, case['dis_steps'], case['batch'])),
    }


def difference(initial: Arrays, ours: Arrays, theirs: Arrays) -> Difference:
    """Return how far two runs are apart. Raises ValueError where they do not have the same tensors."""
    if {name: value.shape for name, value in ours.items()} != {
        name: value.shape for name, value in theirs.items()
    }:
        raise ValueError(f'other tensors: {sorted(set(ours) ^ set(theirs)) or "of another shape"}')
    return max(
        Difference(_distance(own, theirs[name]) / max(_distance(own, initial[name]), 1e-12), name)
        for name, own in ours.items()
    )


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    distance = float(np.linalg.norm(a.astype(np.float64) - b))
    return distance if np.isfinite(distance) else float('inf')


def tolerance(case: str, way: str = 'own') -> float:
    """Return the largest difference that rounding explains, of a case in one of WAYS."""
    return KINKS if way == 'own' and case.startswith('dcgan') else TOLERANCE


def compared(
    name: str, forms: list[str], environments: Path = ENVIRONMENTS, way: str = 'own'
) -> dict[str, Difference]:
    """Return for each form of a case how far it is from gluongan, in one of WAYS."""
    changes, feeds = WAYS[way]
    with tempfile.TemporaryDirectory() as folder, Peer('gluongan') as ours:
        material = Material(name, Path(folder), rows=ROWS, **changes)
        own = cache(lambda seed: material.trained(ours, seed))
        found = {}
        for form in forms:
            with Peer(form, environments=environments) as peer:
                apart = (
                    difference(material.initial, own(seed), material.trained(peer, seed))
                    for seed in range(feeds)
                )
                found[form] = _best(apart, tolerance(name, way))
        return found


def _best(apart: Iterable[Difference], enough: float) -> Difference:
    """Return the first difference that is small enough, else the smallest."""
    seen = []
    for one in apart:
        seen.append(one)
        if one.value <= enough:
            return one
    return min(seen)


def main() -> None:
    """Compare what was asked for, and fail where a form is not the same algorithm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', default=','.join(cases.NAMES))
    parser.add_argument('--forms', help='by default all whose environment is there')
    parser.add_argument('--environments', type=Path, default=ENVIRONMENTS)
    parser.add_argument(
        '--out', type=Path, help='a .json for the page, such as benchmarks/results/equivalence.json'
    )
    given = parser.parse_args()
    there = [form for form in FORMS if form != 'gluongan' and interpreter(form, given.environments)]
    rows = []
    for name, way in product(given.cases.split(','), WAYS):
        forms = given.forms.split(',') if given.forms else there
        for form, apart in compared(name, forms, given.environments, way).items():
            rows.append(
                {
                    'case': name,
                    'way': way,
                    'form': form,
                    **apart._asdict(),
                    'tolerance': tolerance(name, way),
                }
            )
            print(told(rows[-1]), flush=True)
        if given.out:
            write_json(given.out, {'rows': [*earlier(given.out, rows), *rows]})
    raise SystemExit(any(row['value'] > row['tolerance'] for row in rows))


def earlier(path: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows in a file of results that `rows` do not replace: a run that is cut short is finished by the next."""
    known = json.loads(path.read_text(encoding='utf-8'))['rows'] if path.is_file() else []
    replaced = {(row['case'], row['way'], row['form']) for row in rows}
    return [row for row in known if (row['case'], row['way'], row['form']) not in replaced]


def told(row: dict[str, Any]) -> str:
    """Say a comparison in a line."""
    verdict = 'same' if row['value'] <= row['tolerance'] else 'DIFFERS'
    return (
        f'{row["case"]:16} {row["way"]:7} {row["form"]:16} {row["value"]:.1e} of {row["tolerance"]:.0e}  {verdict}  '
        f'({row["tensor"]})'
    )


if __name__ == '__main__':
    main()
