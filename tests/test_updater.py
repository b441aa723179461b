"""GANUpdater: what one iteration draws, what it reports and when, and that a resumed run is the same run."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from gluongan.gan.losses import LOSSES, Loss
from gluongan.gan.sampling import generate
from gluongan.gan.steps import discriminate
from gluongan.gan.updater import LAG, NonFinite, weights
from gluongan.runtime import mx


def spy(monkeypatch, thing, name):
    """Counts the calls of thing.name; returns the list of what they returned."""
    calls, real = [], getattr(thing, name)
    monkeypatch.setattr(thing, name, lambda *args: calls.append(real(*args)) or calls[-1])
    return calls


def passes(net):
    """The number of samples in each forward pass that the network runs from now on."""
    counted = []
    net.register_forward_hook(lambda block, inputs, output: counted.append(len(inputs[0])))
    return counted


# What an iteration draws


@pytest.mark.parametrize('steps', [1, 3])
@pytest.mark.parametrize('shared', [True, False])
def test_each_dis_step_draws_a_real_batch_and_noise_is_shared_or_fresh(
    tiny_updater, monkeypatch, steps, shared
):
    updater = tiny_updater(dis_steps=steps, shared_noise=shared)
    real, noise = spy(monkeypatch, updater.real, 'draw'), spy(monkeypatch, updater.noise, 'draw')
    gen, dis = passes(updater.gen), passes(updater.dis)
    for _ in range(4):
        updater.update()
    assert len(real) == 4 * steps and len({x.asnumpy().tobytes() for x in real}) == 4 * steps
    drawn = 1 if shared else steps + 1
    assert len(noise) == 4 * drawn and len({z.asnumpy().tobytes() for z in noise}) == 4 * drawn
    assert gen == [8] * 4 * drawn  # shared noise: G runs forward once an iteration
    assert (
        dis == [16] * 4 * steps
    )  # real and fake in one pass; G's update goes through the frozen view
    assert (updater.iteration, updater.opt_dis.steps, updater.opt_gen.steps) == (4, 4 * steps, 4)


def test_epochs_count_the_real_batches(tiny_updater):
    updater = tiny_updater(dis_steps=4)  # 6 batches an epoch
    assert updater.iterations_per_epoch == 1.5 and (updater.epoch, updater.previous_epoch) == (0, 0)
    updater.update()
    updater.update()
    assert updater.epoch == pytest.approx(8 / 6) and updater.previous_epoch == pytest.approx(4 / 6)


def test_clip_bounds_dis_and_leaves_gen_alone(tiny_updater):
    updater = tiny_updater(loss='wasserstein', optimizer='rmsprop', lr=1e-3, clip=0.05)
    updater.update()
    assert max(
        np.abs(value.asnumpy()).max() for value in weights(updater.dis).values()
    ) == np.float32(0.05)
    assert max(np.abs(value.asnumpy()).max() for value in weights(updater.gen).values()) > 0.1


@pytest.mark.parametrize(
    ('rate', 'still', 'mover'), [('gen_lr', 'gen', 'dis'), ('dis_lr', 'dis', 'gen')]
)
def test_each_network_has_a_rate_of_its_own(tiny_updater, rate, still, mover):
    updater = tiny_updater(lr=0.1, **{rate: 0.0})
    layer = {'gen': updater.gen[0].weight, 'dis': updater.dis[1].weight}
    before = {net: weight.data().asnumpy() for net, weight in layer.items()}
    updater.update()
    after = {net: weight.data().asnumpy() for net, weight in layer.items()}
    np.testing.assert_array_equal(before[still], after[still])
    assert np.abs(before[mover] - after[mover]).max() > 0.01


def test_unknown_loss_or_noise_or_rule_is_refused_and_the_known_ones_are_named(tiny_updater):
    with pytest.raises(ValueError, match='uniform'):
        tiny_updater(noise='gauss')
    with pytest.raises(ValueError, match='rmsprop'):
        tiny_updater(optimizer='lion')
    with pytest.raises(ValueError, match='minimax'):
        tiny_updater(loss='no such loss')


# G's steps, its average, D's blurred sight, and packs


@pytest.mark.parametrize('shared', [True, False])
def test_gen_steps_move_gen_so_often_each_time_on_fresh_noise_and_leave_dis_alone(
    tiny_updater, monkeypatch, shared
):
    once, thrice = (
        tiny_updater(gen_steps=steps, shared_noise=shared, gen={'batchnorm': False})
        for steps in (1, 3)
    )
    noise, moves = spy(monkeypatch, thrice.noise, 'draw'), []
    step = thrice.opt_gen.step
    monkeypatch.setattr(
        thrice.opt_gen,
        'step',
        lambda: (step(), moves.append(thrice.gen[0].weight.data().asnumpy())),
    )
    once.update()
    thrice.update()
    assert len({weight.tobytes() for weight in moves}) == 3 and (
        once.opt_gen.steps,
        thrice.opt_gen.steps,
    ) == (1, 3)
    assert (
        len({z.asnumpy().tobytes() for z in noise}) == (3 if shared else 4)
        and thrice.opt_dis.steps == 1
    )
    np.testing.assert_array_equal(once.gen[0].weight.data().asnumpy(), moves[0])
    for name, value in weights(once.dis).items():
        np.testing.assert_array_equal(
            weights(thrice.dis)[name].asnumpy(), value.asnumpy(), err_msg=name
        )


def test_sampler_is_the_moving_average_of_gen_after_each_of_its_steps(
    tiny_updater, tiny_nets, monkeypatch
):
    updater, (other, _) = tiny_updater(ema=0.75, gen_steps=2, lr=0.05), tiny_nets()
    read = lambda: {
        name: value.asnumpy().astype(np.float64) for name, value in weights(updater.gen).items()
    }  # noqa: E731
    average, step = read(), updater.opt_gen.step
    share = lambda: min(0.75, (1 + updater.opt_gen.steps) / (10 + updater.opt_gen.steps))  # noqa: E731
    monkeypatch.setattr(
        updater.opt_gen,
        'step',
        lambda: (
            step(),
            average.update(
                {
                    name: share() * average[name] + (1 - share()) * value
                    for name, value in read().items()
                }
            ),
        ),
    )
    for _ in range(3):
        updater.update()
    for name, value in weights(other).items():
        np.testing.assert_allclose(
            updater.average.state()[name].asnumpy(),
            average[name],
            rtol=1e-5,
            atol=1e-6,
            err_msg=name,
        )
        value[:] = average[name]
    z = updater.fixed_inputs(6)
    np.testing.assert_allclose(
        generate(updater.sampler, z), generate(other, z), rtol=1e-4, atol=1e-5
    )
    assert np.abs(generate(updater.sampler, z) - generate(updater.gen, z)).max() > 0.01


def test_without_an_average_the_sampler_is_gen(tiny_updater):
    updater = tiny_updater()
    assert updater.sampler is updater.gen and not [
        name for name in updater.state()[0] if name.startswith('ema')
    ]


@pytest.mark.parametrize(
    ('iteration', 'deviation'), [(0, 0.8), (1, 0.6), (3, 0.2), (4, 0), (5, 0), (4000, 0)]
)
def test_instance_noise_sinks_linearly_to_nothing_and_evaluation_has_none(
    tiny_updater, iteration, deviation
):
    updater, x = tiny_updater(instance_noise=0.8, noise_until=4), mx.nd.ones((1000, 1, 4, 4))
    updater.iteration = iteration
    added = updater.seen(x, None).asnumpy() - 1
    assert (
        added.std() == pytest.approx(deviation, rel=0.03)
        and abs(added.mean()) < 0.03
        and added.shape == x.shape
    )
    assert (updater.seen(x, None, blur=False).asnumpy() == 1).all()


def test_instance_noise_is_on_both_kinds_of_sample_that_dis_sees(tiny_updater, monkeypatch):
    updater, x = tiny_updater(instance_noise=0.5, noise_until=10), []
    real, fake = spy(monkeypatch, updater.real, 'draw'), []
    updater.gen.register_forward_hook(lambda net, inputs, output: fake.append(output))
    updater.dis.register_forward_hook(lambda net, inputs, output: x.append(inputs[0].asnumpy()))
    updater.update()
    for seen, plain in ((x[0][:8], real[0]), (x[0][8:], fake[0])):
        assert (seen - plain.asnumpy()).std() == pytest.approx(0.5, rel=0.25)


@pytest.mark.parametrize('settings', [{}, {'stddev': True}, {'kernels': 2}], ids=repr)
def test_a_pack_has_one_logit_and_is_all_real_or_all_generated(tiny_updater, tiny_nets, settings):
    dis = tiny_nets(dis={'pack': 4, **settings})[1]
    x_real, x_fake = (mx.nd.random.uniform(shape=(8, 1, 4, 4)) for _ in range(2))
    y_real, y_fake = discriminate(dis, x_real, x_fake)
    assert y_real.shape == y_fake.shape == (2,)
    for y, x in ((y_real, x_real), (y_fake, x_fake)):
        np.testing.assert_allclose(y.asnumpy(), dis(x).asnumpy(), rtol=1e-5, atol=1e-6)
    updater = tiny_updater(dis={'pack': 4, **settings}, penalty=None if settings else 'gp')
    updater.update()
    updater.drain()
    assert np.isfinite(updater.take()).all()


# What it reports


def softplus(y):
    return np.logaddexp(0, y)


ENTROPY = lambda r, f: softplus(-r).mean() + softplus(f).mean()  # noqa: E731
BY_NUMPY = {  # of real and fake logits: D's loss, G's loss
    'minimax': (ENTROPY, lambda r, f: -softplus(f).mean()),
    'nonsaturating': (ENTROPY, lambda r, f: softplus(-f).mean()),
    'least_squares': (
        lambda r, f: ((r - 1) ** 2).mean() / 2 + (f**2).mean() / 2,
        lambda r, f: ((f - 1) ** 2).mean() / 2,
    ),
    'wasserstein': (lambda r, f: f.mean() - r.mean(), lambda r, f: -f.mean()),
    'hinge': (
        lambda r, f: np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(),
        lambda r, f: -f.mean(),
    ),
    'relativistic': (
        lambda r, f: ENTROPY(r - f.mean(), f - r.mean()),
        lambda r, f: ENTROPY(f - r.mean(), r - f.mean()),
    ),
}


@pytest.mark.parametrize('loss', LOSSES)
def test_observations_are_what_numpy_computes_from_the_logits(
    tiny_updater, tiny_nets, monkeypatch, loss
):
    updater = tiny_updater(loss=loss, optimizer='sgd', lr=0.5, gen={'batchnorm': False})
    gen, dis = tiny_nets(gen={'batchnorm': False})  # the same weights, which stay
    real, noise = spy(monkeypatch, updater.real, 'draw'), spy(monkeypatch, updater.noise, 'draw')
    updater.update()
    updater.drain()
    x = (real[0], gen(noise[0]))
    before, after = (
        [net(each).asnumpy().astype(np.float64) for each in x] for net in (dis, updater.dis)
    )
    score = (
        expit if loss in ('minimax', 'nonsaturating') else np.asarray
    )  # where D's output is no probability: raw
    expected = (
        BY_NUMPY[loss][0](*before),
        BY_NUMPY[loss][1](*after),
        *(score(y).mean() for y in before),
    )
    (seen,) = updater.take()
    np.testing.assert_allclose(seen, (1, *expected), rtol=1e-5, atol=1e-6)
    assert np.abs(before[1] - after[1]).max() > 1e-3  # G's loss is taken after D has moved


def test_observations_come_late_in_order_and_once(tiny_updater):
    updater = tiny_updater()
    for _ in range(LAG):
        updater.update()
    assert updater.take() == []
    updater.update()
    assert [seen.iteration for seen in updater.take()] == [1] and updater.take() == []
    updater.drain()
    assert [seen.iteration for seen in updater.take()] == list(range(2, LAG + 2))


@pytest.mark.parametrize(('bad', 'name'), [('dis', 'dis/loss'), ('gen', 'gen/loss')])
@pytest.mark.parametrize('number', [np.nan, np.inf])
def test_a_loss_that_is_no_number_stops_the_run_and_is_named_with_its_iteration(
    tiny_updater, bad, name, number
):
    good = LOSSES['nonsaturating']
    broken = {
        'dis': lambda y_real, y_fake: good.dis(y_real, y_fake) * number,
        'gen': lambda y_fake, y_real: good.gen(y_fake) * number,
    }
    updater = tiny_updater(loss=good)
    for _ in range(3):
        updater.update()
    updater.drain()
    updater.loss = Loss(**{**good._asdict(), bad: broken[bad]})
    updater.update()
    with pytest.raises(NonFinite, match=rf'^{name} is (nan|inf) at iteration 4\b'):
        updater.drain()
    assert [seen.iteration for seen in updater.take()] == [1, 2, 3]


def test_a_loss_that_is_no_number_is_noticed_without_drain(tiny_updater):
    updater = tiny_updater()
    weights(updater.dis)['1.weight'][:] = np.nan
    with pytest.raises(NonFinite, match='iteration 1'):
        for _ in range(LAG + 1):
            updater.update()


# Resumed


@pytest.mark.same_bits
def test_another_seed_is_another_run_and_the_same_seed_the_same(tiny_updater):
    def run(seed):
        updater = tiny_updater(seed=seed)
        for _ in range(5):
            updater.update()
        updater.drain()
        return updater.take()

    assert run(3) == run(3) and run(3) != run(4)


def test_the_first_dropout_mask_does_not_draw_what_the_initial_weights_drew(
    tiny_updater, monkeypatch
):
    seeds = []
    monkeypatch.setattr(mx.random, 'seed', seeds.append)
    updater = tiny_updater(dis={'dropout': 0.5})
    for _ in range(3):
        updater.update()
    assert (
        len(seeds) == len(set(seeds)) == 4
    )  # NumPy's SeedSequence takes (0,) and (0, 0) for the same


def test_restore_forgets_what_was_pending(tiny_updater):
    saved = tiny_updater().state()
    updater = tiny_updater()
    updater.update()
    updater.restore(*saved)
    updater.update()
    updater.drain()
    assert [seen.iteration for seen in updater.take()] == [1]
