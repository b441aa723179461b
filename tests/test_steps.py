"""The two updates: what moves, that they are the textbook's loop, that no work is thrown away."""

from __future__ import annotations

import numpy as np
import pytest
from profiling import operators

from gluongan import native
from gluongan.gan.losses import LOSSES
from gluongan.gan.noise import Noise
from gluongan.gan.objectives import DisObjective, GenObjective
from gluongan.gan.steps import record_fake, update_dis, update_gen
from gluongan.nn.chains import apart
from gluongan.nn.layers import frozen, weights
from gluongan.nn.optimizer import Optimizer
from gluongan.runtime import mx


class Game:
    """A tiny game with everything that the two updates take."""

    def __init__(self, gen, dis, loss='nonsaturating'):
        self.gen, self.dis, self.view = gen, dis, frozen(dis)
        self.dis_objective = DisObjective(dis, LOSSES[loss])
        self.gen_objective = GenObjective(self.view, LOSSES[loss])
        self.opt_gen, self.opt_dis = Optimizer(gen, lr=0.01), Optimizer(dis, lr=0.01)
        self.x_real = mx.nd.array(np.random.RandomState(2).random_sample((8, 1, 4, 4)))
        z = mx.nd.array(np.random.RandomState(3).standard_normal((8, 5)))
        self.x_fake = record_fake(gen, z)

    def update_dis(self):
        return update_dis(self.dis_objective, self.opt_dis, self.x_real, self.x_fake)

    def update_gen(self, x_real=None):
        return update_gen(self.gen_objective, self.opt_gen, self.x_fake, x_real=x_real)


@pytest.fixture(params=[{}, {'batchnorm': True}, {'dropout': 0.3}], ids=str)
def make_game(request, tiny_nets):
    return lambda loss: Game(*tiny_nets(dis=request.param), loss)


@pytest.fixture
def game(make_game):
    return make_game('nonsaturating')


def snapshot(net):
    return {name: value.asnumpy().copy() for name, value in weights(net).items()}


def moved(net, before):
    return {name for name, value in snapshot(net).items() if (value != before[name]).any()}


def fill_gradients(net, value=77.0):
    for parameter in net.collect_params().values():
        if parameter.grad_req != 'null':
            parameter.grad()[:] = value


def gradients_are(net, value=77.0):
    return all(
        (p.grad().asnumpy() == value).all()
        for p in net.collect_params().values()
        if p.grad_req != 'null'
    )


@pytest.mark.parametrize('loss', LOSSES)
def test_dis_update_moves_every_weight_of_dis_and_nothing_of_gen(make_game, loss):
    game = make_game(loss)
    if loss == 'hinge':
        # Untrained logits are all within its margin, where both sides pull at the last bias alike.
        game.dis[-2].weight.data()[:] *= 20
    gen, dis = snapshot(game.gen), snapshot(game.dis)
    _, y_real, y_fake = game.update_dis()
    may_stay = set()
    if loss in ('wasserstein', 'relativistic'):
        # They depend on differences of logits only: a last bias, or a shift before it, cancels out.
        may_stay = {'2.beta', '3.bias', '2.bias'}
    assert set(dis) - moved(game.dis, dis) <= may_stay
    if loss == 'hinge':
        assert (y_real.asnumpy() < 1).sum() != (y_fake.asnumpy() > -1).sum()
    assert moved(game.gen, gen) == set()  # not BatchNorm's running statistics either


@pytest.mark.parametrize('loss', LOSSES)
def test_gen_update_moves_every_weight_of_gen_and_nothing_that_dis_learns(make_game, loss):
    game = make_game(loss)
    gen, dis = snapshot(game.gen), snapshot(game.dis)
    game.update_gen(game.x_real)
    assert moved(game.gen, gen) == set(gen)
    assert all('running' in name for name in moved(game.dis, dis))


def test_a_relative_loss_without_real_samples_is_refused_before_anything_moves(make_game):
    game = make_game('relativistic')
    gen = snapshot(game.gen)
    with pytest.raises(ValueError, match=r'^x_real: missing'):
        game.update_gen()
    assert moved(game.gen, gen) == set()
    assert game.opt_gen.steps == 0


@pytest.mark.parametrize('loss', LOSSES)
def test_real_samples_matter_to_gen_only_where_its_loss_is_relative(tiny_nets, loss):
    values = []
    for scale in (1, 3):
        game = Game(*tiny_nets(), loss)
        x_real = game.x_real * scale
        value = game.update_gen(x_real)
        values.append(value.asscalar())
    assert (values[0] != values[1]) == (loss == 'relativistic')


def test_dis_update_leaves_the_gradients_of_gen_alone(game):
    fill_gradients(game.gen)
    game.update_dis()
    assert gradients_are(game.gen)


def test_gen_update_computes_no_gradient_of_dis(game):
    fill_gradients(game.dis)
    game.update_gen()
    assert gradients_are(game.dis)
    assert not gradients_are(game.gen)
    assert all(parameter.grad_req == 'null' for parameter in game.view.collect_params().values())


def calls_for(weights):
    """MXNet's own operator is called for each weight; ours is none of its operators."""
    return 0 if native.is_available() else weights


def products(counts, prefix=''):
    """How many dense layers run, in MXNet's own operator or in ours."""
    return counts.get(f'{prefix}FullyConnected', 0) + counts.get(f'{prefix}gluongan_dense', 0)


def test_dis_update_runs_dis_once_forward_and_once_backward(tiny_nets):
    """D has two Dense layers; one pass is enough for both batches."""
    game = Game(*tiny_nets())
    with apart():
        counts = operators(game.update_dis)
    assert products(counts) == 2
    assert products(counts, '_backward_') == 2
    assert counts.get('adam_update', 0) == calls_for(4)
    assert 'BatchNorm' not in counts
    assert '_backward_BatchNorm' not in counts


def test_gen_update_runs_dis_once_forward_and_both_networks_once_backward(tiny_nets):
    """G and D have two Dense layers each; G's forward pass is the one that was recorded."""
    game = Game(*tiny_nets())
    with apart():
        counts = operators(game.update_gen)
    assert products(counts) == 2
    assert products(counts, '_backward_') == 4
    assert counts.get('adam_update', 0) == calls_for(6)
    assert 'BatchNorm' not in counts
    assert counts['_backward_BatchNorm'] == 1


# Compared with the loop that a textbook prints: separate passes, Gluon's own Trainer


def textbook(gen, dis, draw_real, draw_noise, loss, iterations):
    """Goodfellow et al. 2014, Algorithm 1 with k = 1, the same z for both updates."""
    rates = {'learning_rate': 0.01, 'beta1': 0.5}
    step_dis = mx.gluon.Trainer(dis.collect_params(), 'adam', rates)
    step_gen = mx.gluon.Trainer(gen.collect_params(), 'adam', rates)
    losses = []
    for _ in range(iterations):
        z, x_real = draw_noise(), draw_real()
        with mx.autograd.record():
            dis_loss = loss.dis(dis(x_real), dis(gen(z).detach()))
        dis_loss.backward()
        step_dis.step(1)
        with mx.autograd.record():
            y_real = dis(x_real) if loss.is_relative else None
            gen_loss = loss.gen(dis(gen(z)), y_real)
        gen_loss.backward()
        step_gen.step(1)
        losses.append((dis_loss.asscalar(), gen_loss.asscalar()))
    return losses


def assert_same_weights(ours, theirs, *, except_bias=False):
    values = snapshot(ours)
    for name, value in snapshot(theirs).items():
        if not (except_bias and name.endswith('bias')):
            np.testing.assert_allclose(values[name], value, rtol=2e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize('loss', ['nonsaturating', 'minimax', 'least_squares', 'relativistic'])
def test_iterations_are_those_of_the_textbook_loop(tiny_updater, tiny_nets, tiny_data, loss):
    updater = tiny_updater(loss=loss, lr=0.01, beta1=0.5)
    gen, dis = tiny_nets()
    start, real, noise = snapshot(gen), tiny_data.batches(8, seed=0), Noise(5, seed=0)
    losses = textbook(gen, dis, real.draw, lambda: noise.draw(8), LOSSES[loss], 3)
    for _ in range(3):
        updater.update()
    updater.drain()
    ours = [(each.dis_loss, each.gen_loss) for each in updater.take()]
    np.testing.assert_allclose(ours, losses, rtol=1e-5)
    assert_same_weights(updater.gen, gen)
    # A shift of all logits cancels out of a relativistic loss: Adam moves it by rounding errors.
    assert_same_weights(updater.dis, dis, except_bias=loss == 'relativistic')
    assert moved(updater.gen, start) == set(start)


@pytest.mark.parametrize('batchnorm', [False, True])
def test_dis_update_is_the_textbook_step_with_batch_statistics_of_its_own_for_each_batch(
    tiny_nets, batchnorm
):
    game = Game(*tiny_nets(dis={'batchnorm': batchnorm}))
    book = Game(*tiny_nets(dis={'batchnorm': batchnorm}))
    update_dis(game.dis_objective, game.opt_dis, game.x_real, game.x_fake + 1)
    with mx.autograd.record():
        y_real = book.dis(book.x_real)
        y_fake = book.dis(book.x_fake.detach() + 1)
        loss = LOSSES['nonsaturating'].dis(y_real, y_fake)
    loss.backward()
    for ours, theirs in zip(game.opt_dis.parameters, book.opt_dis.parameters):
        exact = theirs.grad().asnumpy()
        np.testing.assert_allclose(
            ours.grad().asnumpy(), exact, rtol=1e-4, atol=1e-6, err_msg=ours.name
        )
        assert np.abs(exact).max() > 1e-5


def test_updates_return_the_numbers_from_before_the_step(tiny_nets):
    game = Game(*tiny_nets())  # without BatchNorm or dropout, predicting is the same as training
    x = mx.nd.concat(game.x_real, game.x_fake.detach(), dim=0)
    before = game.dis(x).asnumpy()
    dis_loss, y_real, y_fake = update_dis(
        game.dis_objective, game.opt_dis, game.x_real, game.x_fake
    )
    y = np.concatenate([y_real.asnumpy(), y_fake.asnumpy()])
    np.testing.assert_allclose(y, before, rtol=1e-5, atol=1e-6)
    exact = np.logaddexp(0, -before[:8]).mean() + np.logaddexp(0, before[8:]).mean()
    np.testing.assert_allclose(dis_loss.asscalar(), exact, rtol=1e-5)
    after = game.dis(game.x_fake).asnumpy()
    gen_loss = game.update_gen()
    np.testing.assert_allclose(gen_loss.asscalar(), np.logaddexp(0, -after).mean(), rtol=1e-5)


def test_a_custom_loop_runs_on_the_two_functions(tiny_nets, tiny_data):
    gen, dis = tiny_nets()
    dis_objective, gen_objective = DisObjective(dis), GenObjective(frozen(dis))
    noise = Noise(5)
    opt_dis, opt_gen = Optimizer(dis, lr=0.02), Optimizer(gen, lr=0.002)
    losses = []
    for _ in range(10):
        for x_real in tiny_data.batches(8):
            x_fake = record_fake(gen, noise.draw(8))
            dis_loss, _, _ = update_dis(dis_objective, opt_dis, x_real, x_fake)
            gen_loss = update_gen(gen_objective, opt_gen, x_fake)
            losses.append((dis_loss.asscalar(), gen_loss.asscalar()))
    assert len(losses) == 60
    assert np.isfinite(losses).all()
    dis_losses = [dis_loss for dis_loss, _ in losses]
    # With a rate this high, D learns to tell real from generated.
    assert np.mean(dis_losses[-6:]) < np.mean(dis_losses[:6]) - 0.05
