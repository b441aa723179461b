"""The numbers of iterations: when they come, how often, and that a NaN among them is noticed."""

from __future__ import annotations

import numpy as np
import pytest

from gluongan.gan.losses import LOSSES, Loss
from gluongan.gan.objectives import DisObjective, GenObjective
from gluongan.gan.observations import FETCHED, LAG, NonFinite
from gluongan.nn.layers import weights


def test_observations_come_late_in_order_and_once(tiny_updater):
    updater = tiny_updater()
    for _ in range(LAG):
        updater.update()
    assert updater.take() == []
    updater.update()
    assert [each.iteration for each in updater.take()] == list(range(1, FETCHED + 1))
    assert updater.take() == []
    updater.drain()
    assert [each.iteration for each in updater.take()] == list(range(FETCHED + 1, LAG + 2))


def test_numbers_fetched_together_are_those_fetched_one_by_one(tiny_updater):
    together, one_by_one = tiny_updater(), tiny_updater()
    observations = []
    for _ in range(LAG + 1):
        together.update()
        one_by_one.update()
        one_by_one.drain()
        observations += one_by_one.take()
    together.drain()
    assert together.take() == observations


@pytest.mark.parametrize(('bad', 'name'), [('dis', 'dis/loss'), ('gen', 'gen/loss')])
@pytest.mark.parametrize('number', [np.nan, np.inf])
def test_a_nan_or_infinite_loss_stops_the_run_and_is_named_with_its_iteration(
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
    loss = Loss(**{**good._asdict(), bad: broken[bad]})
    updater.dis_objective = DisObjective(updater.dis, loss)
    updater.gen_objective = GenObjective(updater.dis_view, loss)
    updater.update()
    with pytest.raises(NonFinite, match=rf'^{name} is (nan|inf) at iteration 4\b'):
        updater.drain()
    assert [each.iteration for each in updater.take()] == [1, 2, 3]


def test_a_nan_loss_is_noticed_without_drain(tiny_updater):
    updater = tiny_updater()
    weights(updater.dis)['1.weight'][:] = np.nan
    with pytest.raises(NonFinite, match='iteration 1'):
        for _ in range(LAG + 1):
            updater.update()


def test_restore_forgets_what_was_pending(tiny_updater):
    saved = tiny_updater().state()
    updater = tiny_updater()
    updater.update()
    updater.restore(*saved)
    updater.update()
    updater.drain()
    assert [each.iteration for each in updater.take()] == [1]
