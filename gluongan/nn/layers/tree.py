"""A network as the tree of its blocks."""

from __future__ import annotations

from collections.abc import Iterator

from ...runtime import mx


def all_blocks(net: mx.gluon.HybridBlock) -> Iterator[mx.gluon.HybridBlock]:
    """Yield a network and every block inside it, at any depth, parents before children."""
    yield net
    for child in net._children.values():
        yield from all_blocks(child)


def has_layer(net: mx.gluon.HybridBlock, *kinds: type) -> bool:
    """Return whether a network is a layer of one of these classes, or holds one at any depth.

    >>> import gluongan as gg
    >>> dis = gg.dense_discriminator([784, 64, 1], dropout=0.3)
    >>> has_layer(dis, mx.gluon.nn.Dropout), has_layer(dis, mx.gluon.nn.BatchNorm)
    (True, False)
    """
    return any(isinstance(block, kinds) for block in all_blocks(net))
