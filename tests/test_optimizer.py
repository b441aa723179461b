"""The three update rules against NumPy in float64, weight clipping, and a state that carries a run on exactly."""
from __future__ import annotations

import numpy as np
import pytest

from gluongan import runtime
from gluongan.nets import dense_generator
from gluongan.optimizer import RULES, Optimizer
from gluongan.runtime import mx

STEPS = 6
# Settings that are no defaults, so that one which never arrives is found out.
RATES = {'adam': {'lr': 0.03, 'beta1': 0.6, 'beta2': 0.95}, 'rmsprop': {'lr': 0.02, 'decay': 0.8},
         'sgd': {'lr': 0.05, 'momentum': 0.7}}


def adam(w, gradients, lr, beta1, beta2):
    """Kingma and Ba 2015, end of section 2: the bias correction moved into the step, eps 1e-8 beside sqrt(v)."""
    m = v = np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        w = w - lr * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(v) + 1e-8)
    return w


def rmsprop(w, gradients, lr, decay):
    """Tieleman and Hinton 2012, as MXNet has it: eps 1e-8 under the root."""
    n = np.zeros_like(w)
    for g in gradients:
        n = decay * n + (1 - decay) * g * g
        w = w - lr * g / np.sqrt(n + 1e-8)
    return w


def sgd(w, gradients, lr, momentum):
    """Polyak's momentum."""
    speed = np.zeros_like(w)
    for g in gradients:
        speed = momentum * speed + lr * g
        w = w - speed
    return w


ORACLES = {'adam': adam, 'rmsprop': rmsprop, 'sgd': sgd}


@pytest.fixture
def net():
    runtime.seed(0)
    return dense_generator([3, 4, 16], init='glorot')


def gradients(net, steps=STEPS, seed=1):
    """Made-up gradients, of very different sizes, for every parameter that learns."""
    draw = np.random.RandomState(seed)
    return [[(draw.standard_normal(p.shape) * 10.0 ** draw.randint(-3, 2, p.shape)).astype(np.float32)
             for p in net.collect_params().values() if p.grad_req != 'null'] for _ in range(steps)]


def play(optimizer, steps):
    for values in steps:
        for parameter, value in zip(optimizer.parameters, values):
            parameter.grad()[:] = value
        optimizer.step()


def learnt(optimizer):
    return [p.data().asnumpy() for p in optimizer.parameters]


def test_every_rule_has_its_formula_here():
    assert set(ORACLES) == set(RULES)


@pytest.mark.parametrize('rule', RULES)
def test_steps_are_those_of_the_formula(net, rule):
    optimizer, given = Optimizer(net, rule, **RATES[rule]), gradients(net)
    before = learnt(optimizer)
    play(optimizer, given)
    for i, (start, end) in enumerate(zip(before, learnt(optimizer))):
        exact = ORACLES[rule](start.astype(np.float64), [step[i].astype(np.float64) for step in given], **RATES[rule])
        np.testing.assert_allclose(end, exact, rtol=2e-5, atol=2e-6)
        assert np.abs(end - start).max() > 1e-2
    assert optimizer.steps == STEPS


@pytest.mark.parametrize('rule', RULES)
def test_all_that_learns_moves_and_running_statistics_do_not(net, rule):
    optimizer = Optimizer(net, rule)
    names = {p.name for p in optimizer.parameters}
    still = {p.name: p.data().asnumpy() for p in net.collect_params().values() if p.name not in names}
    assert len(names) == 6 and all('running' in name for name in still) and len(still) == 2
    play(optimizer, gradients(net))
    for name, value in still.items():
        np.testing.assert_array_equal(net.collect_params()[name].data().asnumpy(), value)


def test_sgd_without_momentum_is_plain_descent(net):
    optimizer, given = Optimizer(net, 'sgd', lr=0.5, momentum=0.0), gradients(net, 2)
    before = learnt(optimizer)
    play(optimizer, given)
    for i, (start, end) in enumerate(zip(before, learnt(optimizer))):
        np.testing.assert_allclose(end, start - 0.5 * (given[0][i] + given[1][i]), rtol=1e-5, atol=1e-5)
    assert optimizer.state() == {}
    optimizer.restore({}, 7)
    assert optimizer.steps == 7


@pytest.mark.parametrize('rule', RULES)
def test_clip_bounds_every_weight_on_both_sides_and_only_then(net, rule):
    free, bound = Optimizer(net, rule, lr=0.1), Optimizer(net, rule, lr=0.1, clip=0.01)
    play(free, gradients(net))
    assert max(np.abs(w).max() for w in learnt(free)) > 0.1
    play(bound, gradients(net, 1))
    found = np.concatenate([w.ravel() for w in learnt(bound)])
    assert found.max() == np.float32(0.01) and found.min() == np.float32(-0.01)


@pytest.mark.parametrize('rule', RULES)
def test_restored_optimizer_goes_on_bit_for_bit(net, rule):
    given = gradients(net, 8)
    optimizer = Optimizer(net, rule, **RATES[rule])
    play(optimizer, given[:4])
    saved = {name: value.asnumpy().copy() for name, value in optimizer.state().items()}
    weights = learnt(optimizer)
    play(optimizer, given[4:])
    straight = learnt(optimizer)
    again = Optimizer(net, rule, **RATES[rule])
    for parameter, value in zip(again.parameters, weights):
        parameter.data()[:] = value
    again.restore(saved, 4)
    play(again, given[4:])
    for mine, theirs in zip(learnt(again), straight):
        np.testing.assert_array_equal(mine, theirs)
    assert again.steps == 8 and saved


@pytest.mark.parametrize('lost', ['steps', 'moments'])
def test_adam_without_its_number_of_steps_or_its_moments_goes_another_way(net, lost):
    given = gradients(net, 5)
    optimizer = Optimizer(net, 'adam', **RATES['adam'])
    play(optimizer, given[:4])
    saved, weights = {name: value.asnumpy() for name, value in optimizer.state().items()}, learnt(optimizer)
    play(optimizer, given[4:])
    straight = learnt(optimizer)
    for parameter, value in zip(optimizer.parameters, weights):
        parameter.data()[:] = value
    optimizer.restore({name: value * (lost != 'moments') for name, value in saved.items()}, 0 if lost == 'steps' else 4)
    play(optimizer, given[4:])
    assert any((mine != theirs).any() for mine, theirs in zip(learnt(optimizer), straight))


def test_restore_without_one_of_the_moments_fails(net):
    optimizer = Optimizer(net, 'adam')
    arrays = {name: value.asnumpy() for name, value in optimizer.state().items()}
    assert len(arrays) == 2 * len(optimizer.parameters)
    arrays.popitem()
    with pytest.raises(KeyError):
        optimizer.restore(arrays, 1)


@pytest.mark.parametrize('name', ['Adam', 'adamw', '', 'nag'])
def test_unknown_rule_is_refused_and_the_known_ones_are_named(net, name):
    with pytest.raises(ValueError, match=f'optimizer {name!r}: must be one of adam, rmsprop, sgd'):
        Optimizer(net, name)


def test_state_names_sort_in_the_order_of_the_parameters(net):
    optimizer = Optimizer(net, 'adam')
    assert list(optimizer.state()) == sorted(optimizer.state())
    for name, value in optimizer.state().items():
        assert value.shape == optimizer.parameters[int(name.split('.')[0])].shape
        assert isinstance(value, mx.nd.NDArray)
