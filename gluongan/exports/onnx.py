"""A network as ONNX: written, checked by onnx, run by onnxruntime beside MXNet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..nn.graph import VARIABLE
from .errors import ExportError
from .folding import plain
from .onnx_ops import ENTRIES, OPSET, Writer
from .operators import checked, shapes
from .shape_rules import Shape
from .symbol import INPUT, Traced

BATCHES = (1, 7, 256)
CLOSE = 1e-5
IR = 8  # the file format that goes with opset 13; onnx itself would write its newest, which older runtimes refuse


def packages() -> tuple[Any, Any]:
    """Return the modules onnx and onnxruntime. Raises ExportError where they are not installed."""
    try:
        return import_module('onnx'), import_module('onnxruntime')
    except ImportError as error:
        raise ExportError(
            f"{error.name or error} is missing; pip install 'gluongan[onnx]'",
            setting='format',
            value='onnx',
        ) from None


def write(net: Traced, path: Path, shape_in: Shape, pack: int) -> Path:
    """Write a network as ONNX, its batch size left open. Raises ExportError for an operator that none of our networks has."""
    onnx, _ = packages()
    try:
        net = plain(Traced(checked(net.graph), net.weights))
        known = shapes(
            net.graph,
            {**{name: each.shape for name, each in net.weights.items()}, INPUT: (pack, *shape_in)},
            pack,
        )
    except ValueError as error:
        raise ExportError(f'{path}: cannot be made, the graph {error}') from None
    model = _model(onnx, net, known, pack)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
    return path


def _model(onnx: Any, net: Traced, known: list[Shape], pack: int) -> Any:
    helper, graph, names = onnx.helper, net.graph, []
    writer = Writer(helper, dict(zip((node.name for node in graph.nodes), known)))
    for node, shape in zip(graph.nodes, known):
        names.append(
            node.name
            if node.op == VARIABLE
            else ENTRIES[node.op](writer, node.attrs, *(names[place] for place in node.inputs))
        )
        writer.shapes[names[-1]] = shape
    output = graph.nodes[graph.output].name + '_output'
    writer.rename(names[graph.output], output)
    sides = {
        INPUT: ('N', writer.shapes[INPUT]),
        output: ('N' if pack == 1 else 'N / pack', known[graph.output]),
    }
    ports = {
        name: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [batch, *shape[1:]])
        for name, (batch, shape) in sides.items()
    }
    weights = [
        onnx.numpy_helper.from_array(value, name)
        for name, value in {**net.weights, **writer.constants}.items()
    ]
    whole = helper.make_graph(writer.nodes, 'gluongan', [ports[INPUT]], [ports[output]], weights)
    return helper.make_model(
        whole,
        ir_version=IR,
        opset_imports=[helper.make_opsetid('', OPSET)],
        producer_name='gluongan',
        producer_version=__version__,
    )


def difference(
    path: Path,
    live: Callable[[np.ndarray], np.ndarray],
    batches: Iterable[np.ndarray],
    *,
    sums: bool = False,
) -> float:
    """Return how far onnxruntime is from MXNet at most on these batches.

    Raises ExportError beyond 1e-5; beyond that share of D's largest logit; where D `sums` over the batch, as mini-batch
    discrimination does, beyond that share of the batch.
    """
    _, onnxruntime = packages()
    session, worst = (
        onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider']),
        0.0,
    )
    for x in batches:
        y, found = live(x), session.run(None, {INPUT: x})[0]
        apart = float(np.abs(found - y).max()) if found.shape == y.shape else np.inf
        if not apart <= CLOSE * max(1.0, float(np.abs(y).max()), len(x) if sums else 0):
            raise ExportError(
                f'{path}: onnxruntime differs from MXNet by {apart:.1e} in a batch of {len(x)}; nothing was kept'
            )
        worst = max(worst, apart)
    return worst
