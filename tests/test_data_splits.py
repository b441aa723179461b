"""Folders of splits: what people call them, what lies beside them, and what is no picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gluongan.data import DataError, NoSplit, load
from gluongan.data.description import describe, oddities

SIDE = 8


def fill(folder, value, count=3):
    folder.mkdir(parents=True)
    for number in range(count):
        pixels = np.full((SIDE, SIDE), value + number, np.uint8)
        pixels[0] = 255
        Image.fromarray(pixels).save(folder / f'{number}.png')


def test_train_alone_is_the_training_split(tmp_path):
    fill(tmp_path / 'flat' / 'train', 50)
    flat = load(tmp_path / 'flat')
    assert (len(flat), flat.classes) == (3, ())
    for name in ('a', 'b'):
        fill(tmp_path / 'classes' / 'Train' / name, 50)
    (tmp_path / 'classes' / 'labels').mkdir()
    (tmp_path / 'classes' / 'labels' / 'x.txt').write_text('x')
    data = load(tmp_path / 'classes')
    assert (len(data), data.classes) == (6, ('a', 'b'))
    assert 'classes: left out the folder labels' in oddities(data)
    for name in ('flat', 'classes'):
        with pytest.raises(NoSplit):
            load(tmp_path / name, split='test')


@pytest.mark.parametrize('other', ['dev', 'eval', 'TESTSET'])
def test_train_beside_what_is_no_split_is_refused_where_it_has_classes(tmp_path, other):
    for split in ('train', other):
        fill(tmp_path / split / 'a', 50)
    with pytest.raises(DataError, match=f'has train, with .* beside {other}; must be train and '):
        load(tmp_path)


@pytest.mark.parametrize('names', [('train', 'dev'), ('boat', 'train'), ('test', 'trains')])
def test_a_class_that_is_called_as_a_split_is_said(tmp_path, names):
    for name in names:
        fill(tmp_path / name, 50)
    data = load(tmp_path)
    assert data.classes == tuple(sorted(names))
    name = next(name for name in names if name in ('train', 'test'))
    assert f'{data.name}: {name} is a class here; the splits of a folder are train and' in str(
        oddities(data)
    )
    fill(tmp_path / 'cars', 60)
    assert 'here' not in str(oddities(load(tmp_path / 'cars')))


@pytest.mark.parametrize('split', ['test', 'val', 'valid', 'validation', 'Testing'])
def test_classes_within_splits_may_be_called_anything(tmp_path, split):
    for parent in ('train', split):
        for name in ('train', 'plane'):
            fill(tmp_path / parent / name, 50)
    data = load(tmp_path)
    assert data.classes == load(tmp_path, split='test').classes == ('plane', 'train')
    assert 'here' not in str(oddities(data))


def test_files_beside_the_splits_are_counted(tmp_path):
    for name in ('train', 'test', 'val'):
        fill(tmp_path / name, 50)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / 'forgotten.png')
    (tmp_path / 'notes.txt').write_text('x')
    data = load(tmp_path)
    assert len(data) == 3 and '; 2 files ignored (.png, .txt); ' in describe(data)
    assert f'{data.name}: left out the folder val' in oddities(data)


def test_broken_links_and_folders_called_as_pictures_are_counted(tmp_path):
    for name in ('a', 'b'):
        fill(tmp_path / name, 50)
    (tmp_path / 'c').symlink_to(tmp_path / 'gone')
    (tmp_path / 'a' / 'd').symlink_to(tmp_path / 'gone')
    (tmp_path / 'a' / 'e.png').mkdir()
    (tmp_path / 'f.jpg').mkdir()
    data = load(tmp_path)
    assert len(data) == 6 and data.classes == ('a', 'b')
    assert '; 3 files ignored (broken link, folder); ' in describe(data)
    assert f'{data.name}: left out the folder f.jpg' in oddities(data)
    fill(tmp_path / 'a' / 'g.png', 70)
    assert len(load(tmp_path)) == 9
