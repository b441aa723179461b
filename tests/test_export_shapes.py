"""The shapes that an export may have are those that MXNet infers, operator by operator."""

from __future__ import annotations

import pytest

from gluongan.exports import shape_rules as rules
from gluongan.runtime import mx

PADDED = {'pad': (1, 1)}
HALVING = {'kernel': (4, 4), 'stride': (2, 2)}
KEEPING = {'kernel': (3, 3), 'stride': (1, 1)}
# The rule, MXNet's operator, what that is told besides, the attributes, and the shapes of inputs.
CASES = {
    'dense': (
        (rules.dense, mx.sym.FullyConnected, {}),
        {'num_hidden': 7, 'no_bias': False},
        [(4, 1, 2, 3), (7, 6), (7,)],
    ),
    'dense without bias': (
        (rules.dense, mx.sym.FullyConnected, {}),
        {'num_hidden': 7, 'no_bias': True},
        [(4, 6), (7, 6)],
    ),
    'conv': (
        (rules.conv, mx.sym.Convolution, PADDED),
        {'num_filter': 9, 'no_bias': False, **HALVING},
        [(5, 3, 8, 6), (9, 3, 4, 4), (9,)],
    ),
    'conv that keeps the sides': (
        (rules.conv, mx.sym.Convolution, PADDED),
        {'num_filter': 9, 'no_bias': True, **KEEPING},
        [(5, 3, 8, 7), (9, 3, 3, 3)],
    ),
    'deconv': (
        (rules.deconv, mx.sym.Deconvolution, PADDED),
        {'num_filter': 9, 'no_bias': True, **HALVING},
        [(5, 3, 8, 7), (3, 9, 4, 4)],
    ),
    'batchnorm': (
        (rules.batchnorm, mx.sym.BatchNorm, {}),
        {},
        [(4, 3, 5), (3,), (3,), (3,), (3,)],
    ),
    'flatten': ((rules.flatten, mx.sym.Flatten, {}), {}, [(4, 3, 5, 2)]),
    'dot': ((rules.dot, mx.sym.dot, {}), {}, [(4, 3), (3, 5)]),
    'equal': ((rules.equal, mx.sym.elemwise_add, {}), {}, [(4, 3), (4, 3)]),
    'broadcast': ((rules.broadcast, mx.sym.broadcast_add, {}), {}, [(4, 1, 3), (1, 5, 3)]),
    'same': ((rules.same, mx.sym.relu, {}), {}, [(4, 3, 2)]),
    'reshape': ((rules.reshape, mx.sym.reshape, {}), {'shape': (0, 2, -1)}, [(4, 6, 5)]),
    'reshape to all sides': ((rules.reshape, mx.sym.reshape, {}), {'shape': (6, 4)}, [(4, 6)]),
    'reshape like': ((rules.reshape_like, mx.sym.reshape_like, {}), {}, [(4, 6), (3, 8)]),
    'slice': (
        (rules.slice_axis, mx.sym.slice_axis, {}),
        {'axis': 1, 'begin': 2, 'end': 5},
        [(4, 7, 3)],
    ),
    'slice from the end': (
        (rules.slice_axis, mx.sym.slice_axis, {}),
        {'axis': 1, 'begin': -3, 'end': None},
        [(4, 3)],
    ),
    'slice up to the end': (
        (rules.slice_axis, mx.sym.slice_axis, {}),
        {'axis': 0, 'begin': 0, 'end': -3},
        [(4, 7)],
    ),
    'concat': (
        (rules.concat, mx.sym.concat, {}),
        {'dim': 1, 'num_args': 3},
        [(4, 2, 3), (4, 5, 3), (4, 1, 3)],
    ),
    'sum of one axis': ((rules.reduce, mx.sym.sum, {}), {'axis': 1}, [(4, 3, 2)]),
    'sum that keeps it': (
        (rules.reduce, mx.sym.sum, {}),
        {'axis': 0, 'keepdims': True},
        [(4, 3, 2)],
    ),
    'sum of all': ((rules.reduce, mx.sym.sum, {}), {}, [(4, 3)]),
    'sum of all that keeps them': ((rules.reduce, mx.sym.sum, {}), {'keepdims': True}, [(4, 3)]),
    'expand at the front': ((rules.expand_dims, mx.sym.expand_dims, {}), {'axis': 0}, [(4, 3)]),
    'expand at the end': ((rules.expand_dims, mx.sym.expand_dims, {}), {'axis': 2}, [(4, 3)]),
}


def mxnets_shape(operator, attributes, shapes):
    """The shape that MXNet infers, None where it refuses the inputs."""
    inputs = [mx.sym.var(f'x{number}', shape=shape) for number, shape in enumerate(shapes)]
    try:
        return operator(*inputs, **attributes)[0].infer_shape()[1][0]
    except mx.MXNetError:
        return None


def neighbours(shapes):
    """The same shapes with one side longer or shorter by 1, or one axis less."""
    for number, shape in enumerate(shapes):
        for axis, side in enumerate(shape):
            for other in ((side + 1,), (side - 1,), ()):
                changed = (*shape[:axis], *other, *shape[axis + 1 :])
                if changed and 0 not in changed:
                    yield [*shapes[:number], changed, *shapes[number + 1 :]]


@pytest.mark.parametrize('functions, attributes, shapes', CASES.values(), ids=CASES)
def test_a_shape_is_mxnets_and_what_mxnet_refuses_is_refused(functions, attributes, shapes):
    rule, operator, more = functions
    expected = mxnets_shape(operator, {**attributes, **more}, shapes)
    assert rule(attributes, *shapes) == expected
    for changed in neighbours(shapes):
        expected = mxnets_shape(operator, {**attributes, **more}, changed)
        try:
            shape = rule(attributes, *changed)
        except ValueError:
            continue  # MXNet allows more than our networks need
        assert shape == expected or 0 in shape, changed  # infer_shapes refuses what is empty


def test_convolutions_of_other_windows_are_refused():
    shapes = [(5, 3, 8, 6), (9, 3, 4, 4)]
    for window in (
        {'kernel': (4, 4), 'stride': (1, 1)},
        {'kernel': (5, 5), 'stride': (2, 2)},
        {'kernel': (4, 4), 'stride': (2, 1)},
        {'kernel': (3, 3), 'stride': (2, 2)},
    ):
        for rule in (rules.conv, rules.deconv):
            given = [shapes[0], (9, 3, *window['kernel'])]
            with pytest.raises(ValueError):
                rule({'num_filter': 9, 'no_bias': True, **window}, *given)
    with pytest.raises(ValueError):
        rules.deconv({'num_filter': 9, 'no_bias': True, **KEEPING}, (5, 3, 8, 6), (3, 9, 3, 3))
