"""The script of `gluongan play` computes what MXNet and NumPy compute."""

from __future__ import annotations

import json

import numpy as np
import pytest
from node import needs_node, node
from scipy import stats

import gluongan as gg
from gluongan import runtime
from gluongan.exports.operators import OPERATORS, check_operators
from gluongan.exports.symbol import Traced, trace
from gluongan.gan.noise import interpolate
from gluongan.gan.sampling import generate
from gluongan.nn.graph import VARIABLE, Graph, Node
from gluongan.nn.layers import ACTIVATIONS, frozen
from gluongan.nn.models import conv_discriminator, conv_generator
from gluongan.pages.play.networks import describe
from gluongan.runtime import mx

pytestmark = needs_node

WINDOW = {
    'pad': '(1, 1)',
    'dilate': '(1, 1)',
    'num_group': '1',
    'layout': 'NCHW',
    'num_filter': '3',
}
HALVING = {**WINDOW, 'kernel': '(4, 4)', 'stride': '(2, 2)'}
KEEPING = {**WINDOW, 'kernel': '(3, 3)', 'stride': '(1, 1)'}
DOUBLING = {**HALVING, 'adj': '(0, 0)'}
NORM = {
    'axis': '1',
    'eps': '0.001',
    'momentum': '0.9',
    'fix_gamma': 'False',
    'use_global_stats': 'False',
}
PICTURES, ROWS = (2, 5, 6, 4), (3, 7)

# The operator, its attributes as MXNet writes them, and the shapes of its inputs.
CASES = [
    ('FullyConnected', {'num_hidden': '4', 'no_bias': 'False'}, ROWS, (4, 7), (4,)),
    ('FullyConnected', {'num_hidden': '4', 'no_bias': 'True'}, (2, 1, 3, 2), (4, 6)),
    ('Convolution', {**HALVING, 'no_bias': 'False'}, PICTURES, (3, 5, 4, 4), (3,)),
    ('Convolution', {**KEEPING, 'no_bias': 'True'}, PICTURES, (3, 5, 3, 3)),
    ('Deconvolution', {**DOUBLING, 'no_bias': 'False'}, PICTURES, (5, 3, 4, 4), (3,)),
    ('Deconvolution', {**DOUBLING, 'no_bias': 'True'}, (1, 4, 3, 3), (4, 3, 4, 4)),
    ('BatchNorm', NORM, PICTURES, (5,), (5,), (5,), (5,)),
    ('BatchNorm', NORM, ROWS, (7,), (7,), (7,), (7,)),
    *(('Activation', {'act_type': name}, ROWS) for name in ('relu', 'sigmoid', 'softrelu', 'tanh')),
    ('LeakyReLU', {'act_type': 'leaky'}, ROWS),
    ('LeakyReLU', {'act_type': 'leaky', 'slope': '0.1'}, ROWS),
    ('LeakyReLU', {'act_type': 'elu', 'slope': '1.5'}, ROWS),
    ('LeakyReLU', {'act_type': 'gelu'}, ROWS),
    ('Dropout', {'p': '0.5'}, ROWS),
    *((name, {}, ROWS) for name in ('BlockGrad', 'abs', 'exp', 'sigmoid', 'square', 'zeros_like')),
    ('sqrt', {}, (5,)),
    *((f'_{name}_scalar', {'scalar': '2.5'}, ROWS) for name in ('plus', 'minus', 'mul', 'div')),
    *((f'elemwise_{name}', {}, ROWS, ROWS) for name in ('add', 'sub', 'mul')),
    *((f'broadcast_{name}', {}, PICTURES, (2, 5, 1, 1)) for name in ('add', 'sub', 'mul', 'div')),
    ('broadcast_sub', {}, (1, 3, 4), (3, 1, 4)),
    ('sum', {}, ROWS),
    ('sum', {'axis': '1', 'keepdims': 'True'}, PICTURES),
    ('mean', {'axis': '2'}, PICTURES),
    ('mean', {'axis': '0', 'keepdims': 'True'}, ROWS),
    ('dot', {}, (3, 6), (6, 2)),
    ('Flatten', {}, PICTURES),
    ('Reshape', {'shape': '(0, 5, -1)'}, PICTURES),
    ('Reshape', {'shape': '(-1, 7)'}, ROWS),
    ('reshape_like', {}, (2, 6), (3, 4)),
    ('expand_dims', {'axis': '1'}, ROWS),
    ('slice_axis', {'axis': '1', 'begin': '-3', 'end': 'None'}, PICTURES),
    ('slice_axis', {'axis': '1', 'begin': '1', 'end': '-2'}, PICTURES),
    ('Concat', {'dim': '1', 'num_args': '2'}, (2, 3, 4), (2, 1, 4)),
    ('Concat', {'dim': '0', 'num_args': '2'}, (2, 3), (1, 3)),
]


def inputs_of(op, shapes):
    """Numbers of both signs; where MXNet takes no negative ones, as of a variance, of one."""
    generator = np.random.default_rng(len(shapes) + len(op))
    arrays = [generator.standard_normal(shape).astype(np.float32) * 3 for shape in shapes]
    if op in ('sqrt', 'BatchNorm'):
        arrays = [abs(array) + 0.1 for array in arrays]
    return arrays


def graph_of(op, attrs, count):
    names = [f'x{index}' for index in range(count)]
    variables = [Node(VARIABLE, name, {}, ()) for name in names]
    return Graph((*variables, Node(op, 'y', attrs, tuple(range(count)))), output=count)


def by_mxnet(op, attrs, arrays):
    symbol = mx.sym.load_json(graph_of(op, attrs, len(arrays)).json())
    names = [*symbol.list_arguments(), *symbol.list_auxiliary_states()]
    given = {name: mx.nd.array(arrays[int(name[1:])]) for name in names}
    states = {name: given.pop(name) for name in symbol.list_auxiliary_states()}
    return symbol.bind(mx.cpu(), given, aux_states=states).forward(is_train=False)[0].asnumpy()


@pytest.fixture(scope='module')
def computed():
    """What the script computes of each of CASES, in one process."""
    cases = []
    for op, attrs, *shapes in CASES:
        parsed = check_operators(graph_of(op, attrs, len(shapes))).nodes[-1].attrs
        arrays = [[array.shape, array.ravel().tolist()] for array in inputs_of(op, shapes)]
        cases.append([op, parsed, arrays])
    outputs = node(
        'given.cases.map(([op, attrs, inputs]) => OPERATORS[op](attrs, ...inputs.map('
        '([shape, data]) => tensor(shape, Float32Array.from(data)))))'
        '.map(({ shape, data }) => [shape, Array.from(data)])',
        cases=cases,
    )
    return [np.reshape(data, shape) for shape, data in outputs]


@pytest.mark.parametrize('number', range(len(CASES)), ids=lambda n: f'{CASES[n][0]}-{n}')
def test_an_operator_computes_what_mxnet_computes(computed, number):
    op, attrs, *shapes = CASES[number]
    expected = by_mxnet(op, attrs, inputs_of(op, shapes))
    assert computed[number].shape == expected.shape
    np.testing.assert_allclose(computed[number], expected, rtol=2e-6, atol=2e-6)


def test_the_script_has_the_operators_of_exports_and_no_others():
    assert set(node('Object.keys(OPERATORS)')) == set(OPERATORS)
    assert {op for op, *_ in CASES} == set(OPERATORS)


def test_a_network_with_another_operator_is_refused():
    network = {'nodes': [['null', {}, []], ['topk', {}, [0]]], 'output': 1, 'input': 0}
    message = node(
        '(() => { try { new Network(given.net) } catch (error) { return error.message } })()',
        net={**network, 'weights': [], 'values': ''},
    )
    assert message == 'the network has the operator topk, which this page lacks'


# Whole networks


def dense(activation='leaky_relu', output='sigmoid', **settings):
    return gg.dense_generator([5, 8, 16], activation, output, init='glorot', **settings)


SMALL = (1, 8, 8)
NETS = {
    **{f'dense {name}': lambda name=name: dense(name) for name in ACTIVATIONS},
    'dense tanh output': lambda: dense(output='tanh'),
    'dense without BatchNorm': lambda: dense(batchnorm=False, dropout=0.3),
    'dense softmax': lambda: gg.dense_discriminator([16, 8, 2], head='softmax', init='glorot'),
    'conv': lambda: conv_generator(5, SMALL, width=4, init='glorot'),
    'conv colour': lambda: conv_generator(5, (3, 8, 12), 'sigmoid', width=4, init='glorot'),
    'conv modulated': lambda: conv_generator(5, SMALL, width=4, modulated=True, init='glorot'),
    'conv extra': lambda: conv_generator(
        5, SMALL, width=4, extra=1, modulated=True, activation='selu', init='glorot'
    ),
    'conv dis': lambda: conv_discriminator(SMALL, width=4, init='glorot'),
    'conv dis projection': lambda: conv_discriminator(
        (4, 8, 8), width=4, projected=3, spectral=True, batchnorm=False, beside=(6,), extra=1
    ),
    'dense dis projection': lambda: gg.dense_discriminator(
        [19, 8, 1], projected=3, shape=(19,), spectral=True, init='glorot'
    ),
}


def moved(net):
    """Give BatchNorm statistics and shifts that are not those of the start."""
    generator = np.random.default_rng(0)
    for name, parameter in net.collect_params().items():
        if name.endswith(('running_mean', 'beta', 'bias')):
            parameter.set_data(mx.nd.array(generator.standard_normal(parameter.shape) / 3))
        elif name.endswith(('running_var', 'gamma')):
            parameter.set_data(mx.nd.array(generator.random(parameter.shape) + 0.5))
    return net


@pytest.fixture(scope='module')
def nets():
    made = {}
    for name, make in NETS.items():
        runtime.seed(0)
        made[name] = moved(make())
    return made


def described(net):
    traced = trace(net, 'sample')
    return describe(Traced(check_operators(traced.graph), traced.weights), net.shape_in)


def inputs_for(net, count=3):
    shape = (count, *net.shape_in)
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def test_a_network_computes_what_mxnet_computes(nets):
    given = []
    for net in nets.values():
        x = inputs_for(net)
        given.append([described(net), x.shape, x.ravel().tolist()])
    outputs = node(
        'given.nets.map(([net, shape, x]) =>'
        ' Array.from(new Network(net).run(tensor(shape, Float32Array.from(x))).data))',
        nets=json.loads(json.dumps(given)),
    )
    for (name, net), output in zip(nets.items(), outputs):
        expected = generate(net, inputs_for(net)).ravel()
        np.testing.assert_allclose(output, expected, rtol=2e-5, atol=2e-6, err_msg=name)


def test_dense_generators_have_the_gradient_that_mxnet_has_and_convolutions_none(nets):
    given, expected = [], {}
    for name, net in nets.items():
        x = inputs_for(net)
        given.append([described(net), x.shape, x.ravel().tolist()])
        z = mx.nd.array(x)
        z.attach_grad()
        with mx.autograd.record(train_mode=False):
            y = frozen(net, use_running_stats=True)(z)
            (y * y / 2).sum().backward()
        expected[name] = z.grad.asnumpy().ravel()
    gradients = node(
        'given.nets.map(([net, shape, x]) => [new Network(net), tensor(shape,'
        ' Float32Array.from(x))]).map(([net, x]) => net.hasGradient'
        ' && Array.from(net.differentiate(x, (y) => y.slice()).gradient))',
        nets=given,
    )
    for name, gradient in zip(nets, gradients):
        if name == 'dense softmax' or 'conv' in name or 'dis' in name:
            assert gradient is False, name
        else:
            np.testing.assert_allclose(gradient, expected[name], 2e-4, 2e-6, err_msg=name)


def test_what_a_generator_made_is_found_again():
    runtime.seed(0)
    net = gg.dense_generator([5, 32, 16], batchnorm=False, init='he')
    made = generate(net, np.random.default_rng(3).standard_normal((1, 5)).astype(np.float32))
    first, last = node(
        '(() => { const player = { G: new Network(given.net), latent: 5, classes: [],'
        ' distribution: "normal" }; const search = new Search(player, Float32Array.from(given.x));'
        ' search.step(); const first = search.best.error;'
        ' while (!search.isDone) search.step(); return [first, search.best.error] })()',
        net=described(net),
        x=made.ravel().tolist(),
    )
    assert last < 1e-3 < first / 10


# Noise

CDFS = {
    'normal': stats.norm.cdf,
    'truncated': stats.truncnorm(-2, 2).cdf,
    'uniform': stats.uniform(-1, 2).cdf,
}


def test_a_walk_goes_where_gluongan_goes():
    z = np.random.default_rng(2).standard_normal((5, 6)).astype(np.float32).clip(-2, 2)
    z[2] = -z[1] + 0.01  # nearly opposite
    z[4] = 1.5 * z[3]  # of the same direction
    found = node(
        'given.names.map((name) => given.pairs.flatMap(([a, b]) => [0, 0.25, 0.5, 0.75].map((at) =>'
        ' Array.from(between(Float32Array.from(a), Float32Array.from(b), at, name)))))',
        pairs=[[a.tolist(), b.tolist()] for a, b in zip(z, z[1:])],
        names=list(CDFS),
    )
    for name, path in zip(CDFS, found):
        np.testing.assert_allclose(path, interpolate(z, 4, name)[:-1], atol=1e-4, err_msg=name)


def test_the_share_of_normal_numbers_below_a_number():
    x = np.linspace(-7, 7, 101)
    found = node('given.x.map(normalShare)', x=x.tolist())
    np.testing.assert_allclose(found, stats.norm.cdf(x), rtol=2e-7)
    back = node('given.x.map((x) => normalQuantile(normalShare(x)))', x=(x / 2).tolist())
    np.testing.assert_allclose(back, x / 2, atol=1e-5)


@pytest.mark.parametrize(
    ('before', 'bound'), [('normal', 0.5), ('normal', 2.5), ('truncated', 0.7)]
)
def test_truncated_noise_has_the_distribution_of_values_drawn_again(before, bound):
    z = node(
        'Array.from(truncated(drawNoise(randomStream(5), 5000, given.before), given.bound,'
        ' given.before))',
        before=before,
        bound=bound,
    )
    assert max(map(abs, z)) <= bound
    assert stats.kstest(z, stats.truncnorm(-bound, bound).cdf).pvalue > 0.01


def test_the_page_draws_the_noise_of_the_generator_and_a_seed_repeats_it():
    draws = node(
        'given.names.map((name) => [70, 70, 71].map((seed) =>'
        ' Array.from(drawNoise(randomStream(seed), 5000, name))))',
        names=list(CDFS),
    )
    for cdf, (z, again, another) in zip(CDFS.values(), draws):
        assert stats.kstest(z, cdf).pvalue > 0.01
        assert z == again != another


def test_noise_within_the_bound_is_left_as_it_is():
    found = node('[truncated([3, -1], Infinity, "normal"), truncated([1, 0], 0.5, "uniform")]')
    assert found == [[3, -1], [1, 0]]
