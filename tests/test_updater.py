"""GANUpdater: what one iteration draws, what it reports and when, and that a resumed run is the same run."""
from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit

from gluongan import build, data
from gluongan.losses import LOSSES, Loss
from gluongan.recipes import RECIPES, recipe
from gluongan.runtime import mx
from gluongan.updater import LAG, NonFinite, weights


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
def test_each_dis_step_draws_a_real_batch_and_noise_is_shared_or_fresh(tiny_updater, monkeypatch, steps, shared):
    updater = tiny_updater(dis_steps=steps, shared_noise=shared)
    real, noise = spy(monkeypatch, updater.real, 'draw'), spy(monkeypatch, updater.noise, 'draw')
    gen, dis = passes(updater.gen), passes(updater.dis)
    for _ in range(4):
        updater.update()
    assert len(real) == 4 * steps and len({x.asnumpy().tobytes() for x in real}) == 4 * steps
    drawn = 1 if shared else steps + 1
    assert len(noise) == 4 * drawn and len({z.asnumpy().tobytes() for z in noise}) == 4 * drawn
    assert gen == [8] * 4 * drawn    # shared noise: G runs forward once an iteration
    assert dis == [16] * 4 * steps    # real and fake in one pass; G's update goes through the frozen view
    assert (updater.iteration, updater.opt_dis.steps, updater.opt_gen.steps) == (4, 4 * steps, 4)


def test_epochs_count_the_real_batches(tiny_updater):
    updater = tiny_updater(dis_steps=4)    # 6 batches an epoch
    assert updater.iterations_per_epoch == 1.5 and (updater.epoch, updater.previous_epoch) == (0, 0)
    updater.update()
    updater.update()
    assert updater.epoch == pytest.approx(8 / 6) and updater.previous_epoch == pytest.approx(4 / 6)


def test_clip_bounds_dis_and_leaves_gen_alone(tiny_updater):
    updater = tiny_updater(loss='wasserstein', optimizer='rmsprop', lr=1e-3, clip=0.05)
    updater.update()
    assert max(np.abs(value.asnumpy()).max() for value in weights(updater.dis).values()) == np.float32(0.05)
    assert max(np.abs(value.asnumpy()).max() for value in weights(updater.gen).values()) > 0.1


@pytest.mark.parametrize(('rate', 'still', 'mover'), [('gen_lr', 'gen', 'dis'), ('dis_lr', 'dis', 'gen')])
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


# What it reports

def by_numpy(loss, y_real, y_fake, y_fake_later):
    """One iteration's numbers from D's logits; G's loss is taken after D has moved."""
    if loss == 'wasserstein':
        return y_fake.mean() - y_real.mean(), -y_fake_later.mean(), y_real.mean(), y_fake.mean()
    dis = np.logaddexp(0, -y_real).mean() + np.logaddexp(0, y_fake).mean()
    gen = -np.logaddexp(0, y_fake_later).mean() if loss == 'minimax' else np.logaddexp(0, -y_fake_later).mean()
    return dis, gen, expit(y_real).mean(), expit(y_fake).mean()


@pytest.mark.parametrize('loss', LOSSES)
def test_observations_are_what_numpy_computes_from_the_logits(tiny_updater, tiny_nets, monkeypatch, loss):
    updater = tiny_updater(loss=loss, optimizer='sgd', lr=0.5, gen={'batchnorm': False})
    gen, dis = tiny_nets(gen={'batchnorm': False})    # the same weights, which stay
    real, noise = spy(monkeypatch, updater.real, 'draw'), spy(monkeypatch, updater.noise, 'draw')
    updater.update()
    updater.drain()
    logits = [net(x).asnumpy().astype(np.float64)
              for net, x in ((dis, real[0]), (dis, gen(noise[0])), (updater.dis, gen(noise[0])))]
    (seen,) = updater.take()
    np.testing.assert_allclose(seen, (1, *by_numpy(loss, *logits)), rtol=1e-5, atol=1e-6)
    assert np.abs(logits[1] - logits[2]).max() > 1e-3


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
def test_a_loss_that_is_no_number_stops_the_run_and_is_named_with_its_iteration(tiny_updater, bad, name, number):
    good = LOSSES['nonsaturating']
    broken = {'dis': lambda y_real, y_fake: good.dis(y_real, y_fake) * number,
              'gen': lambda y_fake: good.gen(y_fake) * number}
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


# N + N with a resume between = 2N

# 512 samples in batches of 150: the resume falls into the middle of an epoch of three.
TINY = {'latent': 6, 'gen_hidden': (9, 7), 'dis_hidden': (8,), 'batch': 150, 'data': 'synthetic'}
VARIANTS = {
    **{name: {'recipe': name} for name in RECIPES},
    'dropout': {'recipe': 'dense', 'gen_dropout': 0.3, 'dis_dropout': 0.4},
    'three D steps': {'recipe': 'dense', 'dis_steps': 3, 'shared_noise': True},
    'D with BatchNorm': {'recipe': 'dense', 'dis_batchnorm': True},
    'sgd': {'recipe': 'vanilla', 'optimizer': 'sgd', 'lr': 0.05, 'momentum': 0.0},
    'rmsprop and fresh noise': {'recipe': 'dense', 'optimizer': 'rmsprop', 'shared_noise': False},
    'points': {'recipe': 'vanilla', 'data': 'ring8', 'dis_steps': 2},
}


@pytest.fixture(scope='module')
def datasets():
    return {name: data.load(name) for name in ('synthetic', 'ring8')}


def grow(config, datasets):
    return build.updater(config, data.load('synthetic', binarize=True) if config.binarize else datasets[config.data])


@pytest.mark.parametrize('variant', VARIANTS)
def test_a_resumed_run_is_the_same_run_bit_for_bit(datasets, variant):
    settings = {**TINY, **VARIANTS[variant]}
    config = recipe(settings.pop('recipe')).with_settings(settings)
    straight, first, second = (grow(c, datasets) for c in (config, config, config.with_settings({'seed': 99})))
    for _ in range(8):
        straight.update()
    for _ in range(4):
        first.update()
    arrays, meta = first.state()
    arrays = {name: value.copy() for name, value in arrays.items()}
    mx.random.seed(12345)    # whatever has happened to MXNet's own generator in between
    second.seed = config.seed
    second.restore(arrays, json.loads(json.dumps(meta)))
    for _ in range(4):
        first.update()    # going on must not depend on the restored one, nor it on this
        second.update()
    expected, expected_meta = straight.state()
    for other in (first, second):
        found, found_meta = other.state()
        assert found_meta == expected_meta and set(found) == set(expected)
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)
    assert second.take() == straight.take()[4:]
    assert any((expected[name] != arrays[name]).any() for name in arrays)


def test_another_seed_is_another_run_and_the_same_seed_the_same(tiny_updater):
    def run(seed):
        updater = tiny_updater(seed=seed)
        for _ in range(5):
            updater.update()
        updater.drain()
        return updater.take()
    assert run(3) == run(3) and run(3) != run(4)


def test_the_first_dropout_mask_does_not_draw_what_the_initial_weights_drew(tiny_updater, monkeypatch):
    seeds = []
    monkeypatch.setattr(mx.random, 'seed', seeds.append)
    updater = tiny_updater(dis={'dropout': 0.5})
    for _ in range(3):
        updater.update()
    assert len(seeds) == len(set(seeds)) == 4    # NumPy's SeedSequence takes (0,) and (0, 0) for the same


def test_restore_forgets_what_was_pending(tiny_updater):
    saved = tiny_updater().state()
    updater = tiny_updater()
    updater.update()
    updater.restore(*saved)
    updater.update()
    updater.drain()
    assert [seen.iteration for seen in updater.take()] == [1]
