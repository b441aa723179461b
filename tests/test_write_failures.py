"""A full disk at every write of every command: one sentence that names the file, and no damage."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny
from full_disk import Disk

from gluongan import evaluation, figures
from gluongan.bench import chart, measure, subjects
from gluongan.exports import params, verify
from gluongan.files import write_bytes
from gluongan.runs import snapshots
from gluongan.runtime import mx

SETTINGS = {'iterations': 6, 'log_every': 2, 'sample_every': 3, 'eval_every': 3}
EVERY = {**SETTINGS, 'snapshot_every': 2}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fake_figures(monkeypatch):
    """Drawing takes a second; that each file of it is written so, others test."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def fails_at_every_write(monkeypatch, prepare):
    """Run a command with a disk that fills up at write 1, 2, ... until none is left.

    prepare: is called with that number before, and returns the words of the command.
    Returns how many writes the command has.
    """
    for number in itertools.count(1):
        words = prepare(number)
        with monkeypatch.context() as patch:
            disk = Disk(patch.setattr, number)
            result = tiny.gluongan(*words)
        assert not list(Path().rglob('*.tmp'))
        if not disk.was_full:
            assert result.exit_code == 0, result.stderr
        if disk.count < number:
            return number - 1
        if not disk.was_full:
            continue
        line = result.stderr.splitlines()[-1]
        assert result.exit_code == 1, (number, result.stderr)
        assert line.startswith('Error: ') and 'No space left on device' in line, (number, line)
        assert 'cannot be written' in line, (number, line)
        assert '.tmp' not in line and 'traceback' not in line and 'standard' not in line, line
        assert not [path for path in os.listdir() if path.endswith(('.tmp', '.txt'))]
    raise AssertionError


def test_every_write_of_a_run_may_fail_and_the_run_goes_on_from_its_last_snapshot(
    here, monkeypatch
):
    fake_figures(monkeypatch)
    straight = tiny.begun(here / 'straight', **EVERY).folder
    _, (expected, _) = snapshots.read_newest(straight)
    count = fails_at_every_write(
        monkeypatch, lambda number: ['train', *tiny.flags(**EVERY), '--out', f'runs/{number}']
    )
    assert count > 50
    runs = [run for number in range(1, count + 1) for run in (here / f'runs/{number}').glob('*')]
    resumable = [run for run in runs if snapshots.list_snapshots(run)]
    assert len(resumable) > 20
    for run in runs:
        assert (run / 'config.json').exists() and not (run / 'training.lock').exists()
    for run in resumable:
        arrays, _ = snapshots.read_newest(tiny.resumed(run).folder)[1]
        assert all((arrays[name] == expected[name]).all() for name in expected)
        assert (run / 'batches.csv').read_text() == (straight / 'batches.csv').read_text()


COMMANDS = {
    'sample': ['sample', 'RUN', '--seeds', '0-3'],
    'interpolate': ['interpolate', 'RUN', '--steps', 2],
    'export': ['export', 'RUN', '--out', 'new'],
    'export onnx': ['export', 'RUN', '--out', 'new', '--format', 'onnx'],
    'plot': ['plot', 'RUN'],
    'compare': ['compare', 'RUN', 'OTHER'],
    'invert': ['invert', 'RUN', '--test', 2, '--steps', 2, '--starts', 1],
    'judge train': [
        *['judge', 'train', '--data', 'synthetic', '--image-size', 12, '--epochs', 1],
        *['--out', 'x.judge'],
    ],
    'resume': ['train', '--resume', 'RUN', '--iterations', 8],
}


@pytest.fixture(scope='module')
def quick():
    """Compute once what `bench` and `judge calibrate` write; that takes long."""
    computed = {}

    def once(patch, module, name):
        compute = getattr(module, name)

        def kept(*arguments, **settings):
            if name not in computed:
                computed[name] = compute(*arguments, **settings)
            return computed[name]

        patch.setattr(module, name, kept)

    with pytest.MonkeyPatch.context() as patch:
        once(patch, measure, 'measure')
        once(patch, subjects, 'make_subjects')
        patch.setattr(chart, 'chart', lambda session, path: write_bytes(path, b'a chart'))
        once(patch, evaluation, 'calibrate')
        yield


BENCH = [
    'bench',
    '--recipe',
    'mixture',
    '--devices',
    'cpu',
    '--modes',
    'hybrid',
    '--seconds',
    0.1,
    '--out',
    'new',
]
CALIBRATE = [
    *['judge', 'calibrate', '--data', 'synthetic', '--image-size', 8, '--samples', 100],
    *['--draws', 1, '--out', 'x.json'],
]


@pytest.mark.parametrize('words', [BENCH, CALIBRATE], ids=['bench', 'judge calibrate'])
def test_every_write_of_what_computes_for_long_may_fail_and_leaves_nothing(
    here, monkeypatch, words, quick
):
    def prepare(number):
        left = contents(here)
        assert len(left) in (0, len(whole)), left  # an empty file has room on a full disk
        for path in left:
            path.unlink()
        return words

    assert tiny.gluongan(*words).exit_code == 0
    whole = contents(here)

    assert fails_at_every_write(monkeypatch, prepare) >= 3


@pytest.mark.parametrize(
    'words',
    [BENCH, CALIBRATE, ['train', *tiny.flags(**EVERY)], ['sample', 'RUN'], ['compare', 'RUN', 'B']],
    ids=['bench', 'judge calibrate', 'train', 'sample', 'compare'],
)
def test_a_limit_on_the_size_of_files_is_said_and_leaves_no_half(
    here, monkeypatch, trained, words, quick
):
    fake_figures(monkeypatch)
    shutil.copytree(trained, here / 'run')
    before = contents(here)
    words = [{'RUN': here / 'run', 'B': trained}.get(word, word) for word in words]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # as `ulimit -f` does
    try:
        result = tiny.gluongan(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    line = result.stderr.splitlines()[-1]
    assert result.exit_code == 1 and line.startswith('Error: '), result.stderr
    assert line.endswith(': cannot be written (File too large)') and '.tmp' not in line
    assert contents(here) == before


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        fake_figures(patch)
        return tiny.begun(tmp_path_factory.mktemp('run'), **EVERY).folder


@pytest.mark.parametrize('words', COMMANDS.values(), ids=COMMANDS)
def test_every_write_of_a_command_may_fail(here, monkeypatch, unrendered, trained, words):
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)  # a new process each time
    for name in set(figures.FIGURES) - {'samples', 'training', 'losses'}:
        monkeypatch.delitem(figures.FIGURES, name)
    run = here / 'run'

    def prepare(number):
        if number > 1:
            assert contents(run / 'snapshots') == before or words[0] == 'train'
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(trained, run)
        return [{'RUN': run, 'OTHER': trained}.get(word, word) for word in words]

    before = {run / path.relative_to(trained): text for path, text in contents(trained).items()}
    before = {path: text for path, text in before.items() if path.parent.name == 'snapshots'}
    assert fails_at_every_write(monkeypatch, prepare) >= 3


def test_weights_are_packed_as_mxnet_saves_them(here):
    shapes = {'arg:a': (3,), 'aux:b é': (2, 1, 4), 'arg:c': (2, 3, 4, 5)}
    arrays = {name: np.random.rand(*shape).astype('f4') for name, shape in shapes.items()}
    mx.nd.save('x.params', {name: mx.nd.array(array) for name, array in arrays.items()})
    with open('x.params', 'rb') as file:
        assert file.read() == params.pack(arrays)
