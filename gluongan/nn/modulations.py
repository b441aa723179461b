"""Lets one operator of gluongan's scale and shift channels; MXNet takes two that broadcast."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

RawNode = dict[str, Any]

MODULATE = 'gluongan_modulate'


def fuse_modulations(nodes: list[RawNode], uses: Counter[int]) -> None:
    """Replace x ∘ s + t, with s and t (N, C) reshaped to (N, C, 1, 1), by one operator.

    uses: how many edges each node has. See `layers.ModulatedBatchNorm`.
    """
    for node in nodes:
        parts = _parts(nodes, uses, node)
        if parts:
            node.update(op=MODULATE, attrs={}, inputs=parts)


def _parts(nodes: list[RawNode], uses: Counter[int], node: RawNode) -> list[list[int]] | None:
    """Return the edges to x, s and t; None for a node that is no such sum."""
    if node['op'] != 'broadcast_add':
        return None
    scaled, shift = node['inputs']
    if nodes[scaled[0]]['op'] != 'broadcast_mul' or uses[scaled[0]] > 1:
        return None
    x, scale = nodes[scaled[0]]['inputs']
    numbers = [_reshaped(nodes[edge[0]]) for edge in (scale, shift)]
    return None if None in numbers else [list(x), *numbers]


def _reshaped(node: RawNode) -> list[int] | None:
    """Return the edge to what a node reshapes to (N, C, 1, 1), None for another node."""
    if node['op'] != 'Reshape':
        return None
    shape = re.findall(r'-?[0-9]+', node['attrs']['shape'])
    return list(node['inputs'][0]) if shape == ['0', '0', '1', '1'] else None
