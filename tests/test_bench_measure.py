"""How cases are timed: warm-up outside, fences on both sides, in turn; with a simulated clock."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tiny

from gluongan import native
from gluongan.bench.cases import Case, cases
from gluongan.bench.measure import LEAST, Subject, block, calibrate, measure
from gluongan.bench.split import PARTS, operators, parts
from gluongan.bench.subjects import environment, make_subjects
from gluongan.config import ConfigError
from gluongan.gan import updater as updater_module
from gluongan.gan.updater import weights


class Machine:
    """A simulated clock and a log. The first iteration of a case takes `first` s, others `each`."""

    def __init__(self):
        self.now = 0.0
        self.log = []

    def clock(self):
        return self.now

    def subject(self, name, each=0.01, first=60.0):
        durations = [first]

        def update():
            self.log.append((name, 'update'))
            self.now += durations.pop() if durations else each

        return Subject(name, {}, 8, update, lambda: self.log.append((name, 'drain')))

    def log_message(self, text):
        self.log.append(('message', text))


def test_a_block_has_a_fence_on_both_sides_and_nothing_else():
    machine = Machine()
    assert block(machine.subject('A', first=3.0), 4, machine.clock) == pytest.approx(3.03)
    assert machine.log == [('A', 'drain'), *[('A', 'update')] * 4, ('A', 'drain')]


@pytest.mark.parametrize(
    'each, least, most',
    [(0.01, 20, 21), (0.0001, 2000, 2002), (0.15, 2, 2), (0.2, 1, 1), (7.0, 1, 1)],
)
def test_a_sample_lasts_as_long_as_its_target(each, least, most):
    machine = Machine()
    assert least <= calibrate(machine.subject('A', each), 0.2, machine.clock) <= most
    assert machine.now - 60 <= max(2 * 0.2, each)  # and warming up is short


def test_warm_up_is_not_part_of_the_time():
    machine = Machine()
    subject = machine.subject('A', 0.01, first=1000.0)
    (trial,) = measure([subject], seconds=1.0, clock=machine.clock)
    assert trial.seconds == pytest.approx([0.01] * len(trial.seconds))
    assert len(trial.seconds) * trial.iterations * 0.01 == pytest.approx(1.0, abs=0.25)


def test_cases_take_turns_after_all_are_warm():
    machine = Machine()
    subjects = [machine.subject(name) for name in 'ABC']
    measure(subjects, seconds=0.7, clock=machine.clock, log=machine.log_message)
    start = max(i for i, (name, _) in enumerate(machine.log) if name == 'message')
    assert 'timing 3 cases' in machine.log[start][1]
    fences = [name for name, event in machine.log[start:] if event == 'drain']
    assert ''.join(fences[::2]) == 'ABC' * 4


def test_a_slow_case_has_three_samples_of_one_iteration_and_the_others_go_on():
    machine = Machine()
    subjects = [machine.subject('slow', 4.0), machine.subject('quick', 0.01)]
    slow, quick = measure(subjects, seconds=2.0, clock=machine.clock)
    assert slow.seconds == pytest.approx((4.0,) * LEAST) and slow.iterations == 1
    assert len(quick.seconds) >= 9 and quick.iterations >= 20


def test_a_drifting_machine_affects_all_cases_alike():
    machine = Machine()

    def drifting(name, factor):
        def update():
            machine.now += factor * (0.01 + machine.now / 1000)

        return Subject(name, {}, 8, update, lambda: None)

    a, b = measure([drifting('A', 1), drifting('B', 2)], seconds=5.0, clock=machine.clock)
    assert a.seconds[-1] > 1.5 * a.seconds[0]
    ratios = [slow / fast for fast, slow in zip(a.seconds, b.seconds)]
    assert ratios == pytest.approx([2.0] * len(ratios), rel=0.1)


@pytest.mark.parametrize('after', [0, 1, 4])
def test_a_stopped_measurement_returns_nothing(after):
    machine = Machine()
    calls = []

    def stopped():
        calls.append(None)
        return len(calls) > after

    subjects = [machine.subject('A'), machine.subject('B')]
    assert measure(subjects, stopped=stopped, clock=machine.clock) == []
    assert len(calls) == after + 1


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
    return make_subjects([Case(tiny.tiny(**changes), mode)])[0]


def test_both_fences_wait_for_the_device(monkeypatch):
    from gluongan.runtime import mx

    subject = ready('static')
    log = []
    wait = mx.nd.waitall

    def logged_wait():
        log.append('wait')
        wait()

    def logged_update():
        log.append('update')
        subject.updater.update()

    monkeypatch.setattr(mx.nd, 'waitall', logged_wait)
    block(Subject('A', {}, 8, logged_update, subject.drain), 2)
    assert log == ['wait', 'update', 'update', 'wait']


def trained_weights(mode, game):
    """All weights of both networks after three iterations.

    The rule is linear in the gradients: Adam makes a large step of the last bit of a small one.
    """
    subject = ready(mode, optimizer='sgd', lr=0.1, **GAMES[game])
    for _ in range(3):
        subject.update()
    subject.drain()
    values = []
    for net in (subject.updater.gen, subject.updater.dis):
        values += [value.asnumpy() for value in weights(net).values()]
    return values


@pytest.mark.parametrize('game', GAMES)
def test_every_mode_trains_the_same_networks(game):
    expected = trained_weights('static', game)
    for mode in ('hybrid', 'imperative'):
        for value, same in zip(trained_weights(mode, game), expected):
            np.testing.assert_allclose(value, same, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('game', GAMES)
def test_each_mode_runs_the_networks_in_its_own_way(game, monkeypatch):
    from gluongan.runtime import mx

    static_flags = []
    call = mx.gluon.HybridBlock._call_cached_op

    def logged_call(block, *args):
        static_flags.append(dict(block._flags).get('static_alloc'))
        return call(block, *args)

    monkeypatch.setattr(mx.gluon.HybridBlock, '_call_cached_op', logged_call)
    for mode, flags in (('imperative', set()), ('hybrid', {False}), ('static', {True})):
        subject = ready(mode, **GAMES[game])
        static_flags.clear()
        subject.update()
        subject.drain()
        assert set(static_flags) == flags, mode


def test_cases_of_the_same_data_share_one_copy_of_it():
    chosen = [
        Case(tiny.tiny(), 'static'),
        Case(tiny.tiny(batch=16), 'hybrid'),
        Case(tiny.tiny(binarize=True)),
    ]
    first, second, other = (subject.updater.real.resident for subject in make_subjects(chosen))
    assert first is second and other is not first


def attributes(updater):
    """The names that the objects of an iteration hold themselves, and the module's update_dis."""
    owners = [updater.real, updater.noise, updater.opt_gen, updater.opt_dis, updater_module]
    return [set(vars(owner)) for owner in owners], updater_module.update_dis


def test_every_part_of_an_iteration_is_timed_and_nothing_is_left_behind():
    subject = ready('static', conditional=True, dis_steps=2)
    subject.update()
    before = attributes(subject.updater)
    seconds = parts(subject.updater, 3)
    assert tuple(seconds) == PARTS and all(value > 0 for value in seconds.values())
    assert subject.updater.iteration == 4
    assert attributes(subject.updater) == before


def test_parts_add_up_to_the_time_that_passed(monkeypatch):
    from gluongan.bench import split

    ticks = iter(range(10**6))
    monkeypatch.setattr(split.time, 'perf_counter', lambda: float(next(ticks)))
    seconds = parts(ready('static').updater, 5)
    # Eight calls, each with a lap of the stopwatch before and after; one tick passes between laps.
    assert sum(seconds.values()) == 2 * 7 + 1
    assert seconds['optimiser'] == 2 and seconds['data'] == 1


def test_operators_are_counted_per_iteration_and_leave_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for iterations in (2, 6):
        table = operators(ready('static').updater, iterations)
        calls = {operator.name: operator.calls for operator in table}
        assert calls.get('adam_update', 0) == (0 if native.is_available() else 10)
        dense = calls.get('FullyConnected', 0), calls.get('gluongan_dense', 0)
        assert sum(dense) == 6
        seconds = [operator.seconds for operator in table]
        assert seconds == sorted(seconds, reverse=True) and min(seconds) >= 0
    assert list(Path().iterdir()) == []


def test_cases_are_every_combination_once():
    chosen = cases(['dense', 'wgan'], [64, 64, 128], ['cpu'], ['hybrid', 'static', 'hybrid'])
    names = [case.name for case in chosen]
    assert len(names) == len(set(names)) == 8 and 'wgan 128 cpu hybrid' in names
    assert [case.name for case in cases(['binarized'])] == ['binarized 200 cpu static']


def test_facts_are_what_a_speed_depends_on_and_not_how_often_to_log():
    facts = Case(tiny.tiny(), 'hybrid').facts
    assert facts['batch'] == 32 and facts['mode'] == 'hybrid'
    assert facts['gen_hidden'] == [16] and facts['device'] == 'cpu'
    assert 'log_every' not in facts and 'iterations' not in facts


@pytest.mark.parametrize('wrong', [[['fancy']], [['dense'], [1]], [['dense'], [128, 0]]])
def test_impossible_case_is_refused(wrong):
    with pytest.raises(ConfigError):
        cases(*wrong)


def test_images_are_the_real_samples_of_an_iteration():
    assert ready('static').images == 32 and ready('static', dis_steps=3).images == 96


def test_environment_has_the_machine_its_threads_its_load_and_the_command():
    facts = environment(['gluongan', 'bench'])
    assert facts['threads'] == os.environ['OMP_NUM_THREADS']
    assert facts['command'] == ['gluongan', 'bench']
    assert len(facts['load']) == 3 and {'processor', 'mxnet', 'gluongan', 'numpy'} <= set(facts)


def test_the_profile_has_a_file_of_its_own_since_mxnet_removes_the_one_it_is_given(monkeypatch):
    from gluongan.runtime import mx

    given, set_config = [], mx.profiler.set_config

    def recorded(**settings):
        given.append(Path(settings['filename']))
        assert given[-1].parent.is_dir() and not given[-1].exists()
        set_config(**settings)

    monkeypatch.setattr(mx.profiler, 'set_config', recorded)
    operators(ready('static').updater, 1)
    assert len(given) == 1 and not given[0].parent.exists()
