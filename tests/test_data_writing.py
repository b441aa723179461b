"""Pictures of any shape and class are written so that `load` reads the same back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from refusals import refused

from gluongan import data
from gluongan.data import writing
from gluongan.data.writing import Pictures, folder_names
from gluongan.errors import InputError

TARGETS = ['made', 'made.npz']


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def written(target, images, labels=None, classes=()):
    """Write pictures, a few at a time."""
    blocks = [images[start : start + 3] for start in range(0, len(images), 3)]
    pictures = Pictures(len(images), images.shape[1:], 0, lambda: iter(blocks))
    if labels is not None:
        pictures = pictures._replace(labels=lambda: iter(labels), classes=classes)
    writing.check_shape(target, pictures.shape, 'to')
    writing.write(target, pictures)
    return data.load(target, **writing.settings_to_read(target, pictures.shape))


@pytest.mark.parametrize('shape', [(1, 8, 8), (3, 64, 64), (3, 65, 65), (1, 100, 100)], ids=str)
@pytest.mark.parametrize('target', TARGETS)
def test_pictures_of_every_size_are_read_back(shape, target):
    images = np.random.RandomState(0).randint(0, 256, (7, *shape)).astype(np.uint8)
    assert np.array_equal(written(Path(target), images).samples, images)


@pytest.mark.parametrize('shape', [(1, 8, 12), (1, 7, 7), (3, 30, 20)], ids=str)
def test_what_a_folder_would_not_give_back_is_refused_and_arrays_take_it(shape):
    images = np.random.RandomState(0).randint(0, 256, (4, *shape)).astype(np.uint8)
    assert np.array_equal(written(Path('x.npz'), images).samples, images)
    with pytest.raises(InputError, match=r'to x: is a folder.*; must be a file \.npz'):
        written(Path('x'), images)


NAMES = [
    'cat',
    'Cat',
    '',
    'a/b',
    'a:b',
    'train',
    'VAL',
    '.hidden',
    '..',
    '__MACOSX',
    'é',
    'e\u0301',
]
NAMES += [
    'x' * 300,
    '猫' * 100,
    'cat-1',
    'con\x00',
    ' ',
    '10',
    '9',
    't10k-images-idx3-ubyte',
    'a.png',
]


def test_folder_of_a_class_is_safe_unlike_the_others_and_no_split():
    names = folder_names(NAMES)
    assert names[0] == 'cat' and names[-4:-2] == ['10', '9'] and names[3] == 'a_b'
    assert len({name.casefold() for name in names}) == len(NAMES)
    for name in names:
        assert name.strip('. ') == name != '' and len(name.encode()) < 140
        assert not set(name) & set('/\\:\0') and name.lower() not in ('train', 'val')
    assert folder_names(['train', 'train-0', 'TRAIN']) == ['train-0', 'train-0-1', 'TRAIN-2']


@pytest.mark.parametrize('number', range(len(NAMES)))
def test_a_class_alone_is_read_back_under_every_name(number):
    images = np.random.RandomState(0).randint(0, 256, (4, 1, 8, 8)).astype(np.uint8)
    read = written(Path('x'), images, [0, number, 0, number], NAMES)
    names = [read.classes[label] for label in read.labels]
    folders = folder_names(NAMES)
    assert sorted(names) == sorted([folders[0], folders[number]] * 2)
    of_class = [image for image, name in zip(read.samples, names) if name == folders[number]]
    assert np.array_equal(of_class, images if number == 0 else images[1::2])


def test_arrays_keep_every_name_of_a_class():
    images = np.zeros((len(NAMES), 1, 8, 8), np.uint8)
    names = [name for name in NAMES if '\0' not in name and name.isprintable()]
    read = written(Path('x.npz'), images[: len(names)], range(len(names)), names)
    assert read.classes == tuple(names) and read.labels.tolist() == list(range(len(names)))


def test_names_in_arrays_are_read_with_gaps_and_in_both_splits():
    images = np.zeros((3, 8, 8), np.uint8)
    names = np.array(['ant', 'bee', 'cow', 'dog'])
    labels = {'y_train': np.array([3, 1, 3]), 'y_test': np.array([1, 1, 3])}
    np.savez('x.npz', x_train=images, x_test=images, class_names=names, **labels)
    train, test = data.load('x.npz'), data.load('x.npz', split='test')
    assert train.classes == test.classes == ('bee', 'dog')
    assert train.labels.tolist() == [1, 0, 1] and test.labels.tolist() == [0, 0, 1]
    assert not train.origin.unused


def test_names_without_labels_are_said_to_be_unused():
    np.savez('x.npz', images=np.zeros((3, 8, 8), np.uint8), class_names=np.array(['a']))
    assert data.load('x.npz').origin.unused == ('class_names',)


@pytest.mark.parametrize(
    'names, part',
    [
        (np.array(['a']), 'has 1 names for labels up to 2; must be at least 3'),
        (np.array([1, 2, 3]), 'must be texts'),
        (np.array([['a', 'b', 'c']]), 'must be texts'),
        (np.array([b'a', b'b', b'c']), 'must be texts'),
        (np.full(3, 0x7FFFFFFF, 'i4').view('<U1'), 'holds no text'),
    ],
    ids=range(5),
)
def test_names_that_are_none_are_refused(names, part):
    np.savez('x.npz', images=np.zeros((3, 8, 8), np.uint8), labels=np.arange(3), class_names=names)
    refused('x.npz', 'x.npz[class_names]', part)
