"""Training a judge, seeded: plain supervised classification, or an autoencoder without labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from ...data import Dataset
from ...data.batches import Batches
from ...data.dataset import Floats
from ...nn.optimizer import Optimizer
from ...runtime import mx
from ...runtime import seed as seed_mxnet
from . import autoencoding
from .judge import About, Judge, JudgeError
from .networks import SMALLEST, WITHOUT_LABELS, Net, initialised

BATCH, UNLABELLED_BATCH = 128, 64
EPOCHS = 7  # of a classifier
STEPS = 1_000  # of a judge without labels, at least
REPORT_EVERY = 50  # steps

OnStep = Callable[[int, int, float], None]
Loss = Callable[[Net, mx.nd.NDArray, Any], mx.nd.NDArray]


def train(
    data: Dataset,
    test: Dataset | None = None,
    *,
    net: str | None = None,
    epochs: int | None = None,
    lr: float = 1e-3,
    seed: int = 0,
    device: str | mx.Context = 'cpu',
    command: str = '',
    on_step: OnStep | None = None,
) -> Judge:
    """Return a judge trained on pictures, with Adam and a cosine schedule down to 0.

    test: the data that its accuracy is measured on; by default the training data, and then the
    judge's `about.split` is `train`. net: `lenet`, `resnet20` or `autoencoder`, by default
    `default_net`; the last one needs no labels. epochs: by default 7, of a judge without labels as
    many as make 1,000 steps. on_step(step, steps, loss) is called every 50 steps.
    Raises JudgeError for data that a judge cannot be trained on.
    """
    net = net or default_net(data)
    has_classes = net not in WITHOUT_LABELS
    _check(data, net)
    batches = data.batches(_batch(net), seed=seed, device=device)
    epochs = epochs or (EPOCHS if has_classes else ceil(STEPS / len(batches)))
    classes = data.classes if has_classes else ()
    about = About(net, data.name, data.shape, classes, seed=seed, epochs=epochs, command=command)
    seed_mxnet(seed)
    judge = Judge(about, initialised(net, data.shape, len(classes), device))
    loss = cross_entropy if has_classes else _restoring_loss()
    fit(judge.net, [batches], epochs * len(batches), loss=loss, lr=lr, on_step=on_step)
    held_out = test or data
    if has_classes:
        accuracy = judge.accuracy(Floats(held_out), held_out.labels)
    else:
        autoencoding.standardise(judge.net, data)
        accuracy = autoencoding.explained(judge.net, held_out)
    judge.about = replace(about, accuracy=accuracy, split=held_out.split)
    return judge


def default_net(data: Dataset) -> str:
    """Return the network that a judge of this data gets where none is asked for.

    That is `autoencoder` where there are no two classes to tell apart, else `lenet` for grey
    pictures and `resnet20` for colour.

    >>> from gluongan.data import load
    >>> default_net(load('synthetic'))
    'lenet'
    """
    if data.is_image and len(data.classes) < 2:
        return 'autoencoder'
    return 'lenet' if data.shape[0] == 1 else 'resnet20'


def _batch(net: str) -> int:
    return UNLABELLED_BATCH if net in WITHOUT_LABELS else BATCH


def _check(data: Dataset, net: str) -> None:
    if not data.is_image:
        raise JudgeError(f'{data.name}: is made of points; must be pictures')
    if net not in WITHOUT_LABELS and len(data.classes) < 2:
        found = 'one class' if data.classes else 'no labels'
        raise JudgeError(
            f'needs two or more classes, and {data.name} has {found}; '
            f'must be {" or ".join(WITHOUT_LABELS)}',
            setting='net',
            value=net,
        )
    height, width = data.shape[1:]
    if min(height, width) < SMALLEST:
        raise JudgeError(
            f'{data.name}: has pictures of {height} × {width} pixels; must be at least '
            f'{SMALLEST} × {SMALLEST} to train a judge'
        )
    if len(data) < _batch(net):
        raise JudgeError(
            f'{data.name}: has {len(data)} pictures; must be at least {_batch(net)} to train a '
            f'judge with the network {net}'
        )
    if all(np.array_equal(sample, data.samples[0]) for sample in data.samples):
        raise JudgeError(f'{data.name}: its pictures are all alike; must differ to train a judge')


def cross_entropy(net: Net, x: mx.nd.NDArray, labels: mx.nd.NDArray) -> mx.nd.NDArray:
    """Return the mean cross entropy of pictures (N, C, H, W) with one-hot labels (N, classes)."""
    of_each = mx.gluon.loss.SoftmaxCrossEntropyLoss(sparse_label=False)
    return of_each(net.head(net.body(x)), labels).mean()


def _restoring_loss() -> Loss:
    of_errors = autoencoding.RestoringLoss()
    return lambda net, x, labels: of_errors(net.head(net.body(x)) - x)


def fit(
    net: Net,
    sources: Sequence[Batches],
    steps: int,
    *,
    loss: Loss | None = None,
    lr: float = 1e-3,
    on_step: OnStep | None = None,
) -> None:
    """Train a network, with Adam and a cosine schedule down to 0.

    sources: each gives a batch to every step. loss(net, x, labels): by default `cross_entropy`.
    on_step: as for `train`.
    """
    loss_of = loss or cross_entropy
    schedule = {'schedule': 'cosine', 'schedule_steps': steps}
    optimizers = [Optimizer(part, 'adam', lr=lr, beta1=0.9, **schedule) for part in net]
    for step in range(1, steps + 1):
        x = _joined([source.draw() for source in sources])
        labels = _labels(sources)
        with mx.autograd.record():
            error = loss_of(net, x, labels)
        error.backward()
        for optimizer in optimizers:
            optimizer.step()
        if step % REPORT_EVERY == 0 or step == steps:
            value = error.asscalar().item()  # waits for the device, so that its queue stays short
            if on_step is not None:
                on_step(step, steps, value)


def _joined(parts: list[mx.nd.NDArray]) -> mx.nd.NDArray:
    return parts[0] if len(parts) == 1 else mx.nd.concat(*parts, dim=0)


def _labels(sources: Sequence[Batches]) -> mx.nd.NDArray | None:
    if any(source.dataset.labels is None for source in sources):
        return None
    return _joined([source.labels() for source in sources])
