"""The losses against float64 formulas in NumPy: values, gradients, signs, and logits that overflow a careless one."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from gluongan.losses import LOSSES, softplus
from gluongan.runtime import mx

REAL = np.array([-3.0, -0.5, 0.0, 0.25, 2.0, 7.0])
FAKE = np.array([-6.0, -1.0, 0.0, 0.75, 4.0])
HUGE = np.array([-1000.0, 1000.0, -1000.0, 1000.0, 0.0])


def log_sigmoid(y):
    return -np.logaddexp(0, -np.asarray(y, np.float64))


# What D and G minimise, from the papers: log D = log sigmoid(y), log(1 - D) = log sigmoid(-y).
DIS = {
    'minimax': lambda real, fake: -log_sigmoid(real).mean() - log_sigmoid(-fake).mean(),
    'nonsaturating': lambda real, fake: -log_sigmoid(real).mean() - log_sigmoid(-fake).mean(),
    'wasserstein': lambda real, fake: fake.mean() - real.mean(),
}
GEN = {
    'minimax': lambda fake: log_sigmoid(-fake).mean(),
    'nonsaturating': lambda fake: -log_sigmoid(fake).mean(),
    'wasserstein': lambda fake: -fake.mean(),
}
# The same with a pocket calculator, at y_real = (1, -2), y_fake = (0.5, 3): softplus(-1) 0.313262, softplus(2)
# 2.126928, softplus(0.5) 0.974077, softplus(3) 3.048587, softplus(-0.5) 0.474077, softplus(-3) 0.048587.
BY_HAND = {'minimax': (3.231427, -2.011332), 'nonsaturating': (3.231427, 0.261332), 'wasserstein': (2.25, -1.75)}


def run(function, *logits):
    """The value of a loss and its gradient at each of its logits."""
    inputs = [mx.nd.array(y) for y in logits]
    for y in inputs:
        y.attach_grad()
    with mx.autograd.record():
        value = function(*inputs)
    value.backward()
    assert value.shape == (1,)
    return value.asscalar(), [y.grad.asnumpy() for y in inputs]


def slopes(function, logits):
    """The gradient of a float64 formula at each of its logits, by central differences."""
    found = []
    for which, y in enumerate(logits):
        slope = np.empty(len(y))
        for i in range(len(y)):
            ends = []
            for step in (1e-5, -1e-5):
                moved = [np.array(each, np.float64) for each in logits]
                moved[which][i] += step
                ends.append(function(*moved))
            slope[i] = (ends[0] - ends[1]) / 2e-5
        found.append(slope)
    return found


def test_every_loss_has_its_formula_here():
    assert set(DIS) == set(GEN) == set(BY_HAND) == set(LOSSES)


@pytest.mark.parametrize('name', LOSSES)
def test_loss_has_the_value_that_a_pocket_calculator_gives(name):
    real, fake = [1.0, -2.0], [0.5, 3.0]
    dis, gen = BY_HAND[name]
    np.testing.assert_allclose(run(LOSSES[name].dis, real, fake)[0], dis, rtol=0, atol=2e-6)
    np.testing.assert_allclose(run(LOSSES[name].gen, fake)[0], gen, rtol=0, atol=2e-6)


@pytest.mark.parametrize('name', LOSSES)
def test_loss_is_its_formula_in_float64(name):
    np.testing.assert_allclose(run(LOSSES[name].dis, REAL, FAKE)[0], DIS[name](REAL, FAKE), rtol=1e-6)
    np.testing.assert_allclose(run(LOSSES[name].gen, FAKE)[0], GEN[name](FAKE), rtol=1e-6)


@pytest.mark.parametrize('name', LOSSES)
def test_gradient_is_that_of_the_formula(name):
    for mine, exact in zip(run(LOSSES[name].dis, REAL, FAKE)[1], slopes(DIS[name], [REAL, FAKE])):
        np.testing.assert_allclose(mine, exact, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(run(LOSSES[name].gen, FAKE)[1][0], slopes(GEN[name], [FAKE])[0], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize('name', LOSSES)
def test_dis_wants_real_up_and_fake_down_and_gen_wants_fake_up(name):
    _, (real, fake) = run(LOSSES[name].dis, REAL, FAKE)
    _, (gen,) = run(LOSSES[name].gen, FAKE)
    assert (real < 0).all() and (fake > 0).all() and (gen < 0).all()    # a step goes against the gradient


@pytest.mark.parametrize('name', LOSSES)
def test_value_and_gradient_stay_finite_and_right_at_a_thousand(name):
    loss = LOSSES[name]
    for function, formula, logits in ((loss.dis, DIS[name], [HUGE, -HUGE]), (loss.gen, GEN[name], [HUGE])):
        value, gradients = run(function, *logits)
        np.testing.assert_allclose(value, formula(*logits), rtol=1e-6)
        for mine, exact in zip(gradients, slopes(formula, logits)):
            np.testing.assert_allclose(mine, exact, rtol=1e-3, atol=1e-6)


def test_minimax_gradient_fades_where_dis_wins_and_nonsaturating_does_not():
    losing = np.full(4, -12.0)
    assert np.abs(run(LOSSES['minimax'].gen, losing)[1][0]).max() < 1e-5
    np.testing.assert_allclose(run(LOSSES['nonsaturating'].gen, losing)[1][0], -0.25, rtol=1e-4)


def test_undecided_dis_costs_two_log_two():
    for name in ('minimax', 'nonsaturating'):
        np.testing.assert_allclose(run(LOSSES[name].dis, [0.0] * 3, [0.0] * 5)[0], 2 * np.log(2), rtol=1e-6)


def test_batches_may_differ_in_size_and_each_counts_by_its_mean():
    once = run(LOSSES['nonsaturating'].dis, REAL, FAKE)[0]
    assert run(LOSSES['nonsaturating'].dis, np.tile(REAL, 3), FAKE)[0] == pytest.approx(once, rel=1e-6)


def test_only_the_wasserstein_critic_gives_no_probability():
    assert {name for name, loss in LOSSES.items() if not loss.is_probability} == {'wasserstein'}


def test_softplus_gradient_is_the_sigmoid_everywhere_and_its_value_within_two_millionths():
    # oneDNN's softrelu is 2e-6 off below -12, even negative; composed from abs(y) instead its gradient at 0 would be 0.
    y = np.concatenate([np.linspace(-30, 30, 121), HUGE])
    x = mx.nd.array(y)
    x.attach_grad()
    with mx.autograd.record():
        value = softplus(x)
    value.backward()
    np.testing.assert_allclose(value.asnumpy(), np.logaddexp(0, y), rtol=1e-6, atol=2.5e-6)
    np.testing.assert_allclose(x.grad.asnumpy(), expit(y), rtol=1e-5)
