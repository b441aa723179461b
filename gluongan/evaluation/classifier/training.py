"""Training a judge: plain supervised classification, seeded, a minute for the bundled digits."""

from __future__ import annotations

from collections.abc import Callable

from ...data import Dataset
from ...nn.optimizer import Optimizer
from ...runtime import mx
from ...runtime import seed as seed_mxnet
from .judge import About, Judge, JudgeError
from .networks import SMALLEST, initialised

BATCH = 128


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
    tell: Callable[[int, int, float], None] | None = None,
) -> Judge:
    """Return a judge trained on labelled pictures, by Adam with a learning rate that falls to 0 along a cosine.

    test: what its accuracy is measured on; without it that is the training data, and it says so. net: `lenet` or `resnet20`,
    by default the first for grey pictures and the second for colour. tell(step, steps, loss) is called after each 50 steps.
    Raises JudgeError for data that it cannot learn from.
    """
    _check(data)
    net = net or ('lenet' if data.shape[0] == 1 else 'resnet20')
    about = About(
        net, data.name, data.shape, data.classes, seed=seed, epochs=epochs, command=command
    )
    seed_mxnet(seed)
    judge = Judge(about, initialised(net, data.shape, len(data.classes), device))
    _fit(judge, data, epochs, lr, tell or (lambda step, steps, loss: None), device)
    held = test or data
    accuracy = judge.accuracy(held.floats(), held.labels)
    judge.about = About(**{**vars(about), 'accuracy': accuracy, 'split': held.split})
    return judge


def _check(data: Dataset) -> None:
    if not data.is_image or len(data.classes) < 2:
        raise JudgeError(f'{data.name}: a judge learns from pictures of two or more classes')
    if min(data.shape[1:]) < SMALLEST:
        raise JudgeError(
            f'{data.name}: has pictures of {data.shape[1]} × {data.shape[2]} pixels; a judge needs sides of '
            f'{SMALLEST} or more'
        )
    if len(data) < BATCH:
        raise JudgeError(f'{data.name}: has {len(data)} pictures; a judge needs {BATCH} or more')


def _fit(
    judge: Judge,
    data: Dataset,
    epochs: int,
    lr: float,
    tell: Callable[[int, int, float], None],
    device: str | mx.Context,
) -> None:
    body, head = judge.net
    batches = data.batches(BATCH, seed=judge.about.seed, device=device)
    steps = epochs * len(batches)
    optimizers = [
        Optimizer(part, 'adam', lr=lr, beta1=0.9, schedule='cosine', schedule_steps=steps)
        for part in judge.net
    ]
    cross_entropy = mx.gluon.loss.SoftmaxCrossEntropyLoss(sparse_label=False)
    for step in range(1, steps + 1):
        x = batches.draw()
        with mx.autograd.record():
            loss = cross_entropy(head(body(x)), batches.labels()).mean()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        if step % 50 == 0 or step == steps:
            tell(step, steps, loss.asscalar().item())
