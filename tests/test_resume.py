"""N iterations, a kill, and N more are the same run as 2N: every array bit for bit, every row, every picture."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
import tiny

from gluongan import build, figures, loading, snapshot
from gluongan.runs import snapshots

GLUONGAN = [sys.executable, '-c', 'from gluongan.cli import main; main()']
# 16 batches an epoch; 40 iterations end in the middle of an epoch, of a window of the log, and of the evaluations.
CONFIGS = {
    'dense': {},
    'dropout in both': {'gen_dropout': 0.3, 'dis_dropout': 0.5},
    'two steps of D': {'dis_steps': 2, 'dis_batchnorm': True},
    'three steps of D, own noise': {'dis_steps': 3, 'shared_noise': False, 'noise': 'uniform'},
    'wasserstein': {
        'loss': 'wasserstein',
        'optimizer': 'rmsprop',
        'clip': 0.01,
        'dis_steps': 5,
        'lr': 1e-3,
    },
    'sgd with fresh noise': {
        'optimizer': 'sgd',
        'lr': 0.05,
        'shared_noise': False,
        'gen_batchnorm': False,
        'init': 'glorot',
    },
    'softmax head, binarized': {
        'dis_head': 'softmax',
        'binarize': True,
        'gen_activation': 'tanh',
        'dis_activation': 'tanh',
    },
    'minimax, two rates': {'loss': 'minimax', 'gen_lr': 1e-3, 'dis_lr': 1e-4, 'seed': 7},
    'moving average': {'ema': 0.9, 'loss': 'least_squares', 'real_target': 0.9},
    'spectral, hinge': {'dis_spectral': True, 'loss': 'hinge', 'optimizer': 'rmsprop'},
    'cosine schedule': {
        'schedule': 'cosine',
        'schedule_iterations': 80,
        'lr': 1e-3,
        'dis_steps': 2,
    },
    'gp at random points': {
        'penalty': 'gp',
        'loss': 'wasserstein',
        'gen_batchnorm': False,
        'shared_noise': False,
    },
    'dragan, instance noise': {'penalty': 'dragan', 'instance_noise': 0.3, 'noise_until': 60},
    'conditional, conv, dropout': {
        'network': 'conv',
        'conv_width': 4,
        'conditional': True,
        'gen_dropout': 0.2,
        'dis_dropout': 0.3,
        'dis_batchnorm': True,
    },
    'pack, kernels': {'pack': 2, 'dis_kernels': 3, 'dis_stddev': True},
    'truncated, two steps of G': {
        'noise': 'truncated',
        'gen_steps': 2,
        'schedule': 'linear',
        'loss': 'relativistic',
    },
}
EVERY = {
    'iterations': 80,
    'log_every': 25,
    'sample_every': 10,
    'eval_every': 15,
    'snapshot_every': 20,
}


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Drawing takes a second, and test_figures holds that the same files make the same figures."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


def same_snapshot(one, two, iteration):
    """The snapshots of that iteration hold the same bits."""
    (a, meta), (b, other) = (
        snapshot.read(run / 'snapshots' / f'{iteration:06d}.snapshot') for run in (one, two)
    )
    assert meta == other and list(a) == list(b) and len(a) > 8
    assert not [
        name
        for name in a
        if a[name].tobytes() != b[name].tobytes() or a[name].dtype != b[name].dtype
    ]


def same_run(one, two, *, also=()):
    """Both folders tell the same, but for the clock; `also`: iterations that only the second one stopped at."""
    same_snapshot(one, two, 80)
    assert (one / 'batches.csv').read_text() == (two / 'batches.csv').read_text()
    rows = [row for row in tiny.rows(two / 'metrics.jsonl') if row['iteration'] not in also]
    assert tiny.rows(one / 'metrics.jsonl') == rows and len(rows) == 7
    names, others = (
        sorted(path.name for path in (run / 'samples').iterdir()) for run in (one, two)
    )
    assert names == [name for name in others if int(name[:6]) not in also]
    for name in (
        *(f'samples/{name}' for name in names),
        'reals.png',
        'accuracy.csv',
        'run.json',
        'config.json',
    ):
        if (one / name).exists() or (two / name).exists():
            assert (one / name).read_bytes() == (two / name).read_bytes(), name


@pytest.mark.parametrize('at', [1, 33, 41])
@pytest.mark.parametrize('name', CONFIGS)
def test_interrupted_and_resumed_run_is_the_straight_run(tmp_path, name, at, straight):
    folder = tiny.begun(tmp_path, until=at, **EVERY, **CONFIGS[name]).folder
    assert snapshots.read_newest(folder)[1][1]['iteration'] == at
    trainer = tiny.resumed(folder)
    assert trainer.updater.iteration == 80 and not trainer.interrupted
    same_run(straight(name), folder, also={at})


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
    """Returns a function: the folder of a run of 80 iterations without a stop, made once for each of CONFIGS."""
    made = {}

    def run(name):
        if name not in made:
            made[name] = tiny.begun(
                tmp_path_factory.mktemp('straight'), **EVERY, **CONFIGS[name]
            ).folder
        return made[name]

    return run


def test_two_seeds_are_two_runs(tmp_path, straight):
    other = tiny.begun(tmp_path, **EVERY, seed=1).folder
    with pytest.raises(AssertionError):
        same_snapshot(straight('dense'), other, 80)


def test_run_stopped_again_and_again_is_the_straight_run(tmp_path, straight):
    folder, stops = tiny.begun(tmp_path, until=7, **EVERY).folder, (8, 19, 21, 51, 79)
    for stop in stops:
        tiny.resumed(folder, until=stop)
    tiny.resumed(folder)
    same_run(straight('dense'), folder, also={7, *stops})


def test_finished_run_goes_on_to_more_iterations(tmp_path, straight):
    folder = tiny.begun(tmp_path, **{**EVERY, 'iterations': 30}).folder
    tiny.resumed(folder, iterations=80)
    same_run(straight('dense'), folder)


def test_finished_run_resumed_as_it_is_stays_as_it_is(tmp_path):
    folder = tiny.begun(tmp_path, **EVERY).folder
    files = {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}
    result = tiny.gluongan('train', '--resume', folder)
    assert (
        result.exit_code == 0
        and {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()} == files
    )


@pytest.mark.parametrize('damaged', [(40,), (45, 40)])
def test_damaged_newest_snapshot_is_named_and_the_one_before_it_is_used(
    tmp_path, straight, damaged
):
    folder = tiny.begun(tmp_path, until=40, **EVERY, keep=3).folder
    if 45 in damaged:
        tiny.resumed(folder, until=45)
    for iteration in damaged:
        path = folder / 'snapshots' / f'{iteration:06d}.snapshot'
        path.write_bytes(path.read_bytes()[:-9])
    result = tiny.gluongan('train', '--resume', folder, '--keep', 2)
    warnings = [line for line in result.stderr.splitlines() if line.startswith('Warning: ')]
    assert result.exit_code == 0, result.stderr
    assert len(warnings) == len(damaged) and all(
        f'{i:06d}.snapshot' in line for i, line in zip(damaged, warnings)
    )
    assert 'iterations 20 to 80' in result.stderr
    same_snapshot(straight('dense'), folder, 80)


def test_run_with_no_usable_snapshot_says_so(tmp_path):
    folder = tiny.begun(tmp_path, **EVERY).folder
    for _, path in snapshots.list_snapshots(folder):
        path.write_bytes(b'')
    result = tiny.gluongan('train', '--resume', folder)
    assert (
        result.exit_code == 1 and 'no snapshot that can be used' in result.stderr.splitlines()[-1]
    )


def test_snapshot_of_other_networks_is_refused(tmp_path):
    folder, other = (
        tiny.begun(tmp_path, until=5).folder,
        tiny.begun(tmp_path, until=5, gen_hidden=(17,)).folder,
    )
    (folder / 'snapshots' / '000005.snapshot').write_bytes(
        (other / 'snapshots' / '000005.snapshot').read_bytes()
    )
    message = tiny.refused('train', '--resume', folder, code=1)
    assert '000005.snapshot' in message and '(16' in message and '(17' in message


@pytest.mark.parametrize('other', [{'noise': [1, 2, 3, 4, 0, 0]}, {'real': {}}, {'noise': None}])
def test_snapshot_of_another_version_cannot_be_resumed_but_its_networks_are_there(tmp_path, other):
    folder = tiny.begun(tmp_path, until=5).folder
    path = folder / 'snapshots' / '000005.snapshot'
    arrays, meta = snapshot.read(path)
    snapshot.write(path, arrays, {**meta, **other})
    files = {file: file.read_bytes() for file in folder.rglob('*') if file.is_file()}
    message = tiny.refused('train', '--resume', folder, '--iterations', 30, code=1)
    assert '000005.snapshot: is of another version' in message
    assert {file: file.read_bytes() for file in folder.rglob('*') if file.is_file()} == files
    updater = loading.load_updater(folder, build.load_data(tiny.tiny()))
    assert updater.iteration == 5
    assert (updater.gen[0].weight.data().asnumpy() == arrays['gen/0.weight']).all()


# Changed settings


@pytest.mark.parametrize(
    'words, flag, values',
    [
        (['--lr', '0.5'], '--lr', ('0.0002', '0.5')),
        (['--batch', '16'], '--batch', ('32', '16')),
        (['--gen-hidden', '16,16'], '--gen-hidden', ('16', '16,16')),
        (['--no-gen-batchnorm'], '--gen-batchnorm', ('true', 'false')),
        (['--recipe', 'wgan'], '--loss', ('nonsaturating', 'wasserstein')),
        (['--seed', '3'], '--seed', ('0', '3')),
        (['--clip', '0.1'], '--clip', ('none', '0.1')),
    ],
)
def test_changed_setting_is_refused_with_both_values(tmp_path, words, flag, values):
    folder = tiny.begun(tmp_path, until=3).folder
    before = (folder / 'config.json').read_bytes()
    message = tiny.refused('train', '--resume', folder, *words)
    assert (
        f'{flag} is {values[0]}, asked for {values[1]}' in message
        and (folder / 'config.json').read_bytes() == before
    )


def test_settings_that_change_no_number_may_change(tmp_path):
    folder = tiny.begun(tmp_path, until=3).folder
    result = tiny.gluongan(
        'train',
        '--resume',
        folder,
        '--iterations',
        9,
        '--snapshot-every',
        4,
        '--keep',
        5,
        '--lr',
        2e-4,
    )
    assert result.exit_code == 0 and [i for i, _ in snapshots.list_snapshots(folder)] == [
        3,
        4,
        8,
        9,
    ]


@pytest.mark.parametrize(
    'make',
    [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text('')],
    ids=['missing', 'empty folder', 'file'],
)
def test_folder_that_is_no_run_cannot_be_resumed(tmp_path, make):
    make(tmp_path / 'x')
    message = tiny.refused('train', '--resume', tmp_path / 'x')
    assert str(tmp_path / 'x') in message and 'no run folder' in message


# Real processes


def started(out, **changes):
    """A process that trains for ever, as soon as it has passed iteration 30."""
    words = tiny.flags(
        **{**EVERY, 'iterations': 10**8, 'sample_every': 10**8, 'eval_every': 10**8, **changes}
    )
    process = subprocess.Popen(
        [*GLUONGAN, 'train', *words, '--out', str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=out.parent,
    )
    folder, deadline = out / '00000-dense-synthetic', time.monotonic() + 60
    while not any(iteration >= 40 for iteration, _ in snapshots.list_snapshots(folder)):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.005)
    return process, folder


def test_run_killed_with_signal_9_goes_on_as_if_nothing_had_been(tmp_path, straight):
    process, folder = started(tmp_path / 'runs', iterations=10**8, sample_every=10, eval_every=15)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    at, (_, meta) = snapshots.read_newest(folder, lambda text: None)
    assert process.returncode == -9 and meta['iteration'] >= 40 and at.exists()
    total = meta['iteration'] + 20
    tiny.resumed(folder, iterations=total)
    whole = tiny.begun(tmp_path, **{**EVERY, 'iterations': total}).folder
    same_snapshot(whole, folder, total)
    for name in ('batches.csv', 'metrics.jsonl'):
        assert (whole / name).read_text() == (folder / name).read_text(), name
    for path in (whole / 'samples').iterdir():
        assert path.read_bytes() == (folder / 'samples' / path.name).read_bytes(), path.name
    beyond = {path.name for path in (folder / 'samples').iterdir()} - {
        path.name for path in (whole / 'samples').iterdir()
    }
    assert not [name for name in beyond if int(name[:6]) > total], (
        'pictures of a future that never was'
    )


@pytest.mark.parametrize('number, code', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_leaves_a_snapshot_and_a_command_that_goes_on(tmp_path, number, code):
    process, folder = started(tmp_path / 'my runs')
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code and 'Traceback' not in errors, errors
    stopped, command = errors.splitlines()[-2:]
    at = snapshots.read_newest(folder)[1][1]['iteration']
    assert (
        f'iteration {at:,};' in stopped and tiny.rows(folder / 'batches.csv')[-1]['iteration'] == at
    )
    words = shlex.split(command)
    assert words[:2] == ['gluongan', 'train']
    result = tiny.gluongan(*words[1:], '--iterations', at + 5)
    assert result.exit_code == 0, result.stderr
    assert tiny.rows(folder / 'batches.csv')[-1]['iteration'] == at + 5
