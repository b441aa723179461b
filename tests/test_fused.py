"""Fused graphs: the numbers of MXNet's operators, and what is left to them."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import nodes_of

from gluongan import native
from gluongan.gan.steps import record_fake
from gluongan.nn import models
from gluongan.nn.fused import Fused, FusedNet
from gluongan.nn.fusion import BATCHNORM, DEFAULTS, DENSE, can_fuse, fused
from gluongan.nn.layers import BatchNorm, Chain, Dense, frozen, use_precision
from gluongan.runtime import mx

pytestmark = pytest.mark.skipif(
    not native.has_products(), reason=f'no operators: {native.reason_missing()}'
)

NETS = {
    'dense': (lambda: models.dense_generator([5, 16, 17, 64]), (9, 5)),
    'dense with relu': (lambda: models.dense_generator([5, 16, 64], 'relu'), (9, 5)),
    'dense without batchnorm': (
        lambda: models.dense_generator([5, 8, 16], batchnorm=False),
        (3, 5),
    ),
    'grey pictures': (lambda: models.conv_generator(5, (1, 28, 28), width=8), (4, 5)),
    'colour pictures': (lambda: models.conv_generator(5, (3, 16, 16), width=8), (4, 5)),
    'dense discriminator': (
        lambda: models.dense_discriminator([64, 16, 16, 1], batchnorm=True, spectral=True),
        (8, 1, 8, 8),
    ),
    'conv discriminator': (
        lambda: models.conv_discriminator((1, 28, 28), width=8, kernels=2),
        (4, 1, 28, 28),
    ),
}


@pytest.fixture(autouse=True)
def dense_layers_are_fused(monkeypatch):
    """Whether they are by default depends on the processor."""
    monkeypatch.setattr(native, 'has_products', lambda: True)


def operators(block):
    """How often each operator is in the graph of a block that has run."""
    names = [node['op'] for node in nodes_of(block._cached_graph[1])]
    return {name: names.count(name) for name in names}


def copied(net, factory):
    """Another network with the same weights."""
    twin = factory()
    for one, other in zip(twin.collect_params().values(), net.collect_params().values()):
        one.set_data(other.data())
    return twin


def train_once(block, net, x):
    """The output, all gradients and the running statistics of a pass through `block`."""
    with mx.autograd.record():
        y = block(x)
    y.backward(mx.nd.array(np.random.RandomState(4).normal(size=y.shape)))
    values = [y.asnumpy()]
    for parameter in net.collect_params().values():
        has_gradient = parameter.grad_req != 'null'
        values.append((parameter.grad() if has_gradient else parameter.data()).asnumpy())
    return values


def assert_close(values, others):
    for value, other in zip(values, others):
        scale = max(1e-6, np.abs(other).max())
        np.testing.assert_allclose(value / scale, other / scale, atol=2e-5)


# Numbers


@pytest.mark.parametrize('name', NETS)
def test_it_gives_the_numbers_of_the_net_itself(name):
    factory, shape = NETS[name]
    net = factory()
    twin = copied(net, factory)
    x = mx.nd.array(np.random.RandomState(3).normal(size=shape))
    block = FusedNet(twin)
    for _ in range(2):
        assert_close(train_once(block, twin, x), train_once(net, net, x))
    assert DENSE in operators(block)


class FusedWithInputs(Fused):
    def __init__(self, net):
        super().__init__()
        self.net = net
        self.hybridize(static_alloc=True)

    def hybrid_forward(self, F, x):
        return self.net(x)


def input_gradient(block):
    x = mx.nd.array(np.random.RandomState(3).normal(size=(6, 1, 4, 4)))
    x.attach_grad()
    with mx.autograd.record():
        y = block(x)
    y.backward(mx.nd.arange(6))
    return x.grad.asnumpy()


def test_a_gradient_of_the_inputs_is_computed_unless_they_are_constants():
    net = models.dense_discriminator([16, 8, 1], batchnorm=True)
    fused, plain, constant = map(input_gradient, (FusedWithInputs(net), net, FusedNet(net)))
    assert np.abs(plain).max() > 1e-3
    np.testing.assert_allclose(fused, plain, rtol=1e-4, atol=1e-7)
    assert not constant.any()


def test_two_passes_in_one_backward_add_up_their_gradients():
    net = models.dense_generator([5, 16, 16])
    draw = np.random.RandomState(3)
    first, second = (mx.nd.array(draw.normal(size=(6, 5))) for _ in range(2))
    gradients = []
    for block in (FusedNet(net), net):
        with mx.autograd.record():
            loss = (block(first) ** 2).sum() + (block(second) ** 2).sum()
        loss.backward()
        parameters = net.collect_params().values()
        gradients.append([p.grad().asnumpy() for p in parameters if p.grad_req != 'null'])
    assert_close(*gradients)


def test_prediction_uses_the_running_statistics():
    net = models.dense_generator([5, 16, 16])
    block = FusedNet(net)
    z = mx.nd.random.normal(shape=(6, 5))
    record_fake(block, z)
    np.testing.assert_array_equal(block(z).asnumpy(), net(z).asnumpy())


def test_a_forward_pass_alone_moves_no_running_statistics():
    net = models.dense_generator([5, 16, 16])
    before = [p.data().asnumpy() for p in net.collect_params('.*running').values()]
    record_fake(FusedNet(net), mx.nd.random.normal(shape=(6, 5))).wait_to_read()
    after = [p.data().asnumpy() for p in net.collect_params('.*running').values()]
    for one, other in zip(before, after):
        np.testing.assert_array_equal(one, other)


def test_the_net_itself_keeps_mxnets_operators():
    net = models.dense_generator([5, 16, 16])
    z = mx.nd.ones((2, 5))
    record_fake(FusedNet(net), z)
    net(z)
    assert {DENSE, BATCHNORM}.isdisjoint(operators(net))
    assert 'gluongan' not in net(mx.sym.var('z')).tojson()


def test_a_block_that_is_not_hybridized_runs_the_net():
    net = models.dense_generator([5, 16, 16])
    block = FusedNet(net)
    block.hybridize(False)
    assert record_fake(block, mx.nd.ones((2, 5))).shape == (2, 1, 4, 4)
    assert not block._cached_graph


def test_any_block_can_be_fused():
    class Loss(Fused):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def hybrid_forward(self, F, x):
            return F.mean((self.net(x) - 1) ** 2)

    net = models.dense_discriminator([16, 8, 1], batchnorm=True)
    block, x = Loss(net), mx.nd.random.normal(shape=(6, 1, 4, 4))
    plain = train_once(block, net, x)
    block.hybridize(static_alloc=True)
    parameters = enumerate(net.collect_params().values(), 1)
    gradients = [i for i, parameter in parameters if parameter.grad_req != 'null']
    values = train_once(block, net, x)
    assert_close([values[i] for i in gradients], [plain[i] for i in gradients])
    assert operators(block)[BATCHNORM] == 1


# What is rewritten, and what is left alone


def test_a_layer_and_its_activation_become_one_operator():
    block = FusedNet(models.dense_generator([5, 16, 17, 64]))
    record_fake(block, mx.nd.ones((2, 5)))
    found = operators(block)
    assert (found[DENSE], found[BATCHNORM]) == (3, 2)
    left = {'FullyConnected', 'BatchNorm', 'LeakyReLU', 'transpose', 'Activation', 'Reshape'}
    assert left.isdisjoint(found)


def test_batchnorm_between_two_convolutions_is_mxnets():
    block = FusedNet(models.conv_generator(5, (3, 16, 16), width=8))
    record_fake(block, mx.nd.ones((2, 5)))
    found = operators(block)
    assert (found[BATCHNORM], found['BatchNorm']) == (1, 1)
    grey = FusedNet(models.conv_generator(5, (1, 16, 16), width=8))
    record_fake(grey, mx.nd.ones((2, 5)))
    assert operators(grey)[BATCHNORM] == 2  # the last deconvolution takes plain order


def attributes(symbol, op):
    return [{**DEFAULTS[op], **node['attrs']} for node in nodes_of(symbol) if node['op'] == op]


X = mx.sym.var('x')


def dense(x, name, **options):
    weight = options.pop('weight', mx.sym.var(f'{name}_weight'))
    options = {'num_hidden': 4, 'no_bias': True, 'name': name, **options}
    return mx.sym.FullyConnected(x, weight, **options)


def test_operators_compute_only_the_gradients_that_are_wanted():
    first = dense(mx.sym.var('x'), 'first')
    symbol = dense(mx.sym.Activation(first, act_type='relu'), 'second')
    wanted = {'second_weight'}, {'first_weight', 'second_weight'}, {'x'}
    expected = [('00', '01'), ('01', '11'), ('10', '10')]
    for differentiated, flags in zip(wanted, expected):
        found = attributes(fused(symbol, differentiated, fuse_dense=True), DENSE)
        assert tuple(each['of_input'] + each['of_weights'] for each in found) == flags
    stopped = dense(mx.sym.BlockGrad(first), 'second')
    found = attributes(fused(stopped, {'first_weight'}, fuse_dense=True), DENSE)
    assert found[1]['of_input'] == '0'


def outputs(symbol):
    """What a graph gives for fixed numbers, each output in its shape."""
    random = np.random.RandomState(0)
    shapes, _, _ = symbol.infer_shape(x=(6, 5))
    values = [mx.nd.array(random.normal(size=shape)) for shape in shapes]
    executor = symbol.bind(mx.cpu(), dict(zip(symbol.list_arguments(), values)))
    return [output.asnumpy() for output in executor.forward(is_train=True)]


def shaped(shape, units=4, **options):
    return mx.sym.Reshape(dense(X, 'a', num_hidden=units), shape=shape, **options)


RESHAPES = {
    'pictures': (shaped((-1, 1, 2, 2)), 0),
    'the batch is kept': (shaped((0, 2, 2)), 0),
    'no axis but the batch': (shaped((-1,), units=1), 0),
    'behind an activation': (
        mx.sym.Reshape(mx.sym.Activation(dense(X, 'a'), act_type='tanh'), shape=(-1, 2, 2)),
        0,
    ),
    'samples together': (shaped((-1, 8)), 1),
    'everything in a row': (shaped((-1,)), 1),
    'an unknown size': (shaped((0, -1, 2)), 1),
    'from the right': (shaped((-1, 2, 2), reverse=True), 1),
}


@pytest.mark.parametrize('name', RESHAPES)
def test_a_reshape_behind_a_layer_is_its_own_where_it_keeps_the_samples_apart(name):
    symbol, left = RESHAPES[name]
    result = fused(symbol, set(symbol.list_arguments()), fuse_dense=True)
    assert result.tojson().count('"op": "Reshape"') == left
    for one, other in zip(outputs(result), outputs(symbol)):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_layer_with_other_readers_keeps_its_shape_and_activation():
    layer = dense(X, 'a')
    sigmoid = mx.sym.Activation(layer, act_type='sigmoid')
    for other in (layer * 2, sigmoid * 2):
        symbol = mx.sym.Group([sigmoid.reshape((-1, 2, 2)), other])
        result = fused(symbol, set(symbol.list_arguments()), fuse_dense=True)
        assert result.tojson().count('"op": "Reshape"') == 1
        for one, other in zip(outputs(result), outputs(symbol)):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def norm(x, **options):
    names = ('gamma', 'beta', 'mean', 'var')
    return mx.sym.BatchNorm(x, *(mx.sym.var(name) for name in names), **options)


SHARED = mx.sym.var('shared')
LEFT_ALONE = {
    'a weight that two layers share': dense(dense(X, 'a', weight=SHARED), 'b', weight=SHARED),
    'a layer of each position': dense(X, 'a', flatten=False),
    'running statistics': norm(X, use_global_stats=True),
    'another axis': norm(X, axis=2),
    'statistics as outputs': norm(X, output_mean_var=True)[0],
    'between convolutions': mx.sym.Convolution(
        mx.sym.LeakyReLU(norm(mx.sym.Convolution(X, kernel=(3, 3), num_filter=2))),
        kernel=(3, 3),
        num_filter=2,
    ),
}


@pytest.mark.parametrize('name', LEFT_ALONE)
def test_what_our_operators_cannot_do_or_do_slowly_is_left_alone(name):
    symbol = LEFT_ALONE[name]
    found = fused(symbol, symbol.list_arguments(), fuse_dense=True)
    assert 'gluongan' not in found.tojson()
    assert found.list_inputs() == symbol.list_inputs()


@pytest.mark.parametrize(
    'activation',
    [
        lambda y: mx.sym.Activation(y, act_type='tanh'),
        lambda y: mx.sym.LeakyReLU(y, act_type='elu'),
        lambda y: mx.sym.LeakyReLU(y, slope=-0.5),
        lambda y: mx.sym.Activation(y, act_type='relu') + y,
    ],
)
def test_other_activations_stay(activation):
    symbol = fused(activation(dense(X, 'a')), {'x'}, fuse_dense=True)
    assert attributes(symbol, DENSE)[0]['slope'] == '1'


def test_each_kind_of_rewriting_can_be_left_out(monkeypatch):
    symbol = norm(dense(X, 'a'))
    for kinds, found in (((True, False), {DENSE}), ((False, True), {BATCHNORM})):
        text = fused(symbol, {'x'}, fuse_dense=kinds[0], fuse_norms=kinds[1]).tojson()
        assert {name for name in (DENSE, BATCHNORM) if name in text} == found
    monkeypatch.setattr(native, 'has_products', lambda: False)
    assert DENSE not in fused(symbol, {'x'}).tojson()


# What is left to MXNet


def test_layers_in_bfloat16_are_left_alone():
    net = Chain(Dense(4, in_units=3), BatchNorm(4, momentum=0.9))
    use_precision(net, 'bfloat16')
    text = fused(net(mx.sym.var('x')), {'x'}).tojson(remove_amp_cast=False)
    assert DENSE not in text and text.count('amp_cast') >= 4


@pytest.mark.parametrize('changed', ['add', 'float64'])
def test_nets_that_our_operators_do_not_take_are_left_to_mxnet(changed):
    net = models.dense_generator([5, 16, 16])
    assert can_fuse(net.collect_params().values())
    if changed == 'add':
        net.collect_params().setattr('grad_req', 'add')
    else:
        net.cast('float64')
    assert not can_fuse(net.collect_params().values())
    block = FusedNet(net)
    record_fake(block, mx.nd.ones((2, 5), dtype='float32' if changed == 'add' else 'float64'))
    assert {DENSE, BATCHNORM}.isdisjoint(operators(block))


@pytest.mark.parametrize('missing', ['is_available', 'computes_at_once'])
def test_without_the_operators_mxnets_are_used(monkeypatch, missing):
    monkeypatch.setattr(native, missing, lambda *part: False)
    block = FusedNet(models.dense_generator([5, 16, 16]))
    record_fake(block, mx.nd.ones((2, 5)))
    found = operators(block)
    assert {DENSE, BATCHNORM}.isdisjoint(found) and found['transpose'] == 2


def test_a_frozen_view_can_be_fused():
    net = models.dense_discriminator([16, 8, 1])
    view = FusedWithInputs(frozen(net))
    plain, fused = input_gradient(frozen(net)), input_gradient(view)
    assert operators(view)[DENSE] == 2 and 'Flatten' not in operators(view)
    np.testing.assert_allclose(fused, plain, rtol=1e-5, atol=1e-8)
