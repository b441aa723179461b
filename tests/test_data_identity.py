"""What data is, whatever its folder is called."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny

from gluongan.data import NAMES, Dataset, load
from gluongan.evaluation import Reference, Samples, classifier
from gluongan.evaluation.sources import evaluate_source
from gluongan.evaluation.suite import measurements


def own(path, *, side=28, channels=1):
    """An archive of 120 random pictures in two classes, under the name of a built-in data set."""
    shape = (120, channels, side, side)
    pictures = np.random.RandomState(0).randint(0, 256, shape).astype(np.uint8)
    np.savez(path, images=pictures, labels=np.arange(120) % 2)
    return path


@pytest.mark.parametrize('name', NAMES)
def test_own_data_under_a_built_in_name_is_not_that_data(tmp_path, name):
    channels = 3 if name == 'stacked-mnist' else 1
    data = load(own(tmp_path / f'{name}.npz', channels=channels))
    assert (data.name, data.built_in) == (name, '')
    assert data.binarized().built_in == ''
    assert classifier.find_judge(data) is None
    assert 'modes' not in measurements(Samples('x', data.floats()), Reference(data))


def test_own_points_under_the_name_of_a_mixture_have_no_modes():
    points = Dataset('ring8', np.zeros((9, 2), np.float32))
    assert measurements(Samples('x', points.samples), Reference(points)) == {}


@pytest.mark.parametrize('name', ['mnist', 'stacked-mnist', 'ring8'])
def test_built_in_data_is_known_by_what_it_is(name):
    data = load(name, split='test')
    assert data.built_in == name
    if data.is_image:
        assert classifier.find_judge(data.binarized()) is not None
    else:
        assert 'modes' in measurements(Samples('x', data.samples), Reference(data))


@pytest.mark.parametrize('name', ['mnist', 'ring8', 'stacked-mnist'])
def test_a_run_of_own_data_under_a_built_in_name_is_trained_evaluated_and_exported(
    tmp_path, undrawn, unverified, name
):
    path = own(tmp_path / f'{name}.npz', side=8)
    run = tiny.trained(tmp_path / 'runs', data=path, image_size=None, iterations=2)
    report = evaluate_source(run, count=100)
    assert report.judge is None and '0' not in report.known
    assert tiny.gluongan('export', run, '--out', tmp_path / 'out').exit_code == 0
    manifest = json.loads((tmp_path / 'out' / 'manifest.json').read_text())
    assert manifest['data'] == f'./{path.name}'


def test_a_folder_beside_a_built_in_name_is_pointed_out(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    load('synthetic', image_size=8)
    assert caplog.messages == []
    (tmp_path / 'synthetic').mkdir()
    load('synthetic', image_size=8)
    (message,) = caplog.messages
    assert message.startswith('synthetic is the built-in data set') and './synthetic' in message
