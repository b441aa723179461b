"""Judge: a classifier that looks at generated pictures and says what it sees, and how sure it is."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ... import snapshot
from ...errors import InputError
from ...nn.layers import weights
from ...nn.passes import ROWS, in_passes
from ...runtime import mx, threads
from .networks import NETS, Net, initialised


class JudgeError(InputError):
    """A judge that cannot be used, or that does not fit: one sentence that names its file or the data."""


class Judgement(NamedTuple):
    """What a judge makes of N pictures: features (N, D) and probabilities (N, classes), both float32."""

    features: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class About:
    """What is known of a judge: its network, the data and pictures it learned, how well, and the command that made it.

    accuracy: share of the pictures of `split` that it classifies rightly, in [0, 1]; from `test` it never learned.
    """

    net: str
    data: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    accuracy: float = float('nan')
    split: str = 'test'
    seed: int = 0
    epochs: int = 0
    command: str = ''


class Judge:
    """A trained classifier: `judge(x)` for pictures x (N, *shape) in [0, 1], float32, gives a Judgement.

    A picture gives the same bits beside any others, on the CPU with the same number of threads.
    """

    def __init__(self, about: About, net: Net, *, sha256: str = '') -> None:
        self.about, self.net, self.sha256 = about, net, sha256

    def __call__(self, x: np.ndarray) -> Judgement:
        self.check(x.shape[1:])
        # Every thread gets whole pictures: LeNet's first layer rounds a shared one differently.
        return Judgement(*in_passes(self._pass, x, rows=ROWS * threads()))

    def _pass(self, x: np.ndarray) -> tuple[mx.nd.NDArray, mx.nd.NDArray]:
        device = next(iter(self.net.head.collect_params().values())).list_ctx()[0]
        features = self.net.body(mx.nd.array(x, ctx=device))
        return features, self.net.head(features).softmax()

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise JudgeError for pictures of another shape than it was trained on."""
        if tuple(shape) != self.about.shape:
            raise JudgeError(
                f'the judge of {self.about.data} sees pictures of {_sides(self.about.shape)}, these are '
                f'{_sides(shape)}; train one for them with `gluongan judge train`'
            )

    def accuracy(self, x: np.ndarray, labels: np.ndarray) -> float:
        """Return the share of pictures that it gives their label."""
        return float((self(x).probabilities.argmax(axis=1) == labels).mean())

    def write(self, path: Path) -> None:
        """Write the judge as one file: a snapshot's format, with its SHA-256 inside, and no pickle."""
        arrays = {
            f'{part}/{name}': value.asnumpy()
            for part, net in self.net._asdict().items()
            for name, value in weights(net).items()
        }
        snapshot.write(path, arrays, asdict(self.about))


def read(path: Path, device: str | mx.Context = 'cpu') -> Judge:
    """Return the judge in a file that `Judge.write` wrote. Raises JudgeError or SnapshotError, which name the file."""
    arrays, meta = snapshot.read(path)
    about = _about(path, meta)
    net = initialised(about.net, about.shape, len(about.classes), device)
    live = {
        f'{part}/{name}': value
        for part, block in net._asdict().items()
        for name, value in weights(block).items()
    }
    snapshot.check(path, arrays, {name: value.asnumpy() for name, value in live.items()})
    for name, value in live.items():
        # By way of an NDArray: a first pass leaves a convolution's weights in oneDNN's own order, where NumPy cannot write.
        value[:] = mx.nd.array(arrays[name], ctx=value.ctx)
    return Judge(about, net, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def _about(path: Path, meta: dict[str, Any]) -> About:
    try:
        about = About(**{**meta, 'shape': tuple(meta['shape']), 'classes': tuple(meta['classes'])})
        if (
            about.net in NETS
            and len(about.shape) == 3
            and len(about.classes) > 1
            and all(1 <= n <= 1024 for n in about.shape)
        ):
            return about
    except (KeyError, TypeError):
        pass
    raise JudgeError(f'{path}: is no judge; make one with `gluongan judge train`')


def _sides(shape: tuple[int, ...]) -> str:
    return ' × '.join(map(str, shape))
