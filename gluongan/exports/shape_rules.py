"""The output shape of each operator, from its attributes and the shapes of its inputs.

Each rule raises ValueError where the shapes do not fit together. The definitions are MXNet's:
https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/symbol
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

Shape = tuple[int, ...]
Attrs = Mapping[str, Any]


def same(attrs: Attrs, x: Shape) -> Shape:
    """Return the shape of the input."""
    return x


def equal(attrs: Attrs, a: Shape, b: Shape) -> Shape:
    """Return the shape that both inputs have."""
    require(a == b)
    return a


def broadcast(attrs: Attrs, a: Shape, b: Shape) -> Shape:
    """Return the larger side on each axis; the smaller one is the same or 1.

    >>> broadcast({}, (32, 1), (1, 10))
    (32, 10)
    """
    require(len(a) == len(b))
    for m, n in zip(a, b):
        require(m == n or 1 in (m, n))
    return tuple(map(max, a, b))


def dense(attrs: Attrs, x: Shape, weight: Shape, *bias: Shape) -> Shape:
    """(N, ...) times a weight (units, values of a sample) -> (N, units).

    >>> dense({'num_hidden': 10, 'no_bias': False}, (32, 1, 28, 28), (10, 784), (10,))
    (32, 10)
    """
    units = attrs['num_hidden']
    require(len(x) > 1)
    require(weight == (units, prod(x[1:])))
    _require_bias(attrs, bias, units)
    return x[0], units


# The kernel and the stride of convolutions: see `layers.Conv`.
HALVING = (4, 4), (2, 2)
KEEPING = (3, 3), (1, 1)


def conv(attrs: Attrs, x: Shape, weight: Shape, *bias: Shape) -> Shape:
    """(N, C, H, W) -> (N, filters, H / stride, W / stride); H and W are multiples of the stride.

    >>> attrs = {'num_filter': 8, 'no_bias': True, 'kernel': (4, 4), 'stride': (2, 2)}
    >>> conv(attrs, (32, 3, 28, 28), (8, 3, 4, 4))
    (32, 8, 14, 14)
    """
    filters, kernel, stride = attrs['num_filter'], attrs['kernel'], attrs['stride']
    require((kernel, stride) in (HALVING, KEEPING))
    require(len(x) == 4)
    require(weight == (filters, x[1], *kernel))
    _require_bias(attrs, bias, filters)
    require(x[2] % stride[0] == 0 and x[3] % stride[1] == 0)
    return x[0], filters, x[2] // stride[0], x[3] // stride[1]


def deconv(attrs: Attrs, x: Shape, weight: Shape, *bias: Shape) -> Shape:
    """4×4 filters, stride 2: (N, C, H, W) -> (N, filters, 2H, 2W)."""
    filters = attrs['num_filter']
    require((attrs['kernel'], attrs['stride']) == HALVING)
    require(len(x) == 4)
    require(weight == (x[1], filters, 4, 4))
    _require_bias(attrs, bias, filters)
    return x[0], filters, 2 * x[2], 2 * x[3]


def batchnorm(attrs: Attrs, x: Shape, *statistics: Shape) -> Shape:
    """Return the shape of the input; gamma, beta, mean and variance are (C,)."""
    require(len(x) > 1)
    require(statistics == ((x[1],),) * 4)
    return x


def flatten(attrs: Attrs, x: Shape) -> Shape:
    """(N, ...) -> (N, values of a sample)."""
    return x[0], prod(x[1:])


def dot(attrs: Attrs, a: Shape, b: Shape) -> Shape:
    """(A, B) times (B, C) -> (A, C)."""
    require(len(a) == 2 and len(b) == 2)
    require(a[1] == b[0])
    return a[0], b[1]


def reshape(attrs: Attrs, x: Shape) -> Shape:
    """Return the attribute `shape`, where 0 keeps a side and one -1 takes what is left.

    >>> reshape({'shape': (0, 1, 28, -1)}, (32, 784))
    (32, 1, 28, 28)
    """
    shape = attrs['shape']
    require(min(shape) >= -1)
    require(shape.count(-1) <= 1)
    require(0 not in shape[len(x) :])
    sides = [side or x[axis] for axis, side in enumerate(shape)]
    known = prod(side for side in sides if side != -1)
    if -1 in sides:
        require(prod(x) % known == 0)
        sides[sides.index(-1)] = prod(x) // known
    require(prod(sides) == prod(x))
    return tuple(sides)


def reshape_like(attrs: Attrs, x: Shape, y: Shape) -> Shape:
    """Return the shape of the second input, which has as many values."""
    require(prod(x) == prod(y))
    return y


def slice_axis(attrs: Attrs, x: Shape) -> Shape:
    """Cut one axis to `begin`:`end`, neither of which is beyond it.

    >>> slice_axis({'axis': 1, 'begin': -10, 'end': None}, (32, 110))
    (32, 10)
    """
    axis, begin, end = attrs['axis'], attrs['begin'], attrs['end']
    require(0 <= axis < len(x))
    require(-x[axis] <= begin < x[axis])
    require(end is None or -x[axis] <= end <= x[axis])
    return (*x[:axis], len(range(x[axis])[begin:end]), *x[axis + 1 :])


def concat(attrs: Attrs, *parts: Shape) -> Shape:
    """Put the inputs one behind the other along the axis `dim`; their other sides are the same."""
    axis = attrs['dim']
    require(attrs['num_args'] == len(parts))
    for part in parts:
        require(0 <= axis < len(part))
    first = parts[0]
    for part in parts:
        require((*part[:axis], *part[axis + 1 :]) == (*first[:axis], *first[axis + 1 :]))
    return (*first[:axis], sum(part[axis] for part in parts), *first[axis + 1 :])


def reduce(attrs: Attrs, x: Shape) -> Shape:
    """Drop `axis`, or all of them where none is named; with `keepdims` they become 1.

    >>> reduce({'axis': 1}, (32, 10, 5)), reduce({'axis': 1, 'keepdims': True}, (32, 10, 5))
    ((32, 5), (32, 1, 5))
    """
    axis = attrs.get('axis')
    keep = attrs.get('keepdims', False)
    if axis is None:
        return (1,) * len(x) if keep else (1,)
    require(0 <= axis < len(x))
    middle = (1,) if keep else ()
    return (*x[:axis], *middle, *x[axis + 1 :]) or (1,)


def expand_dims(attrs: Attrs, x: Shape) -> Shape:
    """Insert an axis of length 1."""
    axis = attrs['axis']
    require(0 <= axis <= len(x) < 6)
    return (*x[:axis], 1, *x[axis:])


def require(condition: bool) -> None:
    """Raise ValueError where the condition is false."""
    if not condition:
        raise ValueError


def _require_bias(attrs: Attrs, bias: Sequence[Shape], units: int) -> None:
    expected = [] if attrs['no_bias'] else [(units,)]
    require(list(bias) == expected)
