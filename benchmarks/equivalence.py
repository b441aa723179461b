"""Whether all forms run the same algorithm: from the same weights, noise and batches.

    python -m benchmarks.equivalence [--cases dense-128,dcgan-64] [--forms torch,jax]
        [--threads 1] [--environments DIR] [--out benchmarks/results/equivalence.json]

The measure is ‖ours - theirs‖ / ‖ours - initial‖ of the worst tensor after 3 iterations: the
distance between two runs, relative to how far they have moved. Each case is compared in two ways.
`smooth`: with tanh instead of ReLU and LeakyReLU; rounding then gives up to 1e-3 in every case and
on every feed. `own`: with its own activations. Where the input of a ReLU is 0 to the last bit,
rounding gives that sample another slope, and the difference is 1e-2 or more. Some feeds have no
such sample, so the first of sixteen feeds that agrees counts, as a wrong algorithm is wrong on
each; every batch of `dcgan` has some among its million inputs, hence its wide tolerance. Dropout is
off, because each framework draws other masks.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gluongan.bench.subjects import environment
from gluongan.files import write_json

from . import cases
from .driver import ENVIRONMENTS, Peer, choose_forms, typed

OURS = 'gluongan'
ITERATIONS = 3
# Samples of the data: the first are as good as any, and reading all takes longer than iterating.
SAMPLES = 2_048
TOLERANCE, KINKS = 2e-3, 5e-2
# What is changed in a case, and how many feeds there are.
WAYS: dict[str, tuple[dict[str, str], int]] = {
    'smooth': ({'gen_activation': 'tanh', 'dis_activation': 'tanh'}, 1),
    'own': ({}, 16),
}
WITHOUT_DROPOUT = {'gen_dropout': 0.0, 'dis_dropout': 0.0}
Arrays = dict[str, np.ndarray]


class Difference(NamedTuple):
    """The distance between two runs relative to how far they moved, of the worst tensor."""

    value: float
    tensor: str


class Agreement(NamedTuple):
    """The Difference of a form, and the versions of what it runs on."""

    value: float
    tensor: str
    versions: dict[str, str]


class Material:
    """What every form of a case is loaded with and fed with, as files in a folder.

    samples: how many samples of the data, by default all.
    """

    def __init__(
        self, name: str, folder: Path, *, samples: int | None = None, **changes: Any
    ) -> None:
        self.case, updater, dataset = cases.load(name, **changes)
        self.initial = {}
        for key, value in updater.state()[0].items():
            if not key.startswith('opt_'):
                self.initial[key] = value
        self._folder = folder
        self._count = len(dataset.samples[:samples])
        np.savez(folder / 'weights.npz', **self.initial)
        np.save(folder / 'samples.npy', dataset.samples[:samples])
        np.save(folder / 'labels.npy', dataset.labels[:samples])

    def load(self, peer: Peer) -> None:
        """Build the case in a peer, with its initial weights."""
        peer.load(
            self.case,
            self._folder / 'weights.npz',
            self._folder / 'samples.npy',
            self._folder / 'labels.npy',
        )

    def train(self, peer: Peer, seed: int) -> Arrays:
        """Return the weights of a peer after 3 iterations from the start, on the feed of a seed."""
        self.load(peer)
        path = self._folder / f'feed{seed}.npz'
        np.savez(path, **make_feed(self.case, self._count, seed=seed))
        peer.ask('run', n=ITERATIONS, feed=str(path))
        return peer.weights()


def make_feed(case: dict[str, Any], samples: int, *, seed: int = 0) -> Arrays:
    """Return noise z (3, draws, batch, latent) and sample numbers index (3, dis_steps, batch)."""
    draw = np.random.default_rng(seed)
    draws = 1 if case['shared_noise'] else case['dis_steps'] + 1
    shape = (ITERATIONS, draws, case['batch'], case['latent'])
    z = _draw_noise(draw, case['noise'], shape)
    index = draw.integers(samples, size=(ITERATIONS, case['dis_steps'], case['batch']))
    return {'z': z.astype(np.float32), 'index': index}


def _draw_noise(draw: np.random.Generator, distribution: str, shape: tuple[int, ...]) -> np.ndarray:
    if distribution == 'uniform':
        return draw.uniform(-1, 1, shape)
    return draw.standard_normal(shape)


def difference(initial: Arrays, ours: Arrays, theirs: Arrays) -> Difference:
    """Return how far two runs are apart. Raises ValueError unless they have the same tensors."""
    if _shapes(ours) != _shapes(theirs):
        names = sorted(set(ours) ^ set(theirs)) or 'of another shape'
        raise ValueError(f'other tensors: {names}')
    differences = []
    for name, value in ours.items():
        moved = max(_distance(value, initial[name]), 1e-12)
        differences.append(Difference(_distance(value, theirs[name]) / moved, name))
    return max(differences)


def _shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    return {name: value.shape for name, value in arrays.items()}


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    distance = float(np.linalg.norm(a.astype(np.float64) - b))
    return distance if np.isfinite(distance) else float('inf')


def tolerance(case: str, way: str = 'own') -> float:
    """Return the largest difference that rounding explains, for a case in one of WAYS."""
    return KINKS if way == 'own' and case.startswith('dcgan') else TOLERANCE


def compare_forms(
    name: str,
    forms: Sequence[str],
    environments: Path = ENVIRONMENTS,
    way: str = 'own',
    threads: int = 2,
) -> dict[str, Agreement]:
    """Return for each form of a case how far it is from gluongan, in one of WAYS."""
    changes, feeds = WAYS[way]
    with tempfile.TemporaryDirectory() as folder, Peer(OURS, threads=threads) as ours:
        material = Material(name, Path(folder), samples=SAMPLES, **WITHOUT_DROPOUT, **changes)
        train_ours = cache(lambda seed: material.train(ours, seed))

        def differences(peer: Peer) -> Iterator[Difference]:
            for seed in range(feeds):
                yield difference(material.initial, train_ours(seed), material.train(peer, seed))

        best = {}
        for form in forms:
            with Peer(form, threads=threads, environments=environments) as peer:
                least = _best(differences(peer), tolerance(name, way))
                best[form] = Agreement(*least, peer.versions)
        return best


def _best(differences: Iterable[Difference], enough: float) -> Difference:
    """Return the first difference that is small enough, else the smallest."""
    computed = []
    for each in differences:
        if each.value <= enough:
            return each
        computed.append(each)
    return min(computed)


def main() -> None:
    """Compare the chosen cases, and fail if a form does not run the same algorithm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cases.add_option(parser, cases.NAMES)
    parser.add_argument('--forms', help='default: all that have an environment')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--environments', type=Path, default=ENVIRONMENTS)
    parser.add_argument(
        '--out', type=Path, help='a .json for the page, such as benchmarks/results/equivalence.json'
    )
    args = parser.parse_args()
    forms = [form for form in choose_forms(args.forms, args.environments) if form != OURS]
    facts = {**environment(typed('equivalence', sys.argv[1:])), 'threads': args.threads}
    rows: list[dict[str, Any]] = []
    for name, way in product(args.cases, WAYS):
        for row in _compare_rows(name, way, forms, args):
            rows.append(row)
            print(summarise(row), flush=True)
        if args.out:
            kept = [*earlier(args.out, rows), *rows]
            write_json(args.out, {'rows': kept, 'environment': facts})
    raise SystemExit(any(row['value'] > row['tolerance'] for row in rows))


def _compare_rows(
    name: str, way: str, forms: Sequence[str], args: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    compared = compare_forms(name, forms, args.environments, way, args.threads)
    for form, worst in compared.items():
        row = {'case': name, 'way': way, 'form': form}
        yield {**row, **worst._asdict(), 'tolerance': tolerance(name, way)}


def earlier(path: Path, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows in a file of results that `rows` do not replace.

    A comparison that was interrupted can so be finished later.
    """
    if not path.is_file():
        return []
    replaced = [_key(row) for row in rows]
    stored = json.loads(path.read_text(encoding='utf-8'))['rows']
    return [row for row in stored if _key(row) not in replaced]


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row['case'], row['way'], row['form']


def summarise(row: dict[str, Any]) -> str:
    """Return a comparison in one line."""
    verdict = 'same' if row['value'] <= row['tolerance'] else 'DIFFERS'
    return (
        f'{row["case"]:16} {row["way"]:7} {row["form"]:16} {row["value"]:.1e} '
        f'of {row["tolerance"]:.0e}  {verdict}  ({row["tensor"]})'
    )


if __name__ == '__main__':
    main()
