"""Several seeds at a time: processes that start, say, fail and stop; and runs that there are."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tiny
from gluongan.cli import jobs as command

from gluongan import launch, snapshot, threads
from gluongan.errors import InputError
from gluongan.jobs import processes
from gluongan.jobs.earlier import Earlier, find_earlier
from gluongan.jobs.processes import Ended, Job, SideBySide
from gluongan.recipes import recipe
from gluongan.runs.folder import RunError
from gluongan.runs.lock import RunLock
from gluongan.runs.snapshots import list_snapshots


@pytest.fixture
def two_cores(monkeypatch):
    for module in (threads, processes):
        monkeypatch.setattr(module, 'usable_cores', lambda: 2)


@pytest.fixture
def instead(monkeypatch):
    """Lets a job run other code in place of gluongan; `words` are its arguments."""

    def replace(code):
        start = 'import os, signal, sys, time; sys.path[:] = {path!r}; words = sys.argv[1:]\n'
        monkeypatch.setattr(processes, 'CODE', start + code.replace('{', '{{').replace('}', '}}'))

    return replace


class Heard:
    """What jobs said and how they ended, in order."""

    def __init__(self):
        self.events = []

    def said(self, job, line):
        self.events.append((job.name, line))

    def ended(self, ended):
        self.events.append((ended.job.name, ended.code))


def run(jobs, at_once=2, stop=lambda: False):
    heard = Heard()
    jobs = [Job(name, words) for name, words in jobs]
    ended = SideBySide(at_once, 1, heard.said, heard.ended).run(jobs, stop)
    return ended, heard.events


# Processes


def test_at_most_so_many_jobs_run_at_once_and_in_their_order(instead):
    instead("print('begins', file=sys.stderr, flush=True); time.sleep(0.2)")
    ended, events = run([(name, []) for name in 'abcde'], at_once=2)
    assert [each.code for each in ended] == [0] * 5
    running, most = set(), 0
    for name, what in events:
        if what == 'begins':
            running.add(name)
            most = max(most, len(running))
        else:
            running.remove(name)
    assert most == 2
    assert sorted(name for name, what in events if what == 'begins') == list('abcde')
    assert {name for name, what in events[:2]} == {'a', 'b'}


def test_lines_arrive_whole_and_an_error_is_the_problem(instead):
    instead(
        "sys.stderr.write('half'); sys.stderr.flush(); time.sleep(0.15)\n"
        "sys.stderr.write(' a line\\nError: lr 9: is wrong'); sys.stderr.flush(); sys.exit(1)"
    )
    ended, events = run([('a', [])])
    assert events == [('a', 'half a line'), ('a', 1)]
    assert [each.problem for each in ended] == ['lr 9: is wrong']


@pytest.mark.parametrize(
    'code, problem',
    [
        ('os.kill(os.getpid(), signal.SIGKILL)', 'was killed by SIGKILL'),
        ('sys.exit(128 + signal.SIGTERM)', 'was stopped by SIGTERM'),
        ('sys.exit(3)', 'ended with exit code 3'),
    ],
)
def test_job_that_fails_is_said_and_the_others_go_on(instead, code, problem):
    instead(f"if words == ['bad']: {code}")
    ended, _ = run([('a', ['bad']), ('b', []), ('c', [])], at_once=1)
    assert [each.problem for each in ended] == [problem, '', '']


def test_what_was_asked_for_in_vain_is_not_asked_for_again(instead):
    instead("sys.stderr.write('Error: lr 9: must be less\\n'); sys.exit(2)")
    ended, _ = run([(name, []) for name in 'abcd'], at_once=1)
    assert [(each.job.name, each.code, each.problem) for each in ended] == [
        ('a', 2, 'lr 9: must be less')
    ]


def test_jobs_that_are_stopped_end_by_themselves_and_no_other_begins(instead):
    instead(
        'def end(*_):\n'
        "    print('snapshot written', file=sys.stderr, flush=True)\n"
        '    sys.exit(143)\n'
        'signal.signal(signal.SIGTERM, end)\n'
        "print('begins', file=sys.stderr, flush=True)\n"
        'time.sleep(60)'
    )
    heard = Heard()
    side_by_side = SideBySide(2, 1, heard.said, heard.ended)
    jobs = [Job(name, []) for name in 'abc']
    ended = side_by_side.run(jobs, lambda: sum(what == 'begins' for _, what in heard.events) == 2)
    assert [(each.code, each.problem) for each in ended] == [(143, ''), (143, '')]
    assert sum(what == 'snapshot written' for _, what in heard.events) == 2


def test_jobs_have_their_share_of_the_cores_and_are_not_bound_to_the_first(instead, monkeypatch):
    for name in ('OMP_PROC_BIND', 'OMP_PLACES', 'GOMP_CPU_AFFINITY'):
        monkeypatch.setenv(name, 'true')
    instead(
        "names = ('OMP_NUM_THREADS', 'OMP_PROC_BIND', 'OMP_PLACES', 'GOMP_CPU_AFFINITY')\n"
        'print([os.environ.get(name) for name in names], file=sys.stderr)'
    )
    _, events = run([('a', [])])
    assert events[0] == ('a', "['1', None, None, None]")


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='prctl is of Linux')
def test_jobs_stop_where_this_process_is_killed(tmp_path):
    child = f'import pathlib, signal, sys, time\nplace = pathlib.Path({str(tmp_path)!r})\n'
    child += 'def end(*_):\n    (place / "stopped").touch()\n    sys.exit()\n'
    child += 'signal.signal(signal.SIGTERM, end)\n(place / "begun").touch()\ntime.sleep(60)'
    code = (
        'from gluongan.jobs import processes\n'
        f'processes.CODE = {child!r}\n'
        'side_by_side = processes.SideBySide(1, 1, print, print)\n'
        "side_by_side.run([processes.Job('a', [])], lambda: False)"
    )
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, '-c', code], cwd=tmp_path, env=environment)
    wait_for(tmp_path / 'begun')
    parent.kill()
    parent.wait()
    wait_for(tmp_path / 'stopped')


def wait_for(path):
    end = time.monotonic() + 50
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


# Shares


def test_the_cores_are_shared_and_a_number_that_was_asked_for_is_of_each_job(monkeypatch):
    monkeypatch.setattr(threads, 'usable_cores', lambda: 8)
    monkeypatch.setattr(threads, '_request', None)
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    assert [threads.share(processes) for processes in (1, 2, 3, 8, 9)] == [8, 4, 2, 1, 1]
    monkeypatch.setenv('OMP_NUM_THREADS', '3')
    assert [threads.share(processes) for processes in (1, 2, 4)] == [3, 3, 2]
    monkeypatch.setattr(threads, '_request', threads.Request(3, '--threads'))
    assert [threads.share(processes) for processes in (1, 2)] == [3, 3]
    with pytest.raises(InputError, match='3 processes share 8 usable cores'):
        threads.share(3)


@pytest.mark.parametrize(
    'words, message',
    [
        (['--seeds', '0-3', '--jobs', '0'], '--jobs 0: must be a whole number from 1 to 1,024'),
        (['--seeds', '0-3', '--jobs', '3'], 'must be a whole number from 1 to 2, the usable cores'),
        (
            ['--seeds', '5', '--jobs', '2'],
            'must be a whole number from 1 to 1, the number of seeds',
        ),
        (['--seeds', '0-3', '--jobs', 'two'], '--jobs two: must be a whole number from 1'),
        (['--jobs', '2'], 'must be used with --seeds'),
        (['--jobs', '2', '--resume', 'runs/7'], 'must be used without --resume'),
        (['--seeds', '0-3', '--jobs', '2', '--watch'], 'must be used without --watch'),
    ],
)
def test_jobs_that_cannot_be_are_refused(two_cores, tmp_path, words, message):
    out = [] if '--resume' in words else ['--out', tmp_path / 'runs']
    refusal = tiny.refused('train', *tiny.flags(), *words, *out)
    assert refusal.startswith('--jobs ') and message in refusal
    assert not (tmp_path / 'runs').exists()


# Runs that there are already


def config_of(**changes):
    """The settings of `gluongan train` with the flags of the tiny run."""
    return recipe('dense').with_settings({**tiny.SETTINGS, **changes})


SHORT = {'iterations': 4, 'snapshot_every': 2}


def begun(tmp_path, *, until=None, init_from=None, **changes):
    """Train a run of four iterations, to its end or until one of them, and return its folder."""
    config = config_of(**SHORT, **changes)
    trainer = launch.begin(config, tmp_path, ['gluongan'], init_from=init_from)
    trainer.run(lambda: trainer.updater.iteration == until)
    return trainer.folder


def test_run_with_the_same_settings_is_found_in_its_state(tmp_path, undrawn, no_accuracy):
    config = config_of(**SHORT)
    assert find_earlier(tmp_path, config) == Earlier('new')
    stopped = begun(tmp_path, until=2)
    assert find_earlier(tmp_path, config) == Earlier('stopped', stopped, 2)
    finished = begun(tmp_path)
    assert find_earlier(tmp_path, config) == Earlier('finished', finished, 4)
    for changes in ({'seed': 1}, {'lr': 0.1}, {'iterations': 5}, {'data': 'mnist'}):
        assert find_earlier(tmp_path, config.with_settings(changes)) == Earlier('new')


def test_run_without_a_snapshot_counts_as_none_and_one_that_trains_is_left_alone(
    tmp_path, undrawn, no_accuracy
):
    config = config_of(**SHORT)
    folder = begun(tmp_path, until=2)
    lock = RunLock(folder)
    lock.take()
    with pytest.raises(RunError, match=f'being trained by process {os.getpid()}'):
        find_earlier(tmp_path, config)
    lock.release()
    for _, path in list_snapshots(folder):
        path.unlink()
    assert find_earlier(tmp_path, config) == Earlier('new')


def test_run_is_found_by_its_data_wherever_the_command_names_it_from(
    tmp_path, monkeypatch, undrawn, no_accuracy
):
    np.savez(tmp_path / 'data.npz', images=np.zeros((40, 8, 8), np.uint8))
    monkeypatch.chdir(tmp_path)
    changes = {'data': 'data.npz', 'image_size': None}
    folder = begun(tmp_path, **changes)
    config = config_of(**SHORT, **changes)
    assert find_earlier(tmp_path, config) == Earlier('finished', folder, 4)
    monkeypatch.chdir('/')
    assert find_earlier(tmp_path, config) == Earlier('new')


def test_run_that_began_with_other_weights_is_another(tmp_path, undrawn, no_accuracy):
    source = begun(tmp_path / 'source')
    folder = begun(tmp_path, init_from=source)
    assert find_earlier(tmp_path, config_of(**SHORT)) == Earlier('new')
    assert find_earlier(tmp_path, config_of(**SHORT), source).folder == folder


# The command


@pytest.fixture
def handed(two_cores, monkeypatch):
    """The jobs that the command hands on; none is run."""
    jobs = []

    def keep(self, given, stop):
        jobs.extend(given)
        return [Ended(job, 0) for job in given]

    monkeypatch.setattr(SideBySide, 'run', keep)
    return jobs


def test_the_same_command_resumes_what_was_stopped_and_leaves_what_has_finished(
    handed, tmp_path, undrawn, no_accuracy
):
    finished = begun(tmp_path, seed=0)
    stopped = begun(tmp_path, until=2, seed=1)
    flags = tiny.flags(**SHORT)
    result = tiny.gluongan(
        'train', *flags, '--seeds', '0-2', '--jobs', '2', '--out', tmp_path, '--tensorboard'
    )
    assert result.exit_code == 0, result.stderr
    assert '3 runs, 2 at a time with 1 thread each: 1 finished, 1 new, 1 stopped' in result.stderr
    assert f'seed 0: {finished} (finished)' in result.stderr
    assert f'seed 1: {stopped} (stopped at 2)' in result.stderr
    resumed, new = handed
    assert resumed == Job('seed 1', ['train', f'--resume={stopped}', '--tensorboard'])
    assert new.name == 'seed 2' and f'--out={tmp_path}' in new.words


def test_words_of_a_job_are_the_settings_that_were_given(handed, tmp_path):
    config = tmp_path / 'mine.json'
    config.write_text('{"lr": 0.001}')
    given = ['--recipe', 'vanilla', '--gen-hidden', '8,16', '--dis-hidden', 'none', '--ema', '0.5']
    given += ['--no-shared-noise', '--mirror', '--data', 'synthetic', '--config', config]
    words = ['train', *given, '--seeds', '4,7', '--jobs', '1', '--out', tmp_path / 'runs']
    assert tiny.gluongan(*words).exit_code == 0
    plans = []
    for job in handed:
        plans.append(tiny.gluongan(*job.words, '-n').stdout)
    for seed, plan in zip((4, 7), plans):
        alone = [*words[: words.index('--seeds')], '--seed', seed, '--out', tmp_path / 'runs', '-n']
        assert plan == tiny.gluongan(*alone).stdout
    assert plans[0] != plans[1]


def test_a_dry_run_of_jobs_says_what_there_is_and_runs_nothing(handed, tmp_path):
    words = [*tiny.flags(), '--seeds', '7-9', '--jobs', '2', '--out', tmp_path / 'none', '-n']
    result = tiny.gluongan('train', *words)
    assert '3 runs, 2 at a time with 1 thread each: 3 new' in result.stderr
    assert not handed and not (tmp_path / 'none').exists()


def train(tmp_path, *further):
    words = [*tiny.flags(iterations=4), '--seeds', '0-3', '--jobs', '2', '--out', tmp_path / 'runs']
    return tiny.gluongan('train', *words, *further)


def test_failures_are_one_sentence_and_exit_code_1(two_cores, instead, tmp_path):
    instead(
        "if '--seed=2' in words: sys.exit('Error: dis/loss is NaN')\n"
        "if '--seed=3' in words: os.kill(os.getpid(), signal.SIGKILL)\n"
        "print('Warning: the same', file=sys.stderr)"
    )
    result = train(tmp_path)
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert lines[-1].startswith('Error: 2 of 4 runs failed (')
    assert 'seed 2: dis/loss is NaN' in lines[-1]
    assert 'seed 3: was killed by SIGKILL' in lines[-1]
    assert 'seed 2 failed: dis/loss is NaN' in lines
    assert sum('Warning: the same' in line for line in lines) == 1


def test_settings_that_no_run_can_have_are_refused_once(two_cores, instead, tmp_path):
    instead("sys.stderr.write('Error: --batch 9: must be at most 8\\n'); sys.exit(2)")
    result = train(tmp_path)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == 'Error: --batch 9: must be at most 8'


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_and_says_how_to_go_on(two_cores, instead, tmp_path, number):
    instead(
        f"if '--seed=0' in words: os.kill(os.getppid(), {int(number)})  # a second one kills\n"
        'time.sleep(60)'
    )
    result = train(tmp_path)
    assert result.exit_code == 128 + number
    assert 'the same command goes on with the runs that have not finished' in result.stderr


def test_jobs_train_the_same_runs_as_without_and_end_in_the_table(two_cores, tmp_path, undrawn):
    words = tiny.flags(iterations=4, log_every=2)
    for out, seed in (('runs', '5'), ('alone', '3')):
        made = tiny.gluongan('train', *words, '--seed', seed, '--out', tmp_path / out)
        assert made.exit_code == 0, made.stderr
    words += ['--seeds', '3,5', '--jobs', '2', '--out', tmp_path / 'runs']
    result = tiny.gluongan('train', *words)
    assert result.exit_code == 0, result.stderr
    assert '1 finished, 1 new' in result.stderr
    assert 'seed 3: 2/4  ' in result.stderr
    states = [weights_of(tmp_path / out) for out in ('runs', 'alone')]
    for name, array in states[0].items():
        assert np.array_equal(array, states[1][name]), name
    assert re.search('^seeds +3, 5$', result.stdout, re.MULTILINE), result.stdout
    again = tiny.gluongan('train', *words)
    assert again.stdout == result.stdout
    assert '2 finished' in again.stderr and len(list((tmp_path / 'runs').glob('0*'))) == 2


def weights_of(out):
    folder = find_earlier(out, config_of(iterations=4, log_every=2, seed=3)).folder
    ((_, path),) = list_snapshots(folder)
    return snapshot.read(path)[0]


def test_names_of_jobs_are_those_of_their_seeds():
    assert command.name_of(tiny.tiny(seed=7)) == 'seed 7'
