"""A network as the page reads it: the nodes of its graph, and its weights one after the other."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np

from ...exports.folding import simplify
from ...exports.operators import infer_shapes
from ...exports.symbol import INPUT, Traced
from ...nn.graph import VARIABLE


def packed(array: np.ndarray, kind: str = '<f4') -> str:
    """Return numbers as text: their bytes, little-endian, in base64.

    >>> packed(np.array([1.0]))
    'AACAPw=='
    """
    return b64encode(np.ascontiguousarray(array, kind).tobytes()).decode('ascii')


def describe(net: Traced, shape_in: tuple[int, ...]) -> dict[str, Any]:
    """Return a network as script/network.js takes it.

    net: with checked operators, see `check_operators`. What depends on weights alone is computed,
    and BatchNorm becomes a part of the product before it. Raises ValueError, in words that follow
    `the graph`, for shapes that do not fit.
    """
    graph, weights = simplify(net)
    given = {name: value.shape for name, value in weights.items()}
    infer_shapes(graph, {**given, INPUT: (1, *shape_in)}, 1)
    names = [node.name for node in graph.nodes]
    is_weight = [node.op == VARIABLE and node.name != INPUT for node in graph.nodes]
    stored = np.flatnonzero(is_weight).tolist()
    return {
        'nodes': [[node.op, node.attrs, node.inputs] for node in graph.nodes],
        'output': graph.output,
        'input': names.index(INPUT),
        'weights': [[index, weights[names[index]].shape] for index in stored],
        'values': packed(np.concatenate([weights[names[index]].ravel() for index in stored])),
    }
