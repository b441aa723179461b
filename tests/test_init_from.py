"""A run begins with the weights of another run or of an export: those that agree, and no others."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tiny

from gluongan import build, export, figures, launch, snapshot
from gluongan.exports import export_run, verify
from gluongan.exports.initial import begin_with
from gluongan.runs import snapshots
from gluongan.runs.folder import RunError


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """A finished run. Not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        return tiny.begun(tmp_path_factory.mktemp('source'), iterations=3, ema=0.9).folder


@pytest.fixture(scope='module')
def exported(source, tmp_path_factory):
    """The exports of both of its networks."""
    folder = tmp_path_factory.mktemp('exports')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, 'same_bits', lambda *_: None)  # takes a second, and is test_export's
        for network in ('gen', 'dis'):
            export_run(source, folder / network, network=network)
    return folder


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


def updater_of(**changes):
    config = tiny.tiny(**{'seed': 7, **changes})
    return build.make_updater(config, build.load_data(config))


def state_of(updater):
    arrays, meta = updater.state()
    return {name: value.copy() for name, value in arrays.items()}, meta


def last_of(run):
    arrays, _ = snapshot.read(snapshots.find_snapshot(run, 'last'))
    return arrays


def is_weight(name):
    return name.split('/')[0] in ('gen', 'dis', 'ema')


def test_every_weight_of_the_same_networks_is_taken_and_nothing_else(source):
    updater = updater_of(ema=0.9, lr=0.01)
    before, meta = state_of(updater)
    initial = begin_with(updater, source)
    after, meta_after = state_of(updater)
    saved = last_of(source)
    for name, value in after.items():
        expected = saved[name] if is_weight(name) else before[name]
        np.testing.assert_array_equal(value, expected, err_msg=name)
    assert meta_after == meta and meta['gen_steps'] == 0
    assert sorted(initial.taken) == sorted(filter(is_weight, after))
    assert (initial.kept, initial.unused, initial.iteration) == ({}, [], 3)
    assert initial.source == str(source.resolve())


def test_a_layer_of_another_shape_begins_anew(source):
    updater = updater_of(latent=6, dis_hidden=(16, 8))
    before, _ = state_of(updater)
    initial = begin_with(updater, source)
    after, _ = state_of(updater)
    saved = last_of(source)
    kept = {
        'gen/0.weight': 'is (16, 5) there and (16, 6) here',
        'dis/2.weight': 'is (1, 16) there and (8, 16) here',
        'dis/2.bias': 'is (1,) there and (8,) here',
        'dis/3.weight': 'is not there',
        'dis/3.bias': 'is not there',
    }
    assert initial.kept == kept
    for name, value in after.items():
        expected = saved[name] if is_weight(name) and name not in kept else before[name]
        np.testing.assert_array_equal(value, expected, err_msg=name)
    assert set(initial.unused) == {name for name in saved if name.startswith('ema/')}
    sentence = initial.sentence()
    assert '\n' not in sentence and '(gen 7 of 8, dis 2 of 6)' in sentence
    assert 'gen/0.weight is (16, 5) there and (16, 6) here' in sentence
    assert sentence.endswith(', and 2 more, see initial.json')


def test_a_moving_average_without_one_there_begins_with_the_weights_taken(tmp_path):
    plain = tiny.begun(tmp_path, iterations=2).folder
    updater = updater_of(ema=0.9)
    begin_with(updater, plain)
    arrays, _ = state_of(updater)
    for name in filter(lambda name: name.startswith('gen/'), arrays):
        np.testing.assert_array_equal(arrays[name], arrays[name.replace('gen/', 'ema/')])
        np.testing.assert_array_equal(arrays[name], last_of(plain)[name])


@pytest.mark.parametrize('network', ['gen', 'dis'])
def test_an_export_gives_the_weights_of_its_network(source, exported, network):
    updater = updater_of()
    before, _ = state_of(updater)
    initial = begin_with(updater, exported / network)
    after, _ = state_of(updater)
    saved = last_of(source)
    assert initial.iteration == 3
    part = {'gen': 'ema', 'dis': 'dis'}[network]  # an export is of the average
    for name, value in after.items():
        place = name.partition('/')
        expected = saved[f'{part}/{place[2]}'] if place[0] == network else before[name]
        np.testing.assert_array_equal(value, expected, err_msg=name)
    assert {name.split('/')[0] for name in initial.kept} == {'gen', 'dis'} - {network}


def test_training_uses_the_weights_taken(source):
    """As if they had been there from the start: graphs and averages read the same arrays."""
    one, other = updater_of(), updater_of()
    one.update()  # its graphs are traced with the first weights
    arrays, meta = state_of(other)
    one.restore(arrays, meta)
    for updater in (one, other):
        begin_with(updater, source)
        for _ in range(3):
            updater.update()
    for name, value in state_of(one)[0].items():
        np.testing.assert_array_equal(value, state_of(other)[0][name], err_msg=name)


# Runs


def test_the_run_says_and_keeps_what_it_took_and_needs_the_source_no_more(source, tmp_path):
    moved = shutil.copytree(source, tmp_path / 'there')
    words = tiny.flags(iterations=6, snapshot_every=3, seed=1, dis_hidden=(8,))
    result = tiny.gluongan('train', *words, '--init-from', moved, '--out', tmp_path / 'runs')
    assert result.exit_code == 0, result.stderr
    lines = [line for line in result.stderr.splitlines() if 'begins with' in line]
    assert len(lines) == 1 and str(moved) in lines[0] and 'at iteration 3' in lines[0]
    assert 'dis/1.weight is (16, 64) there and (8, 64) here' in lines[0]
    (folder,) = (tmp_path / 'runs').iterdir()
    kept = json.loads((folder / 'initial.json').read_text())
    assert (kept['source'], kept['iteration']) == (str(moved.resolve()), 3)
    assert 'gen/0.weight' in kept['taken'] and 'dis/1.weight' in kept['kept']
    shutil.rmtree(moved)
    snapshots.snapshot_path(folder, 6).unlink()
    before = last_of(folder)
    assert tiny.resumed(folder).updater.iteration == 6
    again = last_of(folder)
    assert any((before[name] != again[name]).any() for name in before)
    assert (folder / 'initial.json').exists()


def test_a_dry_run_says_it_too_and_writes_nothing(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with tiny.no_new_files():
        result = tiny.gluongan('train', *tiny.flags(), '--dry-run', '--init-from', source)
    assert result.exit_code == 0 and 'begins with 20 of 20 arrays' in result.stderr


def test_a_run_without_it_has_no_such_file(tmp_path):
    assert not (tiny.begun(tmp_path, iterations=1).folder / 'initial.json').exists()


# Refusals


def no_run(path):
    path.mkdir()


def a_file(path):
    path.write_text('x')


def a_run_without_snapshots(path):
    path.mkdir()
    (path / 'config.json').write_text('{}')


def damaged_snapshot(path):
    a_run_without_snapshots(path)
    (path / 'snapshots').mkdir()
    (path / 'snapshots' / '000001.snapshot').write_bytes(b'GLUONGAN' + bytes(99))


def not_finite(path):
    damaged_snapshot(path)
    file = path / 'snapshots' / '000001.snapshot'
    file.write_bytes(snapshot.pack({'gen/2.bias': np.full(64, np.nan, np.float32)}, {}))


def nothing_in_common(path):
    damaged_snapshot(path)
    file = path / 'snapshots' / '000001.snapshot'
    file.write_bytes(snapshot.pack({'gen/2.bias': np.zeros(64), 'x/2.bias': np.zeros(64)}, {}))


def a_foreign_manifest(path):
    path.mkdir()
    (path / 'manifest.json').write_text('{"name": "an app"}')


@pytest.mark.parametrize(
    'make, message, code',
    [
        (lambda path: None, '--init-from {}: does not exist; must be the folder of a run or', 2),
        (no_run, '--init-from {}: is neither a run nor an export; must be', 2),
        (a_file, '--init-from {}: is neither a run nor an export; must be', 2),
        (
            a_run_without_snapshots,
            '{}: has no snapshot yet; must have one',
            2,
        ),
        (damaged_snapshot, '{}/snapshots/000001.snapshot: is damaged', 1),
        (not_finite, '{}/snapshots/000001.snapshot: gen/2.bias holds NaN or infinity; must', 1),
        (nothing_in_common, '--init-from {}: has no weights with the names and shapes of', 2),
        (a_foreign_manifest, '{}/manifest.json: is not the manifest of an export', 1),
    ],
)
def test_a_source_that_cannot_be_is_refused_before_a_folder_is_made(tmp_path, make, message, code):
    path = tmp_path / 'x'
    make(path)
    words = [*tiny.flags(), '--init-from', path, '--out', tmp_path / 'runs']
    assert tiny.refused('train', *words, code=code).startswith(message.format(path))
    assert not (tmp_path / 'runs').exists()


def test_a_damaged_export_is_refused(exported, tmp_path):
    copy = shutil.copytree(exported / 'gen', tmp_path / 'gen')
    (file,) = copy.glob('*.params')
    file.write_bytes(file.read_bytes()[:-1] + b'x')
    message = tiny.refused('train', *tiny.flags(), '--init-from', copy, code=1)
    assert 'is damaged' in message and str(file) in message


def test_a_resumed_run_takes_no_other_weights(source):
    message = tiny.refused('train', '--resume', source, '--init-from', source)
    assert message.startswith(f'--init-from {source}: has no effect with --resume')


def test_the_library_names_the_setting(tmp_path):
    with pytest.raises(RunError, match=r'init_from .*: does not exist'):
        launch.begin(tiny.tiny(), tmp_path, [], init_from=tmp_path / 'nowhere')
    assert not list(tmp_path.iterdir())


def test_an_export_of_a_loop_of_ones_own_has_no_iteration(tmp_path, monkeypatch):
    monkeypatch.setattr(verify, 'same_bits', lambda *_: None)
    export(updater_of().gen, tmp_path / 'own')
    initial = begin_with(updater_of(seed=8), tmp_path)
    assert initial.iteration is None and ' at iteration' not in initial.sentence()
