"""GANUpdater: what an iteration draws and reports, its hooks, and that a run can be resumed."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
from scipy.special import expit

from gluongan.gan.losses import LOSSES
from gluongan.gan.objectives import DisObjective
from gluongan.gan.sampling import generate
from gluongan.nn.layers import frozen, weights
from gluongan.runtime import mx


def spy(monkeypatch, thing, name):
    """A list of what the calls of thing.name return from now on."""
    results, original = [], getattr(thing, name)

    def recorded(*args):
        results.append(original(*args))
        return results[-1]

    monkeypatch.setattr(thing, name, recorded)
    return results


def passes(net):
    """A list of the number of samples in each forward pass that a network runs from now on."""
    counts = []
    net.register_forward_hook(lambda block, inputs, output: counts.append(len(inputs[0])))
    return counts


def distinct(arrays):
    """How many different arrays there are."""
    return len({array.asnumpy().tobytes() for array in arrays})


def arrays_of(net):
    return {name: value.asnumpy() for name, value in weights(net).items()}


# What an iteration draws


@pytest.mark.parametrize('steps', [1, 3])
@pytest.mark.parametrize('shared', [True, False])
def test_each_dis_step_draws_a_real_batch_and_noise_is_shared_or_fresh(
    tiny_updater, monkeypatch, steps, shared
):
    updater = tiny_updater(dis_steps=steps, shared_noise=shared)
    real, noise = spy(monkeypatch, updater.real, 'draw'), spy(monkeypatch, updater.noise, 'draw')
    gen, dis = passes(updater.fused_gen), passes(updater.dis_objective)
    for _ in range(4):
        updater.update()
    assert len(real) == distinct(real) == 4 * steps
    draws = 1 if shared else steps + 1
    assert len(noise) == distinct(noise) == 4 * draws
    assert gen == [8] * 4 * draws  # with shared noise G runs forward once an iteration
    assert dis == [8] * 4 * steps
    assert (updater.iteration, updater.opt_dis.steps, updater.opt_gen.steps) == (4, 4 * steps, 4)


def test_epochs_count_the_real_batches(tiny_updater):
    updater = tiny_updater(dis_steps=4)  # 6 batches an epoch
    assert updater.iterations_per_epoch == 1.5
    assert (updater.epoch, updater.previous_epoch) == (0, 0)
    updater.update()
    updater.update()
    assert updater.epoch == pytest.approx(8 / 6)
    assert updater.previous_epoch == pytest.approx(4 / 6)


def test_clip_bounds_dis_and_leaves_gen_alone(tiny_updater):
    rmsprop = {'name': 'rmsprop', 'lr': 1e-3}
    updater = tiny_updater(loss='wasserstein', opt_gen=rmsprop, opt_dis={**rmsprop, 'clip': 0.05})
    updater.update()
    # Not of all arrays: the running variance of a generator that is clipped is 1 still.
    largest = {}
    for name, net in (('dis', updater.dis), ('gen', updater.gen)):
        trained = [each for each in net.collect_params().values() if each.grad_req != 'null']
        matrices = [each.data().asnumpy() for each in trained if len(each.shape) > 1]
        largest[name] = max(np.abs(value).max() for value in matrices)
    assert largest['dis'] == np.float32(0.05)
    assert largest['gen'] > 0.1


@pytest.mark.parametrize(('slow', 'fast'), [('gen', 'dis'), ('dis', 'gen')])
def test_each_network_has_its_own_optimiser(tiny_updater, slow, fast):
    # Adam moves a weight by its rate at most: 1e-12 is nothing in float32.
    rates = {f'opt_{slow}': {'lr': 1e-12}, f'opt_{fast}': {'lr': 0.1}}
    updater = tiny_updater(**rates)
    layer = {'gen': updater.gen[0].weight, 'dis': updater.dis[1].weight}
    before = {net: weight.data().asnumpy() for net, weight in layer.items()}
    updater.update()
    after = {net: weight.data().asnumpy() for net, weight in layer.items()}
    np.testing.assert_array_equal(before[slow], after[slow])
    assert np.abs(before[fast] - after[fast]).max() > 0.01


# Hooks: which blocks run, through which view, and when


@pytest.mark.parametrize('penalty', [None, 'gp'])
def test_blocks_are_all_that_an_iteration_runs(tiny_updater, monkeypatch, penalty):
    updater, running = tiny_updater(penalty=penalty), []
    children = set()
    for block in updater.blocks():
        block.apply(children.add)
    call = mx.gluon.Block.__call__

    def recorded_call(block, *args):
        running.append(block)
        return call(block, *args)

    monkeypatch.setattr(mx.gluon.Block, '__call__', recorded_call)
    updater.update()
    updater.drain()
    assert set(running) <= children
    is_native = updater.real.gather.gatherer(updater.real.resident) is not None
    called = {updater.real.gather} if is_native else set()  # by its operator in C++
    assert set(updater.blocks()) - called <= set(running)


def test_another_view_of_dis_is_used_by_the_update_of_gen_and_by_the_penalty(tiny_updater):
    updater = tiny_updater(penalty='gp')
    view = frozen(updater.dis)
    updater.dis_view = view
    updater.update()  # traces the graphs
    in_update, in_penalty = passes(updater.gen_objective), passes(view)
    updater.update()
    assert updater.gen_objective.net is view
    assert (in_update, in_penalty) == ([8], [8])


@pytest.mark.parametrize('shared', [True, False])
def test_watch_is_told_each_part_of_an_iteration_and_changes_nothing(tiny_updater, shared):
    plain, watched = tiny_updater(shared_noise=shared), tiny_updater(shared_noise=shared)
    events = []

    @contextmanager
    def watch(part):
        events.append(part)
        yield
        events.append(f'end of {part}')

    watched.watch = watch
    for updater in (plain, watched):
        updater.update()
        updater.drain()
    assert plain.take() == watched.take()
    fake = ['noise', 'end of noise', 'G(z)', 'end of G(z)']
    optimiser = ['optimiser', 'end of optimiser']
    assert events == [
        *('data', 'end of data', *fake),
        *('D update', *optimiser, 'end of D update'),
        *([] if shared else fake),
        *('G update', *optimiser, 'end of G update'),
    ]


# G's steps, its average, D's instance noise, and packs


@pytest.mark.parametrize('shared', [True, False])
def test_each_of_several_gen_steps_moves_gen_on_fresh_noise_and_leaves_dis_alone(
    tiny_updater, monkeypatch, shared
):
    settings = {'shared_noise': shared, 'gen': {'batchnorm': False}}
    once, thrice = tiny_updater(gen_steps=1, **settings), tiny_updater(gen_steps=3, **settings)
    noise, moves = spy(monkeypatch, thrice.noise, 'draw'), []
    step = thrice.opt_gen.step

    def recorded_step():
        step()
        moves.append(thrice.gen[0].weight.data().asnumpy())

    monkeypatch.setattr(thrice.opt_gen, 'step', recorded_step)
    once.update()
    thrice.update()
    assert len({weight.tobytes() for weight in moves}) == 3
    assert (once.opt_gen.steps, thrice.opt_gen.steps, thrice.opt_dis.steps) == (1, 3, 1)
    assert distinct(noise) == (3 if shared else 4)
    np.testing.assert_array_equal(once.gen[0].weight.data().asnumpy(), moves[0])
    dis = arrays_of(thrice.dis)
    for name, value in arrays_of(once.dis).items():
        np.testing.assert_array_equal(dis[name], value, err_msg=name)


def test_sampler_is_the_moving_average_of_gen_after_each_of_its_steps(
    tiny_updater, tiny_nets, monkeypatch
):
    updater, (other, _) = tiny_updater(ema=0.75, gen_steps=2, lr=0.05), tiny_nets()
    average, step = arrays_of(updater.gen), updater.opt_gen.step

    def averaged_step():
        step()
        t = updater.opt_gen.steps
        decay = min(0.75, (1 + t) / (10 + t))
        for name, value in arrays_of(updater.gen).items():
            average[name] = decay * average[name].astype(np.float64) + (1 - decay) * value

    monkeypatch.setattr(updater.opt_gen, 'step', averaged_step)
    for _ in range(3):
        updater.update()
    live = updater.average.state()
    for name, value in weights(other).items():
        np.testing.assert_allclose(
            live[name].asnumpy(), average[name], rtol=1e-5, atol=1e-6, err_msg=name
        )
        value[:] = average[name]
    z = updater.fixed_inputs(6)
    x = generate(updater.sampler, z)
    np.testing.assert_allclose(x, generate(other, z), rtol=1e-4, atol=1e-5)
    assert np.abs(x - generate(updater.gen, z)).max() > 0.01


def test_without_an_average_the_sampler_is_gen(tiny_updater):
    updater = tiny_updater()
    assert updater.sampler is updater.gen
    assert not any(name.startswith('ema') for name in updater.state()[0])


@pytest.mark.parametrize(
    ('iteration', 'deviation'), [(0, 0.8), (1, 0.6), (3, 0.2), (4, 0), (5, 0), (4000, 0)]
)
def test_instance_noise_falls_linearly_to_0_and_evaluation_has_none(
    tiny_updater, iteration, deviation
):
    updater, x = tiny_updater(instance_noise=0.8, noise_until=4), mx.nd.ones((1000, 1, 4, 4))
    updater.iteration = iteration
    noise = updater.as_seen_by_dis(x, None).asnumpy() - 1
    assert noise.shape == x.shape
    assert noise.std() == pytest.approx(deviation, rel=0.03)
    assert abs(noise.mean()) < 0.03
    assert (updater.as_seen_by_dis(x, None, instance_noise=False).asnumpy() == 1).all()


def test_instance_noise_is_on_both_kinds_of_sample_that_dis_sees(tiny_updater, monkeypatch):
    updater, inputs, fake = tiny_updater(instance_noise=0.5, noise_until=10), [], []
    real = spy(monkeypatch, updater.real, 'draw')
    updater.fused_gen.register_forward_hook(lambda net, args, output: fake.append(output))
    updater.dis_objective.register_forward_hook(lambda net, args, output: inputs.append(args))
    updater.update()
    for noisy, plain in zip(inputs[0], (real[0], fake[0])):
        assert (noisy - plain).asnumpy().std() == pytest.approx(0.5, rel=0.25)


@pytest.mark.parametrize('settings', [{}, {'stddev': True}, {'kernels': 2}], ids=repr)
def test_a_pack_has_one_logit_and_is_all_real_or_all_generated(tiny_updater, tiny_nets, settings):
    dis = tiny_nets(dis={'pack': 4, **settings})[1]
    x_real, x_fake = (mx.nd.random.uniform(shape=(8, 1, 4, 4)) for _ in range(2))
    _, y_real, y_fake = DisObjective(dis)(x_real, x_fake)
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


def entropy(r, f):
    return softplus(-r).mean() + softplus(f).mean()


BY_NUMPY = {  # of real and fake logits: D's loss, G's loss
    'minimax': (entropy, lambda r, f: -softplus(f).mean()),
    'nonsaturating': (entropy, lambda r, f: softplus(-f).mean()),
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
        lambda r, f: entropy(r - f.mean(), f - r.mean()),
        lambda r, f: entropy(f - r.mean(), r - f.mean()),
    ),
}


@pytest.mark.parametrize('loss', LOSSES)
def test_observations_are_what_numpy_computes_from_the_logits(
    tiny_updater, tiny_nets, monkeypatch, loss
):
    sgd = {'name': 'sgd', 'lr': 0.5}
    updater = tiny_updater(loss=loss, opt_gen=sgd, opt_dis=sgd, gen={'batchnorm': False})
    gen, dis = tiny_nets(gen={'batchnorm': False})  # the same weights, which stay
    real, noise = spy(monkeypatch, updater.real, 'draw'), spy(monkeypatch, updater.noise, 'draw')
    updater.update()
    updater.drain()
    x = (real[0], gen(noise[0]))
    before = [dis(each).asnumpy().astype(np.float64) for each in x]
    after = [updater.dis(each).asnumpy().astype(np.float64) for each in x]
    dis_loss, gen_loss = BY_NUMPY[loss]
    is_probability = loss in ('minimax', 'nonsaturating')
    scores = [expit(y) if is_probability else y for y in before]
    expected = [1, dis_loss(*before), gen_loss(*after), *(each.mean() for each in scores)]
    (observation,) = updater.take()
    np.testing.assert_allclose(observation, expected, rtol=1e-5, atol=1e-6)
    assert np.abs(before[1] - after[1]).max() > 1e-3  # D has moved before G's loss is computed


# Resumed


@pytest.mark.same_bits
def test_another_seed_is_another_run_and_the_same_seed_the_same(tiny_updater):
    def run(seed):
        updater = tiny_updater(seed=seed)
        for _ in range(5):
            updater.update()
        updater.drain()
        return updater.take()

    assert run(3) == run(3)
    assert run(3) != run(4)


def test_the_first_dropout_mask_does_not_draw_what_the_initial_weights_drew(
    tiny_updater, monkeypatch
):
    seeds = []
    monkeypatch.setattr(mx.random, 'seed', seeds.append)
    updater = tiny_updater(dis={'dropout': 0.5})
    for _ in range(3):
        updater.update()
    # To NumPy's SeedSequence (0,) and (0, 0) are the same.
    assert len(seeds) == len(set(seeds)) == 4
