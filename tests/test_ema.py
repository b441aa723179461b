"""The moving average of the generator's weights against NumPy, and that samples come from it."""

from __future__ import annotations

import numpy as np
import pytest

from gluongan import runtime
from gluongan.nn.ema import MovingAverage
from gluongan.nn.layers import weights
from gluongan.nn.models import conv_generator, dense_generator
from gluongan.runtime import mx

NETS = {
    'dense': lambda: dense_generator([5, 8, 16], init='glorot'),
    'conv': lambda: conv_generator(5, (1, 8, 8), width=2, init='glorot'),
}


@pytest.fixture(params=NETS)
def net(request):
    runtime.seed(0)
    return NETS[request.param]()


def copies(arrays):
    return {name: value.asnumpy().copy() for name, value in arrays.items()}


def randomize(net, seed):
    """Give a network new weights and running statistics, all above 0 as variances must be."""
    draw = np.random.RandomState(seed)
    for value in weights(net).values():
        value[:] = np.abs(draw.normal(1, 0.5, value.shape)) + 0.1


@pytest.mark.parametrize('decay', [0.5, 0.9, 0.999])
def test_average_is_its_formula_for_every_number_of_the_net(net, decay):
    average = MovingAverage(net, decay)
    exact = {name: value.astype(np.float64) for name, value in copies(weights(net)).items()}
    assert set(average.state()) == set(exact)
    assert any('running_var' in name for name in exact)
    for t in (1, 2, 3, 500, 20_000):  # the first updates count for more
        randomize(net, t)
        average.update(t)
        share = min(decay, (1 + t) / (10 + t))
        for name, value in copies(weights(net)).items():
            exact[name] = share * exact[name] + (1 - share) * value
    for name, value in copies(average.state()).items():
        np.testing.assert_allclose(value, exact[name], rtol=2e-6, atol=1e-7, err_msg=name)
        assert (value != weights(net)[name].asnumpy()).any()


def test_average_begins_with_the_weights_of_the_net_and_never_changes_them(net):
    average, before = MovingAverage(net, 0.9), copies(weights(net))
    for name, value in copies(average.state()).items():
        np.testing.assert_array_equal(value, before[name])
    randomize(net, 1)
    moved = copies(weights(net))
    for name, value in copies(average.state()).items():  # copies, not views of the weights
        np.testing.assert_array_equal(value, before[name])
    average.update(1)
    for name, value in copies(weights(net)).items():
        np.testing.assert_array_equal(value, moved[name])


def test_the_view_computes_with_the_averages(net):
    average = MovingAverage(net, 0.7)
    z = mx.nd.random.normal(shape=(6, 5))
    np.testing.assert_allclose(average.net(z).asnumpy(), net(z).asnumpy(), rtol=1e-5, atol=1e-6)
    for step in range(3):
        randomize(net, step)
        average.update(step + 1)
        averaged, live = average.net(z).asnumpy(), net(z).asnumpy()
        assert np.abs(averaged - live).max() > 1e-5
        own_weights = copies(weights(net))
        for name, value in average.state().items():
            weights(net)[name][:] = value
        np.testing.assert_allclose(averaged, net(z).asnumpy(), rtol=1e-5, atol=1e-6)
        for name, value in own_weights.items():
            weights(net)[name][:] = mx.nd.array(value)


def test_the_view_computes_with_restored_averages(net):
    average = MovingAverage(net, 0.7)
    z = mx.nd.random.normal(shape=(6, 5))
    before, saved = average.net(z).asnumpy(), copies(average.state())
    randomize(net, 1)
    average.update(1)
    assert np.abs(average.net(z).asnumpy() - before).max() > 1e-5
    for name, value in average.state().items():
        value[:] = saved[name]
    np.testing.assert_array_equal(average.net(z).asnumpy(), before)


def test_samples_come_from_the_average_where_there_is_one(tiny_updater):
    plain, averaged = tiny_updater(), tiny_updater(ema=0.9)
    assert plain.sampler is plain.gen
    assert plain.average is None
    assert averaged.sampler is averaged.average.net
    assert averaged.sampler is not averaged.gen


@pytest.mark.parametrize('gen_steps', [1, 3])
def test_an_updater_averages_the_weights_after_every_update_of_the_generator(
    tiny_updater, gen_steps
):
    updater = tiny_updater(ema=0.8, gen_steps=gen_steps, lr=0.05)
    start = copies(weights(updater.gen))
    history = []
    update_average = updater.average.update

    def update_and_record(t):
        history.append((t, copies(weights(updater.gen))))
        update_average(t)

    updater.average.update = update_and_record
    for _ in range(2):
        updater.update()
    assert [t for t, _ in history] == list(range(1, 2 * gen_steps + 1))
    for name, value in copies(updater.average.state()).items():
        exact = start[name].astype(np.float64)
        for t, weight in history:
            share = min(0.8, (1 + t) / (10 + t))
            exact = share * exact + (1 - share) * weight[name]
        np.testing.assert_allclose(value, exact, rtol=1e-5, atol=1e-6)


def test_training_is_the_same_with_and_without_an_average(tiny_updater):
    nets = []
    for ema in (0.0, 0.99):
        updater = tiny_updater(ema=ema, lr=0.01)
        for _ in range(4):
            updater.update()
        nets.append(copies(weights(updater.gen)))
    for name, value in nets[0].items():
        np.testing.assert_array_equal(value, nets[1][name])


def test_averages_are_part_of_the_updaters_state_and_resume_exactly(tiny_updater):
    straight = tiny_updater(ema=0.9, lr=0.05)
    for _ in range(3):
        straight.update()
    arrays, meta = straight.state()
    averages = {name for name in arrays if name.startswith('ema/')}
    assert averages == {f'ema/{name}' for name in weights(straight.gen)}
    resumed = tiny_updater(seed=3, ema=0.9, lr=0.05)
    resumed.restore(arrays, meta)
    for updater in (straight, resumed):
        updater.update()
    for name, value in straight.state()[0].items():
        np.testing.assert_array_equal(value, resumed.state()[0][name], err_msg=name)
    assert not any(name.startswith('ema/') for name in tiny_updater().state()[0])


def test_the_initial_variance_leaves_the_average_within_the_first_updates(net):
    average = MovingAverage(net, 0.999)
    variance = next(name for name in average.state() if name.endswith('running_var'))
    weights(net)[variance][:] = 0.01
    for t in range(1, 101):
        average.update(t)
    np.testing.assert_allclose(average.state()[variance].asnumpy(), 0.01, rtol=1e-4)
