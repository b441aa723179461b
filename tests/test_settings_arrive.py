"""Every setting reaches what it is for: two values of it give other weights or another run.

A setting of both networks must reach each of them, and a setting of one must leave the other as it
is.
"""

from __future__ import annotations

import numpy as np
import pytest
import tiny

from gluongan import build, runtime
from gluongan.nn.layers import Conv, Dense
from gluongan.nn.layers.activations import Activation
from gluongan.nn.layers.tree import all_blocks
from gluongan.nn.optimizer import Optimizer
from gluongan.runtime import mx

SHAPE = (1, 16, 16)
CLASSES = 4
BOTH, GEN, DIS = ('gen', 'dis'), ('gen',), ('dis',)
MAKERS = {'gen': build.make_generator, 'dis': build.make_discriminator}


# Settings of a network and its optimiser


# The networks that it reaches, what it is set beside, and two values; for each kind of network.
DENSE = {
    'gen_hidden': (GEN, {}, (16,), (16, 8)),
    'dis_hidden': (DIS, {}, (16,), (16, 8)),
    'dis_head': (DIS, {}, 'logit', 'softmax'),
    'dis_projection': (DIS, {'conditional': True}, False, True),
}
CONV = {
    'conv_width': (BOTH, {}, 4, 8),
    'conv_depth': (BOTH, {}, 1, 2),
    'conv_extra': (BOTH, {}, 0, 1),
    'dis_beside': (DIS, {}, (), (5,)),
    'gen_modulated': (GEN, {}, False, True),
    'dis_projection': (DIS, {'conditional': True}, False, True),
}
SHARED = {
    'conditional': (BOTH, {}, False, True),
    'latent': (GEN, {}, 5, 6),
    'gen_activation': (GEN, {}, 'relu', 'tanh'),
    'dis_activation': (DIS, {}, 'relu', 'tanh'),
    'leaky_slope': (BOTH, {}, 0.1, 0.3),
    'gen_output': (GEN, {}, 'sigmoid', 'tanh'),
    'gen_batchnorm': (GEN, {}, True, False),
    'dis_batchnorm': (DIS, {}, True, False),
    'batchnorm_momentum': (BOTH, {'dis_batchnorm': True}, 0.5, 0.9),
    'gen_dropout': (GEN, {}, 0.1, 0.5),
    'dis_dropout': (DIS, {}, 0.1, 0.5),
    'dis_spectral': (DIS, {}, True, False),
    'dis_kernels': (DIS, {}, 0, 3),
    'dis_stddev': (DIS, {}, True, False),
    'pack': (DIS, {}, 1, 2),
    'init': (BOTH, {}, 'normal', 'glorot'),
    'optimizer': (BOTH, {}, 'adam', 'rmsprop'),
    'lr': (BOTH, {}, 1e-3, 1e-2),
    'gen_lr': (GEN, {}, 1e-3, 1e-2),
    'dis_lr': (DIS, {}, 1e-3, 1e-2),
    'beta1': (BOTH, {}, 0.5, 0.9),
    'beta2': (BOTH, {}, 0.5, 0.9),
    'decay': (BOTH, {'optimizer': 'rmsprop'}, 0.5, 0.9),
    'momentum': (BOTH, {'optimizer': 'sgd'}, 0.5, 0.9),
    'schedule': (BOTH, {'schedule_iterations': 10, 'iterations': 5}, 'linear', 'cosine'),
    'schedule_iterations': (BOTH, {'schedule': 'linear', 'iterations': 5}, 10, 20),
    'clip': (DIS, {'init': 'he'}, 0.01, 0.02),
}
KINDS = {'dense': {**SHARED, **DENSE}, 'conv': {**SHARED, **CONV}}
CASES = [(kind, name) for kind, settings in KINDS.items() for name in settings]


def parts_of(net):
    return [value.data().asnumpy() for value in net.collect_params().values()]


def trace_of(config, network):
    """Return everything that a network does: its weights, what it gives, and how it moves.

    Its gradients are made up, so that the other network has no part in it.
    """
    classes = CLASSES if config.conditional else 0
    nets = {}
    for name, make in MAKERS.items():
        runtime.seed(3)
        nets[name] = make(config, SHAPE, classes, 'cpu')
    net = nets[network]
    optimizer = dict(zip(BOTH, build.make_optimizers(config, *nets.values())))[network]
    random = np.random.default_rng(0)
    x = mx.nd.array(random.normal(size=(6, *net.shape_in)))
    trace = [*parts_of(net), net(x).asnumpy()]
    runtime.seed(4)
    with mx.autograd.record():
        y = net(x)
    y.backward()
    trace += [y.asnumpy(), *parts_of(net)]
    for _ in range(3):
        for parameter in optimizer.parameters:
            parameter.grad()[:] = mx.nd.array(random.normal(size=parameter.shape))
        optimizer.step()
    return [*trace, *parts_of(net)]


def same(one, other):
    return len(one) == len(other) and all(map(np.array_equal, one, other))


@pytest.mark.parametrize('kind, name', CASES)
def test_a_setting_reaches_its_networks_and_no_other(kind, name):
    reached, beside, *values = KINDS[kind][name]
    base = {'network': kind, 'conv_width': 4, **beside}
    configs = [tiny.tiny(**{**base, name: value}) for value in values]
    for network in BOTH:
        one, other = (trace_of(config, network) for config in configs)
        assert same(one, other) == (network not in reached), network


@pytest.mark.parametrize('native_rules', [True, False], ids=['native', 'plain'])
@pytest.mark.parametrize('optimizer', ['adam', 'rmsprop', 'sgd'])
def test_weights_are_clipped_by_every_optimizer_in_the_discriminator_alone(
    monkeypatch, optimizer, native_rules
):
    if not native_rules:
        monkeypatch.setattr(Optimizer, '_can_be_native', lambda self: False)
    settings = {'optimizer': optimizer, 'init': 'he', 'lr': 1e-3, 'clip': 0.02}
    largest = {}
    for network in BOTH:
        last = trace_of(tiny.tiny(**settings), network)[-4:]
        matrices = [value for value in last if value.ndim > 1]
        largest[network] = max(np.abs(value).max() for value in matrices)
    assert largest['dis'] == np.float32(0.02)
    assert largest['gen'] > 0.05


def test_the_kind_of_network_reaches_both():
    for network in BOTH:
        one, other = (trace_of(tiny.tiny(network=kind), network) for kind in KINDS)
        assert not same(one, other)


# A setting of layers, which one layer alone would show

IN_EVERY_LAYER = {
    'leaky_slope': 0.37,
    'batchnorm_momentum': 0.71,
    'gen_dropout': 0.13,
    'dis_dropout': 0.13,
    'gen_activation': 'leaky_relu',
    'dis_activation': 'leaky_relu',
    'gen_batchnorm': True,
    'dis_batchnorm': True,
    'dis_spectral': True,
    'gen_hidden': (16, 8),
    'dis_hidden': (16, 8),
    'conv_depth': 2,
}


@pytest.mark.parametrize('network', BOTH)
@pytest.mark.parametrize('kind', KINDS)
def test_a_setting_of_layers_reaches_every_layer(kind, network):
    config = tiny.tiny(network=kind, conv_width=4, **IN_EVERY_LAYER)
    blocks = list(all_blocks(MAKERS[network](config, SHAPE, 0, 'cpu')))
    activations = [block for block in blocks if isinstance(block, Activation)]
    slopes = [block.slope for block in activations if block.title == 'leaky_relu']
    normalised = [block for block in blocks if isinstance(block, mx.gluon.nn.BatchNorm)]
    momenta = [block._kwargs['momentum'] for block in normalised]
    rates = [block._rate for block in blocks if isinstance(block, mx.gluon.nn.Dropout)]
    # The first layer of a convolutional discriminator has no BatchNorm, as in DCGAN.
    plain = (kind, network) == ('conv', 'dis')
    assert (slopes, momenta, rates) == ([0.37] * 2, [0.71] * (2 - plain), [0.13] * 2)
    with_weights = [block for block in blocks if isinstance(block, (Conv, Dense))]
    spectral = {'u' in block._collect_params_with_prefix() for block in with_weights}
    assert spectral == {network == 'dis'}


# Settings of the updates


GAME = {
    'mirror': ({}, False, True),
    'augment': ({}, ('color',), ('shift',)),
    'augment_probability': ({'augment': ('shift',)}, 0.5, 1.0),
    'augment_target': ({'augment': ('shift',), 'augment_span': 200}, None, -1.0),
    'augment_span': ({'augment': ('shift',), 'augment_target': -1.0}, 200, 400),
    'noise': ({}, 'normal', 'uniform'),
    'loss': ({}, 'nonsaturating', 'least_squares'),
    'dis_steps': ({}, 1, 2),
    'gen_steps': ({}, 1, 2),
    'penalty': ({}, 'r1', 'r2'),
    'penalty_weight': ({'penalty': 'r1'}, 1.0, 20.0),
    'penalty_every': ({'penalty': 'r1'}, 1, 2),
    'clusters': ({'conditional': True}, 2, 3),
    'class_weight': ({'conditional': True, 'dis_projection': True}, 0.0, 0.5),
    'real_target': ({}, 1.0, 0.9),
    'fake_target': ({}, 0.0, 0.1),
    'instance_noise': ({}, 0.1, 0.5),
    'noise_until': ({'instance_noise': 0.5}, 2, 1000),
    'ema': ({}, 0.01, 0.1),
    'shared_noise': ({}, True, False),
    'batch': ({}, 32, 16),
    'seed': ({}, 0, 1),
}
DATA = {
    'data': ({}, 'synthetic', 'ring8'),
    'binarize': ({}, False, True),
    'image_size': ({}, 8, 16),
    'channels': ({}, 1, 3),
}


def weights_after(config, iterations=6):
    """Return the weights that a snapshot would have, by network."""
    updater = build.make_updater(config, build.load_data(config))
    for _ in range(iterations):
        updater.update()
    arrays, _ = updater.state()
    nets = {}
    for name, value in arrays.items():
        nets.setdefault(name.split('/')[0], []).append(np.array(value))
    return nets


@pytest.mark.parametrize('name', GAME)
def test_a_setting_of_the_updates_changes_the_weights(name):
    beside, *values = GAME[name]
    one, other = (weights_after(tiny.tiny(**beside, **{name: value})) for value in values)
    if name == 'ema':
        assert same(one['gen'], other['gen'])
        assert not same(one['ema'], other['ema'])
    else:
        assert not same(one['gen'], other['gen'])
        assert not same(one['dis'], other['dis'])


def test_a_conditional_run_is_conditional_in_every_part():
    config = tiny.tiny(conditional=True)
    dataset = build.load_data(config)
    updater = build.make_updater(config, dataset)
    classes = len(dataset.classes)
    assert updater.classes == classes > 1
    assert updater.gen.shape_in == (config.latent + classes,)
    assert updater.dis.shape_in == (8 * 8 + classes,)


def test_the_seed_reaches_the_weights_the_order_of_the_data_and_the_noise():
    parts = []
    for seed in (0, 1):
        config = tiny.tiny(seed=seed)
        updater = build.make_updater(config, build.load_data(config))
        parts.append((parts_of(updater.gen), parts_of(updater.dis), updater.state()[1]))
    (gen, dis, state), (other_gen, other_dis, other_state) = parts
    assert not same(gen, other_gen)
    assert not same(dis, other_dis)
    for name in ('noise', 'real'):
        assert state[name] != other_state[name], name


@pytest.mark.parametrize('name', DATA)
def test_a_setting_of_the_data_changes_the_samples(name):
    beside, *values = DATA[name]
    samples = []
    for value in values:
        config = tiny.tiny(**{'image_size': None, **beside, name: value})
        samples.append(build.load_data(config).samples)
    assert not same(*([x] for x in samples))


def test_the_folder_of_the_data_is_where_it_is_looked_for(monkeypatch):
    given = []
    monkeypatch.setattr(build.data, 'load', lambda *_, **settings: given.append(settings))
    for split in ('train', 'test'):
        build.load_data(tiny.tiny(data_dir='some/folder'), split)
    assert [(each['data_dir'], each['split']) for each in given] == [
        ('some/folder', 'train'),
        ('some/folder', 'test'),
    ]


def test_precision_reaches_both_networks(monkeypatch):
    given = []
    monkeypatch.setattr(build, '_check_precision', lambda *_: None)
    monkeypatch.setattr(build, 'use_precision', lambda net, precision: given.append(precision))
    config = tiny.tiny(precision='bfloat16')
    build.make_updater(config, build.load_data(config))
    assert given == ['bfloat16', 'bfloat16']


def test_the_device_is_the_one_that_was_asked_for():
    config = tiny.tiny(device='gpu(7)')
    with pytest.raises(runtime.DeviceError, match='gpu'):
        build.make_updater(config, build.load_data(config))


def trainable(updater):
    nets = (updater.gen, updater.dis)
    return [
        [p.data().asnumpy() for p in net.collect_params().values() if p.grad_req != 'null']
        for net in nets
    ]


def test_both_rates_reach_zero_at_the_same_iteration_whatever_the_steps():
    config = tiny.tiny(
        dis_steps=2, gen_steps=3, schedule='linear', schedule_iterations=4, iterations=4, lr=0.01
    )
    updater = build.make_updater(config, build.load_data(config))
    weights = []
    for _ in range(6):
        updater.update()
        weights.append(trainable(updater))
    for network in (0, 1):
        third, fourth, fifth, sixth = (each[network] for each in weights[2:])
        assert not same(third, fourth)
        assert same(fifth, sixth)
