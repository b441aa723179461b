"""Each class gets its own samples and pictures: in the sheets, in the updates, by its name."""

from __future__ import annotations

import numpy as np
import pytest
import tiny

from gluongan import build, figures
from gluongan.data import Dataset
from gluongan.extensions import SampleGrid
from gluongan.gan.noise import noise_from_seeds
from gluongan.gan.sampling import Sampler, generate
from gluongan.nn.models import dense_generator
from gluongan.trainer import Trainer

NAMES = ('2', '0', '1')  # each is also the number of another class
LEVELS = (50, 150, 250)  # the grey of all pictures of a class


@pytest.fixture
def updater():
    """Of pictures whose one grey tells their class."""
    labels = np.random.default_rng(0).integers(0, 3, 200)
    greys = np.array(LEVELS, np.uint8)[labels]
    samples = np.broadcast_to(greys[:, None, None, None], (200, 1, 8, 8)).copy()
    dataset = Dataset('greys', samples, labels=labels, classes=NAMES)
    config = tiny.tiny(conditional=True, dis_steps=3, gen_steps=2, init='he')
    return build.make_updater(config, dataset)


def test_each_row_of_a_sheet_is_of_one_class_and_beside_real_pictures_of_it(updater, tmp_path):
    trainer = Trainer(updater, stop=(1, 'iteration'), folder=tmp_path)
    sheet = SampleGrid(count=12, cols=4)
    sheet.start(trainer)
    one_hot = sheet.z[:, -3:]
    np.testing.assert_array_equal(one_hot.argmax(axis=1), np.repeat([0, 1, 2], 4))
    assert (one_hot.sum(axis=1) == 1).all()
    reals = figures.tiles(tmp_path / 'reals.png', (1, 8, 8))
    np.testing.assert_array_equal(reals[:, 0, 0, 0], np.repeat(LEVELS, 4))
    samples = figures.tiles(tmp_path / 'samples' / '000000.png', (1, 8, 8))
    expected = figures.grids.np.rint(255 * generate(updater.sampler, sheet.z))
    assert np.abs(samples - expected).max() <= 1


def greys_and_labels(x):
    """Return the class of each picture by its grey, and by its one-hot label."""
    x = x.asnumpy()
    greys = np.rint(255 * x[:, 0]).astype(int)
    return [LEVELS.index(grey) if grey in LEVELS else None for grey in greys], x[:, -3:]


def test_every_update_sees_samples_of_the_classes_of_its_real_pictures(updater, monkeypatch):
    updates = []
    update_dis, update_gen = updater._update_dis, updater._update_gen

    def keep_dis(x_real, x_fake):
        updates.append((x_real.copy(), x_fake.copy()))
        return update_dis(x_real, x_fake)

    def keep_gen(x_fake, x_real):
        updates.append((x_real.copy(), x_fake.copy()))
        return update_gen(x_fake, x_real)

    monkeypatch.setattr(updater, '_update_dis', keep_dis)
    monkeypatch.setattr(updater, '_update_gen', keep_gen)
    updater.update()
    assert len(updates) == 5
    batches = []
    for x_real, x_fake in updates:
        classes, labels = greys_and_labels(x_real)
        assert classes == labels.argmax(axis=1).tolist()
        np.testing.assert_array_equal(x_fake.asnumpy()[:, -3:], labels)
        batches.append(tuple(classes))
    assert len(set(batches[:3])) == 3
    assert batches[2] == batches[3] == batches[4]


@pytest.fixture
def sampler():
    return Sampler(dense_generator([5 + 3, 16, 64], init='he'), 'normal', 5, NAMES)


def with_class(z, k):
    return np.concatenate([z, np.eye(3, dtype=np.float32)[np.full(len(z), k)]], axis=1)


@pytest.mark.parametrize('k', range(3))
def test_a_name_comes_before_a_number(sampler, k):
    z = noise_from_seeds([1, 2], 5, 'normal')
    x, _ = sampler.sample_grid([1, 2], NAMES[k])
    np.testing.assert_array_equal(x, generate(sampler._gen, with_class(z, k)))


def test_truncation_reaches_every_row_of_a_sheet_and_every_class(sampler):
    z = noise_from_seeds([1, 2], 5, 'normal', trunc=0.3)
    sheet, columns = sampler.sample_grid([1, 2], trunc=0.3)
    assert columns == 2
    for k, name in enumerate(NAMES):
        expected = generate(sampler._gen, with_class(z, k))
        np.testing.assert_array_equal(sheet[2 * k : 2 * k + 2], expected)
        alone, _ = sampler.sample_grid([1, 2], name, trunc=0.3)
        np.testing.assert_array_equal(alone, expected)
        path = sampler.interpolate([1, 2], 1, name, trunc=0.3)
        np.testing.assert_allclose(path, expected, atol=1e-6)
