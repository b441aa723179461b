"""The losses against float64 formulas in NumPy: values, gradients, signs, and huge logits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from gluongan.gan.losses import LOSSES, SMOOTHABLE, make_loss, softplus
from gluongan.runtime import mx

REAL = np.array([-3.0, -0.5, 0.0, 0.25, 2.0, 7.0])
FAKE = np.array([-6.0, -0.8, 0.0, 0.75, 4.0])
HUGE = np.array([-1000.0, 1000.0, -1000.0, 1000.0, 0.0])


def log_sigmoid(y):
    return -np.logaddexp(0, -np.asarray(y, np.float64))


# What D and G minimise, from the papers: log D = log sigmoid(y), log(1 - D) = log sigmoid(-y).
DIS = {
    'minimax': lambda real, fake: -log_sigmoid(real).mean() - log_sigmoid(-fake).mean(),
    'nonsaturating': lambda real, fake: -log_sigmoid(real).mean() - log_sigmoid(-fake).mean(),
    'least_squares': lambda real, fake: ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2,
    'wasserstein': lambda real, fake: fake.mean() - real.mean(),
    'hinge': lambda real, fake: np.maximum(0, 1 - real).mean() + np.maximum(0, 1 + fake).mean(),
    'relativistic': lambda real, fake: (
        -log_sigmoid(real - fake.mean()).mean() - log_sigmoid(-(fake - real.mean())).mean()
    ),
}
GEN = {
    'minimax': lambda fake, real: log_sigmoid(-fake).mean(),
    'nonsaturating': lambda fake, real: -log_sigmoid(fake).mean(),
    'least_squares': lambda fake, real: ((fake - 1) ** 2).mean() / 2,
    'wasserstein': lambda fake, real: -fake.mean(),
    'hinge': lambda fake, real: -fake.mean(),
    'relativistic': lambda fake, real: (
        -log_sigmoid(fake - real.mean()).mean() - log_sigmoid(-(real - fake.mean())).mean()
    ),
}
# The same with a pocket calculator, at y_real = (1, -2), y_fake = (0.5, 3). softplus of -1 is
# 0.313262, of 2 2.126928, of 0.5 0.974077, of 3 3.048587, of -0.5 0.474077, of -3 0.048587.
# Least squares: (0 + 9) / 4 + (0.25 + 9) / 4; (0.25 + 4) / 4.
# Hinge: (0 + 3) / 2 + (1.5 + 4) / 2.
# Relativistic, with means -0.5 and 1.75: softplus of 0.75 is 1.136871, of 3.75 3.773245, of 1
# 1.313262, of 3.5 3.529750; for G of -1 0.313262, of -3.5 0.029750, of -0.75 0.386871, of -3.75
# 0.023245.
BY_HAND = {
    'minimax': (3.231427, -2.011332),
    'nonsaturating': (3.231427, 0.261332),
    'least_squares': (4.5625, 1.0625),
    'wasserstein': (2.25, -1.75),
    'hinge': (4.25, -1.75),
    'relativistic': (4.876564, 0.376564),
}


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
    gradients = [np.empty(len(y)) for y in logits]
    for which, gradient in enumerate(gradients):
        for i in range(len(gradient)):
            up, down = (moved(logits, which, i, step) for step in (1e-5, -1e-5))
            gradient[i] = (function(*up) - function(*down)) / 2e-5
    return gradients


def moved(logits, which, i, step):
    """A copy of the logits in float64, with one of them moved by a step."""
    copies = [np.array(y, np.float64) for y in logits]
    copies[which][i] += step
    return copies


def test_every_loss_has_its_formula_here():
    assert set(DIS) == set(GEN) == set(BY_HAND) == set(LOSSES)


@pytest.mark.parametrize('name', LOSSES)
def test_loss_has_the_value_that_a_pocket_calculator_gives(name):
    real, fake = [1.0, -2.0], [0.5, 3.0]
    dis, gen = BY_HAND[name]
    np.testing.assert_allclose(run(LOSSES[name].dis, real, fake)[0], dis, rtol=0, atol=2e-6)
    np.testing.assert_allclose(run(LOSSES[name].gen, fake, real)[0], gen, rtol=0, atol=2e-6)


@pytest.mark.parametrize('name', LOSSES)
def test_loss_is_its_formula_in_float64(name):
    dis, _ = run(LOSSES[name].dis, REAL, FAKE)
    gen, _ = run(LOSSES[name].gen, FAKE, REAL)
    np.testing.assert_allclose(dis, DIS[name](REAL, FAKE), rtol=1e-6)
    np.testing.assert_allclose(gen, GEN[name](FAKE, REAL), rtol=1e-6)


@pytest.mark.parametrize('name', LOSSES)
def test_gradient_is_that_of_the_formula(name):
    _, dis = run(LOSSES[name].dis, REAL, FAKE)
    for gradient, exact in zip(dis, slopes(DIS[name], [REAL, FAKE])):
        np.testing.assert_allclose(gradient, exact, rtol=1e-4, atol=1e-7)
    _, gen = run(LOSSES[name].gen, FAKE, REAL)
    for gradient, exact in zip(gen, slopes(GEN[name], [FAKE, REAL])):
        np.testing.assert_allclose(gradient, exact, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize('name', LOSSES)
def test_dis_wants_real_up_and_fake_down_and_gen_wants_fake_up(name):
    # Within (-1, 1), where hinge and least squares want more too. Steps go against the gradient.
    _, (real, fake) = run(LOSSES[name].dis, REAL / 8, FAKE / 8)
    _, (gen, gen_by_real) = run(LOSSES[name].gen, FAKE / 8, REAL / 8)
    assert (real < 0).all()
    assert (fake[FAKE > 0] > 0).all()
    assert (gen < 0).all()
    if name != 'least_squares':  # it pulls a fake below 0 up to its target
        assert (fake > 0).all()
    assert (np.sign(gen_by_real) == LOSSES[name].is_relative).all()


def test_beyond_the_targets_hinge_has_no_gradient_and_least_squares_pulls_back():
    real, fake = run(LOSSES['hinge'].dis, [0.9, 1.1], [-0.9, -1.1])[1]
    np.testing.assert_allclose([*real, *fake], [-0.5, 0, 0.5, 0], atol=1e-7)
    real, fake = run(LOSSES['least_squares'].dis, [0.5, 3.0], [-2.0, 0.5])[1]
    np.testing.assert_allclose([*real, *fake], [-0.25, 1, -1, 0.25], atol=1e-7)


@pytest.mark.parametrize('name', LOSSES)
def test_value_and_gradient_stay_finite_and_right_at_a_thousand(name):
    loss, high, low = LOSSES[name], np.full(3, 1000.0), np.full(3, -1000.0)
    for function, formula in ((loss.dis, DIS[name]), (loss.gen, GEN[name])):
        for logits in ([HUGE, -HUGE], [high, low], [low, high]):
            value, gradients = run(function, *logits)
            np.testing.assert_allclose(value, formula(*logits), rtol=1e-6, atol=3e-6)
            for gradient, exact in zip(gradients, slopes(formula, logits)):
                np.testing.assert_allclose(gradient, exact, rtol=1e-3, atol=1e-6)


def test_minimax_gradient_fades_where_dis_wins_and_nonsaturating_does_not():
    losing = np.full(4, -12.0)
    _, (minimax, _) = run(LOSSES['minimax'].gen, losing, losing)
    _, (nonsaturating, _) = run(LOSSES['nonsaturating'].gen, losing, losing)
    assert np.abs(minimax).max() < 1e-5
    np.testing.assert_allclose(nonsaturating, -0.25, rtol=1e-4)


def test_undecided_dis_costs_two_log_two():
    for name in ('minimax', 'nonsaturating'):
        value, _ = run(LOSSES[name].dis, [0.0] * 3, [0.0] * 5)
        np.testing.assert_allclose(value, 2 * np.log(2), rtol=1e-6)


def test_batches_may_differ_in_size_and_each_counts_by_its_mean():
    once, _ = run(LOSSES['nonsaturating'].dis, REAL, FAKE)
    thrice, _ = run(LOSSES['nonsaturating'].dis, np.tile(REAL, 3), FAKE)
    assert thrice == pytest.approx(once, rel=1e-6)


def test_relativistic_loss_ignores_a_shift_of_all_logits():
    for function in (LOSSES['relativistic'].dis, LOSSES['relativistic'].gen):
        value, _ = run(function, REAL, FAKE)
        shifted, _ = run(function, REAL + 40, FAKE + 40)
        assert shifted == pytest.approx(value, rel=1e-5)


def test_the_losses_say_what_their_logits_are():
    probabilistic = {name for name, loss in LOSSES.items() if loss.is_probability}
    relative = {name for name, loss in LOSSES.items() if loss.is_relative}
    assert probabilistic == {'minimax', 'nonsaturating'}
    assert relative == {'relativistic'}


@pytest.mark.parametrize('name', sorted(set(LOSSES) - {'relativistic'}))
def test_gen_needs_no_real_logits_where_it_is_not_relative(name):
    assert run(LOSSES[name].gen, FAKE)[0] == run(LOSSES[name].gen, FAKE, REAL)[0]


# Label smoothing: with targets t cross entropy is the mean of -t log D - (1 - t) log(1 - D).
SMOOTH = {
    'minimax': lambda r, f, a, b: (
        -(a * log_sigmoid(r) + (1 - a) * log_sigmoid(-r)).mean()
        - (b * log_sigmoid(f) + (1 - b) * log_sigmoid(-f)).mean()
    ),
    'least_squares': lambda r, f, a, b: ((r - a) ** 2).mean() / 2 + ((f - b) ** 2).mean() / 2,
}
SMOOTH['nonsaturating'] = SMOOTH['minimax']
TARGETS = [(0.9, 0.0), (1.0, 0.1), (0.9, 0.1), (0.5, 0.5)]


def test_every_smoothable_loss_has_its_formula_here():
    assert set(SMOOTH) == set(SMOOTHABLE)


@pytest.mark.parametrize('name', SMOOTHABLE)
@pytest.mark.parametrize('targets', TARGETS, ids=str)
@pytest.mark.parametrize('logits', [(REAL, FAKE), (HUGE, -HUGE)], ids=['usual', 'huge'])
def test_smoothed_loss_is_its_formula_with_its_gradient(name, targets, logits):
    loss = make_loss(name, real_target=targets[0], fake_target=targets[1])
    value, gradients = run(loss.dis, *logits)
    np.testing.assert_allclose(value, SMOOTH[name](*logits, *targets), rtol=1e-6)
    exact_gradients = slopes(lambda r, f: SMOOTH[name](r, f, *targets), logits)
    for gradient, exact in zip(gradients, exact_gradients):
        np.testing.assert_allclose(gradient, exact, rtol=1e-3, atol=1e-6)
    assert loss._replace(dis=LOSSES[name].dis) == LOSSES[name]


def test_smoothed_loss_is_least_where_dis_says_its_targets():
    loss = make_loss('nonsaturating', real_target=0.9, fake_target=0.1)
    logit = np.log(0.9 / 0.1)
    value, gradients = run(loss.dis, [logit] * 3, [-logit] * 2)
    np.testing.assert_allclose(value, -2 * (0.9 * np.log(0.9) + 0.1 * np.log(0.1)), rtol=1e-5)
    np.testing.assert_allclose(np.concatenate(gradients), 0, atol=1e-6)


@pytest.mark.parametrize('name', sorted(set(LOSSES) - set(SMOOTHABLE)))
@pytest.mark.parametrize('targets', TARGETS[:3], ids=str)
def test_smoothing_is_refused_where_there_are_no_targets(name, targets):
    message = f'^loss {name}: has no targets to smooth; must be one of minimax, nonsaturating'
    with pytest.raises(ValueError, match=message):
        make_loss(name, real_target=targets[0], fake_target=targets[1])


@pytest.mark.parametrize('name', LOSSES)
def test_make_loss_returns_the_table_entry_for_the_usual_targets(name):
    assert make_loss(name) is LOSSES[name]
    assert make_loss(name, real_target=1, fake_target=0) is LOSSES[name]


def test_an_unknown_loss_is_refused_and_the_known_ones_are_make_loss():
    message = '^loss wgan: must be one of minimax, nonsaturating, least_squares, wasserstein'
    with pytest.raises(ValueError, match=message):
        make_loss('wgan')


def test_softplus_gradient_is_the_sigmoid_everywhere_and_its_value_within_two_millionths():
    # Below -12, oneDNN's softrelu is off by 2e-6, and even negative. Composed of abs(y), it would
    # have the gradient 0 at 0.
    y = np.concatenate([np.linspace(-30, 30, 121), HUGE])
    x = mx.nd.array(y)
    x.attach_grad()
    with mx.autograd.record():
        value = softplus(x)
    value.backward()
    np.testing.assert_allclose(value.asnumpy(), np.logaddexp(0, y), rtol=1e-6, atol=2.5e-6)
    np.testing.assert_allclose(x.grad.asnumpy(), expit(y), rtol=1e-5)
