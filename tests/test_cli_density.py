"""`gluongan density`: the protocol's images and samples, and its history only where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
import tiny

from gluongan import build
from gluongan.data import Dataset
from gluongan.evaluation import metrics


@pytest.fixture
def asked(monkeypatch):
    """Data of MNIST's numbers, where image i of a split is all of one grey that tells i; and what was handed to parzen."""
    greys = np.broadcast_to(
        np.arange(60_000, dtype=np.int64)[:, None, None, None] % 251, (60_000, 1, 8, 8)
    ).astype(np.uint8)

    def load_data(config, split='train'):
        return Dataset(
            split, greys if split == 'train' else greys[:10_000] + np.uint8(1), split=split
        )

    seen = []
    monkeypatch.setattr(build, 'load_data', load_data)
    monkeypatch.setattr(
        metrics, 'parzen', lambda *each: seen.append(each) or metrics.Parzen(161.3, 1.26, 0.1668)
    )
    return seen


@pytest.mark.parametrize('changes', [{}, {'conditional': True}], ids=['plain', 'conditional'])
def test_samples_validation_and_test_images_are_those_of_the_protocol(
    tmp_path, monkeypatch, changes, request
):
    run = tiny.begun(tmp_path, until=2, **changes).folder
    asked = request.getfixturevalue('asked')
    result = tiny.gluongan('density', run)
    assert (
        result.exit_code == 0 and result.stdout == '161 ± 1.3 nats   10,000 samples, sigma 0.167\n'
    ), result.stderr
    ((samples, valid, test),) = asked
    assert (
        samples.shape == (10_000, 1, 8, 8)
        and len(np.unique(samples.reshape(10_000, -1), axis=0)) == 10_000
    )
    np.testing.assert_allclose(valid[:, 0, 0, 0] * 255, np.arange(50_000, 51_000) % 251, atol=1e-3)
    assert test.shape == (10_000, 1, 8, 8) and test[0, 0, 0, 0] * 255 == pytest.approx(1)


def test_mnist_is_told_with_its_history(tmp_path, request):
    run = tiny.begun(tmp_path, until=2).folder
    config = run / 'config.json'
    config.write_text(
        config.read_text()
        .replace('"image_size": 8', '"image_size": null')
        .replace('"synthetic"', '"mnist"')
    )
    request.getfixturevalue('asked')
    text = tiny.gluongan('density', run).stdout
    assert all(word in text for word in ('225 ± 2', '242 ± 2', '299 ± 2', 'history, not a judge'))


def test_data_without_so_many_images_is_refused(tmp_path, monkeypatch):
    run = tiny.begun(tmp_path, until=2).folder
    monkeypatch.chdir(tmp_path)
    assert '60,000' in tiny.refused('density', run)
