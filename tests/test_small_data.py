"""Evaluation of a handful of pictures: a report or one sentence, never a traceback."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan import data
from gluongan.errors import InputError
from gluongan.evaluation.metrics import coverage, kernel_distance, manifold, pairs
from gluongan.evaluation.metrics.distances import squared_radii
from gluongan.evaluation.reference import Reference
from gluongan.evaluation.report import read_metrics
from gluongan.evaluation.samples import Samples
from gluongan.evaluation.suite import evaluate, left_out_of
from gluongan.metric_names import metric_stem

SIDE = 8
# Of SciPy's k-means, where there are fewer pictures than the 100 bins.
pytestmark = pytest.mark.filterwarnings(
    'error:One of the clusters', 'error:invalid value encountered in divide'
)


@pytest.fixture(scope='module')
def pictures():
    return np.random.RandomState(0).randint(0, 256, (100, SIDE, SIDE), dtype=np.uint8)


def folder_of(pictures, path):
    path.mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(path / f'{number}.png')
    return path


def succeeds_or_refuses(*arguments):
    """Run a command; return its exit code, which must be 0, or 2 with one sentence."""
    result = tiny.gluongan(*arguments)
    assert result.exit_code in (0, 2)
    if result.exit_code:
        last_line = result.stderr.splitlines()[-1]
        assert last_line.startswith('Error: ') and 'must ' in last_line
    return result.exit_code


@pytest.mark.parametrize('count', [1, 5, 50])
def test_any_number_of_training_pictures_and_of_samples_is_answered(tmp_path, pictures, count):
    np.savez(tmp_path / 'data.npz', images=pictures[:count])
    codes = []
    for samples in (1, 2, 5, 19, 99):
        source = folder_of(pictures[:samples], tmp_path / str(samples))
        codes.append(succeeds_or_refuses('evaluate', source, '--data', tmp_path / 'data.npz'))
    assert codes == [0] * 5


@pytest.mark.parametrize('count', [1, 5, 50])
def test_any_number_of_training_pictures_is_calibrated_or_refused(tmp_path, pictures, count):
    for split in ('train', 'test'):
        (tmp_path / split).mkdir()
        for number, picture in enumerate(pictures[:count]):
            Image.fromarray(picture).save(tmp_path / split / f'{number}.png')
    settings = ['--image-size', SIDE, '--channels', 1, '--samples', 100, '--draws', 1]
    arguments = ['--data', tmp_path, *settings]
    code = succeeds_or_refuses('judge', 'calibrate', *arguments, '--out', tmp_path / 'c.json')
    assert code == 0


COMPARED = {'precision', 'coverage', 'nn_fake', 'spread', 'fd', 'kd', 'classes'}


@pytest.mark.parametrize(('count', 'has_them'), [(19, False), (20, True)])
def test_comparisons_need_20_samples_and_say_so(tmp_path, pictures, count, has_them):
    big = np.repeat(np.repeat(pictures[:count], 4, axis=1), 4, axis=2)[:, :28, :28]
    source = folder_of(big, tmp_path / 'pictures')
    result = tiny.gluongan('evaluate', source, '--data', 'mnist', '--json', tmp_path / 'x.json')
    assert result.exit_code == 0
    stems = {metric_stem(name) for name in read_metrics(tmp_path / 'x.json')}
    assert stems & COMPARED == (COMPARED if has_them else set())
    assert {'mean', 'copies'} <= stems
    note = f'{count} samples and 10000 images of mnist to compare them with; must be at least 20'
    assert (note in result.stdout) != has_them
    assert f'no `ndb` and no `jsd`: {count} samples; must be at least 100' in result.stdout


@pytest.mark.parametrize(('count', 'has_them'), [(19, False), (20, True)])
def test_comparisons_need_20_images_of_the_data_and_say_so(pictures, count, has_them):
    dataset = data.Dataset('few', pictures[:count, None])
    reference = Reference(dataset, dataset)
    samples = Samples('x', dataset.floats()[:1].repeat(30, axis=0))
    stems = {metric_stem(name) for name in evaluate(samples, reference)}
    of_pixels = {'precision', 'coverage', 'nn_fake', 'spread'}
    assert stems & of_pixels == (of_pixels if has_them else set())
    notes = ' '.join(left_out_of(samples, reference))
    assert ('30 samples and 19 images of few' in notes) != has_them


def test_metrics_of_too_few_samples_raise_an_input_error():
    x = np.zeros((5, 4), np.float32)
    with pytest.raises(InputError):
        kernel_distance(x, x)
    with pytest.raises(InputError):
        manifold(x, x, k=5)
    with pytest.raises(InputError):
        squared_radii(x, 5)
    with pytest.raises(InputError):
        pairs(x[:1])
    with pytest.raises(InputError):
        coverage(x[:0, :2], x[:, :2], 0.1)


def test_a_gan_of_one_picture_is_trained(tmp_path, pictures):
    np.savez(tmp_path / 'data.npz', images=pictures[:1])
    settings = {'data': tmp_path / 'data.npz', 'image_size': None, 'batch': 1}
    run = tiny.trained(tmp_path / 'runs', **settings, gen_batchnorm=False, iterations=4)
    assert [row['iteration'] for row in tiny.rows(run / 'metrics.jsonl')] == [0, 4]


@pytest.mark.parametrize('count', [1, 5, 15, 60, 99])
@pytest.mark.parametrize('is_labelled', [False, True])
def test_any_number_of_pictures_is_trained_on_and_evaluated_or_refused(
    tmp_path, monkeypatch, unrendered, pictures, count, is_labelled
):
    monkeypatch.chdir(tmp_path)
    chosen = np.repeat(pictures[:15], 4, axis=0) if count == 60 else pictures[:count]
    labels = {'labels': np.arange(count) % 3} if is_labelled else {}
    np.savez('data.npz', images=chosen, **labels)
    settings = {'data': 'data.npz', 'image_size': None, 'iterations': 4, 'gen_batchnorm': False}
    codes = []
    for batch in (1, 4, 128):
        codes.append(succeeds_or_refuses('train', *tiny.flags(**settings, batch=batch)))
    assert codes == [0, 0 if count >= 4 else 2, 2]
    run = 'runs/00000-dense-data'
    for words in (['evaluate', run, '--samples', 100], ['density', run], ['invert', run]):
        succeeds_or_refuses(*words)
    judged = ['--judge-every', 2, '--judge-samples', 100]
    succeeds_or_refuses('train', *tiny.flags(**settings, batch=1), *judged)
    succeeds_or_refuses('judge', 'train', '--data', 'data.npz', '--epochs', 1)
    assert not list(tmp_path.rglob('*traceback*'))


# Data of which some metrics cannot be


def evaluated(samples, data, path):
    """The report of 8 × 8 pictures (N, 8, 8) against others, and the lines that are printed."""
    source = folder_of(samples, path / 'samples')
    for split, pictures in data.items():
        path_of_split = path / 'data' / split
        path_of_split.parent.mkdir(exist_ok=True)
        folder_of(pictures, path_of_split)
    settings = ['--image-size', SIDE, '--channels', 1, '--json', path / 'x.json']
    result = tiny.gluongan('evaluate', source, '--data', path / 'data', *settings)
    assert result.exit_code == 0, result.stderr
    return json.loads((path / 'x.json').read_text())['metrics'], result.stdout


def test_ratios_to_constant_data_are_left_out_and_that_is_said(tmp_path, pictures):
    grey = np.full((120, SIDE, SIDE), 99, np.uint8)
    values, text = evaluated(pictures, {'train': grey, 'test': grey[:60]}, tmp_path)
    names = ' '.join(values)
    for stem in ('spread', 'sharpness', 'support', 'ndb', 'jsd'):
        assert f'pixel_{stem}' not in names, names
    assert 'no `spread` and no `sharpness`: the images of data are all alike' in text
    assert 'no `ndb` and no `jsd`: data has 1 different images; must be at least 100' in text
    assert all(np.isfinite(value) and abs(value) < 1e6 for value in values.values())


def test_copies_in_the_data_leave_out_the_number_of_distinct_images(tmp_path, pictures):
    repeated = np.tile(pictures[:30], (4, 1, 1))
    data = {'train': repeated, 'test': repeated}
    values, text = evaluated(pictures, data, tmp_path)
    assert 'pixel_support' not in ' '.join(values) and 'pixel_spread' in ' '.join(values)
    assert 'no `support`: data has copies of images' in text


def test_collapsed_samples_are_called_so_on_few_images_too(tmp_path, pictures):
    same = np.repeat(pictures[:1], 30, axis=0)
    data = {'train': pictures, 'test': pictures[:50]}
    _, text = evaluated(same, data, tmp_path)
    assert "nearly all samples are alike (0.00 of the data's spread)" in text


def test_variety_is_not_judged_by_few_images(tmp_path, pictures):
    data = {'train': pictures[:60], 'test': pictures[60:]}
    _, text = evaluated(pictures[:30], data, tmp_path)
    assert 'too few real images (40) to judge the variety' in text and 'good variety' not in text


def test_fewer_pictures_than_asked_for_are_said(tmp_path, pictures):
    np.savez(tmp_path / 'data.npz', images=np.tile(pictures, (2, 1, 1)))
    source = folder_of(pictures, tmp_path / 'samples')
    words = ['evaluate', source, '--data', tmp_path / 'data.npz', '--samples']
    assert 'has 100 samples, not 150' in tiny.gluongan(*words, 150).stdout
    assert ', not ' not in tiny.gluongan(*words, 100).stdout
