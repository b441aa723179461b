"""Clusters take the place of classes: the same ones on every machine, and right where they show."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import tiny
from scipy.cluster.vq import kmeans2

from gluongan import build, data
from gluongan.data import DataError, Dataset, clustered, find_centres
from gluongan.data.clusters import small_copies
from gluongan.errors import InputError
from gluongan.evaluation import Reference
from gluongan.evaluation.utility import check_utility

RANDOM = np.random.RandomState(0)
SPLITS = ('train', 'test')


def pictures(means, count=30, shape=(1, 8, 8), noise=5):
    """Noisy pictures around some mean pictures, in turns."""
    means = np.resize(np.asarray(means), (count, *shape))
    return np.clip(means + RANDOM.randint(-noise, noise + 1, means.shape), 0, 255).astype(np.uint8)


def halves(count):
    """Half of the pictures are dark above and light below, the others light above; see `labels`."""
    dark = np.full((1, 8, 8), 40)
    above, below = dark.copy(), dark.copy()
    above[:, :4], below[:, 4:] = 200, 200
    return pictures(np.stack([above, below]), count)


# Small copies


@pytest.mark.parametrize('side', [8, 16, 17, 28, 40, 64])
def test_a_small_copy_holds_the_means_of_squares(side):
    x = RANDOM.randint(0, 256, (3, 2, side, side)).astype(np.uint8)
    step = -(-side // 16)
    expected = [
        x[:, :, row : row + step, column : column + step].mean(axis=(2, 3))
        for row in range(0, side, step)
        for column in range(0, side, step)
    ]
    expected = np.floor(np.stack(expected, axis=-1) + 1e-9).reshape(3, -1)
    assert np.array_equal(small_copies(x), expected)


def test_a_small_copy_of_another_aspect_has_sixteen_values_a_side_at_most():
    assert small_copies(np.zeros((1, 1, 100, 30), np.uint8)).shape == (1, 15 * 15)


# Clusters


def test_kinds_of_pictures_that_are_far_apart_are_the_clusters():
    kinds = np.arange(60) % 2
    dataset = Dataset('halves', halves(60))
    found = clustered(dataset, find_centres(dataset, 2)).labels
    assert np.array_equal(found, kinds) or np.array_equal(found, 1 - kinds)


def test_centres_are_those_of_scipy_up_to_rounding():
    x = RANDOM.randint(0, 256, (500, 1, 4, 4)).astype(np.uint8)
    ours = find_centres(Dataset('random', x), 8)
    theirs, _ = kmeans2(x.reshape(500, 16).astype(float), ours, iter=3, minit='matrix')
    assert np.abs(theirs - ours).max() < 8  # 20 rounds have all but converged
    assert np.abs(theirs - ours).mean() < 1


def test_every_picture_is_in_the_cluster_of_the_nearest_centre():
    dataset = Dataset('random', RANDOM.randint(0, 256, (200, 3, 8, 8)).astype(np.uint8))
    centres = find_centres(dataset, 7)
    flat = dataset.samples.reshape(200, -1).astype(int)
    distances = [[((x - centre) ** 2).sum() for centre in centres] for x in flat]
    found = clustered(dataset, centres)
    assert np.array_equal(found.labels, np.argmin(distances, axis=1))
    assert found.classes == tuple(f'cluster {k}' for k in range(1, 8))
    assert found.samples is dataset.samples and found.name == 'random'


def test_clusters_are_the_same_on_every_machine():
    digits = Dataset('digits', data.load('mnist').samples[:3000])
    centres = find_centres(digits, 10)
    assert np.array_equal(centres, np.round(centres)) and centres.shape == (10, 196)
    digest = hashlib.sha256(centres.astype('<u1').tobytes()).hexdigest()
    assert digest == '07819c46659441cdd0a4fb169ed0e62702279b2cc7a0e5d59360defc09eb94a2'


def test_another_seed_begins_elsewhere():
    dataset = Dataset('random', RANDOM.randint(0, 256, (300, 1, 8, 8)).astype(np.uint8))
    one, other = find_centres(dataset, 5, seed=0), find_centres(dataset, 5, seed=1)
    assert np.array_equal(one, find_centres(dataset, 5)) and not np.array_equal(one, other)


def test_as_many_clusters_as_different_pictures_are_the_most():
    x = np.repeat(np.arange(3, dtype=np.uint8) * 100, 5).reshape(15, 1, 1, 1)
    dataset = Dataset('three', x)
    found = clustered(dataset, find_centres(dataset, 3)).labels
    assert len(set(found)) == 3 and (np.diff(found.reshape(3, 5)) == 0).all()
    with pytest.raises(DataError, match=r'^clusters 4: three has 3 different pictures at 16 × 16'):
        find_centres(dataset, 4)


def test_points_have_no_clusters():
    points = data.load('ring8')
    with pytest.raises(DataError, match='clusters 2: ring8 is made of points; must be pictures'):
        find_centres(points, 2)


def test_what_is_replaced_is_said(caplog):
    caplog.set_level('INFO', 'gluongan')
    dataset = Dataset('x', halves(20), labels=np.arange(20) % 4, classes=('a', 'b', 'c', 'd'))
    clustered(dataset, find_centres(dataset, 2))
    clustered(Dataset('y', halves(20)), find_centres(dataset, 2))
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        'x: 2 clusters of 10 to 10 pictures in place of its 4 classes',
        'y: 2 clusters of 10 to 10 pictures',
    ]


# In a run


def test_a_conditional_run_has_clusters_of_the_training_data_in_both_splits():
    config = tiny.tiny(conditional=True, clusters=5)
    train, test = build.load_data(config), build.load_data(config, 'test')
    plain = build.load_data(config.with_settings({'clusters': 0}), 'test')
    assert train.classes == test.classes and len(train.classes) == 5
    centres = find_centres(build.load_data(config.with_settings({'clusters': 0})), 5)
    assert np.array_equal(test.labels, clustered(plain, centres).labels)
    assert test.built_in == 'synthetic' and np.array_equal(test.samples, plain.samples)
    updater = build.make_updater(config, train)
    assert updater.classes == 5
    unconditional = build.load_data(config.with_settings({'conditional': False}))
    assert unconditional.classes == build.load_data(tiny.tiny()).classes


def test_training_data_is_read_once_for_the_clusters_of_both_splits(caplog):
    caplog.set_level('INFO', 'gluongan')
    config = tiny.tiny(conditional=True, clusters=5)
    train = build.load_data(config)
    test = build.require_test(config, train)
    said = [record.getMessage() for record in caplog.records]
    assert [line.partition(': ')[0] for line in said].count('synthetic (built in)') == 1
    assert np.array_equal(test.labels, build.load_data(config, 'test').labels)


def test_data_without_labels_can_be_trained_on_by_its_clusters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez('plain.npz', x_train=halves(64), x_test=halves(32))
    words = ['--conditional', '--iterations', '3', '--batch', '8', '--samples', '4', '--device']
    words += ['cpu', '--gen-hidden', '8', '--dis-hidden', '8', '--data', 'plain.npz']
    message = tiny.refused('train', *words)
    assert 'has no labels; must be data with classes, or have --clusters' in message
    result = tiny.gluongan('train', *words, '--clusters', '2')
    assert result.exit_code == 0, result.output
    assert 'plain: 2 clusters of 32 to 32 pictures' in result.stderr
    (run,) = (tmp_path / 'runs').iterdir()
    resumed = tiny.gluongan('train', '--resume', str(run), '--iterations', '6')
    assert resumed.exit_code == 0, resumed.output
    sampled = tiny.gluongan('sample', str(run), '--class', 'cluster 2', '--to', 'two.npz')
    assert sampled.exit_code == 0, sampled.output


def test_a_classifier_of_clusters_is_no_measure_of_samples():
    splits = [build.load_data(tiny.tiny(data='mnist', image_size=None), split) for split in SPLITS]
    check_utility(Reference(*splits))
    centres = find_centres(splits[0], 4)
    with pytest.raises(InputError, match='mnist has clusters instead of classes; must have labels'):
        check_utility(Reference(*(clustered(split, centres) for split in splits)))
