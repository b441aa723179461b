"""Two ranks that share a batch train the GAN that one process trains with all of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tiny
from rank_pipes import Pipes, together

from gluongan import build, launch, snapshot
from gluongan.config import ConfigError
from gluongan.gan import noise
from gluongan.gan.together import running_statistics, share_state
from gluongan.ranks import launched
from gluongan.ranks.exchange import ALONE, RanksError
from gluongan.runs.snapshots import list_snapshots

WITHOUT_BATCHNORM = {'gen_batchnorm': False, 'dis_batchnorm': False, 'batch': 128}


def updater_of(ranks=ALONE, **changes):
    config = tiny.tiny(**changes)
    updater = build.make_updater(config, build.load_data(config), ranks=ranks)
    share_state(updater)
    return updater


def copied(updater):
    return {
        f'{part}/{name}': value.asnumpy()
        for part, values in updater.arrays().items()
        for name, value in values.items()
    }


def train(updater, iterations=3):
    for _ in range(iterations):
        updater.update()
    updater.drain()
    return copied(updater)


def same_noise(updater, whole):
    """Let a rank draw its rows of the noise that a process alone draws for the whole batch."""
    updater.noise.rank = None
    draw = updater.noise.draw
    rank = updater.ranks.rank

    def own_rows(count):
        return draw(whole)[rank * count : (rank + 1) * count]

    updater.noise.draw = own_rows
    return updater


# The same algorithm


CASES = {
    'dense': {},
    'hinge with R1': {'loss': 'hinge', 'penalty': 'r1', 'penalty_weight': 1.0},
    'critic steps': {'loss': 'wasserstein', 'clip': 0.05, 'dis_steps': 2, 'optimizer': 'rmsprop'},
    'conditional with EMA': {'conditional': True, 'ema': 0.9, 'optimizer': 'sgd', 'lr': 0.1},
    'augmented': {'augment': ('color', 'shift', 'cutout', 'mirror')},
    'convolutions': {'network': 'conv', 'conv_width': 4, 'conv_depth': 1, 'image_size': 8},
}


@pytest.mark.parametrize('changes', CASES.values(), ids=CASES)
def test_two_ranks_of_64_train_the_weights_of_one_process_of_128(changes):
    settings = {**WITHOUT_BATCHNORM, **changes}
    alone = updater_of(**settings)
    begun = copied(alone)
    expected = train(alone)

    def work(ranks):
        return train(same_noise(updater_of(ranks, **settings), 128))

    first, second = together(work)
    moved = 0.0
    for name, value in expected.items():
        assert np.array_equal(first[name], second[name]), name
        np.testing.assert_allclose(first[name], value, rtol=1e-4, atol=2e-6, err_msg=name)
        moved = max(moved, abs(value - begun[name]).max())
    assert moved > 1e-4


def test_gradients_that_are_not_exchanged_would_be_seen():
    settings = WITHOUT_BATCHNORM
    expected = train(updater_of(**settings))

    def work(ranks):
        updater = same_noise(updater_of(ranks, **settings), 128)
        ranks.average = lambda arrays: None
        return train(updater)

    first, second = together(work)
    assert not all(np.array_equal(first[name], second[name]) for name in expected)


def test_one_exchange_a_network_an_iteration_with_a_number_for_each_weight():
    def work(ranks):
        updater = updater_of(ranks, gen_batchnorm=True)
        train(updater, 4)
        counts = [sum(p.data().size for p in opt.parameters) for opt in optimizers(updater)]
        return ranks.exchanges, counts

    for exchanges, counts in together(work):
        further, statistics = 2, 2 * 16  # the wish to stop, and a 1
        dis, gen = counts
        assert exchanges == [dis + further, gen + statistics + further] * 4


def optimizers(updater):
    return updater.opt_dis, updater.opt_gen


@pytest.mark.parametrize('method', ['average', 'share'])
def test_exchange_that_broke_off_is_an_error_and_changes_nothing(method):
    class Broken(Pipes):
        def mean_of(self, buffer):
            return np.zeros_like(buffer)  # what Horovod hands back

        first_of = mean_of

    updater = updater_of()
    before = copied(updater)
    with pytest.raises(RanksError, match='the other ranks no longer answer'):
        getattr(Broken(0, 2, []), method)(updater.arrays()['gen'].values())
    assert all(np.array_equal(before[name], value) for name, value in copied(updater).items())


# Shares


def test_ranks_divide_each_batch_and_together_go_through_an_epoch():
    parts = together(lambda ranks: [x.asnumpy() for x in real_of(ranks)])
    wholes = [x.asnumpy() for x in real_of(ALONE)]
    assert len(parts[0]) == len(parts[1]) == len(wholes) == 16
    for first, second, whole in zip(*parts, wholes):
        assert np.array_equal(np.concatenate([first, second]), whole)


def real_of(ranks):
    config = tiny.tiny(batch=32, mirror=True)
    return build.make_updater(config, build.load_data(config), ranks=ranks).real


def test_ranks_draw_other_noise_from_one_state():
    def work(ranks):
        updater = updater_of(ranks)
        z = updater.noise.draw(16).asnumpy()
        state = updater.noise.state()
        following = updater.noise.draw(16).asnumpy()
        updater.noise.restore(json.loads(json.dumps(state)))
        assert np.array_equal(updater.noise.draw(16).asnumpy(), following)
        return z, state

    (first, state), (second, other_state) = together(work)
    assert state == other_state
    assert not np.isclose(first, second).any()
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.5


def test_a_process_alone_draws_what_it_always_did():
    z = noise.Noise(3, seed=1).draw(2).asnumpy()
    stream = np.random.Generator(np.random.SFC64(np.random.SeedSequence([1, 1])))
    stream.integers(2**63)
    assert np.array_equal(z[0], stream.standard_normal(3, dtype=np.float32))


def test_rank_0_gives_all_others_its_arrays():
    def work(ranks):
        updater = updater_of(ranks, ema=0.9)
        for values in updater.arrays().values():
            for value in values.values():
                value[:] = value + ranks.rank + 1
        share_state(updater)
        return copied(updater)

    first, second = together(work)
    begun = copied(updater_of(ema=0.9))
    for name, value in first.items():
        assert np.array_equal(value, second[name])
        assert np.array_equal(value, begun[name] + 1), name


def test_after_each_iteration_all_ranks_have_the_same_arrays_and_states():
    def work(ranks):
        updater = updater_of(ranks, dis_batchnorm=True, gen_batchnorm=True, ema=0.9, dis_steps=2)
        train(updater)
        arrays, meta = updater.state()
        own = updater.samples(updater.fixed_inputs(4))
        return arrays, json.dumps(meta), own

    (arrays, meta, samples), (others, also, same) = together(work)
    assert meta == also and np.array_equal(samples, same)
    running = {name for name in arrays if 'running' in name}
    assert {name.split('/')[0] for name in running} == {'gen', 'dis', 'ema'}
    for name, value in arrays.items():
        assert np.array_equal(value, others[name]), name


def test_running_statistics_are_the_means_over_the_ranks():
    def work(ranks):
        updater = updater_of(ranks, gen_batchnorm=True)
        own = []
        average = ranks.average

        def kept(arrays):
            arrays = list(arrays)
            own.append([each.asnumpy() for each in arrays])
            average(arrays)

        ranks.average = kept
        train(updater, 1)
        return own[-1][-2:], [each.asnumpy() for each in running_statistics(updater.gen)]

    (one, means), (two, _) = together(work)
    assert len(means) == 2
    for first, second, mean in zip(one, two, means):
        assert not np.array_equal(first, second)
        np.testing.assert_allclose(mean, (first + second) / 2, rtol=1e-6)


# Whole runs


@pytest.fixture
def ranked(monkeypatch, undrawn, no_accuracy):
    """A function that runs `work` on two ranks that `launch` finds."""

    def run(work, size=2):
        def found(ranks):
            monkeypatch.setattr(launch, 'find_ranks', lambda: ranks)
            return work(ranks)

        return together(found, size)

    return run


def settings(**changes):
    return {
        'iterations': 12,
        'snapshot_every': 6,
        'eval_every': 4,
        'gen_batchnorm': True,
        **changes,
    }


def begin(out, ranks, until=None, asks=0, **changes):
    """Train a run; rank `asks` is interrupted after iteration `until`. Return what it came to."""
    trainer = launch.begin(tiny.tiny(**settings(**changes)), out, ['gluongan'])
    return follow(trainer, ranks, until, asks)


def follow(trainer, ranks, until=None, asks=0):
    def interrupt():
        return ranks.rank == asks and trainer.updater.iteration == until

    trainer.run(ranks.agreed(interrupt))
    return trainer.updater.iteration, copied(trainer.updater)


def newest(out):
    (run,) = out.glob('0*')
    return snapshot.read(list_snapshots(run)[-1][1])


def test_rank_0_alone_writes_and_both_end_alike(tmp_path, ranked):
    (at, first), (also, second) = ranked(lambda ranks: begin(tmp_path, ranks))
    assert at == also == 12
    assert all(np.array_equal(first[name], second[name]) for name in first)
    arrays, meta = newest(tmp_path)
    assert meta['iteration'] == 12
    assert all(np.array_equal(arrays[name], first[name]) for name in first)
    (run,) = tmp_path.iterdir()
    assert json.loads((run / 'environment.json').read_text())['ranks'] == 2


@pytest.mark.parametrize('asks', [0, 1])
def test_interrupted_run_goes_on_to_the_same_bits(tmp_path, ranked, asks):
    ranked(lambda ranks: begin(tmp_path / 'straight', ranks))
    ends = ranked(lambda ranks: begin(tmp_path / 'broken', ranks, until=7, asks=asks)[0])
    assert ends == [8, 8]  # they agree in the exchange of the next iteration
    (run,) = (tmp_path / 'broken').iterdir()

    def go_on(ranks):
        return follow(launch.resume(run, warn=warned.append), ranks)[0], warned

    warned = []
    assert ranked(go_on) == [(12, []), (12, [])]
    expected, meta = newest(tmp_path / 'straight')
    arrays, same = newest(tmp_path / 'broken')
    assert meta == same
    assert all(np.array_equal(arrays[name], expected[name]) for name in expected)


def test_another_number_of_ranks_goes_on_and_says_that_bits_differ(tmp_path, ranked):
    ranked(lambda ranks: begin(tmp_path, ranks, until=7))
    (run,) = tmp_path.iterdir()
    warned = []
    launch.resume(run, warn=warned.append).run()
    assert newest(tmp_path)[1]['iteration'] == 12
    assert ['ranks 2, now 1' in text and 'bits' in text for text in warned] == [True]


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'batch': 33}, 'batch 33: must be a multiple of 2, the number of ranks that share it'),
        ({'patience': 3}, 'patience 3: depends on what one of 2 ranks sees'),
        ({'augment': ('shift',), 'augment_target': 0.5}, 'augment_target 0.5: depends on'),
    ],
)
def test_what_ranks_cannot_do_together_is_refused(changes, message):
    class Two:
        rank, size = 0, 2

    config = tiny.tiny(**changes)
    with pytest.raises(ConfigError, match=message):
        build.make_updater(config, build.load_data(config), ranks=Two())


# Who there is


def test_ranks_are_found_in_the_environment(monkeypatch):
    find = launched.find_ranks.__wrapped__
    for value in ('', '1', 'x'):
        monkeypatch.setenv('HOROVOD_SIZE', value)
        assert find() is ALONE
    monkeypatch.setenv('HOROVOD_SIZE', '2')
    monkeypatch.setitem(sys.modules, 'horovod.mxnet', None)
    with pytest.raises(Exception, match='Horovod for MXNet cannot be loaded'):
        find()


def test_ranks_of_one_machine_share_its_cores(monkeypatch, tmp_path):
    from gluongan.threads import usable_cores

    (tmp_path / 'cpu.max').write_text('400000 100000')
    monkeypatch.setattr(os, 'sched_getaffinity', lambda process: set(range(8)))
    found = []
    for count in ('', '1', '2', '3', '9'):
        monkeypatch.setenv('HOROVOD_LOCAL_SIZE', count)
        found.append(usable_cores(tmp_path / 'cpu.max'))
    assert found == [4, 4, 2, 1, 1]


def test_other_ranks_print_only_what_has_gone_wrong(monkeypatch, capsys):
    from gluongan.cli.printing import echo

    monkeypatch.setenv('HOROVOD_RANK', '1')
    echo('loading MXNet', 'Error: lr 9: is wrong')
    assert capsys.readouterr().out == 'Error: lr 9: is wrong\n'


WATCHDOG = """
import os, signal, sys, threading, time
sys.path[:] = {path!r}
from gluongan.ranks.horovod import Watchdog
from gluongan.trainer import Interrupt
with Interrupt() as interrupt:
    watchdog = Watchdog(patience=0.2)
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    while not interrupt():
        with watchdog:
            {inside}
    time.sleep(0.5)
    print('a snapshot')
"""


@pytest.mark.parametrize(
    'inside, said',
    [
        ('time.sleep(0.01)', (0, 'a snapshot\n', '')),
        # As an exchange that waits in C for a rank that has died.
        (
            'import ctypes; [ctypes.CDLL(None).sleep(60) for _ in range(2)]',
            (1, '', 'Error: the other ranks no longer answer; the run can be resumed\n'),
        ),
    ],
    ids=['answered', 'unanswered'],
)
def test_signal_ends_a_process_whose_exchange_is_never_answered(tmp_path, inside, said):
    code = WATCHDOG.format(path=sys.path, inside=inside)
    result = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert (result.returncode, result.stdout, result.stderr) == said
