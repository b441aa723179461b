"""The three update rules against NumPy, weight clipping, schedules, and resuming exactly."""

from __future__ import annotations

import numpy as np
import pytest

from gluongan import runtime
from gluongan.errors import as_typed
from gluongan.nn.models import dense_generator
from gluongan.nn.optimizer import RULES, SCHEDULES, Optimizer
from gluongan.runtime import mx

STEPS = 6
# Settings that differ from the defaults, so that one that is ignored shows.
RATES = {
    'adam': {'lr': 0.03, 'beta1': 0.6, 'beta2': 0.95},
    'rmsprop': {'lr': 0.02, 'decay': 0.8},
    'sgd': {'lr': 0.05, 'momentum': 0.7},
}


def adam(w, gradients, lr, beta1, beta2):
    """Kingma and Ba 2015, end of section 2: the step size takes in the bias correction."""
    m = v = np.zeros_like(w)
    for t, g in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        corrected_lr = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
        w = w - corrected_lr * m / (np.sqrt(v) + 1e-8)
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
    """Made-up gradients of very different sizes: for every step, one for every parameter."""
    draw = np.random.RandomState(seed)
    shapes = [p.shape for p in net.collect_params().values() if p.grad_req != 'null']

    def gradient(shape):
        value = draw.standard_normal(shape) * 10.0 ** draw.randint(-3, 2, shape)
        return value.astype(np.float32)

    return [[gradient(shape) for shape in shapes] for _ in range(steps)]


def take_steps(optimizer, steps):
    for values in steps:
        for parameter, value in zip(optimizer.parameters, values):
            parameter.grad()[:] = value
        optimizer.step()


def trained_weights(optimizer):
    return [p.data().asnumpy() for p in optimizer.parameters]


def set_weights(optimizer, values):
    for parameter, value in zip(optimizer.parameters, values):
        parameter.data()[:] = value


def saved_state(optimizer):
    return {name: value.asnumpy().copy() for name, value in optimizer.state().items()}


def test_every_rule_has_its_formula_here():
    assert set(ORACLES) == set(RULES)


@pytest.mark.parametrize('rule', RULES)
def test_steps_are_those_of_the_formula(net, rule):
    optimizer, steps = Optimizer(net, rule, **RATES[rule]), gradients(net)
    before = trained_weights(optimizer)
    take_steps(optimizer, steps)
    for i, (start, end) in enumerate(zip(before, trained_weights(optimizer))):
        own_gradients = [step[i].astype(np.float64) for step in steps]
        exact = ORACLES[rule](start.astype(np.float64), own_gradients, **RATES[rule])
        np.testing.assert_allclose(end, exact, rtol=2e-5, atol=2e-6)
        assert np.abs(end - start).max() > 1e-2
    assert optimizer.steps == STEPS


@pytest.mark.parametrize('rule', RULES)
def test_running_statistics_never_move(net, rule):
    optimizer = Optimizer(net, rule)
    trained = {p.name for p in optimizer.parameters}
    assert len(trained) == 6
    others = [p for p in net.collect_params().values() if p.name not in trained]
    assert len(others) == 2
    assert all('running' in p.name for p in others)
    before = [p.data().asnumpy() for p in others]
    take_steps(optimizer, gradients(net))
    for parameter, value in zip(others, before):
        np.testing.assert_array_equal(parameter.data().asnumpy(), value)


def test_sgd_without_momentum_is_gradient_descent_without_a_state(net):
    optimizer, steps = Optimizer(net, 'sgd', lr=0.5, momentum=0.0), gradients(net, 2)
    before = trained_weights(optimizer)
    take_steps(optimizer, steps)
    for i, (start, end) in enumerate(zip(before, trained_weights(optimizer))):
        exact = start - 0.5 * (steps[0][i] + steps[1][i])
        np.testing.assert_allclose(end, exact, rtol=1e-5, atol=1e-5)
    assert optimizer.state() == {}
    optimizer.restore({}, 7)
    assert optimizer.steps == 7


@pytest.mark.parametrize('rule', RULES)
def test_only_with_clip_is_every_weight_bounded_on_both_sides(net, rule):
    free = Optimizer(net, rule, lr=0.1)
    clipped = Optimizer(net, rule, lr=0.1, clip=0.01)
    take_steps(free, gradients(net))
    assert max(np.abs(w).max() for w in trained_weights(free)) > 0.1
    take_steps(clipped, gradients(net, 1))
    values = np.concatenate([w.ravel() for w in trained_weights(clipped)])
    assert values.max() == np.float32(0.01)
    assert values.min() == np.float32(-0.01)


@pytest.mark.same_bits
@pytest.mark.parametrize('rule', RULES)
def test_restored_optimizer_continues_bit_for_bit(net, rule):
    steps = gradients(net, 8)
    optimizer = Optimizer(net, rule, **RATES[rule])
    take_steps(optimizer, steps[:4])
    state, weights = saved_state(optimizer), trained_weights(optimizer)
    assert state
    take_steps(optimizer, steps[4:])
    uninterrupted = trained_weights(optimizer)
    resumed = Optimizer(net, rule, **RATES[rule])
    set_weights(resumed, weights)
    resumed.restore(state, 4)
    take_steps(resumed, steps[4:])
    assert resumed.steps == 8
    for weight, expected in zip(trained_weights(resumed), uninterrupted):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize(('steps', 'scale'), [(0, 1), (4, 0)], ids=['steps', 'moments'])
def test_adam_without_its_number_of_steps_or_its_moments_continues_differently(net, steps, scale):
    given = gradients(net, 5)
    optimizer = Optimizer(net, 'adam', **RATES['adam'])
    take_steps(optimizer, given[:4])
    state, weights = saved_state(optimizer), trained_weights(optimizer)
    take_steps(optimizer, given[4:])
    uninterrupted = trained_weights(optimizer)
    set_weights(optimizer, weights)
    optimizer.restore({name: value * scale for name, value in state.items()}, steps)
    take_steps(optimizer, given[4:])
    pairs = zip(trained_weights(optimizer), uninterrupted)
    assert any((weight != expected).any() for weight, expected in pairs)


def test_restore_without_one_of_the_moments_fails(net):
    optimizer = Optimizer(net, 'adam')
    arrays = saved_state(optimizer)
    assert len(arrays) == 2 * len(optimizer.parameters)
    arrays.popitem()
    with pytest.raises(KeyError):
        optimizer.restore(arrays, 1)


@pytest.mark.parametrize('name', ['Adam', 'adamw', '', 'nag'])
def test_unknown_rule_is_refused_and_the_known_ones_are_named(net, name):
    message = f'optimizer {as_typed(name)}: must be one of adam, rmsprop, sgd'
    with pytest.raises(ValueError, match=f'^{message}'):
        Optimizer(net, name)


def test_state_names_sort_in_the_order_of_the_parameters(net):
    optimizer = Optimizer(net, 'adam')
    assert list(optimizer.state()) == sorted(optimizer.state())
    for name, value in optimizer.state().items():
        parameter, _ = name.split('.')
        assert value.shape == optimizer.parameters[int(parameter)].shape
        assert isinstance(value, mx.nd.NDArray)


# Schedules


def rate(schedule, step, steps, lr):
    """The learning rate of step 0, 1, ...: it falls to 0 over `steps` and stays there."""
    progress = min(step / steps, 1)
    factors = {
        'constant': 1,
        'linear': 1 - progress,
        'cosine': (1 + np.cos(np.pi * progress)) / 2,
    }
    return lr * factors[schedule]


# With these settings a rule has no memory: for gradients of 1, each step is the learning rate.
WITHOUT_MEMORY = {
    'adam': {'beta1': 0.0, 'beta2': 0.0},
    'rmsprop': {'decay': 0.0},
    'sgd': {'momentum': 0.0},
}


def step_size(optimizer):
    """Take one step along gradients of 1, which moves every weight alike; return how far."""
    before = trained_weights(optimizer)
    take_steps(optimizer, [[np.ones(p.shape, np.float32) for p in optimizer.parameters]])
    after = trained_weights(optimizer)
    moved = np.concatenate([(old - new).ravel() for old, new in zip(before, after)])
    assert np.ptp(moved) < 2e-6
    return moved.mean()


@pytest.mark.parametrize('rule', RULES)
@pytest.mark.parametrize('schedule', SCHEDULES)
def test_scheduled_steps_have_the_rate_of_the_formula(net, schedule, rule):
    options = {'lr': 0.1, 'schedule': schedule, 'schedule_steps': 8}
    optimizer = Optimizer(net, rule, **options, **WITHOUT_MEMORY[rule])
    rates = [step_size(optimizer) for _ in range(11)]
    exact = [rate(schedule, step, 8, 0.1) for step in range(11)]
    np.testing.assert_allclose(rates, exact, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize('rule', RULES)
@pytest.mark.parametrize('schedule', SCHEDULES)
@pytest.mark.parametrize('at', [1, 3, 7])
def test_a_scheduled_optimizer_restored_midway_continues_bit_for_bit(net, schedule, rule, at):
    steps = gradients(net, 8)
    options = {**RATES[rule], 'schedule': schedule, 'schedule_steps': 6}
    optimizer = Optimizer(net, rule, **options)
    take_steps(optimizer, steps[:at])
    state, weights = saved_state(optimizer), trained_weights(optimizer)
    take_steps(optimizer, steps[at:])
    uninterrupted = trained_weights(optimizer)
    resumed = Optimizer(net, rule, **options)
    set_weights(resumed, weights)
    resumed.restore(state, at)
    take_steps(resumed, steps[at:])
    for weight, expected in zip(trained_weights(resumed), uninterrupted):
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize('schedule', ['linear', 'cosine'])
@pytest.mark.parametrize('steps', [1, 2, 3])
def test_the_shortest_schedules_begin_at_the_full_rate_and_end_at_zero(net, schedule, steps):
    optimizer = Optimizer(net, 'sgd', lr=0.1, momentum=0.0, schedule=schedule, schedule_steps=steps)
    rates = [step_size(optimizer) for _ in range(steps + 2)]
    exact = [rate(schedule, step, steps, 0.1) for step in range(steps + 2)]
    np.testing.assert_allclose(rates, exact, rtol=1e-4, atol=2e-6)


def test_an_unknown_schedule_is_refused_and_the_known_ones_are_named(net):
    message = '^schedule step: must be one of constant, linear, cosine'
    with pytest.raises(ValueError, match=message):
        Optimizer(net, schedule='step')


# Arguments that make no sense


@pytest.mark.parametrize('schedule', ['linear', 'cosine'])
def test_a_schedule_without_its_number_of_steps_is_refused(net, schedule):
    with pytest.raises(ValueError, match=f'^schedule_steps: is missing, and schedule {schedule}'):
        Optimizer(net, schedule=schedule)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'schedule': 'linear', 'schedule_steps': 0}, 'schedule_steps 0: must be at least 1'),
        ({'lr': 0.0}, 'lr 0.0: must be a finite number above 0'),
        ({'lr': -1e-3}, 'lr -0.001: must be a finite number above 0'),
        ({'lr': float('nan')}, 'lr nan: must be a finite number above 0'),
        ({'lr': float('inf')}, 'lr inf: must be a finite number above 0'),
        ({'clip': 0.0}, 'clip 0.0: must be a finite number above 0'),
        ({'clip': -0.01}, 'clip -0.01: must be a finite number above 0'),
        ({'beta1': 1.0}, 'beta1 1.0: must be at least 0 and below 1'),
        ({'beta2': -0.1}, 'beta2 -0.1: must be at least 0 and below 1'),
        ({'decay': 1.5}, 'decay 1.5: must be at least 0 and below 1'),
        ({'momentum': float('nan')}, 'momentum nan: must be at least 0 and below 1'),
    ],
    ids=str,
)
def test_a_number_that_makes_no_sense_is_refused(net, options, message):
    with pytest.raises(ValueError) as error:
        Optimizer(net, **options)
    assert str(error.value) == message
