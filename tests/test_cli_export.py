"""`gluongan export`, and what the other commands do with an export."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from test_export_combinations import needs_onnx

import gluongan as gg
from gluongan import figures, snapshot
from gluongan.exports import verify
from gluongan.nn.passes import ROWS
from gluongan.runs import snapshots


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A conditional run with a moving average and snapshots at 10 and 20."""
    settings = {'iterations': 20, 'snapshot_every': 10, 'conditional': True, 'ema': 0.5}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])  # takes a second
        return tiny.begun(tmp_path_factory.mktemp('export'), **settings).folder


def export(run, out, *options):
    """Export a run with the command, and return the folder."""
    result = tiny.gluongan('export', run, '--out', out, *options)
    assert result.exit_code == 0, result.stderr
    assert sorted(result.stdout.split()) == sorted(map(str, out.iterdir()))
    return out


def sample(source, tmp_path, *options):
    """Return the samples that the command draws."""
    result = tiny.gluongan('sample', source, *options, '--out', tmp_path / 'x.png')
    assert result.exit_code == 0, result.stderr
    return np.load(tmp_path / 'x.npy')


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_command_makes_a_verified_folder(run, tmp_path):
    out = tmp_path / 'new' / 'gen'
    result = tiny.gluongan('export', run, '--out', out)
    assert result.exit_code == 0
    assert 'a new process loads it and computes the same bits' in result.stderr
    names = ['README.md', 'generator-0000.params', 'generator-symbol.json', 'manifest.json']
    names.append('samples.png')
    assert sorted(contents(out)) == names
    assert [path.name for path in out.parent.iterdir()] == ['gen']


def test_the_manifest_describes_the_run(run, tmp_path, unverified):
    manifest = gg.load_export(export(run, tmp_path / 'gen', '--snapshot', '10')).manifest
    assert manifest.recipe == 'dense'
    assert manifest.data == 'synthetic'
    assert manifest.iteration == 10
    assert manifest.ema is True
    assert manifest.noise == 'normal'
    assert manifest.latent == 5
    assert len(manifest.classes) == 4
    assert manifest.input.shape == (9,)
    assert manifest.output.shape == (1, 8, 8)


def test_a_discriminator_has_no_moving_average(run, tmp_path, unverified):
    folder = export(run, tmp_path / 'dis', '--network', 'dis')
    assert gg.load_export(folder).manifest.ema is False


@pytest.mark.parametrize(
    'options',
    [(), ('--class', '#2', '--seeds', '3,1'), ('--seeds', '0-99', '--trunc', '0.5')],
    ids=str,
)
def test_an_export_gives_the_samples_of_its_run(run, tmp_path, unverified, options):
    expected = sample(run, tmp_path, *options)
    last = export(run, tmp_path / 'gen')
    assert np.array_equal(sample(last, tmp_path, *options), expected)
    early = export(run, tmp_path / 'early', '--snapshot', '10')
    assert not np.array_equal(sample(early, tmp_path, *options), expected)


def test_interpolate_works_from_an_export(run, tmp_path, unverified):
    folder = export(run, tmp_path / 'gen')
    result = tiny.gluongan('interpolate', folder, '--seeds', '0,1', '--steps', '3')
    assert result.exit_code == 0
    assert (folder / 'walk-0,1-steps-3.gif').is_file()


def test_the_moving_average_is_exported(run, tmp_path, unverified):
    """And not the generator itself, whose weights differ."""
    loaded = gg.load_export(export(run, tmp_path / 'gen'))
    arrays, _ = snapshot.read(snapshots.find_snapshot(run, 'last'))
    np.testing.assert_array_equal(loaded.weights['layer0_weight'], arrays['ema/0.weight'])
    assert (arrays['ema/0.weight'] != arrays['gen/0.weight']).any()


def test_nothing_is_overwritten(run, tmp_path, unverified, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = contents(export(run, tmp_path / 'gen'))
    message = tiny.refused('export', run, '--out', 'gen')
    assert '--out gen: is an export already' in message
    assert contents(tmp_path / 'gen') == before
    Path('file').write_text('mine')
    Path('link').symlink_to('nowhere')
    for name in ('file', 'link', '.'):
        assert f'--out {name}: exists already' in tiny.refused('export', run, '--out', name)


@pytest.mark.parametrize(
    'options, allowed',
    [
        (['--snapshot', '15'], '10, 20'),
        (['--network', 'both'], 'gen'),
        (['--format', 'torch'], 'onnx'),
    ],
    ids=str,
)
def test_impossible_options_are_refused(run, tmp_path, monkeypatch, options, allowed):
    monkeypatch.chdir(tmp_path)
    assert allowed in tiny.refused('export', run, '--out', 'x', *options)


def test_what_an_export_cannot_do_is_refused(run, tmp_path, unverified, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dis = export(run, tmp_path / 'dis', '--network', 'dis')
    gen = export(run, tmp_path / 'gen')
    assert 'must be of a generator' in tiny.refused('sample', dis, '--out', 'x.png')
    assert '--snapshot best' in tiny.refused('sample', gen, '--snapshot', 'best')
    assert 'run folder' in tiny.refused('export', dis, '--out', 'y')


def test_a_failed_check_leaves_nothing_and_says_so(run, tmp_path, monkeypatch):
    zeros = np.zeros((ROWS, 1, 8, 8), np.float32)
    monkeypatch.setattr(verify, 'compute', lambda files, x, device: zeros)
    monkeypatch.chdir(tmp_path)
    message = tiny.refused('export', run, '--out', 'gen', code=1)
    assert 'differs from the live network' in message
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_export_is_refused_by_its_name(run, tmp_path, unverified, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = export(run, tmp_path / 'gen')
    (folder / 'generator-0000.params').write_bytes(b'x')
    assert 'generator-0000.params' in tiny.refused('sample', folder, '--out', 'x.png', code=1)


def test_onnx_without_its_packages_names_the_extra(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    monkeypatch.chdir(tmp_path)
    message = tiny.refused('export', run, '--out', 'x', '--format', 'onnx', code=1)
    assert "pip install 'gluongan[onnx]'" in message


@needs_onnx
@pytest.mark.parametrize('network', ['gen', 'dis'])
def test_onnx_reports_its_difference_and_opset(run, tmp_path, network):
    out = tmp_path / 'x'
    options = ['--format', 'onnx', '--network', network]
    result = tiny.gluongan('export', run, '--out', out, *options)
    assert result.exit_code == 0
    assert 'onnxruntime computes the same to' in result.stderr
    assert '1e-05' in result.stderr
    manifest = json.loads((out / 'manifest.json').read_text())
    assert manifest['format'] == 'onnx'
    assert manifest['opset'] == 13
    assert manifest['iteration'] == 20


@needs_onnx
def test_an_onnx_export_is_not_sampled(run, tmp_path):
    out = export(run, tmp_path / 'x', '--format', 'onnx')
    for words in (['sample', out, '--out', 'y.png'], ['evaluate', out]):
        assert 'is an export in ONNX; must be one in the format of MXNet' in tiny.refused(*words)
