"""`gluongan export`, and what the other commands do with what it makes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny
from test_export_combinations import has_onnx

import gluongan as gg
from gluongan.exports import verify as comparing


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A conditional run with a moving average and snapshots at 10 and 20."""
    return tiny.begun(
        tmp_path_factory.mktemp('export'),
        iterations=20,
        snapshot_every=10,
        conditional=True,
        ema=0.5,
    ).folder


@pytest.fixture
def here(monkeypatch):
    """Without the check in a new process, which has its own tests."""
    monkeypatch.setattr(comparing, 'same_bits', lambda *_: None)


def exported(run, out, *words):
    """The folder that one call made."""
    result = tiny.gluongan('export', run, '--out', out, *words)
    assert result.exit_code == 0, result.stderr
    assert sorted(result.stdout.split()) == sorted(map(str, out.iterdir()))
    return out


def array(place, tmp_path, *words):
    result = tiny.gluongan('sample', place, *words, '--out', tmp_path / 'x.png')
    assert result.exit_code == 0, result.stderr
    return np.load(tmp_path / 'x.npy')


def test_the_whole_command_makes_a_checked_folder(run, tmp_path):
    result = tiny.gluongan('export', run, '--out', tmp_path / 'new' / 'gen')
    assert (
        result.exit_code == 0
        and 'a new process loads it and computes the same bits' in result.stderr
    )
    assert sorted(path.name for path in (tmp_path / 'new' / 'gen').iterdir()) == [
        'generator-0000.params',
        'generator-symbol.json',
        'manifest.json',
    ]
    assert [path.name for path in (tmp_path / 'new').iterdir()] == ['gen']


def test_manifest_tells_the_run(run, tmp_path, here):
    told = gg.load_export(exported(run, tmp_path / 'gen', '--snapshot', '10')).manifest
    assert (told.recipe, told.data, told.iteration, told.ema, told.noise) == (
        'dense',
        'synthetic',
        10,
        True,
        'normal',
    )
    assert (told.latent, len(told.classes), told.input.shape, told.output.shape) == (
        5,
        4,
        (9,),
        (1, 8, 8),
    )
    assert gg.load_export(exported(run, tmp_path / 'dis', '--network', 'dis')).manifest.ema is False


@pytest.mark.parametrize(
    'words',
    [(), ('--class', '2', '--seeds', '3,1'), ('--seeds', '0-99', '--trunc', '0.5')],
    ids=str,
)
def test_an_export_gives_the_pictures_of_its_run(run, tmp_path, here, words):
    folder = exported(run, tmp_path / 'gen')
    assert np.array_equal(array(folder, tmp_path, *words), array(run, tmp_path, *words))
    other = exported(run, tmp_path / 'early', '--snapshot', '10')
    assert not np.array_equal(array(other, tmp_path, *words), array(run, tmp_path, *words))


def test_an_export_is_walked_too(run, tmp_path, here):
    folder = exported(run, tmp_path / 'gen')
    result = tiny.gluongan('interpolate', folder, '--seeds', '0,1', '--steps', '3')
    assert result.exit_code == 0 and (folder / 'walk-0,1.gif').is_file()


def test_the_moving_average_is_taken(run, tmp_path, here):
    """And not G itself, whose weights are others."""
    loaded = gg.load_export(exported(run, tmp_path / 'gen'))
    from gluongan import snapshot
    from gluongan.runs import snapshots

    arrays, _ = snapshot.read(snapshots.find_snapshot(run, 'last'))
    np.testing.assert_array_equal(loaded.weights['layer0_weight'], arrays['ema/0.weight'])
    assert (arrays['ema/0.weight'] != arrays['gen/0.weight']).any()


def test_nothing_is_overwritten(run, tmp_path, here, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exported(run, tmp_path / 'gen')
    before = {path: path.read_bytes() for path in (tmp_path / 'gen').iterdir()}
    assert 'holds an export already' in tiny.refused('export', run, '--out', 'gen')
    assert {path: path.read_bytes() for path in (tmp_path / 'gen').iterdir()} == before
    Path('file').write_text('mine')
    Path('link').symlink_to('nowhere')
    for name in ('file', 'link', '.'):
        assert '--out' in tiny.refused('export', run, '--out', name)


@pytest.mark.parametrize(
    'words, named',
    [
        (['--snapshot', '15'], '10, 20'),
        (['--network', 'both'], 'gen'),
        (['--format', 'torch'], 'onnx'),
    ],
    ids=str,
)
def test_other_impossible_settings_are_refused(run, tmp_path, monkeypatch, words, named):
    monkeypatch.chdir(tmp_path)
    assert named in tiny.refused('export', run, '--out', 'x', *words)


def test_what_no_export_can_do_is_refused(run, tmp_path, here, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = exported(run, tmp_path / 'dis', '--network', 'dis')
    assert 'discriminator' in tiny.refused('sample', folder, '--out', 'x.png')
    assert '--snapshot best' in tiny.refused(
        'sample', exported(run, tmp_path / 'gen'), '--snapshot', 'best'
    )
    assert 'no run folder' in tiny.refused('export', folder, '--out', 'y')


def test_a_failing_check_leaves_nothing_and_says_so(run, tmp_path, monkeypatch):
    monkeypatch.setattr(
        comparing, 'computed', lambda files, x, device: np.zeros((64, 1, 8, 8), np.float32)
    )
    monkeypatch.chdir(tmp_path)
    assert 'differs from the live network' in tiny.refused('export', run, '--out', 'gen', code=1)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_export_is_named(run, tmp_path, here, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = exported(run, tmp_path / 'gen')
    (folder / 'generator-0000.params').write_bytes(b'x')
    assert 'generator-0000.params' in tiny.refused('sample', folder, '--out', 'x.png', code=1)


def test_onnx_without_its_packages_names_the_extra(run, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'onnxruntime', None)
    monkeypatch.chdir(tmp_path)
    assert "pip install 'gluongan[onnx]'" in tiny.refused(
        'export', run, '--out', 'x', '--format', 'onnx', code=1
    )


@pytest.mark.skipif(not has_onnx(), reason="needs pip install 'gluongan[onnx]'")
@pytest.mark.parametrize('network', ['gen', 'dis'])
def test_onnx_is_told_with_its_difference_and_opset(run, tmp_path, network):
    result = tiny.gluongan(
        'export', run, '--out', tmp_path / 'x', '--format', 'onnx', '--network', network
    )
    assert (
        result.exit_code == 0
        and 'onnxruntime computes the same to' in result.stderr
        and '1e-05' in result.stderr
    )
    told = json.loads((tmp_path / 'x' / 'manifest.json').read_text())
    assert (told['format'], told['opset'], told['iteration']) == ('onnx', 13, 20)
    assert '--format mxnet' in tiny.refused('sample', tmp_path / 'x', '--out', 'y.png', code=1)
