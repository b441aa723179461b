"""`gluongan runs`: what is in a folder of runs, and what `--clean` removes and never removes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import tiny
from click.testing import CliRunner
from gluongan.cli import main

from gluongan.evaluation.overview import overviews
from gluongan.runs.folder import RunError
from gluongan.runs.lock import RunLock, is_training
from gluongan.runs.removal import remove

OLD = 1_000_000_000  # seconds since 1970


def make(folder, iterations=(), snapshots=(), **settings):
    """Write what a run of these settings leaves, with metrics and snapshots of these iterations."""
    (folder / 'snapshots').mkdir(parents=True)
    config = tiny.tiny(iterations=40, snapshot_every=10, **settings)
    (folder / 'config.json').write_text(json.dumps(config.to_dict()))
    rows = [{'iteration': at, 'pixels/mean': 0.5, 'samples/swd': 1 / (1 + at)} for at in iterations]
    (folder / 'metrics.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows))
    for iteration in snapshots:
        (folder / 'snapshots' / f'{iteration:06d}.snapshot').write_bytes(b'x' * 2_000_000)
    return folder


def age(folder):
    for path in folder.iterdir():
        os.utime(path, (OLD, OLD), follow_symlinks=False)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """One run of each state, and much that is no run."""
    monkeypatch.chdir(tmp_path)
    out = tmp_path / 'runs'
    make(out / '00000-finished', (0, 20, 40), (20, 40))
    make(out / '00001-stopped', (0, 20), (10, 20))
    make(out / '00002-young', (0,))
    make(out / '00003-damaged', (0, 20), (20,))
    (out / '00003-damaged' / 'metrics.jsonl').write_text('{"iteration": true}\n')
    make(out / '00004-broken', ())
    (out / '00004-broken' / 'config.json').write_text('{')
    (out / '00005-empty').mkdir()
    make(out / '00006-begun', (0,))
    make(out / '00007-thinned', (0, 20))  # the user deleted its snapshots
    make(out / '00008-with-notes', (0,))
    (out / '00008-with-notes' / 'notes.txt').touch()
    make(out / '00013-interrupted', (0,), (7,))
    make(out / '00014-damaged-settings', (0,), (20, 40)).joinpath('config.json').write_text('{bad')
    make(tmp_path / 'elsewhere', (0,))
    (out / '00009-link').symlink_to(tmp_path / 'elsewhere')
    (out / '00010-empty-of-another').symlink_to(tmp_path / 'nowhere')
    make(out / 'model', (0,)).joinpath('config.json').write_text('{"hidden_size": 3}')
    (out / 'compared-0-1').mkdir()
    (out / '00011-file').touch()
    (out / '00012-no-run').mkdir()
    (out / '00012-no-run' / 'thesis.tex').touch()
    age(out)
    os.utime(out / '00002-young')
    return out


CLEANED = ['00004-broken', '00005-empty', '00006-begun']


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_every_run_is_listed_with_its_state_and_how_far_it_came(runs):
    with RunLock(runs / '00006-begun'):
        found = {each.folder.name: each for each in overviews(runs)}
    words = {name: (each.in_words, each.progress) for name, each in found.items()}
    assert words == {
        '00000-finished': ('finished', '40 of 40'),
        '00001-stopped': ('stopped at 20', '20 of 40'),
        '00002-young': ('stopped at 0', '0 of 40'),
        '00003-damaged': ('damaged', '0 of 40'),
        '00004-broken': ('broken', '0 of ?'),
        '00005-empty': ('broken', '0 of ?'),
        '00006-begun': ('trains now', '0 of 40'),
        '00007-thinned': ('stopped at 20', '20 of 40'),
        '00008-with-notes': ('stopped at 0', '0 of 40'),
        '00013-interrupted': ('stopped at 7', '7 of 40'),
        '00014-damaged-settings': ('broken', '0 of ?'),
    }
    assert 4_000_000 < found['00000-finished'].size < 4_010_000
    assert found['00005-empty'].size == 0


def test_the_table_names_the_newest_metrics_what_they_are_of_and_what_is_wrong(runs):
    result = tiny.gluongan('runs')
    assert result.exit_code == 0
    lines = {line.split()[0]: ' '.join(line.split()) for line in result.stdout.splitlines()}
    of = '(while training, the last iteration)'
    assert lines['00000-finished'].endswith(f'finished 40 of 40 4.0 samples/swd 0.02439 {of}')
    assert lines['00001-stopped'].endswith(f'stopped at 20 20 of 40 4.0 samples/swd 0.04762 {of}')
    said = result.stderr.splitlines()
    assert [line.partition(':')[2].split(':')[0].strip() for line in said] == [
        '00003-damaged',
        '00004-broken',
        '00005-empty',
        '00014-damaged-settings',
    ]
    assert 'metrics.jsonl: line 1' in said[0] and 'config.json: is not JSON' in said[1]


def test_the_newest_metrics_are_those_of_the_judge_where_both_are_of_one_iteration(runs):
    row = {'iteration': 20, 'lenet_fd100_test': 3.25, 'judge/seconds': 1.0}
    (runs / '00001-stopped' / 'judge.jsonl').write_text(json.dumps(row) + '\n')
    assert 'lenet_fd100_test 3.25 (by the judge while training' in tiny.gluongan('runs').stdout


def test_clean_removes_what_nothing_would_be_lost_with_and_nothing_else(runs, tmp_path):
    before = {name: names(runs / name) for name in names(runs) if (runs / name).is_dir()}
    result = tiny.gluongan('runs', runs, '--clean', '--yes')
    assert result.exit_code == 0, result.stderr
    after = {name: names(runs / name) for name in names(runs) if (runs / name).is_dir()}
    assert after == {name: before[name] for name in before if name not in CLEANED}
    assert names(tmp_path / 'elsewhere') == ['config.json', 'metrics.jsonl', 'snapshots']
    assert result.stdout.splitlines()[-3:] == [f'removed {runs / name}' for name in CLEANED]
    assert result.stderr.splitlines() == [
        f'kept: {runs / "00002-young"} (it was written to less than a minute ago)',
        f'kept: {runs / "00008-with-notes"} (it holds notes.txt, which is not a file of the run)',
        f'kept: {runs / "00014-damaged-settings"} '
        '(it holds 2 snapshots, the newest at iteration 40)',
    ]
    assert tiny.gluongan('runs', runs, '--clean', '--yes').stdout == 'nothing to remove\n'


@pytest.mark.parametrize(
    ('file', 'words'),
    [
        ('snapshots/000060.snapshot', 'a snapshot at iteration 60'),
        ('snapshots/000060.damaged', 'files of snapshots'),
        ('snapshots/000060', 'files of snapshots'),
        ('walk/generator/generator-0000.params', 'walk/generator/generator-0000.params, which may'),
        ('play-onnx/generator.onnx', 'play-onnx/generator.onnx, which may be weights'),
    ],
)
@pytest.mark.parametrize('settings', ['{bad', '{"lr": "x"}', '', '[]'])
def test_no_run_that_holds_weights_is_removed_whatever_is_wrong_with_it(
    tmp_path, file, words, settings
):
    run = make(tmp_path / '00000-run', (0,))
    (run / 'config.json').write_text(settings)
    (run / file).parent.mkdir(parents=True, exist_ok=True)
    (run / file).write_bytes(b'weights')
    age(tmp_path)
    result = tiny.gluongan('runs', tmp_path, '--clean', '--yes')
    assert (run / file).read_bytes() == b'weights'
    assert result.stdout == 'nothing to remove\n'
    assert result.stderr.startswith(f'kept: {run} (it holds {words}')
    with pytest.raises(RunError, match='is not removed: it holds'):
        remove(run)


def test_a_run_with_a_folder_that_cannot_be_read_is_kept(tmp_path, monkeypatch):
    run = make(tmp_path / '00000-run', (0,))
    age(tmp_path)
    scandir = os.scandir

    def refuse(place='.'):
        if str(place).endswith('snapshots'):
            raise PermissionError(13, 'Permission denied', str(place))
        return scandir(place)

    monkeypatch.setattr(os, 'scandir', refuse)
    with pytest.raises(RunError, match='it holds a folder that cannot be read'):
        remove(run)


def test_a_link_in_a_run_goes_and_what_it_leads_to_stays(runs, tmp_path):
    (runs / '00004-broken' / 'samples').symlink_to(tmp_path / 'elsewhere')
    age(runs)
    assert tiny.gluongan('runs', '--clean', '--yes').exit_code == 0
    assert not (runs / '00004-broken').exists()
    assert names(tmp_path / 'elsewhere') == ['config.json', 'metrics.jsonl', 'snapshots']


def test_a_run_that_a_process_trains_is_never_removed(runs):
    with RunLock(runs / '00006-begun'):
        age(runs)
        result = tiny.gluongan('runs', '--clean', '--yes')
        assert (runs / '00006-begun' / 'config.json').is_file() and '00006' not in result.stdout
        with pytest.raises(RunError, match='00006-begun: is not removed: it is being trained'):
            remove(runs / '00006-begun')


HOLD = """
import sys
from pathlib import Path
from gluongan.runs.lock import RunLock
with RunLock(Path(sys.argv[1])):
    print('held', flush=True)
    sys.stdin.read()
"""


def test_the_lock_of_another_process_is_seen_and_one_that_a_kill_left_is_not(runs):
    run = runs / '00006-begun'
    words = [sys.executable, '-c', HOLD, str(run)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b'held\n' and is_training(run)
        process.kill()
    assert (run / 'training.lock').is_file() and not is_training(run)
    holder = {'process': os.getpid(), 'host': os.uname().nodename}  # the number is another's now
    (run / 'training.lock').write_text(json.dumps(holder))
    assert not is_training(run)
    (run / 'training.lock').write_text(json.dumps({**holder, 'host': 'elsewhere'}))
    assert is_training(run)


@pytest.mark.parametrize(('answer', 'gone'), [('y\n', CLEANED), ('n\n', []), ('', [])])
def test_clean_shows_and_asks_before_it_removes(runs, monkeypatch, answer, gone):
    monkeypatch.setattr(import_module('gluongan.cli.runs'), '_can_answer', lambda: True)
    before = names(runs)
    result = CliRunner(**tiny.RUNNER).invoke(main, ['runs', '--clean'], input=answer)
    shown, _, _ = result.output.partition('Remove these 3 runs?')
    for name in CLEANED:
        assert f'runs/{name}' in shown
    assert result.exit_code == (0 if gone else 130)
    assert names(runs) == [name for name in before if name not in gone]


def test_clean_refuses_where_nobody_can_answer(runs):
    before = names(runs)
    result = tiny.gluongan('runs', '--clean')
    assert result.exit_code == 2 and 'must be used with --yes' in result.stderr.splitlines()[-1]
    assert 'runs/00004-broken' in result.stdout and names(runs) == before


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['nowhere'], 'nowhere: does not exist; must be a folder of runs'),
        (['runs/00011-file'], 'runs/00011-file: is not a folder; must be a folder of runs'),
        (['runs/00000-finished'], 'runs/00000-finished: is a run; must be the folder that holds'),
        (['--yes'], '--yes: has no effect on its own; must be used with --clean'),
    ],
)
def test_what_is_no_folder_of_runs_is_refused(runs, words, message):
    assert tiny.refused('runs', *words).startswith(message)


def test_a_folder_without_runs_is_said_to_hold_none(tmp_path):
    assert tiny.gluongan('runs', tmp_path).stdout == f'{tmp_path}: holds no runs\n'


def test_runs_are_listed_without_mxnet(runs):
    code = "import sys; sys.modules['mxnet'] = None; from gluongan.cli import main; main()"
    words = [sys.executable, '-c', code, 'runs', str(runs)]
    result = subprocess.run(words, capture_output=True, text=True, check=True, cwd=Path.home())
    assert '00000-finished' in result.stdout
