"""The shape that an operator gives, from its attributes and the shapes of its inputs; ValueError where they do not fit.

The definitions are MXNet's: https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/symbol
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

Shape = tuple[int, ...]
Attrs = Mapping[str, Any]


def same(attrs: Attrs, x: Shape) -> Shape:
    """Return the same shape."""
    return x


def equal(attrs: Attrs, a: Shape, b: Shape) -> Shape:
    """Return the shape that both have."""
    need(a == b)
    return a


def broadcast(attrs: Attrs, a: Shape, b: Shape) -> Shape:
    """Return the larger side at each place; the other one is 1 or the same."""
    need(len(a) == len(b) and all(m == n or 1 in (m, n) for m, n in zip(a, b)))
    return tuple(map(max, a, b))


def dense(attrs: Attrs, x: Shape, weight: Shape, *bias: Shape) -> Shape:
    """(N, ...) times a weight (units, rest) -> (N, units)."""
    units = attrs['num_hidden']
    need(
        len(x) > 1
        and weight == (units, prod(x[1:]))
        and list(bias) == [(units,)] * (not attrs['no_bias'])
    )
    return x[0], units


def halved(attrs: Attrs, x: Shape, weight: Shape, *bias: Shape) -> Shape:
    """(N, C, H, W) -> (N, filters, H / 2, W / 2), even sides."""
    filters = attrs['num_filter']
    need(
        len(x) == 4
        and weight == (filters, x[1], 4, 4)
        and list(bias) == [(filters,)] * (not attrs['no_bias'])
    )
    need(x[2] % 2 == x[3] % 2 == 0)
    return x[0], filters, x[2] // 2, x[3] // 2


def doubled(attrs: Attrs, x: Shape, weight: Shape, *bias: Shape) -> Shape:
    """(N, C, H, W) -> (N, filters, 2H, 2W)."""
    filters = attrs['num_filter']
    need(
        len(x) == 4
        and weight == (x[1], filters, 4, 4)
        and list(bias) == [(filters,)] * (not attrs['no_bias'])
    )
    return x[0], filters, 2 * x[2], 2 * x[3]


def normed(attrs: Attrs, x: Shape, *statistics: Shape) -> Shape:
    """Return the same shape; gamma, beta, mean and variance are (C,)."""
    need(len(x) > 1 and statistics == ((x[1],),) * 4)
    return x


def flat(attrs: Attrs, x: Shape) -> Shape:
    """(N, ...) -> (N, rest)."""
    return x[0], prod(x[1:])


def product(attrs: Attrs, a: Shape, b: Shape) -> Shape:
    """(A, B) times (B, C) -> (A, C)."""
    need(len(a) == len(b) == 2 and a[1] == b[0])
    return a[0], b[1]


def reshaped(attrs: Attrs, x: Shape) -> Shape:
    """Return the shape asked for: 0 keeps a side, one -1 is what is left."""
    wanted = attrs['shape']
    need(all(side >= -1 for side in wanted) and wanted.count(-1) <= 1 and 0 not in wanted[len(x) :])
    sides = [side or x[place] for place, side in enumerate(wanted)]
    rest = prod(side for side in sides if side != -1)
    need(prod(x) % rest == 0 and (-1 in sides or prod(x) == rest))
    return tuple(prod(x) // rest if side == -1 else side for side in sides)


def reshaped_like(attrs: Attrs, x: Shape, y: Shape) -> Shape:
    """Return the other's shape, of as many values."""
    need(prod(x) == prod(y))
    return y


def sliced(attrs: Attrs, x: Shape) -> Shape:
    """Cut one axis."""
    axis = attrs['axis']
    need(0 <= axis < len(x))
    side = len(range(x[axis])[attrs['begin'] : attrs['end']])
    return (*x[:axis], side, *x[axis + 1 :])


def joined(attrs: Attrs, *parts: Shape) -> Shape:
    """Put them one after the other along one axis."""
    axis = attrs['dim']
    need(attrs['num_args'] == len(parts) and all(0 <= axis < len(part) for part in parts))
    need(len({(*part[:axis], *part[axis + 1 :]) for part in parts}) == 1)
    return (*parts[0][:axis], sum(part[axis] for part in parts), *parts[0][axis + 1 :])


def reduced(attrs: Attrs, x: Shape) -> Shape:
    """Take one axis away, or make it 1; all of them where none is named."""
    axis, keep = attrs.get('axis'), attrs.get('keepdims', False)
    need(axis is None or 0 <= axis < len(x))
    kept = [side if axis is not None and place != axis else 1 for place, side in enumerate(x)]
    if not keep:
        kept = [side for place, side in enumerate(kept) if axis is not None and place != axis] or [
            1
        ]
    return tuple(kept)


def expanded(attrs: Attrs, x: Shape) -> Shape:
    """Add an axis of 1."""
    axis = attrs['axis']
    need(0 <= axis <= len(x) < 6)
    return (*x[:axis], 1, *x[axis:])


def need(condition: bool) -> None:
    """Raise ValueError where it is not so."""
    if not condition:
        raise ValueError
