"""How cases are timed: warm-up outside, fences on both sides, in turn; by a clock that is told what everything takes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tiny

from gluongan.bench.cases import Case, cases
from gluongan.bench.measure import LEAST, Subject, block, calibrated, measure
from gluongan.bench.split import PARTS, operators, parts
from gluongan.bench.subjects import environment, subjects
from gluongan.config import ConfigError
from gluongan.gan import updater
from gluongan.gan.updater import weights


class Machine:
    """A clock of its own, on which the first iteration of a case takes `first`, the others `each`; it notes what it is told."""

    def __init__(self):
        self.now, self.log = 0.0, []

    def clock(self):
        return self.now

    def subject(self, name, each=0.01, first=60.0):
        left = [first]

        def update():
            self.log.append((name, 'update'))
            self.now += left.pop() if left else each

        return Subject(name, {}, 8, update, lambda: self.log.append((name, 'drain')))


def told(machine, mark):
    """What `mark` puts into the log of a machine, in the place where it happened."""
    return lambda text: machine.log.append((mark, text))


def test_a_block_has_a_fence_on_both_sides_and_nothing_else():
    machine = Machine()
    assert block(machine.subject('A', first=3.0), 4, machine.clock) == pytest.approx(3.03)
    assert machine.log == [('A', 'drain'), *[('A', 'update')] * 4, ('A', 'drain')]


@pytest.mark.parametrize(
    'each, least, most',
    [(0.01, 20, 21), (0.0001, 2000, 2002), (0.15, 2, 2), (0.2, 1, 1), (7.0, 1, 1)],
)
def test_a_sample_lasts_as_long_as_asked_for(each, least, most):
    machine = Machine()
    assert least <= calibrated(machine.subject('A', each), 0.2, machine.clock) <= most
    assert machine.now - 60 <= max(2 * 0.2, each)  # and warming up is short


def test_warm_up_is_outside_of_the_time():
    machine = Machine()
    (found,) = measure([machine.subject('A', 0.01, first=1000.0)], seconds=1.0, clock=machine.clock)
    assert found.seconds == pytest.approx([0.01] * len(found.seconds))
    assert len(found.seconds) * found.iterations * 0.01 == pytest.approx(1.0, abs=0.25)


def test_cases_take_turns_after_all_are_warm():
    machine = Machine()
    measure(
        [machine.subject(name) for name in 'ABC'],
        seconds=0.7,
        clock=machine.clock,
        tell=told(machine, 'told'),
    )
    start = max(i for i, (who, _) in enumerate(machine.log) if who == 'told')
    assert 'timing 3 cases' in machine.log[start][1]
    timed = [who for who, what in machine.log[start:] if what == 'drain'][::2]
    assert ''.join(timed) == 'ABC' * 4


def test_a_slow_case_has_three_samples_of_one_iteration_and_the_others_go_on():
    machine = Machine()
    slow, quick = measure(
        [machine.subject('slow', 4.0), machine.subject('quick', 0.01)],
        seconds=2.0,
        clock=machine.clock,
    )
    assert slow.seconds == pytest.approx((4.0,) * LEAST) and slow.iterations == 1
    assert len(quick.seconds) >= 9 and quick.iterations >= 20


def test_a_drifting_machine_hits_all_alike():
    machine = Machine()

    def drifting(name, factor):
        def update():
            machine.now += factor * (0.01 + machine.now / 1000)

        return Subject(name, {}, 8, update, lambda: None)

    a, b = measure([drifting('A', 1), drifting('B', 2)], seconds=5.0, clock=machine.clock)
    assert a.seconds[-1] > 1.5 * a.seconds[0]
    rounds = np.array(b.seconds[: len(a.seconds)]) / np.array(a.seconds[: len(b.seconds)])
    assert rounds == pytest.approx(np.full(len(rounds), 2.0), rel=0.1)


@pytest.mark.parametrize('after', [0, 1, 4])
def test_when_stopped_there_is_nothing(after):
    machine, asked = Machine(), []

    def stopped():
        asked.append(None)
        return len(asked) > after

    assert (
        measure([machine.subject('A'), machine.subject('B')], stopped=stopped, clock=machine.clock)
        == []
    )
    assert len(asked) == after + 1


# Real networks, so small that nothing is fast or slow

GAMES = {
    'dense': {},
    'conditional': {'conditional': True},
    'fresh noise': {'shared_noise': False, 'dis_steps': 2},
    'penalty': {'penalty': 'gp', 'loss': 'wasserstein'},
    'batch statistics': {'dis_batchnorm': True, 'dis_stddev': True},
    'conv': {'network': 'conv', 'conv_width': 8, 'dis_batchnorm': True, 'gen_output': 'tanh'},
    'spectral': {'network': 'conv', 'conv_width': 8, 'dis_spectral': True, 'loss': 'hinge'},
}


def ready(mode, **changes):
    return subjects([Case(tiny.tiny(**changes), mode)])[0]


def test_both_fences_wait_for_the_device(monkeypatch):
    from gluongan.runtime import mx

    subject, log = ready('static'), []
    wait, update = mx.nd.waitall, subject.algorithm.update
    monkeypatch.setattr(mx.nd, 'waitall', lambda: (log.append('wait'), wait()))
    watched = Subject('A', {}, 8, lambda: (log.append('update'), update()), subject.drain)
    block(watched, 2)
    assert log == ['wait', 'update', 'update', 'wait']


@pytest.mark.parametrize('game', GAMES)
def test_every_mode_trains_the_same_networks(game):
    trained = {}
    for mode in ('static', 'hybrid', 'imperative'):
        subject = ready(mode, **GAMES[game])
        for _ in range(3):
            subject.update()
        subject.drain()
        trained[mode] = [
            value.asnumpy()
            for net in (subject.algorithm.gen, subject.algorithm.dis)
            for value in weights(net).values()
        ]
    for mode in ('hybrid', 'imperative'):
        for value, own in zip(trained['static'], trained[mode]):
            np.testing.assert_allclose(own, value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('game', GAMES)
def test_each_mode_runs_the_networks_in_its_own_way(game, monkeypatch):
    from gluongan.runtime import mx

    called, call = [], mx.gluon.HybridBlock._call_cached_op
    monkeypatch.setattr(
        mx.gluon.HybridBlock,
        '_call_cached_op',
        lambda block, *given: (
            called.append(dict(block._flags).get('static_alloc')),
            call(block, *given),
        )[1],
    )
    for mode, flags in (('imperative', set()), ('hybrid', {False}), ('static', {True})):
        subject = ready(mode, **GAMES[game])
        called.clear()
        subject.update()
        subject.drain()
        assert set(called) == flags, mode


def test_cases_of_the_same_data_share_one_copy_of_it():
    found = subjects(
        [
            Case(tiny.tiny(), 'static'),
            Case(tiny.tiny(batch=16), 'hybrid'),
            Case(tiny.tiny(binarize=True)),
        ]
    )
    first, second, other = (subject.algorithm.real.resident for subject in found)
    assert first is second and other is not first


def test_parts_of_an_iteration_are_all_seen_and_nothing_is_left_behind():
    subject = ready('static', conditional=True, dis_steps=2)
    subject.update()
    touched = [
        getattr(subject.algorithm, name) for name in ('real', 'noise', 'opt_gen', 'opt_dis')
    ] + [updater]
    before = [set(vars(each)) for each in touched], updater.update_dis
    found = parts(subject.algorithm, 3)
    assert tuple(found) == PARTS and all(seconds > 0 for seconds in found.values())
    assert subject.algorithm.iteration == 4
    assert ([set(vars(each)) for each in touched], updater.update_dis) == before


def test_parts_add_up_to_the_time_that_went_by(monkeypatch):
    from gluongan.bench import split

    ticks = iter(range(10**6))
    monkeypatch.setattr(split.time, 'perf_counter', lambda: float(next(ticks)))
    found = parts(ready('static').algorithm, 5)
    # Eight calls, each with a turn of the stopwatch before and after; between two turns one tick goes by.
    assert sum(found.values()) == 2 * 7 + 1 and found['optimiser'] == 2 and found['data'] == 1


def test_operators_are_counted_an_iteration_and_leave_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for iterations in (2, 6):
        rows = {row.name: row for row in operators(ready('static').algorithm, iterations)}
        assert rows['adam_update'].calls == 10 and rows['FullyConnected'].calls == 6
        assert all(row.seconds >= 0 for row in rows.values())
    assert list(rows.values()) == sorted(rows.values(), key=lambda row: -row.seconds)
    assert list(Path().iterdir()) == []


def test_matrix_of_cases_has_each_with_each_once():
    found = [
        case.name
        for case in cases(['dense', 'wgan'], [64, 64, 128], ['cpu'], ['hybrid', 'static', 'hybrid'])
    ]
    assert len(found) == len(set(found)) == 8 and 'wgan 128 cpu hybrid' in found
    assert [case.name for case in cases(['binarized'])] == ['binarized 200 cpu static']


def test_facts_tell_what_a_speed_depends_on_and_not_how_often_to_log():
    facts = Case(tiny.tiny(), 'hybrid').facts
    assert (
        facts['batch'] == 32
        and facts['mode'] == 'hybrid'
        and facts['gen_hidden'] == [16]
        and facts['device'] == 'cpu'
    )
    assert 'log_every' not in facts and 'iterations' not in facts


def test_impossible_case_is_refused():
    for wrong in ([['fancy']], [['dense'], [1]], [['dense'], [128, 0]]):
        with pytest.raises(ConfigError):
            cases(*wrong)


def test_images_are_the_real_samples_of_an_iteration():
    assert ready('static').images == 32 and ready('static', dis_steps=3).images == 96


def test_environment_has_the_machine_its_threads_its_load_and_the_command():
    found = environment(['gluongan', 'bench'])
    assert found['threads'] == os.environ['OMP_NUM_THREADS'] and found['command'] == [
        'gluongan',
        'bench',
    ]
    assert len(found['load']) == 3 and {'processor', 'mxnet', 'gluongan', 'numpy'} <= set(found)
