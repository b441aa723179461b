"""Makes one operator of several of gluongan's, each of which reads the one before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from .graph import used_nodes

RawNode = dict[str, Any]

CHAIN = 'gluongan_chain'

_are_apart = False


@contextmanager
def apart() -> Iterator[None]:
    """Leave the operators apart in graphs that are traced in this scope.

    A profile then shows each of them. They compute the same bits.
    """
    global _are_apart
    before, _are_apart = _are_apart, True
    try:
        yield
    finally:
        _are_apart = before


def fuse_chains(
    nodes: list[RawNode], heads: list[list[int]], links: Collection[str], ends: Collection[str]
) -> None:
    """Let one operator compute what several do that nothing else reads from between them.

    links: the operators that it can hold. ends: those that can be its last. That node becomes it.
    """
    if _are_apart:
        return
    before = _before(nodes, heads, links)
    done: set[int] = set()
    for last in sorted(before, reverse=True):
        if last in done or nodes[last]['op'] not in ends:
            continue
        chain = [last]
        while chain[0] in before:
            chain.insert(0, before[chain[0]])
        done.update(chain)
        nodes[last].update(_chain([nodes[index] for index in chain]))


def _before(nodes: list[RawNode], heads: list[list[int]], links: Collection[str]) -> dict[int, int]:
    """Return for each link the one before it, if nothing else reads any output of that."""
    used = used_nodes(nodes, heads)
    edges = [edge for index in used for edge in nodes[index]['inputs']]
    readers = Counter(edge[0] for edge in [*edges, *heads])
    before: dict[int, int] = {}
    for index in used:
        if nodes[index]['op'] not in links:
            continue
        source, output, *_ = nodes[index]['inputs'][0]
        if nodes[source]['op'] in links and output == 0 and readers[source] == 1:
            before[index] = source
    return before


def _chain(links: list[RawNode]) -> RawNode:
    """Return what makes a node the chain of these."""
    inputs = list(links[0]['inputs'])
    for link in links[1:]:
        inputs += link['inputs'][1:]
    return {'op': CHAIN, 'attrs': {'links': '\n'.join(map(_line, links))}, 'inputs': inputs}


def _line(link: RawNode) -> str:
    """Return an operator as chain.cc reads it."""
    own = [name for name in link['attrs'] if not name.startswith('__')]
    return '\t'.join([link['op'], *(f'{name}={link["attrs"][name]}' for name in own)])
