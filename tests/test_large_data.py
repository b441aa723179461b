"""Data of more values than an array of MXNet can hold, such as CelebA at 64 × 64, is trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny

from gluongan import figures
from gluongan.data import batches, load


@pytest.mark.parametrize('name', ['synthetic', 'ring8'])
@pytest.mark.parametrize('batch', [1, 7, 64])
def test_batches_of_large_data_are_those_of_small_data_bit_for_bit(monkeypatch, name, batch):
    whole = load(name)
    labels = None if whole.labels is None else whole.labels[:200]
    dataset = replace(whole, samples=whole.samples[:200], labels=labels)
    small = dataset.batches(batch, seed=3)
    monkeypatch.setattr(batches, 'MOST_RESIDENT', dataset.samples.size - 1)
    large = dataset.batches(batch, seed=3)
    assert small.resident is not None and large.resident is None
    for _ in range(small.per_epoch + 3):
        x, y = small.draw().asnumpy(), large.draw().asnumpy()
        assert x.dtype == y.dtype and x.tobytes() == y.tobytes()
        if dataset.classes:
            assert (small.labels().asnumpy() == large.labels().asnumpy()).all()
    large.restore(small.state())
    assert (small.draw().asnumpy() == large.draw().asnumpy()).all()


def test_run_on_large_data_is_that_on_small_data(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    runs = []
    for most in (batches.MOST_RESIDENT, 100):
        monkeypatch.setattr(batches, 'MOST_RESIDENT', most)
        runs.append(tiny.begun(tmp_path, iterations=6, conditional=True).folder)
    one, two = ((run / 'batches.csv').read_text() for run in runs)
    assert one == two and len(one.splitlines()) == 7


def test_limit_is_that_of_mxnet(python):
    code = (
        'import numpy as np; from gluongan.runtime import mx\n'
        'from gluongan.data.batches import MOST_RESIDENT\n'
        'try: mx.nd.zeros((MOST_RESIDENT + 1,), dtype="uint8")\n'
        'except Exception as error: print("2^31" in str(error))'
    )
    assert python(code) == 'True'
    assert np.iinfo(np.int32).max == batches.MOST_RESIDENT
