"""An export read back from a folder that anybody may have written.

Nothing of it reaches MXNet as it is: sizes and SHA-256 are checked, weights are read by our own reader, and the graph is
written anew from what of it is allowed (see operators.py). So the worst that a file can do is to be refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import loading
from ..gan.sampling import Sampler
from ..nn.graph import Graph, parsed
from ..nn.passes import ROWS
from ..runs.folder import RunError
from ..runtime import device as context
from ..runtime import mx
from . import manifest, params
from .errors import ExportError
from .manifest import FILE, Manifest
from .operators import checked, output_range, shapes
from .symbol import INPUT


@dataclass(frozen=True)
class Loaded:
    """An export that has been checked: what it says of itself, its graph, its weights by name, and its nodes' shapes.

    shapes: for a batch of `rows` samples, one for each node of the graph.
    """

    manifest: Manifest
    graph: Graph
    weights: dict[str, np.ndarray]
    rows: int
    shapes: list[tuple[int, ...]]

    def network(self, device: str | mx.Context = 'cpu') -> mx.gluon.SymbolBlock:
        """Return it as a network: (N, *shape) -> (N, ...) as its manifest tells; nothing in it can be trained."""
        place = context(device)
        symbol = mx.sym.load_json(self.graph.json())
        net = mx.gluon.SymbolBlock(symbol, mx.sym.var(INPUT, dtype='float32'))
        for name, parameter in net.collect_params().items():
            parameter.grad_req, parameter.shape = 'null', self.weights[name].shape
            parameter.initialize(ctx=place)
            parameter.set_data(mx.nd.array(self.weights[name], ctx=place))
        net.hybridize(static_alloc=True)
        return net


def load_export(folder: str | Path) -> Loaded:
    """Return the export in `folder`. Raises ExportError, one sentence that names the file, for anything but what we write."""
    folder = Path(folder)
    told = manifest.read(folder)
    if told.format != 'mxnet':
        raise ExportError(
            f'{folder / FILE}: is of an export to {told.format}; gluongan loads those to mxnet alone'
        )
    graph = _read(folder, told, '.json', lambda content: checked(parsed(content)))
    weights = _read(folder, told, '.params', _weights)
    rows = told.pack * -(-ROWS // told.pack)
    try:
        found = _fitting(told, graph, weights, rows)
    except ValueError as error:
        raise ExportError(
            f'{folder}: has files that are not of one export (the graph {error})'
        ) from None
    return Loaded(told, graph, weights, rows, found)


def load_sampler(
    place: str | Path, *, which: str = 'last', device: str | mx.Context = 'cpu'
) -> Sampler:
    """Return what draws samples of a run or of an exported G by seed and class: the same seeds give the same pictures.

    which: of a run's snapshots, see `loading.load_net`. Raises ExportError, RunError or SnapshotError.
    """
    if not manifest.is_export(Path(place)):
        return loading.load_sampler(place, which=which, device=device)
    if which != 'last':
        raise RunError(
            f'{place} is an export, which holds one network; leave it out',
            setting='snapshot',
            value=which,
        )
    loaded = load_export(place)
    told = loaded.manifest
    if told.network != 'gen':
        raise RunError(f'{place}: is the export of a discriminator; only a generator makes samples')
    return Sampler(loaded.network(device), told.noise, told.latent, told.classes)


def _read(folder: Path, told: Manifest, ending: str, reader: Callable[[bytes], Any]) -> Any:
    try:
        return reader(manifest.content(folder, told, ending))
    except ExportError:
        raise
    except ValueError as error:
        name = next(name for name in told.files if name.endswith(ending))
        raise ExportError(f'{folder / name}: {error}') from None


def _weights(content: bytes) -> dict[str, np.ndarray]:
    found = {name.partition(':')[::2]: array for name, array in params.read(content).items()}
    if {kind for kind, _ in found} - {'arg', 'aux'} or len({name for _, name in found}) < len(
        found
    ):
        raise ValueError('has arrays that are not named arg:NAME or aux:NAME, each once')
    return {name: array for (_, name), array in found.items()}


def _fitting(
    told: Manifest, graph: Graph, weights: dict[str, np.ndarray], rows: int
) -> list[tuple[int, ...]]:
    """Return the nodes' shapes. Raises ValueError where graph, weights and manifest do not agree in everything."""
    if sorted(graph.variables()) != sorted([INPUT, *weights]) or told.input.name != INPUT:
        raise ValueError('has other inputs and weights')
    if len(graph.before([graph.output])) < len(graph.nodes):
        raise ValueError('has nodes that lead nowhere')
    given = {name: array.shape for name, array in weights.items()}
    found = shapes(graph, {**given, INPUT: (rows, *told.input.shape)}, rows)
    if found[graph.output] != (rows // told.pack, *told.output.shape):
        raise ValueError(f'gives {found[graph.output][1:]}, the manifest tells {told.output.shape}')
    if (
        output_range(graph) != told.output.range
        or told.output.name != f'{graph.nodes[graph.output].name}_output'
    ):
        raise ValueError('has another name or range of its output than the manifest tells')
    return found
