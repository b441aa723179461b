"""The three update rules against NumPy in float64, weight clipping, and a state that carries a run on exactly."""

from __future__ import annotations

import numpy as np
import pytest

from gluongan import runtime
from gluongan.nn.models import dense_generator
from gluongan.nn.optimizer import RULES, SCHEDULES, Optimizer
from gluongan.runtime import mx

STEPS = 6
# Settings that are no defaults, so that one which never arrives is found out.
RATES = {
    'adam': {'lr': 0.03, 'beta1': 0.6, 'beta2': 0.95},
    'rmsprop': {'lr': 0.02, 'decay': 0.8},
    'sgd': {'lr': 0.05, 'momentum': 0.7},
}


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
    return [
        [
            (draw.standard_normal(p.shape) * 10.0 ** draw.randint(-3, 2, p.shape)).astype(
                np.float32
            )
            for p in net.collect_params().values()
            if p.grad_req != 'null'
        ]
        for _ in range(steps)
    ]


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
        exact = ORACLES[rule](
            start.astype(np.float64), [step[i].astype(np.float64) for step in given], **RATES[rule]
        )
        np.testing.assert_allclose(end, exact, rtol=2e-5, atol=2e-6)
        assert np.abs(end - start).max() > 1e-2
    assert optimizer.steps == STEPS


@pytest.mark.parametrize('rule', RULES)
def test_all_that_learns_moves_and_running_statistics_do_not(net, rule):
    optimizer = Optimizer(net, rule)
    names = {p.name for p in optimizer.parameters}
    still = {
        p.name: p.data().asnumpy() for p in net.collect_params().values() if p.name not in names
    }
    assert len(names) == 6 and all('running' in name for name in still) and len(still) == 2
    play(optimizer, gradients(net))
    for name, value in still.items():
        np.testing.assert_array_equal(net.collect_params()[name].data().asnumpy(), value)


def test_sgd_without_momentum_is_plain_descent(net):
    optimizer, given = Optimizer(net, 'sgd', lr=0.5, momentum=0.0), gradients(net, 2)
    before = learnt(optimizer)
    play(optimizer, given)
    for i, (start, end) in enumerate(zip(before, learnt(optimizer))):
        np.testing.assert_allclose(
            end, start - 0.5 * (given[0][i] + given[1][i]), rtol=1e-5, atol=1e-5
        )
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


@pytest.mark.same_bits
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
    saved, weights = (
        {name: value.asnumpy() for name, value in optimizer.state().items()},
        learnt(optimizer),
    )
    play(optimizer, given[4:])
    straight = learnt(optimizer)
    for parameter, value in zip(optimizer.parameters, weights):
        parameter.data()[:] = value
    optimizer.restore(
        {name: value * (lost != 'moments') for name, value in saved.items()},
        0 if lost == 'steps' else 4,
    )
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


# Schedules


def rate(schedule, step, steps, lr):
    """The learning rate of step 0, 1, ...: it falls to 0 over `steps` and stays there."""
    share = min(step / steps, 1)
    return (
        lr
        * {'constant': 1, 'linear': 1 - share, 'cosine': (1 + np.cos(np.pi * share)) / 2}[schedule]
    )


@pytest.mark.parametrize('rule', RULES)
@pytest.mark.parametrize('schedule', SCHEDULES)
def test_scheduled_steps_have_the_rate_of_the_formula(net, schedule, rule):
    still = {
        'adam': {'beta1': 0.0, 'beta2': 0.0},
        'rmsprop': {'decay': 0.0},
        'sgd': {'momentum': 0.0},
    }[rule]
    optimizer = Optimizer(net, rule, lr=0.1, schedule=schedule, schedule_steps=8, **still)
    ones, rates = [[np.ones(p.shape, np.float32) for p in optimizer.parameters]], []
    for _ in range(
        11
    ):  # without memory, and with gradients of 1, every rule's step is the learning rate
        before = learnt(optimizer)
        play(optimizer, ones)
        steps = np.concatenate([(a - b).ravel() for a, b in zip(before, learnt(optimizer))])
        assert np.ptp(steps) < 2e-6  # every weight alike, the first and the last
        rates.append(steps.mean())
    exact = [rate(schedule, step, 8, 0.1) for step in range(11)]
    np.testing.assert_allclose(rates, exact, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize('rule', RULES)
@pytest.mark.parametrize('schedule', SCHEDULES)
@pytest.mark.parametrize('at', [1, 3, 7])
def test_a_scheduled_optimizer_restored_midway_goes_on_bit_for_bit(net, schedule, rule, at):
    given = gradients(net, 8)
    options = {**RATES[rule], 'schedule': schedule, 'schedule_steps': 6}
    optimizer = Optimizer(net, rule, **options)
    play(optimizer, given[:at])
    saved, kept = (
        {name: value.asnumpy().copy() for name, value in optimizer.state().items()},
        learnt(optimizer),
    )
    play(optimizer, given[at:])
    straight = learnt(optimizer)
    again = Optimizer(net, rule, **options)
    for parameter, value in zip(again.parameters, kept):
        parameter.data()[:] = value
    again.restore(saved, at)
    play(again, given[at:])
    for mine, theirs in zip(learnt(again), straight):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize('schedule', ['linear', 'cosine'])
@pytest.mark.parametrize('steps', [1, 2, 3])
def test_the_shortest_schedules_begin_at_the_whole_rate_and_end_at_none(net, schedule, steps):
    optimizer = Optimizer(net, 'sgd', lr=0.1, momentum=0.0, schedule=schedule, schedule_steps=steps)
    ones, ends = (
        [[np.ones(p.shape, np.float32) for p in optimizer.parameters]],
        [learnt(optimizer)[0]],
    )
    for _ in range(steps + 2):
        play(optimizer, ones)
        ends.append(learnt(optimizer)[0])
    moved = [float((a - b).mean()) for a, b in zip(ends, ends[1:])]
    np.testing.assert_allclose(
        moved, [rate(schedule, step, steps, 0.1) for step in range(steps + 2)], rtol=1e-4, atol=2e-6
    )


def test_an_unknown_schedule_is_refused_and_the_known_ones_are_named(net):
    with pytest.raises(
        ValueError, match="schedule 'step': must be one of constant, linear, cosine"
    ):
        Optimizer(net, schedule='step')
