"""Training a judge: plain supervised classification, seeded; a minute for the digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ...data import Dataset
from ...data.batches import Batches
from ...nn.optimizer import Optimizer
from ...runtime import mx
from ...runtime import seed as seed_mxnet
from .judge import About, Judge, JudgeError
from .networks import SMALLEST, Net, initialised

BATCH = 128
REPORT_EVERY = 50  # steps

OnStep = Callable[[int, int, float], None]


def train(
    data: Dataset,
    test: Dataset | None = None,
    *,
    net: str | None = None,
    epochs: int = 7,
    lr: float = 1e-3,
    seed: int = 0,
    device: str | mx.Context = 'cpu',
    command: str = '',
    on_step: OnStep | None = None,
) -> Judge:
    """Return a judge trained on labelled pictures, with Adam and a cosine schedule down to 0.

    test: the data that its accuracy is measured on; by default the training data, and then the
    judge's `about.split` is `train`. net: `lenet` or `resnet20`, by default the first for grey
    pictures and the second for colour. on_step(step, steps, loss) is called every 50 steps.
    Raises JudgeError for data that a judge cannot be trained on.
    """
    _check(data)
    net = net or default_net(data.shape)
    about = About(
        net, data.name, data.shape, data.classes, seed=seed, epochs=epochs, command=command
    )
    seed_mxnet(seed)
    judge = Judge(about, initialised(net, data.shape, len(data.classes), device))
    batches = data.batches(BATCH, seed=seed, device=device)
    fit(judge.net, [batches], epochs * len(batches), lr=lr, on_step=on_step)
    held_out = test or data
    accuracy = judge.accuracy(held_out.floats(), held_out.labels)
    judge.about = replace(about, accuracy=accuracy, split=held_out.split)
    return judge


def _check(data: Dataset) -> None:
    if not data.is_image:
        raise JudgeError(f'{data.name}: is made of points; must be pictures with labels')
    if len(data.classes) == 0:
        raise JudgeError(f'{data.name}: has no labels; must have two or more classes')
    if len(data.classes) < 2:
        raise JudgeError(f'{data.name}: has one class; must have two or more classes')
    height, width = data.shape[1:]
    if min(height, width) < SMALLEST:
        raise JudgeError(
            f'{data.name}: has pictures of {height} × {width} pixels; must be at least '
            f'{SMALLEST} × {SMALLEST} to train a judge'
        )
    if len(data) < BATCH:
        raise JudgeError(
            f'{data.name}: has {len(data)} pictures; must be at least {BATCH} to train a judge'
        )


def fit(
    net: Net,
    sources: Sequence[Batches],
    steps: int,
    *,
    lr: float = 1e-3,
    on_step: OnStep | None = None,
) -> None:
    """Train a classifier on labelled data, with Adam and a cosine schedule down to 0.

    sources: each gives a batch to every step, all of the same classes. on_step: as for `train`.
    """
    body, head = net
    schedule = {'schedule': 'cosine', 'schedule_steps': steps}
    optimizers = [Optimizer(part, 'adam', lr=lr, beta1=0.9, **schedule) for part in net]
    cross_entropy = mx.gluon.loss.SoftmaxCrossEntropyLoss(sparse_label=False)
    for step in range(1, steps + 1):
        x = _joined([source.draw() for source in sources])
        labels = _joined([source.labels() for source in sources])
        with mx.autograd.record():
            loss = cross_entropy(head(body(x)), labels).mean()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        if step % REPORT_EVERY == 0 or step == steps:
            loss = loss.asscalar().item()  # waits for the device, so that its queue stays short
            if on_step is not None:
                on_step(step, steps, loss)


def _joined(parts: list[mx.nd.NDArray]) -> mx.nd.NDArray:
    return parts[0] if len(parts) == 1 else mx.nd.concat(*parts, dim=0)


def default_net(shape: tuple[int, ...]) -> str:
    """Return the network for pictures (C, H, W) where none is chosen, a key of NETS.

    >>> default_net((1, 28, 28)), default_net((3, 32, 32))
    ('lenet', 'resnet20')
    """
    return 'lenet' if shape[0] == 1 else 'resnet20'
