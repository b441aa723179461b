"""One process trains a run at a time, and a lock whose process is gone is no obstacle."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys

import pytest
import tiny

from gluongan import figures, launch
from gluongan.files import HOST
from gluongan.runs import lock
from gluongan.runs.folder import LOCK, RunError
from gluongan.runs.lock import RunLock

HOLD = (
    'import sys; from pathlib import Path; from gluongan.runs.lock import RunLock\n'
    'lock = RunLock(Path(sys.argv[1])); lock.take(); print("held", flush=True); sys.stdin.read()'
)


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


@pytest.fixture
def holder():
    """A function that starts a process which holds the lock of a folder."""
    started = []

    def start(folder):
        process = subprocess.Popen(
            [sys.executable, '-c', HOLD, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == 'held\n'
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_run_that_another_process_trains_is_refused_and_left_as_it_is(tmp_path, holder):
    run = tiny.begun(tmp_path, iterations=4).folder
    process = holder(run)
    before = {path: path.read_bytes() for path in run.rglob('*') if path.is_file()}
    message = tiny.refused('train', '--resume', run, '--iterations', 8)
    assert f'is being trained by process {process.pid} on {HOST}; must be left' in message
    assert before == {path: path.read_bytes() for path in run.rglob('*') if path.is_file()}
    process.communicate('')
    tiny.resumed(run, iterations=8)
    assert not (run / LOCK).exists()
    iterations = [row['iteration'] for row in tiny.rows(run / 'batches.csv')]
    assert iterations == [1, 2, 3, 4, 5, 6, 7, 8]


def test_run_that_begins_while_it_is_held_is_refused_too(tmp_path, holder):
    trainer = launch.begin(tiny.tiny(), tmp_path, ['gluongan'])
    holder(trainer.folder)
    with pytest.raises(RunError, match='is being trained by process'):
        trainer.run()
    assert not (trainer.folder / 'batches.csv').exists()


def test_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    process = holder(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert json.loads((tmp_path / LOCK).read_text()) == {'process': process.pid, 'host': HOST}
    with RunLock(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())['process'] == os.getpid()
    assert not (tmp_path / LOCK).exists()


def test_script_that_ends_with_the_lock_gives_it_back_without_a_word(tmp_path):
    words = [sys.executable, '-c', HOLD + '; import builtins; builtins.kept = lock', str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, input='', check=True)
    assert done.stderr == '' and not (tmp_path / LOCK).exists()


@pytest.mark.parametrize('content', ['', '{', '[]', '{"process": "x"}', 'x' * 5000])
def test_damaged_lock_that_nobody_holds_is_taken_over(tmp_path, content):
    (tmp_path / LOCK).write_text(content)
    with RunLock(tmp_path):
        pass


def test_process_that_resumes_again_takes_the_lock_from_itself(tmp_path):
    run = tiny.begun(tmp_path, iterations=4).folder
    kept = launch.resume(run, tiny.tiny(iterations=8))
    tiny.resumed(run, iterations=6)
    assert kept.updater.iteration == 4 and not (run / LOCK).exists()


def test_refused_resume_releases_the_lock(tmp_path):
    run = tiny.begun(tmp_path, iterations=4).folder
    tiny.refused('train', '--resume', run, '--iterations', 3)
    assert not (run / LOCK).exists()
    (run / 'snapshots' / '000004.snapshot').write_bytes(b'')
    tiny.gluongan('train', '--resume', run)
    assert not (run / LOCK).exists()


GONE, RUNNING = 2**22 + 1, os.getppid()


@pytest.mark.parametrize(
    'process, host, is_free',
    [(GONE, HOST, True), (RUNNING, HOST, False), (GONE, 'elsewhere', False)],
)
def test_file_system_without_locks_believes_the_file(tmp_path, monkeypatch, process, host, is_free):
    def flock(*_):
        raise OSError(errno.ENOLCK, 'no locks')

    monkeypatch.setattr(fcntl, 'flock', flock)
    (tmp_path / LOCK).write_text(json.dumps({'process': process, 'host': host}))
    if is_free:
        RunLock(tmp_path).take()
    else:
        with pytest.raises(RunError, match=f'process {process} on {host}'):
            RunLock(tmp_path).take()
    lock._held.clear()


def test_what_killed_processes_left_in_a_run_goes_when_it_is_resumed(tmp_path):
    run = tiny.begun(tmp_path, iterations=4).folder
    left = [run / '.config.json.0.4194305.tmp', run / 'samples' / '.a.png.1.4194305.tmp']
    used = run / 'snapshots' / f'.b.2.{os.getppid()}.tmp'
    for path in (*left, used):
        path.write_text('half')
    tiny.resumed(run)
    assert not any(path.exists() for path in left) and used.exists()
