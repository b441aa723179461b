"""A network as ONNX: written, checked by onnx, and run by onnxruntime beside MXNet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..files import write_bytes
from ..nn.graph import VARIABLE
from .folding import simplify
from .manifest import ExportError
from .onnx_ops import CONVERTERS, OPSET, Writer
from .operators import check_operators, infer_shapes
from .shape_rules import Shape
from .symbol import INPUT, Traced

BATCHES = (1, 7, 256)
TOLERANCE = 1e-5
# The file format that goes with opset 13. By default onnx writes its newest format, which older
# runtimes refuse.
IR_VERSION = 8


def import_packages() -> tuple[Any, Any]:
    """Return the modules onnx and onnxruntime. Raises ExportError where they are not installed."""
    try:
        return import_module('onnx'), import_module('onnxruntime')
    except ImportError as error:
        raise ExportError(
            f"needs the package {error.name or error}; pip install 'gluongan[onnx]'",
            setting='format',
            value='onnx',
        ) from None


def write(net: Traced, path: Path, shape_in: Shape, pack: int) -> Path:
    """Write a network as ONNX, with any batch size.

    pack: how many samples the discriminator judges together. Raises ExportError for an operator
    that none of gluongan's networks has.
    """
    onnx, _ = import_packages()
    try:
        net = simplify(Traced(check_operators(net.graph), net.weights))
        given = {name: value.shape for name, value in net.weights.items()}
        given[INPUT] = (pack, *shape_in)
        shapes = infer_shapes(net.graph, given, pack)
    except ValueError as error:
        raise ExportError(f'{path.name}: cannot be made; the graph {error}') from None
    model = _model(onnx, net, shapes, pack)
    onnx.checker.check_model(model, full_check=True)
    write_bytes(path, model.SerializeToString())
    return path


def _model(onnx: Any, net: Traced, shapes: list[Shape], pack: int) -> Any:
    graph = net.graph
    writer = Writer(onnx.helper, {node.name: shape for node, shape in zip(graph.nodes, shapes)})
    result = _convert_nodes(net, writer, shapes)
    output = graph.nodes[graph.output].name + '_output'
    writer.rename(result, output)
    batch_out = 'N' if pack == 1 else 'N / pack'
    weights = []
    for name, value in {**net.weights, **writer.constants}.items():
        weights.append(onnx.numpy_helper.from_array(value, name))
    onnx_graph = onnx.helper.make_graph(
        writer.nodes,
        'gluongan',
        [_port(onnx, INPUT, 'N', writer.shapes[INPUT])],
        [_port(onnx, output, batch_out, shapes[graph.output])],
        weights,
    )
    return onnx.helper.make_model(
        onnx_graph,
        ir_version=IR_VERSION,
        opset_imports=[onnx.helper.make_opsetid('', OPSET)],
        producer_name='gluongan',
        producer_version=__version__,
    )


def _convert_nodes(net: Traced, writer: Writer, shapes: list[Shape]) -> str:
    """Write all nodes, and return the name of the output."""
    graph = net.graph
    names: list[str] = []
    for node, shape in zip(graph.nodes, shapes):
        name = node.name
        if node.op != VARIABLE:
            inputs = [names[index] for index in node.inputs]
            name = CONVERTERS[node.op](writer, node.attrs, *inputs)
        names.append(name)
        writer.shapes[name] = shape
    return names[graph.output]


def _port(onnx: Any, name: str, batch: str, shape: Shape) -> Any:
    """Return the description of an input or an output; the first axis has a name for a length."""
    axes = [batch, *shape[1:]]
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, axes)


def largest_difference(
    path: Path,
    live: Callable[[np.ndarray], np.ndarray],
    batches: Iterable[np.ndarray],
    *,
    sums_over_batch: bool = False,
) -> float:
    """Return the largest difference between onnxruntime and MXNet on these batches.

    sums_over_batch: whether the network does, as mini-batch discrimination does. Raises ExportError
    where the difference exceeds 1e-5 × max(1, largest output, batch size if it sums over it).
    """
    _, onnxruntime = import_packages()
    # Its content, as it opens no path that is not UTF-8.
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=['CPUExecutionProvider'])
    largest = 0.0
    for x in batches:
        y = live(x)
        y_onnx = session.run(None, {INPUT: x})[0]
        difference = np.inf
        if y_onnx.shape == y.shape:
            difference = float(np.abs(y_onnx - y).max())
        scale = max(1.0, float(np.abs(y).max()), len(x) if sums_over_batch else 0)
        if not difference <= TOLERANCE * scale:  # also where it is NaN
            raise ExportError(
                f'{path.name}: onnxruntime differs from MXNet by {difference:.1e} in a batch of '
                f'{len(x)}; must be at most {TOLERANCE * scale:.0e}; nothing was kept'
            )
        largest = max(largest, difference)
    return largest
