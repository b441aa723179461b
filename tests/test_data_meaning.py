"""Data is what was meant, or it is said what it is: classes, splits, sizes, ignored files."""

from __future__ import annotations

import os
import struct

import numpy as np
import pytest
from PIL import Image

from gluongan.build import load_test
from gluongan.config import Config
from gluongan.data import DataError, Dataset, NoSplit, load
from gluongan.data.description import describe, oddities
from gluongan.gan.sampling import Sampler, SamplingError


def save(path, value=100, size=(8, 8), mode='L'):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.RandomState(value).randint(-5, 6, (size[1], size[0]))
    Image.fromarray((value + noise).astype(np.uint8)).convert(mode).save(path)


def fill(folder, value, count=4, ending='png', **options):
    for i in range(count):
        save(folder / f'{i}.{ending}', value + i, **options)


def write_idx(path, array):
    head = bytes((0, 0, 8, array.ndim)) + struct.pack(f'>{array.ndim}I', *array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())


# Classes and labels


def as_folder(path, train, test=None):
    """Folders of one picture for each label, whose value is 10 × the label."""
    for split, labels in (('train', train), ('test', test)):
        for i, label in enumerate(labels if labels is not None else ()):
            parent = path / split if test is not None else path
            save(parent / str(label) / f'{i}.png', 10 * label + 10)
    return path


def as_archive(path, train, test=None):
    arrays = {'x_train': pictures(train), 'y_train': np.array(train)}
    if test is not None:
        arrays.update(x_test=pictures(test), y_test=np.array(test))
    np.savez(f'{path}.npz', **arrays)
    return f'{path}.npz'


def as_idx(path, train, test=None):
    path.mkdir()
    for prefix, labels in (('train', train), ('t10k', test)):
        if labels is not None:
            write_idx(path / f'{prefix}-images-idx3-ubyte', pictures(labels))
            write_idx(path / f'{prefix}-labels-idx1-ubyte', np.array(labels))
    return path


def pictures(labels):
    return np.array([np.full((8, 8), 10 * label + 10) for label in labels], np.uint8)


@pytest.fixture(params=[as_folder, as_archive, as_idx])
def make(request, tmp_path):
    """A function that writes training and test data of these labels, and returns its path."""
    return lambda train, test=None: request.param(tmp_path / 'data', train, test)


def values(data):
    """The value of each picture divided by 10, rounded: its label + 1."""
    return np.rint(data.samples.mean(axis=(1, 2, 3)) / 10).astype(int)


def test_there_are_as_many_classes_as_labels_in_natural_order(make):
    data = load(make([10, 2, 1, 11, 2]))
    assert data.classes == ('1', '2', '10', '11')
    assert [int(data.classes[k]) + 1 for k in data.labels] == values(data).tolist()


def test_test_labels_are_numbered_as_in_training(make):
    path = make([1, 2, 5], [5, 2])
    test = load(path, split='test')
    assert test.classes == load(path).classes == ('1', '2', '5')
    assert sorted(test.labels) == [1, 2]
    assert [int(test.classes[k]) + 1 for k in test.labels] == values(test).tolist()


def test_a_test_class_that_training_lacks_is_refused(make):
    path = make([1, 2], [1, 2, 7])
    with pytest.raises(DataError, match=r'training split lacks \(7\); must have none but 1, 2'):
        load(path, split='test')


def test_an_archive_uses_the_labels_that_belong_to_its_images(tmp_path):
    x = pictures([0, 1, 2])
    np.savez(tmp_path / 'a.npz', x_train=x, labels=[9, 9, 9], y_train=[0, 1, 2], x_val=x)
    data = load(tmp_path / 'a.npz')
    assert data.classes == ('0', '1', '2')
    assert '2 arrays ignored (labels, x_val); mean' in describe(data)
    np.savez(tmp_path / 'a.npz', x_train=x, labels=[3, 4, 4])
    data = load(tmp_path / 'a.npz')
    assert data.classes == ('3', '4') and 'ignored' not in describe(data)


@pytest.mark.parametrize('shape', [(5, 3, 8, 3), (5, 1, 8, 3), (5, 3, 3, 1)])
def test_channels_that_may_be_first_or_last_are_refused(tmp_path, shape):
    np.savez(tmp_path / 'a.npz', images=np.zeros(shape, np.uint8))
    with pytest.raises(DataError, match='channels may be first or last; must'):
        load(tmp_path / 'a.npz')


def test_a_class_is_asked_for_by_its_name_and_by_number_only_with_a_sign():
    sampler = Sampler(None, 'normal', 5, classes=['10', '1', '01'])
    assert [sampler.class_index(name) for name in ('10', '1', '01', '#1')] == [0, 1, 2, 1]
    for name in ('0', '2', '#3', '#', '# 1', '#-1'):
        with pytest.raises(SamplingError, match='must be one of 10, 1, 01, or a number from #0'):
            sampler.class_index(name)


# Splits


@pytest.mark.parametrize('names', [('train', 'test'), ('Train', 'TEST'), ('training', 'val')])
def test_splits_are_found_under_their_usual_names(tmp_path, names):
    for name, value in zip(names, (50, 150)):
        fill(tmp_path / name / 'a', value)
    assert load(tmp_path).samples.mean() < 100 < load(tmp_path, split='test').samples.mean()
    assert load(tmp_path, split='test').classes == ('a',)


def config(path):
    return Config(data=str(path))


def test_no_test_data_is_none_and_damaged_test_data_is_an_error(make, tmp_path):
    path = make([1, 2])
    assert load_test(config(path), load(path)) is None


@pytest.mark.parametrize('damage', ['picture', 'ending', 'class', 'size'])
def test_test_data_that_is_there_and_cannot_be_used_is_never_replaced_in_silence(tmp_path, damage):
    if damage == 'size':
        x = np.zeros((9, 8, 8), np.uint8)
        np.savez(tmp_path / 'a.npz', x_train=x, x_test=x[:, :6])
        path = tmp_path / 'a.npz'
    else:
        path = tmp_path
        fill(path / 'train' / 'a', 50)
        fill(path / 'test' / 'a', 50, ending='tga' if damage == 'ending' else 'png')
        if damage == 'picture':
            (path / 'test' / 'a' / '0.png').write_bytes(b'')
        if damage == 'class':
            fill(path / 'test' / 'b', 50)
    train = load(path)
    with pytest.raises(DataError, match=r'; must (be|have)') as caught:
        load_test(config(path), train)
    assert not isinstance(caught.value, NoSplit)


@pytest.mark.parametrize('make_labels_alone', ['npz', 'idx'])
def test_test_labels_without_images_are_an_error(tmp_path, make_labels_alone):
    if make_labels_alone == 'npz':
        path = tmp_path / 'a.npz'
        np.savez(path, x_train=pictures([1]), y_test=[1])
    else:
        path = as_idx(tmp_path / 'a', [1], [1])
        (path / 't10k-images-idx3-ubyte').unlink()
    with pytest.raises(DataError, match='labels') as caught:
        load(path, split='test')
    assert not isinstance(caught.value, NoSplit)


def test_an_empty_test_folder_is_no_test_data(tmp_path):
    fill(tmp_path / 'train', 50)
    (tmp_path / 'test').mkdir()
    assert load_test(config(tmp_path), load(tmp_path)) is None


def test_pictures_in_both_splits_are_counted(tmp_path, caplog):
    x = np.random.RandomState(0).randint(0, 256, (9, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / 'a.npz', x_train=x, x_test=np.concatenate([x[:2], 255 - x]))
    load_test(config(tmp_path / 'a.npz'), load(tmp_path / 'a.npz'))
    assert 'a: 2 test pictures are training pictures too' in caplog.messages
    caplog.clear()
    np.savez(tmp_path / 'a.npz', x_train=x, x_test=255 - x)
    load_test(config(tmp_path / 'a.npz'), load(tmp_path / 'a.npz'))
    assert caplog.messages == []


# Files


def test_pictures_at_any_depth_count_as_their_class_and_the_rest_is_counted(tmp_path):
    fill(tmp_path / 'cats', 60)
    fill(tmp_path / 'dogs' / 'set1' / 'more', 160, ending='jfif')
    fill(tmp_path / 'birds', 160, count=3, ending='tga')
    fill(tmp_path / '__MACOSX', 1)
    (tmp_path / 'dogs' / 'loop').symlink_to(tmp_path / 'dogs')
    (tmp_path / 'README').write_text('x')
    data = load(tmp_path)
    assert data.classes == ('cats', 'dogs') and np.bincount(data.labels).tolist() == [4, 4]
    assert describe(data).endswith(
        ': 8 pictures, 2 classes (cats, dogs), 8 × 8 grey; 4 files ignored (no ending, .tga); '
        f'mean {data.samples.mean() / 255:.3f}'
    )
    name = tmp_path.name
    assert oddities(data) == [
        f'{name}: 3 files of a kind that is not read (.tga); convert to .png',
        f'{name}: left out the folder birds',
        f'{name}: pictures in dogs/set1/more count as the class above them',
    ]


def test_one_folder_around_the_classes_is_pointed_at(tmp_path):
    fill(tmp_path / 'animals' / 'cats', 60)
    fill(tmp_path / 'animals' / 'dogs', 160)
    with pytest.raises(DataError, match=r'in folders below animals; must be .*animals if these'):
        load(tmp_path)
    assert load(tmp_path / 'animals').classes == ('cats', 'dogs')


def test_a_folder_without_pictures_says_what_it_has(tmp_path):
    fill(tmp_path / 'cats', 60, ending='tga')
    with pytest.raises(DataError, match=r'has no pictures, only other files \(.tga\); must be'):
        load(tmp_path)


# Sizes


@pytest.mark.parametrize(
    'sizes, side',
    [([(28, 28)], 28), ([(64, 64)], 64), ([(60, 20)], 20), ([(640, 480)], 64), ([(6, 9)], 8)],
)
def test_the_side_is_that_of_the_pictures_within_bounds(tmp_path, sizes, side):
    for i, size in enumerate(sizes * 3):
        save(tmp_path / f'{i}.png', size=size)
    data = load(tmp_path)
    assert data.shape == (1, side, side)


def test_the_side_is_the_median_and_both_splits_have_that_of_training(tmp_path):
    for i, side in enumerate((10, 20, 30)):
        save(tmp_path / 'train' / f'{i}.png', size=(side, side + 3), mode='RGB' if i else 'L')
        save(tmp_path / 'test' / f'{i}.png', size=(40, 40))
    assert load(tmp_path).shape == load(tmp_path, split='test').shape == (3, 20, 20)
    assert load(tmp_path, image_size=9, channels=1).shape == (1, 9, 9)


def test_the_line_says_what_lost_its_colours_or_its_transparency(tmp_path):
    pixels = np.full((8, 8, 4), 255, np.uint8)
    pixels[..., 0] = 90
    Image.fromarray(pixels).save(tmp_path / 'colour.png')
    pixels[0, 0, 3] = 40
    Image.fromarray(pixels).save(tmp_path / 'transparent.png')
    Image.fromarray(np.full((8, 8, 3), 77, np.uint8)).save(tmp_path / 'grey stored as colour.png')
    grey, colour = (describe(load(tmp_path, image_size=8, channels=each)) for each in (1, 3))
    assert '; 2 pictures in colour made grey; 1 picture with transparency put on black; ' in grey
    assert 'made grey' not in colour and '; 1 picture with transparency put on black; ' in colour
    save(tmp_path / 'plain' / '0.png')
    assert 'made' not in describe(load(tmp_path / 'plain')) and 'put on' not in grey[-20:]


def test_the_line_says_what_was_cropped_and_resized(tmp_path):
    fill(tmp_path / 'cats', 60, size=(60, 20))
    assert '8 × 8 colour, from 60 × 20 by centre crop;' in describe(
        load(tmp_path, image_size=8, channels=3)
    )
    save(tmp_path / 'cats' / 'big.png', size=(90, 90))
    data = load(tmp_path)
    assert '20 × 20 grey, from 60 × 20 to 90 × 90 by centre crop;' in describe(data)
    text = '\n'.join(oddities(data))
    assert 'sizes differ widely: the shorter side is from 20 to 90' in text
    assert 'enlarged' not in text
    assert '4 pictures smaller than 64 × 64 enlarged' in '\n'.join(
        oddities(load(tmp_path, image_size=64))
    )


# What is unlikely


def oddities_of(tmp_path, images, labels=None):
    arrays = {'images': images} if labels is None else {'images': images, 'labels': labels}
    np.savez(tmp_path / 'a.npz', **arrays)
    return oddities(load(tmp_path / 'a.npz'))


RANDOM = np.random.RandomState(0).randint(0, 256, (40, 8, 8)).astype(np.uint8)
DARK = np.diag(np.arange(100, 164))[:40].reshape(40, 8, 8).astype(np.uint8)


@pytest.mark.parametrize(
    'images, labels, text',
    [
        (RANDOM // 128, None, 'its pixels are 0 and 1 of 255'),
        (RANDOM * 0, None, 'all its pixels are 0 of 255'),
        (RANDOM // 16, None, 'its brightest pixel is 15 of 255'),
        (DARK, None, 'is nearly all black'),
        (255 - DARK, None, 'is nearly all white'),
        (RANDOM[np.arange(40) % 10], None, '30 pictures of 40 are copies of others'),
        (RANDOM, [5] + [0] * 39, '1 class of one picture each (5)'),
        (RANDOM, np.arange(40) % 4 * 4 // 3, 'no pictures have the labels 3, which'),
        (RANDOM, [3] * 40, 'has one class alone (3)'),
        (RANDOM[:, :2], None, 'its pictures are 8 × 2'),
    ],
)
def test_what_is_unlikely_is_said_in_a_sentence(tmp_path, images, labels, text):
    (found,) = oddities_of(tmp_path, images, labels)
    assert found.startswith(f'a: {text}')


def test_ordinary_data_has_nothing_unlikely(tmp_path):
    assert oddities_of(tmp_path, RANDOM, np.arange(40) % 4) == []
    assert oddities_of(tmp_path, RANDOM, np.arange(40) % 4 * 1000) == []
    black = np.zeros((9, 1, 8, 8), np.uint8)
    assert len(oddities(Dataset('mnist', black))) == 1
    assert oddities(Dataset('mnist', black, built_in='mnist')) == []


@pytest.mark.parametrize('name', [b'a\nb', b'caf\xe9', b'\xe2\x80\xae'])
def test_names_that_cannot_be_printed_are_escapes(tmp_path, name):
    folder = tmp_path / os.fsdecode(name)
    fill(folder / os.fsdecode(name), 60)
    data = load(folder)
    assert describe(data).isprintable()
    assert data.name == data.classes[0] == data.name.encode('ascii').decode()
