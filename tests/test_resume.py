"""N iterations, a kill, and N more are the same as 2N: every array, every row, every picture."""

from __future__ import annotations

import fcntl
import os
import pty
import shlex
import signal
import subprocess
import sys
import termios
import time

import pytest
import tiny

from gluongan import build, figures, loading, snapshot
from gluongan.runs import snapshots

GLUONGAN = [sys.executable, '-c', 'from gluongan.cli import main; main()']
# An epoch has 16 batches. 40 iterations end in the middle of an epoch, of a window of the log, and
# between two measurements.
CONFIGS = {
    'dense': {},
    'dropout in both': {'gen_dropout': 0.3, 'dis_dropout': 0.5},
    'mirrored data': {'mirror': True, 'conditional': True},
    'adaptive augmentation': {
        'augment': ('color', 'cutout'),
        'augment_target': 0.0,
        'augment_span': 2000,
        'dis_steps': 3,
        'lr': 1e-3,
    },
    'augmentation': {'augment': ('color', 'shift', 'cutout', 'mirror'), 'augment_probability': 0.7},
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
WHOLE_FILES = ('reals.png', 'accuracy.csv', 'run.json', 'config.json')


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Drawing takes a second, and test_figures holds that the same files give the same figures."""
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
    """A function that returns the folder of an uninterrupted run of 80 iterations.

    Each of CONFIGS is trained once.
    """
    folders = {}

    def run(name):
        if name not in folders:
            out = tmp_path_factory.mktemp('straight')
            folders[name] = tiny.begun(out, **EVERY, **CONFIGS[name]).folder
        return folders[name]

    return run


def read_snapshot(run, iteration):
    return snapshot.read(snapshots.snapshot_path(run, iteration))


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def sample_names(run):
    return sorted(path.name for path in (run / 'samples').iterdir())


def assert_same_snapshot(one, two, iteration):
    """The snapshots of that iteration hold the same bits."""
    arrays, meta = read_snapshot(one, iteration)
    other_arrays, other_meta = read_snapshot(two, iteration)
    assert meta == other_meta
    assert list(arrays) == list(other_arrays)
    assert len(arrays) > 8
    for name, array in arrays.items():
        assert array.dtype == other_arrays[name].dtype, name
        assert array.tobytes() == other_arrays[name].tobytes(), name


def assert_same_run(straight, resumed, *, stops=()):
    """Both folders hold the same, except for the clock.

    stops: the iterations where the resumed run stopped, which have more measurements and samples.
    """
    assert_same_snapshot(straight, resumed, 80)
    assert (straight / 'batches.csv').read_text() == (resumed / 'batches.csv').read_text()
    rows = tiny.rows(resumed / 'metrics.jsonl')
    rows = [row for row in rows if row['iteration'] not in stops]
    assert tiny.rows(straight / 'metrics.jsonl') == rows
    assert len(rows) == 7
    names = sample_names(straight)
    assert names == [name for name in sample_names(resumed) if int(name[:6]) not in stops]
    for name in (*WHOLE_FILES, *(f'samples/{name}' for name in names)):
        assert (straight / name).exists() == (resumed / name).exists(), name
        if (straight / name).exists():
            assert (straight / name).read_bytes() == (resumed / name).read_bytes(), name


STOPS = (1, 33, 41)  # after one iteration, at the begin of an epoch, and behind a snapshot


@pytest.mark.parametrize('name', CONFIGS)
def test_interrupted_and_resumed_run_is_the_straight_run(tmp_path, name, straight):
    folder = tiny.begun(tmp_path, until=STOPS[0], **EVERY, **CONFIGS[name]).folder
    for stop, following in zip(STOPS, (*STOPS[1:], None)):
        _, (_, meta) = snapshots.read_newest(folder)
        assert meta['iteration'] == stop
        trainer = tiny.resumed(folder, until=following)
    assert trainer.updater.iteration == 80
    assert not trainer.interrupted
    assert_same_run(straight(name), folder, stops=STOPS)


def test_two_seeds_are_two_runs(tmp_path, straight):
    other = tiny.begun(tmp_path, **EVERY, seed=1).folder
    with pytest.raises(AssertionError):
        assert_same_snapshot(straight('dense'), other, 80)


def test_run_stopped_again_and_again_is_the_straight_run(tmp_path, straight):
    first, *others = stops = (7, 8, 19, 21, 51, 79)
    folder = tiny.begun(tmp_path, until=first, **EVERY).folder
    for stop in others:
        tiny.resumed(folder, until=stop)
    tiny.resumed(folder)
    assert_same_run(straight('dense'), folder, stops=stops)


def test_finished_run_continues_to_more_iterations(tmp_path, straight):
    folder = tiny.begun(tmp_path, **{**EVERY, 'iterations': 30}).folder
    tiny.resumed(folder, iterations=80)
    assert_same_run(straight('dense'), folder)


def test_finished_run_that_is_resumed_as_it_is_stays_as_it_is(tmp_path):
    folder = tiny.begun(tmp_path, **EVERY).folder
    before, pages = contents(folder), []
    for _ in range(2):
        result = tiny.gluongan('train', '--resume', folder)
        assert result.exit_code == 0
        after = contents(folder)
        pages.append(after.pop(folder / 'report.html'))  # the first command writes it
        assert after == before
    assert pages[0] == pages[1]


@pytest.mark.parametrize('damaged', [(40,), (45, 40)])
def test_damaged_newest_snapshot_is_named_and_the_one_before_it_is_used(
    tmp_path, straight, damaged
):
    folder = tiny.begun(tmp_path, until=40, **EVERY, keep=3).folder
    if 45 in damaged:
        tiny.resumed(folder, until=45)
    for iteration in damaged:
        path = snapshots.snapshot_path(folder, iteration)
        path.write_bytes(path.read_bytes()[:-9])
    result = tiny.gluongan('train', '--resume', folder, '--keep', 2)
    assert result.exit_code == 0, result.stderr
    warnings = [line for line in result.stderr.splitlines() if line.startswith('Warning: ')]
    assert len(warnings) == len(damaged)
    for iteration, warning in zip(damaged, warnings):
        assert f'{iteration:06d}.snapshot: is damaged (its SHA-256 does not match); ' in warning
        assert warning.endswith('falling back to the previous snapshot')
    assert 'iterations 20 to 80' in result.stderr
    assert_same_snapshot(straight('dense'), folder, 80)


def test_run_without_an_intact_snapshot_says_so(tmp_path):
    folder = tiny.begun(tmp_path, **EVERY).folder
    for _, path in snapshots.list_snapshots(folder):
        path.write_bytes(b'')
    result = tiny.gluongan('train', '--resume', folder)
    assert result.exit_code == 1
    assert 'no snapshot that can be used' in result.stderr.splitlines()[-1]


def test_snapshot_of_other_networks_is_refused(tmp_path):
    folder = tiny.begun(tmp_path, until=5).folder
    other = tiny.begun(tmp_path, until=5, gen_hidden=(17,)).folder
    other_bytes = snapshots.snapshot_path(other, 5).read_bytes()
    snapshots.snapshot_path(folder, 5).write_bytes(other_bytes)
    message = tiny.refused('train', '--resume', folder, code=1)
    assert '000005.snapshot' in message
    assert '(16' in message
    assert '(17' in message


@pytest.mark.parametrize('other', [{'noise': [1, 2, 3, 4, 0, 0]}, {'real': {}}, {'noise': None}])
def test_snapshot_of_another_version_cannot_be_resumed_but_can_be_sampled(tmp_path, other):
    folder = tiny.begun(tmp_path, until=5).folder
    arrays, meta = read_snapshot(folder, 5)
    snapshot.write(snapshots.snapshot_path(folder, 5), arrays, {**meta, **other})
    before = contents(folder)
    message = tiny.refused('train', '--resume', folder, '--iterations', 30, code=1)
    assert '000005.snapshot: was written by another version' in message
    assert contents(folder) == before
    updater = loading.load_updater(folder, build.load_data(tiny.tiny()))
    assert updater.iteration == 5
    assert (updater.gen[0].weight.data().asnumpy() == arrays['gen/0.weight']).all()


# Real processes


def start_process(out, **changes):
    """Return a process that trains for ever, once it has passed iteration 30, and its folder."""
    endless = {'iterations': 10**8, 'sample_every': 10**8, 'eval_every': 10**8}
    flags = tiny.flags(**{**EVERY, **endless, 'ema': 0.0, **changes})  # as `tiny.begun`
    process = subprocess.Popen(
        [*GLUONGAN, 'train', *flags, '--out', str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=out.parent,
    )
    folder = out / '00000-dense-synthetic'
    deadline = time.monotonic() + 60
    while not any(iteration >= 40 for iteration, _ in snapshots.list_snapshots(folder)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, process.communicate()
        time.sleep(0.005)
    return process, folder


def test_run_killed_with_signal_9_continues_as_if_nothing_had_happened(tmp_path, straight):
    process, folder = start_process(tmp_path / 'runs', sample_every=10, eval_every=15)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -9
    path, (_, meta) = snapshots.read_newest(folder, lambda text: None)
    assert path.exists()
    assert meta['iteration'] >= 40
    total = meta['iteration'] + 20
    tiny.resumed(folder, iterations=total)
    uninterrupted = tiny.begun(tmp_path, **{**EVERY, 'iterations': total}).folder
    assert_same_snapshot(uninterrupted, folder, total)
    for name in ('batches.csv', 'metrics.jsonl'):
        assert (uninterrupted / name).read_text() == (folder / name).read_text(), name
    names = sample_names(uninterrupted)
    for name in names:
        path = f'samples/{name}'
        assert (uninterrupted / path).read_bytes() == (folder / path).read_bytes(), name
    beyond = set(sample_names(folder)) - set(names)
    assert not [name for name in beyond if int(name[:6]) > total]


@pytest.mark.parametrize(
    'number, code', [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signal_leaves_a_snapshot_and_a_command_that_continues(tmp_path, number, code):
    process, folder = start_process(tmp_path / 'my runs')
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert 'Traceback' not in errors
    stopped, command = errors.splitlines()[-2:]
    _, (_, meta) = snapshots.read_newest(folder)
    iteration = meta['iteration']
    assert f'iteration {iteration:,};' in stopped
    assert tiny.rows(folder / 'batches.csv')[-1]['iteration'] == iteration
    program, subcommand, *arguments = shlex.split(command)
    assert (program, subcommand) == ('gluongan', 'train')
    result = tiny.gluongan(subcommand, *arguments, '--iterations', iteration + 5)
    assert result.exit_code == 0, result.stderr
    assert tiny.rows(folder / 'batches.csv')[-1]['iteration'] == iteration + 5


def test_a_reader_who_leaves_ends_a_run_with_a_snapshot(tmp_path):
    process, folder = start_process(tmp_path / 'runs')
    process.stderr.close()
    process.stdout.close()
    assert process.wait(60) == 128 + signal.SIGPIPE
    _, (_, meta) = snapshots.read_newest(folder)
    assert tiny.rows(folder / 'batches.csv')[-1]['iteration'] == meta['iteration']
    assert not list(folder.rglob('*.tmp')) and sorted(folder.parent.iterdir()) == [folder]


def test_a_terminal_that_is_closed_ends_a_run_with_a_snapshot(tmp_path):
    ours, theirs = pty.openpty()
    flags = tiny.flags(iterations=10**8, sample_every=10**8, eval_every=10**8)
    process = subprocess.Popen(
        [*GLUONGAN, 'train', *flags, '--out', 'runs'],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
    )
    os.close(theirs)
    shown = b''
    while b'it/s' not in shown:
        shown += os.read(ours, 1000)
    os.close(ours)
    assert process.wait(60) == 128 + signal.SIGHUP
    folder = tmp_path / 'runs' / '00000-dense-synthetic'
    _, (_, meta) = snapshots.read_newest(folder)
    assert meta['iteration'] > 0 and sorted(folder.parent.iterdir()) == [folder]
