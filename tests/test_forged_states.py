"""A snapshot, a judge or a report with the right checksum and impossible values in it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tiny

from gluongan import figures, snapshot
from gluongan.evaluation.classifier import judge
from gluongan.evaluation.classifier.networks import initialised
from gluongan.runs import snapshots

BAD_COUNTS = [None, 'x', True, -1, 1.5, [], 10**30, float('nan')]


pytestmark = pytest.mark.usefixtures('undrawn')


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A run without and one with augmentation, of which each test gets a copy."""
    out = tmp_path_factory.mktemp('runs')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        return [tiny.begun(out, iterations=2, augment=names).folder for names in ((), ('shift',))]


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained[0], tmp_path / 'run')


@pytest.fixture
def augmented_run(trained, tmp_path):
    return shutil.copytree(trained[1], tmp_path / 'run')


def forge(run, change):
    """Change the meta of the newest snapshot, which then has the right hash."""
    path = snapshots.find_snapshot(run, 'last')
    arrays, meta = snapshot.read(path)
    change(meta)
    snapshot.write(path, arrays, meta)


def refused_resume(run):
    result = tiny.gluongan('train', '--resume', run, '--iterations', 4)
    line = result.stderr.splitlines()[-1]
    assert result.exit_code == 1, (result.stderr, result.stdout)
    assert line.startswith(f'Error: {run}/snapshots/000002.snapshot: ') and 'fault' not in line


@pytest.mark.parametrize('value', BAD_COUNTS, ids=str)
@pytest.mark.parametrize('name', ['iteration', 'gen_steps', 'dis_steps'])
def test_counts_of_a_snapshot_are_whole_numbers(run, name, value):
    forge(run, lambda meta: meta.update({name: value}))
    refused_resume(run)


@pytest.mark.parametrize('value', BAD_COUNTS, ids=str)
@pytest.mark.parametrize('place', [-2, -1])
def test_state_of_the_noise_is_possible(run, place, value):
    forge(run, lambda meta: meta['noise'].__setitem__(place, value))
    refused_resume(run)


@pytest.mark.parametrize('value', BAD_COUNTS[:-2], ids=str)
def test_place_in_the_data_is_possible(run, value):
    forge(run, lambda meta: meta['real'].update(drawn=value))
    refused_resume(run)


IMPOSSIBLE_GENERATORS = [None, 'x', [], {}, {'bit_generator': 'PCG64', 'state': {'state': 1}}]
IMPOSSIBLE_GENERATORS += [
    {
        'bit_generator': 'PCG64',
        'state': {'state': 10**60, 'inc': 1},
        'has_uint32': 0,
        'uinteger': 0,
    },
    {'bit_generator': 'PCG64', 'state': {'state': 1, 'inc': 1}, 'has_uint32': 0, 'uinteger': -1},
]


@pytest.mark.parametrize('value', IMPOSSIBLE_GENERATORS, ids=str)
@pytest.mark.parametrize('part', ['real', 'augmentation'])
def test_states_of_generators_are_possible(augmented_run, part, value):
    forge(augmented_run, lambda meta: meta[part].update(generator=value))
    refused_resume(augmented_run)


@pytest.mark.parametrize('value', [10**60, 'x', None], ids=str)
@pytest.mark.parametrize('place', [0, -4, -3])
def test_words_of_the_noise_are_possible(run, place, value):
    forge(run, lambda meta: meta['noise'].__setitem__(place, value))
    refused_resume(run)


def test_evaluate_refuses_a_snapshot_without_an_iteration(run):
    forge(run, lambda meta: meta.update(iteration='x'))
    result = tiny.gluongan('evaluate', run)
    assert result.exit_code == 1 and 'has iteration x; must be' in result.stderr


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_compare_shows_metrics_that_are_no_numbers(run, tmp_path, value):
    report = {'metrics': {'pixel_mean1k': value}, 'iteration': 2, 'samples': 1000}
    (run / 'evaluation.json').write_text(json.dumps(report))
    other = tiny.begun(tmp_path / 'others', iterations=2, seed=1).folder
    result = tiny.gluongan('compare', run, other)
    assert result.exit_code == 0, result.stderr
    row = next(line for line in result.stdout.splitlines() if 'pixel_mean1k' in line)
    assert str(value) in row.split()


@pytest.mark.parametrize('shape', [(1, 12, 11), (1, 4, 12), (1, 12.0, 12), (1, True, 12), (1, 12)])
def test_judge_of_pictures_too_small_for_its_network_is_refused(tmp_path, shape):
    about = judge.About('lenet', 'x', (1, 12, 12), ('a', 'b'))
    path = tmp_path / 'a.judge'
    judge.Judge(about, initialised('lenet', about.shape, 2)).write(path)
    assert judge.read(path)(np.zeros((1, 1, 12, 12), np.float32)).features.shape == (1, 84)
    arrays, meta = snapshot.read(path)
    snapshot.write(path, arrays, {**meta, 'shape': shape})
    with pytest.raises(judge.JudgeError, match=r'a\.judge: is not a judge'):
        judge.read(path)
