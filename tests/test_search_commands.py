"""benchmarks.search: how it runs commands, and that it goes on after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip('optuna', reason="needs pip install 'gluongan[search]'")

import tiny

sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks.searching import commands
from benchmarks.searching.commands import Outcome, Runner
from gluongan import figures
from gluongan.runs.folder import read_config
from gluongan.runs.snapshots import list_snapshots, snapshot_path

HOME = Path(__file__).parent.parent

SCRIPT = """
import signal, sys, time
def stop(*_):
    print('Error: it was stopped', flush=True)
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
open(sys.argv[1], 'w').close()
print('Error: first' if sys.argv[3] != '0' else 'well'); print('then'); sys.stdout.flush()
time.sleep(float(sys.argv[2]))
sys.exit(int(sys.argv[3]))
"""


@pytest.fixture
def script(monkeypatch):
    """Let Runner run SCRIPT, which says that it runs by a file."""
    monkeypatch.setattr(commands, 'COMMAND', SCRIPT)
    monkeypatch.setattr(commands, 'POLL', 0.01)


@pytest.mark.parametrize(('code', 'sentence'), [(3, 'first'), (0, 'then')])
def test_a_command_that_ends_tells_its_code_its_error_and_its_time(
    tmp_path, script, code, sentence
):
    times = []
    output = tmp_path / 'output'
    output.write_text('Error: of the command before\n')
    run = Runner(lambda: False)
    words = [str(tmp_path / 'runs'), '0', str(code)]
    outcome = run(words, output, seconds=60, on_time=times.append)
    assert outcome == Outcome(code, sentence, False)
    assert len(times) == 1 and 0 < times[0] < 60


@pytest.mark.parametrize('cause', ['time', 'stop'])
def test_a_command_is_stopped_as_by_ctrl_c(tmp_path, script, cause):
    file = tmp_path / 'runs'
    run = Runner(lambda: cause == 'stop' and file.exists())
    seconds = 0.5 if cause == 'time' else 60
    outcome = run([str(file), '60', '0'], tmp_path / 'output', seconds=seconds)
    assert outcome.stopped
    if file.exists():  # a busy machine may not have come to the script
        assert outcome == Outcome(143, 'it was stopped', True)


def test_a_search_in_the_background_which_ignores_ctrl_c_stops_its_commands(tmp_path, script):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as `nohup python ... &` in a script
    try:
        words = [str(tmp_path / 'runs'), '60', '0']
        outcome = Runner(lambda: False)(words, tmp_path / 'output', seconds=0.2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert outcome.stopped


def wait_until(is_true, seconds=120):
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_command_stops_when_the_search_is_killed(tmp_path, script):
    file, output = tmp_path / 'runs', tmp_path / 'output'
    code = (
        'import sys; from pathlib import Path; from benchmarks.searching import commands\n'
        'commands.COMMAND = sys.argv[1]\n'
        'commands.Runner(lambda: False)(sys.argv[2:5], Path(sys.argv[5]), seconds=60)'
    )
    words = [sys.executable, '-c', code, SCRIPT, str(file), '60', '0', str(output)]
    killed = subprocess.Popen(words, cwd=HOME)
    wait_until(file.exists)
    killed.kill()
    killed.wait()
    wait_until(lambda: 'it was stopped' in output.read_text())


LONG = {'iterations': 1000, 'eval_every': 1000, 'snapshot_every': 100, 'sample_every': 1000}


def run_of(folder):
    """The run of the first trial, None before it has a snapshot."""
    runs = [path for path in folder.glob('trials/00000/0*') if list_snapshots(path)]
    return runs[0] if runs else None


def test_a_search_that_was_killed_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    spec = {
        'recipe': 'dense',
        'metric': 'samples/swd',
        'settings': {**tiny.SETTINGS, **LONG},
        'search': {'lr': {'low': 1e-4, 'high': 1e-2, 'log': True}},
    }
    (tmp_path / 'spec.json').write_text(json.dumps(spec))
    folder = tmp_path / 'out'
    words = [sys.executable, '-m', 'benchmarks.search', str(tmp_path / 'spec.json'), '--trials']
    words += ['1', '--out', str(folder)]
    killed = subprocess.Popen(words, cwd=HOME)
    wait_until(lambda: run_of(folder))
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    reached = list_snapshots(run_of(folder))[-1][0]
    result = subprocess.run(words, cwd=HOME, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert reached < 1000 and 'trial 0: 1,000 iterations' in result.stdout
    run = run_of(folder)
    config = read_config(run)
    straight = tiny.begun(tmp_path / 'straight', **config.to_dict()).folder
    assert snapshot_path(run, 1000).read_bytes() == snapshot_path(straight, 1000).read_bytes()
