"""Judge: a network that gives the features of pictures, and their classes if it knows any."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ... import snapshot
from ...errors import InputError
from ...nn.layers import weights
from ...nn.passes import ROWS, in_passes
from ...runtime import mx, threads
from .networks import NETS, SMALLEST, WITHOUT_LABELS, Net, initialised

if TYPE_CHECKING:
    from ...data.dataset import Floats

VERSION = 1  # of the files of judges without labels


class JudgeError(InputError):
    """A judge that cannot be used or does not fit. The message names its file or the data."""


class OtherVersion(JudgeError):
    """A judge of another version of gluongan."""


class Judgement(NamedTuple):
    """A judge's features (N, D) and probabilities (N, classes) of N pictures, both float32.

    A judge without labels gives no probabilities.
    """

    features: np.ndarray
    probabilities: np.ndarray | None = None


@dataclass(frozen=True)
class About:
    """What is known about a judge.

    net: its network, a key of NETS. data, shape, classes: the pictures it was trained on; without
    labels there are no classes.
    accuracy: on the pictures of `split`, in [0, 1]. It was never trained on `test`. Of a judge
    without labels: the share of the variance that it restores, `autoencoding.explained`.
    seed, epochs, command: how it was trained.
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

    @property
    def has_classes(self) -> bool:
        """Whether it was trained with labels, so that it classifies pictures."""
        return self.net not in WITHOUT_LABELS


class Judge:
    """A trained network: judge(x) is the Judgement of pictures x (N, *shape) in [0, 1], float32.

    A picture gives the same bits beside any others, on the CPU with the same number of threads.
    """

    def __init__(self, about: About, net: Net, *, sha256: str = '') -> None:
        self.about = about
        self.net = net
        self._sha256 = sha256

    @property
    def sha256(self) -> str:
        """The hash of its file, or of the file that `write` would write."""
        return self._sha256 or hashlib.sha256(snapshot.pack(*self._state())).hexdigest()

    def __call__(self, x: np.ndarray | Floats) -> Judgement:
        self.check(x.shape[1:])
        # Every thread gets whole pictures: LeNet's first layer rounds a shared one differently.
        return Judgement(*in_passes(self._pass, x, rows=ROWS * threads()))

    def _pass(self, x: np.ndarray) -> tuple[mx.nd.NDArray, ...]:
        device = next(iter(self.net.head.collect_params().values())).list_ctx()[0]
        features = self.net.body(mx.nd.array(x, ctx=device))
        if not self.about.has_classes:
            return (features,)
        return features, self.net.head(features).softmax()

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise JudgeError for pictures of another shape than it was trained on."""
        if tuple(shape) != self.about.shape:
            raise JudgeError(
                f'pictures of {_sides(shape)}: must be {_sides(self.about.shape)} for the judge of '
                f'{self.about.data}; train one for them with `gluongan judge train`'
            )

    def accuracy(self, x: np.ndarray | Floats, labels: np.ndarray) -> float:
        """Return the share of pictures x whose most probable class is their label, in [0, 1].

        Raises JudgeError for a judge without labels.
        """
        if not self.about.has_classes:
            raise JudgeError(
                f'the judge of {self.about.data}: was trained without labels; '
                'must be one with classes to have an accuracy'
            )
        predicted = self(x).probabilities.argmax(axis=1)
        return float((predicted == labels).mean())

    def write(self, path: Path) -> None:
        """Write the judge as one file in the format of a snapshot, which contains a SHA-256."""
        snapshot.write(path, *self._state())

    def _state(self) -> snapshot.State:
        arrays = {name: value.asnumpy() for name, value in _weights(self.net).items()}
        about = asdict(self.about)
        return arrays, about if self.about.has_classes else {**about, 'version': VERSION}


def _weights(net: Net) -> dict[str, mx.nd.NDArray]:
    """Return the weights of both parts of a network by name."""
    arrays = {}
    for part, block in net._asdict().items():
        for name, value in weights(block).items():
            arrays[f'{part}/{name}'] = value
    return arrays


def read(path: Path, device: str | mx.Context = 'cpu') -> Judge:
    """Return the judge in a file that `Judge.write` wrote.

    Raises JudgeError or SnapshotError, which name the file.
    """
    arrays, meta = snapshot.read(path)
    about = _read_about(path, meta)
    net = initialised(about.net, about.shape, len(about.classes), device)
    live = _weights(net)
    snapshot.check(path, arrays, {name: value.asnumpy() for name, value in live.items()})
    for name, value in live.items():
        # Through an NDArray: after the first pass a convolution's weights are in oneDNN's own
        # layout, which NumPy cannot write to.
        value[:] = mx.nd.array(arrays[name], ctx=value.ctx)
    return Judge(about, net, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def _read_about(path: Path, meta: dict[str, Any]) -> About:
    if meta.get('net') in WITHOUT_LABELS:
        meta = dict(meta)
        version = meta.pop('version', None)
        if version != VERSION:
            raise OtherVersion(
                f'{path}: is a judge of version {version!s:.40}; must be of version {VERSION}'
            )
    try:
        shape, classes = tuple(meta['shape']), tuple(meta['classes'])
        about = About(**{**meta, 'shape': shape, 'classes': classes})
        if _is_valid(about):
            return about
    except (KeyError, TypeError):
        pass
    raise JudgeError(f'{path}: is not a judge; must be a file of `gluongan judge train`')


def _is_valid(about: About) -> bool:
    if about.net not in NETS or len(about.shape) != 3:
        return False
    if not all(type(side) is int and 1 <= side <= 1024 for side in about.shape):
        return False
    has_right_classes = len(about.classes) > 1 if about.has_classes else not about.classes
    least = 1 if about.net == 'resnet20' else SMALLEST
    return has_right_classes and min(about.shape[1:]) >= least


def _sides(shape: tuple[int, ...]) -> str:
    return ' × '.join(map(str, shape))
