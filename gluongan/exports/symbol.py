"""A live network as MXNet's own pair of files, under names that depend on the network alone."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..nn.graph import Graph, parse_graph
from ..nn.layers import Chain, plain_batchnorm
from ..runtime import mx
from .operators import Range, checked, output_range

INPUT = 'data'  # what Module takes for granted


class Traced(NamedTuple):
    """A network as data: its graph, and its weights by the graph's names."""

    graph: Graph
    weights: dict[str, np.ndarray]


def traced(net: Chain, output: str) -> Traced:
    """Return the graph of a network and a copy of its weights; the weight at `net[3].weight` is called layer3_weight."""
    with plain_batchnorm(net):
        graph = parse_graph(net(mx.sym.var(INPUT)).tojson())
    names = {
        p.name: 'layer' + place.replace('.', '_')
        for place, p in net._collect_params_with_prefix().items()
    }
    weights = {names[p.name]: p.data().asnumpy() for p in net.collect_params().values()}
    return Traced(graph.renamed({**names, INPUT: INPUT}, output), weights)


def write(net: Traced, prefix: Path) -> list[Path]:
    """Write PREFIX-symbol.json and PREFIX-0000.params, the pair that SymbolBlock, Module and other languages load."""
    files = [Path(f'{prefix}-symbol.json'), Path(f'{prefix}-0000.params')]
    symbol = mx.sym.load_json(net.graph.json())
    symbol.save(str(files[0]))
    auxiliary = set(symbol.list_auxiliary_states())
    mx.nd.save(
        str(files[1]),
        {
            f'{"aux" if name in auxiliary else "arg"}:{name}': mx.nd.array(value)
            for name, value in net.weights.items()
        },
    )
    return files


def output_shape(net: Chain, rows: int) -> tuple[int, ...]:
    """Return the shape of one output of a network for a batch of `rows` samples: () for a logit."""
    return net(mx.sym.var(INPUT)).infer_shape(**{INPUT: (rows, *net.shape_in)})[1][0][1:]


def told_range(net: Traced) -> Range | None:
    """Return the range that the output cannot leave, where its last operators tell; None for operators of others' making."""
    try:
        return output_range(checked(net.graph))
    except ValueError:
        return None
