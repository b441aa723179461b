"""Read an export from a folder that anybody may have written.

No file reaches MXNet as it is. Sizes and SHA-256 are checked, the weights are read by a parser of
our own, and the graph is written anew from the operators that are allowed (see operators.py). So
the worst that a file can do is to be refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import loading
from ..gan.sampling import Sampler
from ..nn.graph import Graph, parse_graph
from ..nn.passes import ROWS
from ..runs.folder import CONFIG, RunError, is_run
from ..runs.nearest import did_you_mean_path
from ..runtime import device as context
from ..runtime import mx
from . import manifest, params, safetensors
from .manifest import ExportError, Manifest
from .operators import check_operators, infer_shapes, output_range
from .shipped import as_given
from .symbol import INPUT


@dataclass(frozen=True)
class Loaded:
    """An export that has been checked.

    weights: by name. shapes: of each node of the graph, for a batch of `batch` samples.
    """

    manifest: Manifest
    graph: Graph
    weights: dict[str, np.ndarray]
    batch: int
    shapes: list[tuple[int, ...]]

    def network(self, device: str | mx.Context = 'cpu') -> mx.gluon.SymbolBlock:
        """Return a network that cannot be trained: (N, *shape) -> (N, ...), see the manifest."""
        ctx = context(device)
        symbol = mx.sym.load_json(self.graph.json())
        net = mx.gluon.SymbolBlock(symbol, mx.sym.var(INPUT, dtype='float32'))
        for name, parameter in net.collect_params().items():
            weight = self.weights[name]
            parameter.grad_req = 'null'
            parameter.shape = weight.shape
            parameter.initialize(ctx=ctx)
            parameter.set_data(mx.nd.array(weight, ctx=ctx))
        net.hybridize(static_alloc=True)
        return net


def load_export(folder: str | Path) -> Loaded:
    """Return the export in `folder`.

    Raises ExportError, one sentence that names the file, for anything that gluongan does not write,
    and RunError for an ONNX export.
    """
    folder = Path(folder)
    description = manifest.read(folder)
    if description.format == 'onnx':
        raise RunError(
            f'{folder}: is an export in ONNX; must be one in the format of MXNet or in safetensors'
        )
    graph = _parse_file(folder, description, '.json', _graph)
    if description.format == 'safetensors':
        weights = _parse_file(folder, description, '.safetensors', safetensors.parse)
    else:
        weights = _parse_file(folder, description, '.params', _weights)
    batch = description.pack * -(-ROWS // description.pack)
    try:
        shapes = _check_fit(description, graph, weights, batch)
    except ValueError as error:
        raise ExportError(f'{folder}: its files do not fit together; the graph {error}') from None
    return Loaded(description, graph, weights, batch, shapes)


def load_sampler(
    source: str | Path, *, which: str = 'last', device: str | mx.Context = 'cpu'
) -> Sampler:
    """Return a Sampler of a run or of an exported generator: the same seeds give the same samples.

    which: the snapshot of a run, see `gluongan.loading.load_net`.
    Raises ExportError, RunError or SnapshotError.
    """
    if not manifest.is_export(Path(source)):
        check_source(Path(source))
        return loading.load_sampler(source, which=which, device=device)
    if which != 'last':
        raise RunError(
            f'{as_given(Path(source))} is an export, which has one network and no snapshots; '
            'must be left out',
            setting='snapshot',
            value=which,
        )
    loaded = load_export(source)
    description = loaded.manifest
    if description.network != 'gen':
        raise RunError(f'{source}: is the export of a discriminator; must be of a generator')
    of = description
    return Sampler(loaded.network(device), of.noise, of.latent, of.classes, of.iteration)


def check_source(source: Path, names: Iterable[str] = ()) -> None:
    """Raise RunError where a path is neither a run nor an export.

    names: what may be given in its place.
    """
    if is_run(source) or manifest.is_export(source):
        return
    problem = 'does not exist'
    if os.path.lexists(source):
        none = f'is not a run folder (it has no {CONFIG}) and no export (it has no {manifest.FILE})'
        problem = none if source.is_dir() else 'is not a folder'
    listed = f', or one of {", ".join(names)}' if names else ''
    near = did_you_mean_path(source, lambda path: is_run(path) or manifest.is_export(path), names)
    raise RunError(f'{source}: {problem}; must be a run folder or an export{listed}{near}')


def _parse_file(
    folder: Path, description: Manifest, ending: str, parse: Callable[[bytes], Any]
) -> Any:
    content = manifest.read_file(folder, description, ending)
    try:
        return parse(content)
    except ValueError as error:
        name = next(name for name in description.files if name.endswith(ending))
        raise ExportError(f'{folder / name}: {error}') from None


def _graph(content: bytes) -> Graph:
    return check_operators(parse_graph(content))


def _weights(content: bytes) -> dict[str, np.ndarray]:
    """Return the weights by their names without `arg:` or `aux:`."""
    weights = {}
    for full_name, array in params.parse(content).items():
        kind, _, name = full_name.partition(':')
        if kind not in ('arg', 'aux') or name in weights:
            raise ValueError(
                f'has the array {full_name[:60]!r}; must be arg:NAME or aux:NAME, each NAME once'
            )
        weights[name] = array
    return weights


def _check_fit(
    description: Manifest, graph: Graph, weights: dict[str, np.ndarray], batch: int
) -> list[tuple[int, ...]]:
    """Return the nodes' shapes. Raises ValueError unless graph, weights and manifest agree."""
    if sorted(graph.variables()) != sorted([INPUT, *weights]) or description.input.name != INPUT:
        raise ValueError('has other weights or another input')
    if len(graph.ancestors([graph.output])) < len(graph.nodes):
        raise ValueError('has nodes that the output does not depend on')
    given = {name: array.shape for name, array in weights.items()}
    given[INPUT] = (batch, *description.input.shape)
    shapes = infer_shapes(graph, given, batch)
    output = description.output
    computed = shapes[graph.output]
    expected = (batch // description.pack, *output.shape)
    if computed != expected:
        raise ValueError(f'gives {computed} for a batch of {batch}; must be {expected}')
    name = f'{graph.nodes[graph.output].name}_output'
    if name != output.name:
        raise ValueError(f'calls its output {name!r}; must be {output.name!r}')
    if output_range(graph) != output.range:
        raise ValueError(f'has the output range {output_range(graph)}; must be {output.range}')
    return shapes
