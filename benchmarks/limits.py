"""How fast could it be: what an iteration's matrix products and convolutions alone take, and what share of the time they are.

    python -m benchmarks.limits [--cases dense-128,dcgan-128] [--rounds 5] [--repeats 20]

Two limits. `products`: every product of the case timed alone, through MXNet, at its own shape (forward, gradient of its input,
gradient of its weight), the best of some repeats, times how often an iteration needs it. `peak`: the same FLOPs at the speed of
a large square product, the best that this machine does. Rounds take iterations and products in turn.
The results, with every sample and MXNet's table of operators, are in benchmarks/results/limits-CASE.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

from gluongan.bench.split import operators
from gluongan.bench.subjects import environment
from gluongan.files import write_json
from gluongan.gan.updater import GANUpdater
from gluongan.nn.layers import Chain, Conv, Deconv, Dense, mixes_samples
from gluongan.runtime import mx

from . import cases
from .compare import RESULTS

LARGE = 2_048  # the sides of the product that measures the peak: 17 GFLOP, 48 MB
WATCHED = 30  # iterations for the table of operators
PASSES = ('forward', 'input', 'weight')


@dataclass(frozen=True)
class Product:
    """One product of an iteration: which layer on how many samples, which pass, how often, and its multiplications · 2."""

    layer: str
    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]
    samples: int
    kind: str
    times: int
    flops: int


def products(updater: GANUpdater) -> list[Product]:
    """Return all products of one iteration, those of one shape together."""
    batch, steps, shared = updater.real.batch, updater.dis_steps, updater.shared_noise
    fakes = (1 if shared else steps) + (0 if shared else updater.gen_steps)
    joined, passes = (
        (1, 2) if mixes_samples(updater.dis) else (2, 1)
    )  # D sees real and fake in one batch, or one by one
    counts = [
        ('G', updater.gen, batch, fakes, 0, updater.gen_steps),  # and backward as below
        ('D', updater.dis, joined * batch, passes * steps, 0, passes * steps),  # D's update
        (
            'D',
            updater.dis,
            batch,
            updater.gen_steps,
            updater.gen_steps,
            0,
        ),  # through D, in G's update
    ]
    found: dict[Product, int] = {}
    for title, net, samples, forward, through, trained in counts:
        for place, layer in enumerate(weighted(net)):
            inner = through + (
                trained if place else 0
            )  # the first layer's input needs a gradient only on the way to G
            for kind, times in zip(PASSES, (forward, inner, trained)):
                if times:
                    product = _product(f'{title} {layer[0]}', layer, samples, kind)
                    found[product] = found.get(product, 0) + times
    return [Product(**{**asdict(product), 'times': times}) for product, times in found.items()]


def weighted(net: Chain) -> list[tuple[str, Any, tuple[int, ...], tuple[int, ...]]]:
    """Return (name, layer, shape in, shape out) of a network's layers with products in them."""
    rows = net.rows()
    return [
        (f'{place} {type(layer).__name__}', layer, rows[place].output, rows[place + 1].output)
        for place, layer in enumerate(net)
        if isinstance(layer, (Dense, Conv, Deconv))
    ]


def _product(
    name: str, layer: tuple[str, Any, tuple[int, ...], tuple[int, ...]], samples: int, kind: str
) -> Product:
    _, block, shape_in, shape_out = layer
    # Each weight meets each sample once for each position of the smaller picture.
    positions = min(prod(shape_in[1:]), prod(shape_out[1:]))
    return Product(
        name,
        tuple(shape_in),
        tuple(shape_out),
        samples,
        kind,
        0,
        2 * samples * positions * prod(block.weight.shape),
    )


class Stopwatch:
    """Times one product alone: a bare layer of that shape, without bias and activation, on random numbers."""

    def __init__(self, product: Product) -> None:
        units, inside = product.shape_out[0], product.shape_in[0]
        make: dict[str, Callable[[], Any]] = {
            'Dense': lambda: Dense(units, in_units=prod(product.shape_in), bias=False),
            'Conv': lambda: Conv(units, in_channels=inside, bias=False),
            'Deconv': lambda: Deconv(units, in_channels=inside, bias=False),
        }
        self.product, self._layer = product, make[product.layer.split()[-1]]()
        self._layer.initialize(mx.init.Normal(0.02))
        self._layer.hybridize(static_alloc=True)
        self._x = mx.nd.random.normal(shape=(product.samples, *product.shape_in))
        if product.kind == 'input':
            self._x.attach_grad()
        if product.kind != 'weight':
            self._layer.weight.grad_req = 'null'

    def best(self, repeats: int) -> float:
        """Return the fastest of `repeats` runs in seconds."""
        return min(
            self._forward() if self.product.kind == 'forward' else self._backward()
            for _ in range(repeats)
        )

    def _forward(self) -> float:
        return _seconds(lambda: self._layer(self._x))

    def _backward(self) -> float:
        with mx.autograd.record():
            y = self._layer(self._x)
        towards = mx.nd.ones_like(y)
        return _seconds(lambda: y.backward(towards))


def _seconds(call: Callable[[], Any]) -> float:
    mx.nd.waitall()
    begun = time.perf_counter()
    call()
    mx.nd.waitall()
    return time.perf_counter() - begun


def peak(repeats: int) -> float:
    """Return the FLOP/s of a large square product."""
    side = (LARGE,)
    return (
        2
        * LARGE**3
        / Stopwatch(Product('peak Dense', side, side, LARGE, 'forward', 1, 2 * LARGE**3)).best(
            repeats
        )
    )


def iteration(updater: GANUpdater, seconds: float = 1.0) -> float:
    """Return the time of one iteration, the mean over about `seconds`."""
    count = max(2, round(seconds / _seconds(updater.update)))

    def block() -> None:
        for _ in range(count):
            updater.update()

    return _seconds(block) / count


def measured(name: str, *, rounds: int, repeats: int) -> dict[str, Any]:
    """Return the limits of a case beside its iterations, every sample of both."""
    _, updater, _ = cases.load(name)
    for _ in range(5):
        updater.update()
    clocks = [Stopwatch(product) for product in products(updater)]
    best = [float('inf')] * len(clocks)
    iterations, peaks = [], []
    for _ in range(rounds):
        iterations.append(iteration(updater))
        best = [min(old, clock.best(repeats)) for old, clock in zip(best, clocks)]
        peaks.append(peak(3))
    updater.take()
    rows = [{**asdict(clock.product), 'seconds': seconds} for clock, seconds in zip(clocks, best)]
    return {
        'case': name,
        'iteration': iterations,
        'products': sum(row['seconds'] * row['times'] for row in rows),
        'peak': max(peaks),
        'flops': sum(row['flops'] * row['times'] for row in rows),
        'rows': rows,
        'operators': [list(row) for row in operators(updater, WATCHED)],
    }


def told(result: dict[str, Any]) -> str:
    """Say a case in a line."""
    whole, at_peak = statistics.median(result['iteration']), result['flops'] / result['peak']
    return (
        f'{result["case"]:16} {1e3 * whole:8.2f} ms; products alone {1e3 * result["products"]:8.2f} '
        f'({result["products"] / whole:.2f}), at the peak of {result["peak"] / 1e9:.0f} GFLOP/s {1e3 * at_peak:8.2f} '
        f'({at_peak / whole:.2f})'
    )


def main() -> None:
    """Measure what was asked for, a file a case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', default=','.join([*cases.NAMES, 'dense-1024']))
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--repeats', type=int, default=20)
    parser.add_argument('--out', type=Path, default=RESULTS)
    given = parser.parse_args()
    for name in given.cases.split(','):
        before = environment(['python', '-m', 'benchmarks.limits', *sys.argv[1:]])
        result = measured(name, rounds=given.rounds, repeats=given.repeats)
        write_json(given.out / f'limits-{name}.json', {**result, 'environment': before})
        print(told(result), flush=True)


if __name__ == '__main__':
    main()
