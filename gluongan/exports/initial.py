"""Begin a run with the weights of another run, or of an export, where names and shapes agree."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import snapshot
from ..files import real_path
from ..gan.updater import GANUpdater
from ..nn.layers import weights
from ..runs.folder import INITIAL, RunError, is_run
from ..runs.nearest import did_you_mean_path
from ..runs.snapshots import find_snapshot
from . import manifest
from .loading import load_export
from .symbol import weight_name

log = logging.getLogger(__name__)

NAMED = 3  # of the weights that are not taken, in a sentence
NETWORKS = ('gen', 'dis', 'ema')

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Initial:
    """What a run began with.

    source: the folder. iteration: of its snapshot, None where an export does not say.
    taken: the names of the weights, such as `gen/0.weight`. kept: those of this run that were not
    taken, and why. unused: those of the source that have no place in this run.
    """

    source: str
    iteration: int | None
    taken: list[str]
    kept: dict[str, str]
    unused: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)

    def sentence(self) -> str:
        """Return what was taken and what not, in one line.

        >>> kept = {'gen/0.weight': 'is (8, 5) there and (8, 6) here'}
        >>> Initial('run', 500, ['gen/0.bias'], kept, []).sentence()
        'begins with 1 of 2 arrays of weights from run at iteration 500 (gen 1 of 2); \
not taken: gen/0.weight is (8, 5) there and (8, 6) here'
        """
        total = len(self.taken) + len(self.kept)
        at = '' if self.iteration is None else f' at iteration {self.iteration:,}'
        text = f'begins with {len(self.taken)} of {total} arrays of weights from {self.source}{at}'
        text += f' ({", ".join(self._shares())})'
        if self.kept:
            reasons = [f'{name} {why}' for name, why in list(self.kept.items())[:NAMED]]
            text += f'; not taken: {", ".join(reasons)}'
        if len(self.kept) > NAMED:
            text += f', and {len(self.kept) - NAMED} more, see {INITIAL}'
        return text

    def _shares(self) -> list[str]:
        shares = []
        for network in NETWORKS:
            taken = _count(self.taken, network)
            total = taken + _count(self.kept, network)
            if total:
                shares.append(f'{network} {taken} of {total}')
        return shares


def _count(names: Any, network: str) -> int:
    return sum(name.startswith(f'{network}/') for name in names)


def begin_with(updater: GANUpdater, source: str | Path) -> Initial:
    """Give a new updater the weights of a run or of an export, where names and shapes agree.

    source: a run, whose newest snapshot counts, or an MXNet export. Optimisers, noise and data stay
    as they are. A moving average for which the source has none begins with the generator's weights.
    Raises RunError, SnapshotError or ExportError; nothing has changed then.
    """
    source = Path(source)
    live = _live_weights(updater)
    arrays, iteration = _read(source, live)
    taken, kept = [], {}
    for name, value in live.items():
        array = arrays.get(name)
        if array is None:
            kept[name] = 'is not there'
        elif (array.shape, array.dtype) != (value.shape, np.dtype(value.dtype)):
            kept[name] = f'is {_kind(array)} there and {_kind(value)} here'
        else:
            taken.append(name)
    if not taken:
        raise RunError(
            'has no weights with the names and shapes of those of this run; '
            'must be of networks with layers in common',
            setting='init_from',
            value=source,
        )
    for name in taken:
        live[name][:] = arrays[name]
    _begin_average(updater, live, taken)
    unused = sorted(set(arrays) - set(live))
    initial = Initial(str(real_path(source)), iteration, taken, kept, unused)
    log.info('%s', initial.sentence())
    return initial


def _kind(array: Any) -> str:
    """Return the shape of an array, and its type where it is not that of weights."""
    kind = np.dtype(array.dtype)
    return str(array.shape) if kind == np.float32 else f'{kind} {array.shape}'


def _live_weights(updater: GANUpdater) -> dict[str, Any]:
    networks = {'gen': weights(updater.gen), 'dis': weights(updater.dis)}
    if updater.average:
        networks['ema'] = updater.average.state()
    return {
        f'{network}/{name}': value
        for network, values in networks.items()
        for name, value in values.items()
    }


def _begin_average(updater: GANUpdater, live: Mapping[str, Any], taken: list[str]) -> None:
    if not updater.average:
        return
    for name in updater.average.state():
        if f'ema/{name}' not in taken:
            live[f'ema/{name}'][:] = live[f'gen/{name}']


def _read(source: Path, live: Mapping[str, Any]) -> tuple[Arrays, int | None]:
    """Return the weights of a run or an export by their names in a snapshot, and its iteration."""
    if is_run(source):
        path = find_snapshot(source, 'last')
        return _read_snapshot(path), int(path.stem)
    if not manifest.is_export(source):
        problem = 'is neither a run nor an export' if source.exists() else 'does not exist'
        near = did_you_mean_path(source, lambda path: is_run(path) or manifest.is_export(path))
        raise RunError(
            f'{problem}; must be the folder of a run or of an export{near}',
            setting='init_from',
            value=source,
        )
    loaded = load_export(source)
    network = loaded.manifest.network
    names = {weight_name(name): name for name in _positions(live, network)}
    arrays = {f'{network}/{names.get(name, name)}': array for name, array in loaded.weights.items()}
    return arrays, loaded.manifest.iteration


def _read_snapshot(path: Path) -> Arrays:
    """Return the weights in a snapshot, without the state of the optimisers."""
    arrays, _ = snapshot.read(path)
    arrays = {name: array for name, array in arrays.items() if name.split('/')[0] in NETWORKS}
    for name, array in arrays.items():
        if array.dtype.kind == 'f' and not np.isfinite(array).all():
            raise snapshot.SnapshotError(
                f'{path}: {name} holds NaN or infinity; must be finite to begin with'
            )
    return arrays


def _positions(live: Mapping[str, Any], network: str) -> list[str]:
    return [name.partition('/')[2] for name in live if name.startswith(f'{network}/')]
