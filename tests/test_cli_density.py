"""`gluongan density`: the images and samples of the protocol, and published values for MNIST."""

from __future__ import annotations

import numpy as np
import pytest
import tiny

from gluongan.data import Dataset
from gluongan.evaluation import density, metrics

pytestmark = pytest.mark.usefixtures('undrawn')


@pytest.fixture
def parzen_calls(monkeypatch):
    """Replaces the data with as many images as MNIST has, and `parzen` with a list of its calls.

    Image i of a split has one grey value, which tells i.
    """
    values = np.arange(60_000)[:, None, None, None] % 251
    greys = np.broadcast_to(values, (60_000, 1, 8, 8)).astype(np.uint8)
    splits = {'train': greys, 'test': greys[:10_000] + np.uint8(1)}
    calls = []

    def load_data(config, split='train'):
        labels = np.arange(len(splits[split])) % 4
        return Dataset(split, splits[split], labels, ('a', 'b', 'c', 'd'), split)

    def parzen(samples, valid, test):
        calls.append((samples, valid, test))
        return metrics.Parzen(161.3, 1.26, 0.1668)

    monkeypatch.setattr(density, 'load_data', load_data)
    monkeypatch.setattr(density, 'require_test', lambda config, train: load_data(config, 'test'))
    monkeypatch.setattr(density, 'parzen', parzen)
    monkeypatch.setattr(density, 'check_data', lambda *_, **__: False)
    return calls


@pytest.mark.parametrize('changes', [{}, {'conditional': True}], ids=['plain', 'conditional'])
def test_samples_validation_and_test_images_are_those_of_the_protocol(tmp_path, changes, request):
    run = tiny.begun(tmp_path, until=2, **changes).folder
    calls = request.getfixturevalue('parzen_calls')
    result = tiny.gluongan('density', run)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == '161 ± 1.3 nats   10,000 samples at iteration 2, sigma 0.167\n'

    ((samples, valid, test),) = calls
    assert samples.shape == (10_000, 1, 8, 8)
    assert len(np.unique(samples.reshape(10_000, -1), axis=0)) == 10_000
    expected = np.arange(50_000, 51_000) % 251
    np.testing.assert_allclose(valid[:, 0, 0, 0] * 255, expected, atol=1e-3)
    assert test.shape == (10_000, 1, 8, 8)
    assert test[0, 0, 0, 0] * 255 == pytest.approx(1)


def test_python_users_get_the_same_numbers(tmp_path, request):
    run = tiny.begun(tmp_path, until=2).folder
    request.getfixturevalue('parzen_calls')
    result = density.measure_density(run)
    assert result == (metrics.Parzen(161.3, 1.26, 0.1668), 10_000, 2, False)


def test_published_values_are_printed_for_mnist(tmp_path, request):
    run = tiny.begun(tmp_path, until=2).folder
    config = run / 'config.json'
    text = config.read_text().replace('"image_size": 8', '"image_size": null')
    config.write_text(text.replace('"synthetic"', '"mnist"'))
    request.getfixturevalue('parzen_calls')
    output = tiny.gluongan('density', run).stdout
    for expected in ('225 ± 2', '242 ± 2', '299 ± 2', 'history, not a measure of quality'):
        assert expected in output


def test_data_with_fewer_images_is_refused(tmp_path, monkeypatch):
    run = tiny.begun(tmp_path, until=2).folder
    monkeypatch.chdir(tmp_path)
    message = tiny.refused('density', run)
    assert 'its data has 512 training and 512 test images' in message
    assert 'must be at least 60,000 and 10,000' in message
