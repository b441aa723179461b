"""A run whose records are damaged: one sentence that names the file, and no traceback.

A resume warns about the lines that it drops, and refuses a file of which nothing can be read.
"""

from __future__ import annotations

import json
import shutil

import pytest
import tiny

from gluongan.runs.folder import RunError
from gluongan.trainer import Extension, Trainer

ROW = '{"iteration": 1, "pixels/std": 0.2}\n'
BATCH = '1,0.5,0.5,0.5,0.5\n'
FILES = ['log.jsonl', 'metrics.jsonl', 'judge.jsonl', 'batches.csv', 'log.csv']
DAMAGE = {
    'random bytes': b'\x93\xff\x00\x1b,\xfe7\n',
    'a word for a number': b'{"iteration": "x"}\n',
    'a table with a word': b'x,0.5,0.5,0.5,0.5\n',
    'another shape': b'[[1, 2], {"iteration": 3}]\n',
}


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    run = tiny.begun(tmp_path_factory.mktemp('runs'), log_every=5).folder
    (run / 'judge.jsonl').write_text(ROW)
    return run


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / 'run')


@pytest.mark.parametrize('damage', DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize('name', FILES)
def test_damaged_line_is_dropped_with_one_warning(run, undrawn, name, damage):
    path = run / name
    intact = path.read_bytes()
    path.write_bytes(intact + damage)
    warnings = []
    tiny.resumed(run, warn=warnings.append)
    assert warnings == [f'{path}: 1 damaged line dropped']
    assert path.read_bytes() == intact


@pytest.mark.parametrize('damage', DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize('name', FILES)
def test_file_without_a_readable_line_is_refused_and_stays(run, undrawn, name, damage):
    (run / name).write_bytes(damage)
    result = tiny.gluongan('train', '--resume', run)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(f'Error: {run / name}: is damaged')
    assert (run / name).read_bytes() == damage


@pytest.mark.parametrize('name', FILES)
def test_half_line_of_a_kill_is_dropped_in_silence(run, undrawn, name):
    path = run / name
    intact = path.read_bytes()
    path.write_bytes(intact + b'{"iterat')
    tiny.resumed(run)
    assert path.read_bytes() == intact


@pytest.mark.parametrize(
    'text', ['\x00\x01', '[]', '{"metric": [1], "20": "x"}', '{"20": 1e999, "x": 2}', '[' * 10_000]
)
def test_damaged_scores_are_a_warning(run, undrawn, text):
    path = run / 'snapshots' / 'scores.json'
    path.write_text(text)
    warnings = []
    tiny.resumed(run, warn=warnings.append, iterations=30)
    assert [warning.partition(': ')[0] for warning in warnings] == [str(path)]
    assert json.loads(path.read_text())['metric'] == 'samples/swd'


def test_scores_of_an_unknown_metric_do_not_stop_a_resume(run, undrawn):
    (run / 'snapshots' / 'scores.json').write_text('{"metric": 5, "20": 1}')
    assert tiny.resumed(run, iterations=30).updater.iteration == 30


@pytest.mark.parametrize('damage', DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize('command', ['plot', 'compare'])
def test_commands_that_read_a_run_refuse_in_one_sentence(finished, run, damage, command):
    for name in [*FILES, 'accuracy.csv', 'snapshots/scores.json']:
        (run / name).write_bytes(damage)
    runs = [finished, run] if command == 'compare' else [run]
    result = tiny.gluongan(command, *runs)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(f'Error: {run}/')


def test_only_extensions_that_have_started_are_closed(tmp_path):
    calls = []

    class Recorder(Extension):
        def __init__(self, name):
            self.name = name

        def start(self, trainer):
            if self.name == 'second':
                raise RunError('cannot start')
            calls.append(f'start {self.name}')

        def close(self, trainer):
            calls.append(f'close {self.name}')

    class Updater:
        iteration, iterations_per_epoch = 0, 1

    trainer = Trainer(Updater(), stop=(1, 'iteration'), folder=tmp_path)
    for name in ('first', 'second', 'third'):
        trainer.extend(Recorder(name))
    with pytest.raises(RunError, match='cannot start'):
        trainer.run()
    assert calls == ['start first', 'close first']
