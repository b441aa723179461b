"""Operators that run as one: the same bits as apart, whatever runs between forward and backward."""

from __future__ import annotations

import json

import numpy as np
import pytest
from graphs import nodes_of

from gluongan import native
from gluongan.gan.losses import LOSSES
from gluongan.gan.objectives import DisObjective, GenObjective
from gluongan.nn.chains import CHAIN, apart
from gluongan.nn.formulas import FORMULA
from gluongan.nn.fused import FusedNet
from gluongan.nn.fusion import BATCHNORM, DENSE, fused
from gluongan.nn.layers import frozen
from gluongan.nn.models import dense_discriminator, dense_generator
from gluongan.runtime import mx, seed

pytestmark = pytest.mark.skipif(
    not native.has_products() or not native.is_available('norms'),
    reason=f'no operators: {native.reason_missing()}',
)

record = mx.autograd.record


def drawn(*shape, stream=0):
    return mx.nd.array(np.random.RandomState(stream).normal(size=shape))


def gen_and_dis(width=16):
    seed(0)
    gen = dense_generator([5, width, width + 1, 64])
    dis = dense_discriminator([64, width, width - 1, width, 1])
    gen(mx.nd.zeros((2, 5)))
    return gen, dis


def operators(block):
    nodes = json.loads(block._cached_graph[1].tojson())['nodes']
    return [node['op'] for node in nodes if node['op'] not in ('null', 'BlockGrad')]


def numbers(net):
    """Bits of all weights, gradients and running statistics."""
    found = []
    for parameter in net.collect_params().values():
        found.append(parameter.data().asnumpy())
        if parameter.grad_req != 'null':
            found.append(parameter.grad().asnumpy())
    return found


def pass_through_both(sizes, width):
    """Numbers of G and D after D's and G's passes with batches of these sizes."""
    gen, dis = gen_and_dis(width)
    fused_gen = FusedNet(gen)
    dis_objective = DisObjective(dis, LOSSES['nonsaturating'])
    gen_objective = GenObjective(frozen(dis), LOSSES['nonsaturating'])
    found = []
    for size in sizes:
        with record():
            x = fused_gen(drawn(size, 5))
            loss, y_real, y_fake = dis_objective(drawn(size, 1, 8, 8), x)
        loss.backward()
        with record():
            gen_loss = gen_objective(x)
        gen_loss.backward()
        found += [array.asnumpy() for array in (x, loss, y_real, y_fake, gen_loss)]
        found += numbers(gen) + numbers(dis)
    return found, [fused_gen, dis_objective, gen_objective]


def assert_same_bits(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ('sizes', 'width'), [((6,), 16), ((4, 7, 4), 16), ((130, 130), 300)], ids=str
)
def test_the_bits_are_those_of_operators_apart(sizes, width):
    with apart():
        expected, blocks = pass_through_both(sizes, width)
        assert all(CHAIN not in operators(block) for block in blocks)
    found, blocks = pass_through_both(sizes, width)
    assert [operators(block) for block in blocks] == [[CHAIN]] * 3
    assert_same_bits(found, expected)


@pytest.mark.parametrize('order', [(0, 1), (1, 0)])
def test_each_backward_pass_belongs_to_its_forward_pass(order):
    def gradients():
        _, dis = gen_and_dis()
        block = FusedNet(dis)
        outputs = []
        for stream in range(2):
            x = drawn(3 + stream, 1, 8, 8, stream=stream)
            with record():
                outputs.append(block(x).sum())
        found = []
        for index in order:
            outputs[index].backward()
            found += numbers(dis)
        return found

    with apart():
        expected = gradients()
    assert_same_bits(gradients(), expected)


def test_passes_without_a_backward_pass_change_nothing():
    gen, _ = gen_and_dis()
    block = FusedNet(gen)
    x = drawn(6, 5)
    with record():
        y = block(x)
    kept = y.asnumpy()
    for stream in range(20):
        with record():
            block(drawn(6, 5, stream=stream))
    y.backward()
    found = numbers(gen)
    gen, _ = gen_and_dis()
    with apart(), record():
        expected = FusedNet(gen)(x)
    expected.backward()
    np.testing.assert_array_equal(kept, expected.asnumpy())
    is_gradient = [parameter.grad_req != 'null' for parameter in gen.collect_params().values()]
    assert all(is_gradient[:2])
    np.testing.assert_array_equal(found[1], numbers(gen)[1])


# What is in one


def dense(x, name, units=4):
    return mx.sym.FullyConnected(x, num_hidden=units, name=name)


def names(symbol):
    return [node['op'] for node in json.loads(symbol.tojson())['nodes'] if node['op'] != 'null']


WEIGHTS = {'a_weight', 'b_weight', 'c_weight'}


def test_layers_and_the_loss_behind_them_become_one():
    loss = mx.sym.relu(1 - dense(dense(mx.sym.var('x'), 'a'), 'b')).mean()
    symbol = fused(loss, WEIGHTS)
    assert names(symbol) == [CHAIN]
    found = [node['op'] for node in nodes_of(symbol) if node['op'] != 'null']
    assert found == [DENSE, DENSE, FORMULA]


@pytest.mark.parametrize('reader', ['output', 'operator'])
def test_what_something_else_reads_is_between_no_links(reader):
    a = dense(mx.sym.var('x'), 'a')
    b = dense(a, 'b')
    symbol = mx.sym.Group([b, a]) if reader == 'output' else b + mx.sym.sin(a)
    assert CHAIN not in names(fused(symbol, WEIGHTS))
    assert names(fused(b, WEIGHTS)) == [CHAIN]


def test_a_batchnorm_is_between_links_and_never_the_last():
    normalised = mx.sym.BatchNorm(dense(mx.sym.var('x'), 'a'), name='norm')
    assert names(fused(normalised, WEIGHTS)) == [DENSE, BATCHNORM]
    assert names(fused(dense(normalised, 'b'), WEIGHTS)) == [CHAIN]


def test_what_is_between_two_chains_stays():
    a = dense(dense(mx.sym.var('x'), 'a'), 'b')
    symbol = dense(dense(mx.sym.sin(a), 'c'), 'd')
    assert names(fused(symbol, WEIGHTS)) == [CHAIN, 'sin', CHAIN]


def test_a_scope_within_another_ends_alone():
    symbol = dense(dense(mx.sym.var('x'), 'a'), 'b')
    with apart():
        with apart():
            pass
        assert names(fused(symbol, WEIGHTS)) == [DENSE, DENSE]
    assert names(fused(symbol, WEIGHTS)) == [CHAIN]


@pytest.mark.parametrize('links', ['', 'nothing', 'gluongan_dense\tunits=2\nnothing'])
def test_links_that_are_none_are_refused_in_words(links):
    node = {'op': CHAIN, 'name': 'y', 'attrs': {'links': links}, 'inputs': [[0, 0, 0]]}
    nodes = [{'op': 'null', 'name': 'x', 'inputs': []}, node]
    content = {'nodes': nodes, 'arg_nodes': [0], 'heads': [[1, 0, 0]]}
    with pytest.raises(mx.base.MXNetError, match='gluongan_chain: no operator'):
        mx.sym.load_json(json.dumps(content)).infer_shape(x=(2, 2))
