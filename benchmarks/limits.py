"""How fast an iteration could be: the time of its matrix products and convolutions alone.

    python -m benchmarks.limits [--cases dense-128,dcgan-128] [--rounds 5] [--repeats 20]

There are two limits. `products`: every product of the case timed alone, through MXNet, at its own
shape (forward, gradient of its input, gradient of its weight), the best of some repeats, times how
often an iteration needs it. `peak`: the same FLOPs at the speed of a large square product, the best
that this machine does. Rounds time iterations and products in turn. The results, with every sample
and MXNet's table of operators, are in benchmarks/results/limits-CASE.json.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from gluongan.bench.split import operators
from gluongan.bench.subjects import environment
from gluongan.files import write_json
from gluongan.gan.updater import GANUpdater
from gluongan.nn.layers import Chain, Conv, Deconv, Dense, Projection, mixes_samples
from gluongan.runtime import mx

from . import cases
from .compare import RESULTS
from .driver import typed

LARGE = 2_048  # the sides of the product that measures the peak: 17 GFLOP, 48 MB
PROFILED = 30  # iterations for the table of operators
WARM_UP = 5  # iterations


@dataclass(frozen=True)
class Product:
    """One product of an iteration: its layer, samples and pass, how often it occurs, its FLOPs.

    kind: `forward`, `input` (gradient of the input) or `weight` (gradient of the weight).
    """

    layer: str
    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]
    samples: int
    kind: str
    times: int
    flops: int


class Use(NamedTuple):
    """How often an iteration sends `samples` through a network.

    forward: forward passes. through: backward passes that need no gradient of the weights, but that
    of the input. trained: backward passes that need the gradient of the weights.
    """

    title: str
    net: Chain
    samples: int
    forward: int
    through: int
    trained: int


def products(updater: GANUpdater) -> list[Product]:
    """Return all products of one iteration, with those of the same shape together."""
    counts: dict[Product, int] = {}
    for use in _uses(updater):
        for product, times in _products_of(use):
            counts[product] = counts.get(product, 0) + times
    return [replace(product, times=times) for product, times in counts.items()]


def _uses(updater: GANUpdater) -> list[Use]:
    batch, gen_steps, dis_steps = updater.real.batch, updater.gen_steps, updater.dis_steps
    batches_of_z = 1 if updater.shared_noise else dis_steps + gen_steps
    # The discriminator is given real and generated samples in one batch, or one after the other.
    samples, passes = 2 * batch, dis_steps
    if mixes_samples(updater.dis):
        samples, passes = batch, 2 * dis_steps
    return [
        Use('G', updater.gen, batch, batches_of_z, 0, gen_steps),
        Use('D', updater.dis, samples, passes, 0, passes),  # the discriminator's update
        Use('D', updater.dis, batch, gen_steps, gen_steps, 0),  # within the generator's update
    ]


def _products_of(use: Use) -> Iterator[tuple[Product, int]]:
    for layer in weighted_layers(use.net):
        # When a network is trained, its first layer needs no gradient of its input.
        inputs = use.through + (0 if layer.first else use.trained)
        for kind, times in (('forward', use.forward), ('input', inputs), ('weight', use.trained)):
            if times:
                yield _product(use.title, layer, use.samples, kind), times


class Layer(NamedTuple):
    """A layer with products: its name, itself, and the shapes of its input and output.

    first: whether it is fed with the input of the network.
    """

    name: str
    block: Any
    shape_in: tuple[int, ...]
    shape_out: tuple[int, ...]
    first: bool


def weighted_layers(
    net: Chain, shape_in: tuple[int, ...] | None = None, path: str = ''
) -> list[Layer]:
    """Return the layers of a network that compute products, with those inside a Projection."""
    rows = net.rows(shape_in)
    chosen: list[Layer] = []
    for number, block in enumerate(net):
        name = f'{path}{number}'
        before, after = rows[number].output, rows[number + 1].output
        if isinstance(block, Projection):
            chosen += _projected_layers(block, before, name)
        elif isinstance(block, (Dense, Conv, Deconv)):
            title = f'{name} {type(block).__name__}'
            chosen.append(Layer(title, block, before, after, not chosen))
    return chosen


def _projected_layers(block: Projection, shape_in: tuple[int, ...], name: str) -> list[Layer]:
    features, classes = block.embed.weight.shape
    shape = (shape_in[0] - classes, *shape_in[1:])
    return [
        *weighted_layers(block.body, shape, f'{name}.body.'),
        Layer(f'{name}.head Dense', block.head, (features,), (1,), False),
        Layer(f'{name}.embed Dense', block.embed, (classes,), (features,), True),
    ]


def _product(title: str, layer: Layer, samples: int, kind: str) -> Product:
    # Each weight is multiplied once per sample and position of the smaller image.
    positions = min(prod(layer.shape_in[1:]), prod(layer.shape_out[1:]))
    return Product(
        f'{title} {layer.name}',
        tuple(layer.shape_in),
        tuple(layer.shape_out),
        samples,
        kind,
        0,
        2 * samples * positions * prod(layer.block.weight.shape),
    )


class Stopwatch:
    """Times one product alone: a layer of that shape without bias and activation, on noise."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self._layer = _bare_layer(product)
        self._layer.initialize(mx.init.Normal(0.02))
        self._layer.hybridize(static_alloc=True)
        self._x = mx.nd.random.normal(shape=(product.samples, *product.shape_in))
        if product.kind == 'input':
            self._x.attach_grad()
        if product.kind != 'weight':
            self._layer.weight.grad_req = 'null'

    def best(self, repeats: int) -> float:
        """Return the fastest of `repeats` runs in seconds."""
        run = self._forward if self.product.kind == 'forward' else self._backward
        return min(run() for _ in range(repeats))

    def _forward(self) -> float:
        return _seconds(lambda: self._layer(self._x))

    def _backward(self) -> float:
        with mx.autograd.record():
            y = self._layer(self._x)
        gradient = mx.nd.ones_like(y)
        return _seconds(lambda: y.backward(gradient))


def _bare_layer(product: Product) -> Any:
    kind = product.layer.split()[-1]
    units, channels = product.shape_out[0], product.shape_in[0]
    if kind == 'Dense':
        return Dense(units, in_units=prod(product.shape_in), bias=False)
    layer = {'Conv': Conv, 'Deconv': Deconv}[kind]
    return layer(units, in_channels=channels, bias=False)


def _seconds(call: Callable[[], Any]) -> float:
    mx.nd.waitall()
    start = time.perf_counter()
    call()
    mx.nd.waitall()
    return time.perf_counter() - start


def peak(repeats: int) -> float:
    """Return the FLOP/s of a large square product."""
    flops = 2 * LARGE**3
    product = Product('peak Dense', (LARGE,), (LARGE,), LARGE, 'forward', 1, flops)
    return flops / Stopwatch(product).best(repeats)


def time_iteration(updater: GANUpdater, seconds: float = 1.0) -> float:
    """Return the time of one iteration, the mean over about `seconds`."""
    count = max(2, round(seconds / _seconds(updater.update)))

    def block() -> None:
        for _ in range(count):
            updater.update()

    return _seconds(block) / count


def measure(name: str, *, rounds: int, repeats: int) -> dict[str, Any]:
    """Return the limits of a case and the times of its iterations, with every sample of both."""
    _, updater, _ = cases.load(name)
    for _ in range(WARM_UP):
        updater.update()
    stopwatches = [Stopwatch(product) for product in products(updater)]
    best = [float('inf')] * len(stopwatches)
    iterations, peaks = [], []
    for _ in range(rounds):
        iterations.append(time_iteration(updater))
        times = [stopwatch.best(repeats) for stopwatch in stopwatches]
        best = list(map(min, best, times))
        peaks.append(peak(3))
    updater.take()
    rows = []
    for stopwatch, seconds in zip(stopwatches, best):
        rows.append({**asdict(stopwatch.product), 'seconds': seconds})
    return {
        'case': name,
        'iteration': iterations,
        'products': sum(row['seconds'] * row['times'] for row in rows),
        'peak': max(peaks),
        'flops': sum(row['flops'] * row['times'] for row in rows),
        'rows': rows,
        'operators': [list(operator) for operator in operators(updater, PROFILED)],
    }


def summarise(result: dict[str, Any]) -> str:
    """Return the limits of a case in one line."""
    seconds = statistics.median(result['iteration'])
    at_peak = result['flops'] / result['peak']
    return (
        f'{result["case"]:16} {1e3 * seconds:8.2f} ms; '
        f'products alone {1e3 * result["products"]:8.2f} ({result["products"] / seconds:.2f}), '
        f'at the peak of {result["peak"] / 1e9:.0f} GFLOP/s '
        f'{1e3 * at_peak:8.2f} ({at_peak / seconds:.2f})'
    )


def main() -> None:
    """Measure the chosen cases and write one file per case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cases.add_option(parser, [*cases.NAMES, 'dense-1024'])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--repeats', type=int, default=20)
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    for name in args.cases:
        facts = environment(typed('limits', sys.argv[1:]))
        result = measure(name, rounds=args.rounds, repeats=args.repeats)
        write_json(args.out / f'limits-{name}.json', {**result, 'environment': facts})
        print(summarise(result), flush=True)


if __name__ == '__main__':
    main()
