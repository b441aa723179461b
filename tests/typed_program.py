"""A user's program under `mypy --strict`: it trains, samples, evaluates and exports.

`.ci/run lint` has mypy read it, with the types that the package tells its users; a type that is
another than `assert_type` says, or is Any, is an error there. test_typed_program.py runs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import gluongan as gg
from gluongan.data import Dataset
from gluongan.data.batches import Batches
from gluongan.evaluation import Reference, Samples, evaluate
from gluongan.exports import Loaded, load_sampler
from gluongan.runtime import mx

if TYPE_CHECKING:
    from typing_extensions import assert_type
else:

    def assert_type(value: Any, kind: Any) -> Any:
        """Return a value; its type is mypy's to judge."""
        return value


class Watch(gg.Extension):
    """An extension of the user's own."""

    trigger = (1, 'iteration')

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, trainer: gg.Trainer) -> None:
        self.seen.append(assert_type(trainer.updater.iteration, int))


def square_dis(y_real: mx.nd.NDArray, y_fake: mx.nd.NDArray) -> mx.nd.NDArray:
    """Return a loss of the user's own, the discriminator's side."""
    return assert_type(((y_real - 1) ** 2).mean() + (y_fake**2).mean(), mx.nd.NDArray)


def square_gen(y_fake: mx.nd.NDArray, y_real: mx.nd.NDArray) -> mx.nd.NDArray:
    """Return the generator's side."""
    return ((y_fake - 1) ** 2).mean()


def train(digits: Dataset, folder: Path) -> tuple[gg.Chain, list[int]]:
    """Train two small networks for three iterations, the user's own extension beside them."""
    gen = assert_type(gg.dense_generator([8, 16, 784]), gg.Chain)
    dis = assert_type(gg.dense_discriminator([784, 16, 1]), gg.Chain)
    real = assert_type(digits.batches(16, seed=0), Batches)
    loss = gg.Loss(square_dis, square_gen, is_probability=False)
    updater = gg.GANUpdater(gen, dis, real, loss=loss, lr=2e-4, beta1=0.5)
    trainer = gg.Trainer(updater, stop=(3, 'iteration'), out=folder / 'runs')
    watch = Watch()
    trainer.extend(watch)
    trainer.extend(gg.LogReport(), trigger=(1, 'iteration'))
    trainer.extend(gg.SampleGrid(rows=2, cols=2), trigger=lambda updater: updater.epoch > 0.1)
    trainer.run()
    assert_type(trainer.folder, Path)
    return gen, watch.seen


def step_by_hand(gen: gg.Chain, dis: gg.Chain, real: Batches) -> float:
    """Update both networks once, in a loop of the user's own; return the discriminator's loss."""
    dis_objective = gg.DisObjective(dis, gg.LOSSES['hinge'])
    gen_objective = gg.GenObjective(gg.frozen(dis), gg.LOSSES['hinge'])
    noise = gg.Noise(8, 'normal', seed=0)
    x = assert_type(next(iter(real)), mx.nd.NDArray)
    x_fake = assert_type(gg.record_fake(gen, noise.draw(16)), mx.nd.NDArray)
    loss, _, _ = gg.update_dis(dis_objective, gg.Optimizer(dis, 'adam', lr=2e-4), x, x_fake)
    assert_type(
        gg.update_gen(gen_objective, gg.Optimizer(gen, 'adam', lr=2e-4), x_fake), mx.nd.NDArray
    )
    return float(assert_type(loss, mx.nd.NDArray).asscalar())


def main(folder: Path) -> dict[str, float]:
    """Train, sample, export, read the export back and evaluate its samples."""
    few = gg.data.load('mnist').samples[:64]
    digits = Dataset('mnist', few)
    gen, seen = train(digits, folder)
    assert seen == [1, 2, 3]
    dis = gg.dense_discriminator([784, 16, 1])
    step_by_hand(gen, dis, digits.batches(16, seed=1))

    pictures = assert_type(gen(mx.nd.zeros((4, 8))), mx.nd.NDArray)
    assert pictures.asnumpy().shape == (4, 1, 28, 28)
    assert_type(gg.export(gen, folder / 'generator'), tuple[Path, ...])
    assert_type(gg.load_export(folder), Loaded)
    samples, _ = load_sampler(folder).sample(64, seed=0)
    assert_type(samples, np.ndarray[Any, Any])

    values = evaluate(Samples('mine', samples), Reference(digits))
    assert_type(values, dict[str, float])
    assert_type(gg.recipe('dense').batch, int)
    return values
