"""`gluongan evaluate` of pictures: what they are compared with, and which sizes they may have."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan import data, figures
from gluongan.config import Config
from gluongan.evaluation import classifier, sources
from gluongan.runs.folder import RunError

SIZE = 12
DATA = ['--data', 'synthetic', '--image-size', SIZE]


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])


@pytest.fixture(scope='module')
def shapes():
    """The training and the test data."""
    return [data.load('synthetic', split=split, image_size=SIZE) for split in ('train', 'test')]


def folder_of(images, path, side=SIZE):
    path.mkdir()
    for number, image in enumerate(images):
        picture = Image.fromarray(image[0])
        picture.resize((side, side), Image.NEAREST).save(path / f'{number:04d}.png')
    return path


@pytest.fixture
def pictures(shapes, tmp_path):
    return folder_of(shapes[0].samples[:150], tmp_path / 'pictures')


@pytest.fixture
def run(tmp_path):
    return tiny.begun(tmp_path / 'runs', image_size=SIZE, iterations=2).folder


def evaluated(*words):
    result = tiny.gluongan('evaluate', *words)
    assert result.exit_code == 0, result.stderr
    return result


def metrics_of(tmp_path, *words):
    evaluated(*words, '--json', tmp_path / 'r.json')
    return json.loads((tmp_path / 'r.json').read_text())['metrics']


def test_a_folder_of_pictures_is_compared_with_the_data_it_imitates(shapes, tmp_path):
    train, test = shapes
    judge = classifier.train(train, test, epochs=25, lr=4e-3)
    judge.write(tmp_path / 'j.judge')
    folder = folder_of(test.samples[test.labels != 3][:300], tmp_path / 'few')
    path = tmp_path / 'r.json'
    result = evaluated(folder, *DATA, '--judge', tmp_path / 'j.judge', '--json', path)
    report = json.loads(path.read_text())
    assert report['metrics'][f'lenet-{judge.sha256[:8]}_classes300'] == 3
    assert report['words'].startswith('covers 3 of 4 classes (disc is missing)')
    assert report['metrics']['pixel_copies300_train'] < 0.1
    assert 'dis_' not in result.stdout
    assert not (folder / 'evaluation.json').exists()
    assert not (folder / 'figures').exists()


def test_copies_among_arrays_are_found(shapes, tmp_path):
    np.savez(tmp_path / 'x.npz', x=shapes[0].samples[:200])
    output = evaluated(tmp_path / 'x.npz', *DATA).stdout
    assert '100% of the samples are copies of training images' in output


def test_a_folder_of_idx_files_is_evaluated_as_arrays(shapes, tmp_path):
    images = shapes[0].samples[:120, 0]
    header = np.array([0x803, *images.shape], '>u4').tobytes()
    (tmp_path / 'idx').mkdir()
    (tmp_path / 'idx' / 'train-images-idx3-ubyte').write_bytes(header + images.tobytes())
    assert metrics_of(tmp_path, tmp_path / 'idx', *DATA)['pixel_copies120_train'] == 1


@pytest.mark.parametrize('kind', ['zip', 'gztar', 'npy', 'csv'])
def test_archives_and_files_of_arrays_are_evaluated_as_the_folder_is(
    shapes, pictures, tmp_path, kind
):
    images = shapes[0].samples[:150]
    path = tmp_path / f'x.{kind}'
    if kind == 'npy':
        np.save(path, images)
    elif kind == 'csv':
        np.savetxt(path, images.reshape(150, -1), '%d', delimiter=',')
    else:
        path = Path(shutil.make_archive(str(tmp_path / 'x'), kind, pictures))
    assert metrics_of(tmp_path, path, *DATA) == metrics_of(tmp_path, pictures, *DATA)


def test_pictures_of_another_size_in_an_archive_need_resize(shapes, tmp_path):
    folder = folder_of(shapes[0].samples[:120], tmp_path / 'large', side=2 * SIZE)
    path = shutil.make_archive(str(tmp_path / 'x'), 'zip', folder)
    message = tiny.refused('evaluate', path, *DATA)
    assert f'{path}: has a picture of 24 × 24 pixels; must be 12 × 12' in message
    assert '--resize' in message
    assert metrics_of(tmp_path, path, *DATA, '--resize')['pixel_copies120_train'] > 0.9


# What they are compared with


def test_pictures_without_data_are_refused_instead_of_held_against_digits(pictures):
    message = tiny.refused('evaluate', pictures)
    assert (
        message == f'--data: is not given; must be the data that the samples of {pictures} imitate'
    )
    with pytest.raises(RunError, match='data: is not given'):
        sources.evaluate_source(pictures)


def test_other_flags_of_data_need_its_name(pictures):
    message = tiny.refused('evaluate', pictures, '--image-size', SIZE)
    assert message == '--image-size: says how data is read; must be given together with --data'


def test_pictures_in_the_folder_of_a_run_are_compared_with_its_data(run, shapes, tmp_path):
    folder = folder_of(shapes[0].samples[:150], run / 'made')
    of_run = metrics_of(tmp_path, folder)
    assert of_run == metrics_of(tmp_path, folder, *DATA)
    assert of_run['pixel_copies150_train'] == 1


def test_an_export_is_compared_with_the_built_in_data_of_its_run_or_with_data_that_is_given(
    tmp_path, shapes, unverified
):
    run = tiny.begun(tmp_path / 'runs', iterations=2).folder
    assert tiny.gluongan('export', run, '--out', tmp_path / 'built-in').exit_code == 0
    words = ['--data', 'synthetic', '--image-size', 8, '--samples', 100]
    assert metrics_of(tmp_path, tmp_path / 'built-in', *words)
    by_default = tiny.refused('evaluate', tmp_path / 'built-in', '--samples', 100)
    assert by_default.endswith('must be (1, 28, 28), as those of synthetic')
    np.savez(tmp_path / 'own.npz', x=shapes[0].samples)
    settings = {'data': str(tmp_path / 'own.npz'), 'image_size': None, 'iterations': 2}
    own = tiny.begun(tmp_path / 'runs', **settings).folder
    assert tiny.gluongan('export', own, '--out', tmp_path / 'own').exit_code == 0
    message = tiny.refused('evaluate', tmp_path / 'own', '--samples', 100)
    assert message.startswith('--data: is not given; must be the data')
    assert metrics_of(tmp_path, tmp_path / 'own', '--data', tmp_path / 'own.npz', '--samples', 100)


# Their size


def test_pictures_of_another_size_are_refused_unless_they_are_to_be_resized(
    shapes, tmp_path, pictures
):
    larger = folder_of(shapes[0].samples[:150], tmp_path / 'larger', side=3 * SIZE)
    message = tiny.refused('evaluate', larger, *DATA)
    first = larger / '0000.png'
    assert message == (
        f'{first}: has 36 × 36 pixels; must be 12 × 12, as the pictures of synthetic, '
        'or be given with --resize'
    )
    resized = metrics_of(tmp_path, larger, *DATA, '--resize')
    assert resized['pixel_mean150'] == pytest.approx(
        metrics_of(tmp_path, pictures, *DATA)['pixel_mean150'], abs=0.01
    )


def test_one_picture_of_another_size_is_named(pictures):
    with Image.open(pictures / '0007.png') as picture:
        picture.resize((SIZE, SIZE + 1)).save(pictures / '0007.png')
    assert 'pictures/0007.png: has 12 × 13 pixels' in tiny.refused('evaluate', pictures, *DATA)


def test_the_sheets_of_a_run_are_not_taken_for_samples(run):
    message = tiny.refused('evaluate', run / 'samples')
    assert 'samples/000000.png: has ' in message and 'must be 12 × 12' in message


def test_arrays_of_another_size_are_refused(tmp_path):
    np.savez(tmp_path / 'x.npz', x=np.zeros((200, 9, 9), np.uint8))
    message = tiny.refused('evaluate', tmp_path / 'x.npz', *DATA)
    assert 'have shape (1, 9, 9); must be (1, 12, 12)' in message


def test_nothing_but_pictures_is_resized(run, tmp_path):
    np.savez(tmp_path / 'x.npz', x=np.zeros((200, 9, 9), np.uint8))
    for words in ([run], [tmp_path / 'x.npz', *DATA]):
        message = tiny.refused('evaluate', *words, '--resize')
        assert message == f'--resize: does not apply to {words[0]}; must be left out'


def test_pictures_are_no_points(pictures):
    message = tiny.refused('evaluate', pictures, '--data', 'ring8')
    assert 'is made of pictures; must be points' in message
    with pytest.raises(RunError, match='is made of pictures'):
        sources.evaluate_source(pictures, config=Config(data='ring8'))


def test_the_names_of_the_files_make_no_difference(pictures, tmp_path):
    order = np.random.RandomState(1).permutation(150)
    (tmp_path / 'shuffled').mkdir()
    for number, file in zip(order, sorted(pictures.iterdir())):
        (tmp_path / 'shuffled' / f'{number:04d}.png').write_bytes(file.read_bytes())
    for count in (100, 150):
        metrics = [
            metrics_of(tmp_path, folder, *DATA, '--samples', count)
            for folder in (pictures, tmp_path / 'shuffled')
        ]
        assert metrics[0] == metrics[1]


def test_only_pictures_that_are_read_must_have_the_size_of_the_data(pictures, tmp_path):
    before = metrics_of(tmp_path, pictures, *DATA)
    for place in ('.ipynb_checkpoints', '__MACOSX'):
        (pictures / place).mkdir()
        Image.new('L', (3, 3)).save(pictures / place / 'x.png')
    Image.new('L', (3, 3)).save(pictures / 'no-picture.txt', format='PNG')
    assert metrics_of(tmp_path, pictures, *DATA) == before
    Image.new('L', (3, 3)).save(pictures / 'y.png')
    assert 'y.png: has 3 × 3 pixels' in tiny.refused('evaluate', pictures, *DATA)
