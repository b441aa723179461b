"""The arguments of GANUpdater: what it builds by itself, what it refuses, what a Config gives."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tiny

from gluongan import build
from gluongan.errors import InputError
from gluongan.gan.penalties import PENALTIES, GradientPenalty
from gluongan.gan.updater import GANUpdater
from gluongan.nn.layers import Chain, frozen
from gluongan.nn.models import dense_discriminator, dense_generator
from gluongan.nn.optimizer import Optimizer


def test_without_optimisers_both_networks_get_adam_with_its_defaults_or_the_given_rates(
    tiny_updater,
):
    def weights_after(**settings):
        updater = tiny_updater(**settings)
        for _ in range(3):
            updater.update()
        return updater.state()[0]

    rates = {'lr': 0.01, 'beta1': 0.9}
    for short, adam in (({}, {}), (rates, rates), ({'lr': 0.01}, {'lr': 0.01})):
        expected = weights_after(opt_gen=adam, opt_dis=adam)
        for name, value in weights_after(**short).items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_a_schedule_from_python_still_learns_after_the_first_step(tiny_updater):
    linear = {'lr': 0.1, 'schedule': 'linear', 'schedule_steps': 10}
    updater = tiny_updater(opt_gen=linear, opt_dis=linear)
    updater.update()
    before = updater.gen[0].weight.data().asnumpy()
    updater.update()
    assert np.abs(updater.gen[0].weight.data().asnumpy() - before).max() > 0.01


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'loss': 3}, 'loss 3: must be one of minimax, nonsaturating,'),
        ({'loss': None}, 'loss: must be one of minimax, nonsaturating,'),
        ({'dis_steps': 0}, 'dis_steps 0: must be a whole number of at least 1'),
        ({'gen_steps': 0}, 'gen_steps 0: must be a whole number of at least 1'),
        ({'gen_steps': 1.5}, 'gen_steps 1.5: must be a whole number of at least 1'),
        ({'lr': 'x'}, 'lr x: must be a finite number above 0'),
        ({'beta1': 'x'}, 'beta1 x: must be at least 0 and below 1'),
        ({'noise': 'gauss'}, 'noise gauss: must be one of normal, uniform, truncated'),
        ({'loss': 'best'}, 'loss best: must be one of minimax, nonsaturating,'),
        ({'penalty': 'r3'}, 'penalty r3: must be one of gp, dragan, r1, r2'),
        ({'opt_gen': {}}, 'opt_dis: missing; must be given together with `opt_gen`'),
        ({'opt_dis': {}}, 'opt_gen: missing; must be given together with `opt_dis`'),
        ({'opt_gen': {}, 'opt_dis': {}, 'lr': 0.1}, 'lr 0.1: `opt_gen` and `opt_dis` have'),
        ({'opt_gen': {}, 'opt_dis': {}, 'beta1': 0.0}, 'beta1 0.0: `opt_gen` and `opt_dis` have'),
        ({'instance_noise': 0.1}, 'noise_until: missing; must be the iteration'),
        ({'noise_until': 7}, 'noise_until 7: has no effect without `instance_noise`'),
        ({'instance_noise': 0.1, 'noise_until': 0}, 'noise_until 0: must be at least 1'),
        ({'instance_noise': -0.1, 'noise_until': 7}, 'instance_noise -0.1: must be at least 0'),
        ({'penalty_weight': 2.0}, 'penalty_weight 2.0: has no effect without `penalty`'),
        ({'penalty_every': 2}, 'penalty_every 2: has no effect without `penalty`'),
        ({'penalty': 'r1', 'penalty_every': 0}, 'penalty_every 0: must be'),
        ({'class_weight': 0.5}, 'class_weight 0.5: has no effect without a discriminator that'),
        ({'class_weight': -0.5}, 'class_weight -0.5: must be at least 0'),
        ({'dis': {'pack': 3}}, 'batch 8: must be a multiple of 3'),
        ({'conditional': True}, 'conditional: tiny has no labels'),
    ],
    ids=repr,
)
def test_what_is_missing_or_contradictory_is_refused_in_one_sentence(
    tiny_updater, arguments, message
):
    with pytest.raises(ValueError, match=f'^{re.escape(message)}') as refusal:
        tiny_updater(**arguments)
    assert '\n' not in str(refusal.value)


def test_what_is_no_batches_is_refused(tiny_nets, tiny_data):
    for real in (None, tiny_data, 'mnist', 5, [1, 2]):
        with pytest.raises(InputError, match=r'^real: must be batches, as dataset\.batches\(128\)'):
            GANUpdater(*tiny_nets(), real)


def test_networks_of_other_shapes_are_refused_before_the_first_update(tiny_nets, tiny_data, capfd):
    (gen, dis), real = tiny_nets(), tiny_data.batches(8)
    small_gen = dense_generator([5, 8, 9])
    small_dis = dense_discriminator([9, 8, 1])
    with pytest.raises(InputError, match=r'^gen: generates samples of shape \(1, 3, 3\); must be'):
        GANUpdater(small_gen, dis, real)
    with pytest.raises(InputError, match=r'^dis: does not take samples of shape \(1, 4, 4\)'):
        GANUpdater(gen, small_dis, real)
    with pytest.raises(InputError, match=r'^gen: does not take samples of shape \(7,\)'):
        GANUpdater(Chain(*gen, shape_in=(7,)), dis, real)
    assert capfd.readouterr().out == ''


def test_what_is_no_network_has_no_optimiser():
    for net in (None, 3, 'gen'):
        with pytest.raises(InputError, match=r'^net.*: must be a network'):
            Optimizer(net)


def test_an_optimiser_of_another_network_is_refused(tiny_nets, tiny_data):
    gen, dis = tiny_nets()
    real = tiny_data.batches(8)
    with pytest.raises(ValueError, match=r'^opt_gen: moves the weights of another network'):
        GANUpdater(gen, dis, real, opt_gen=Optimizer(dis), opt_dis=Optimizer(dis))
    with pytest.raises(ValueError, match=r'^opt_dis: moves the weights of another network'):
        GANUpdater(gen, dis, real, opt_gen=Optimizer(gen), opt_dis=Optimizer(gen))


@pytest.mark.parametrize('kind', PENALTIES)
def test_a_built_penalty_is_the_penalty_of_that_name(tiny_nets, tiny_data, kind):
    losses = []
    for is_built in (True, False):
        gen, dis = tiny_nets()
        penalty = {'penalty': kind, 'penalty_weight': 3.0, 'penalty_every': 2}
        if is_built:
            penalty = {'penalty': GradientPenalty(dis, frozen(dis), kind, 3.0, every=2)}
        updater = GANUpdater(gen, dis, tiny_data.batches(8), **penalty)
        for _ in range(3):
            updater.update()
        updater.drain()
        losses.append(updater.take())
    assert losses[0] == losses[1]


def test_a_built_penalty_that_does_not_fit_is_refused(tiny_nets, tiny_data):
    (gen, dis), (_, other), real = tiny_nets(), tiny_nets(), tiny_data.batches(8)
    with pytest.raises(ValueError, match=r'^penalty: belongs to another network'):
        GANUpdater(gen, dis, real, penalty=GradientPenalty(other, frozen(other), 'gp'))
    with pytest.raises(ValueError, match=r'^penalty: is built for 2 classes; must be built for 0'):
        GANUpdater(gen, dis, real, penalty=GradientPenalty(dis, frozen(dis), 'gp', classes=2))
    with pytest.raises(ValueError, match=r'^penalty_weight 1.0: `penalty` is built and has its'):
        penalty = GradientPenalty(dis, frozen(dis), 'gp')
        GANUpdater(gen, dis, real, penalty=penalty, penalty_weight=1.0)


def test_a_configs_optimisers_have_its_rates_and_a_schedule_in_steps_of_each_network():
    config = tiny.tiny(
        optimizer='rmsprop',
        gen_lr=0.01,
        dis_lr=0.02,
        decay=0.8,
        clip=0.1,
        schedule='linear',
        schedule_iterations=5,
        iterations=5,
        gen_steps=2,
        dis_steps=3,
    )
    dataset = build.load_data(config)
    updater, reference = (build.make_updater(config, dataset) for _ in range(2))
    shared = {'decay': 0.8, 'schedule': 'linear'}
    reference.opt_gen = Optimizer(reference.gen, 'rmsprop', lr=0.01, schedule_steps=10, **shared)
    reference.opt_dis = Optimizer(
        reference.dis, 'rmsprop', lr=0.02, clip=0.1, schedule_steps=15, **shared
    )
    for each in (updater, reference):
        for _ in range(4):
            each.update()
    arrays, _ = updater.state()
    expected, _ = reference.state()
    for name, value in arrays.items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)
    assert np.abs(arrays['dis/1.weight']).max() == np.float32(0.1)
