"""Arrays and tables of pixels: every usual layout and range is recognised, and said."""

from __future__ import annotations

import numpy as np
import pytest
from refusals import refused

from gluongan.data import NoSplit, load
from gluongan.data.description import describe

RANDOM = np.random.RandomState(0)
GREY = RANDOM.randint(0, 256, (40, 8, 8)).astype(np.uint8)
GREY[0, 0, :2] = 0, 255
COLOUR = RANDOM.randint(0, 256, (5, 8, 9, 3)).astype(np.uint8)
LAYOUTS = {
    'NHW': (GREY, GREY[:, None], ''),
    'NHWC': (COLOUR, COLOUR.transpose(0, 3, 1, 2), 'channels last'),
    'NCHW': (COLOUR.transpose(0, 3, 1, 2), COLOUR.transpose(0, 3, 1, 2), 'channels first'),
    'NHW1': (GREY[..., None], GREY[:, None], 'channels last'),
    'N1HW': (GREY[:, None], GREY[:, None], 'channels first'),
}
RANGES = {
    'bytes': (lambda x: x, ''),
    'whole numbers in [0, 255]': (lambda x: x.astype(np.int64), 'whole numbers in [0, 255]'),
    'floats in [0, 1]': (lambda x: np.float32(x / 255), 'floats in [0, 1]'),
    'floats in [-1, 1]': (lambda x: np.float32(x / 127.5 - 1), 'floats in [-1, 1]'),
    'floats in [0, 255]': (lambda x: x.astype(np.float64), 'floats in [0, 255]'),
    'halves': (lambda x: np.float16(x), 'floats in [0, 255]'),
}


@pytest.mark.parametrize('change, kind', RANGES.values(), ids=RANGES)
@pytest.mark.parametrize('array, pixels, layout', LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize('name', ['a.npy', 'a.npz'])
def test_each_layout_and_range_gives_the_same_bytes(
    tmp_path, array, pixels, layout, change, kind, name
):
    array = np.asfortranarray(change(array)) if name == 'a.npy' else change(array)
    (np.save if name == 'a.npy' else np.savez)(tmp_path / name, array)
    data = load(tmp_path / name)
    assert np.array_equal(data.samples, pixels)
    said = ', '.join(filter(None, (kind, layout)))
    assert (f'; read as {said}; ' in describe(data)) == bool(said)
    assert ('read as' in describe(data)) == bool(said)


@pytest.mark.parametrize(
    'array, part',
    [
        (GREY / 200, 'which may be a dark [0, 255] or beyond [0, 1]'),
        (GREY / 100 - 1, 'has values from -1.0 to 1.5'),
        (GREY * 1.01, 'to 257.55'),
        (GREY.astype(int) - 1, 'has values from -1 to 254'),
        (GREY.astype(np.uint16) * 257, 'has values from 0 to 65535'),
        (np.where(GREY, GREY, np.nan), 'contains NaN'),
        (GREY.astype(str), 'has the type <U3'),
        (GREY > 9, 'has the type bool'),
    ],
)
def test_other_ranges_are_refused_with_what_is_allowed(tmp_path, array, part):
    np.save(tmp_path / 'a.npy', array)
    refused(tmp_path / 'a.npy', 'a.npy', part, 'floats in [0, 1], [-1, 1] or [0, 255]')


def test_test_data_has_the_range_of_the_training_data(tmp_path):
    signed = np.float32(GREY / 127.5 - 1)
    np.savez(tmp_path / 'a.npz', x_train=signed, x_test=np.abs(signed))
    test = load(tmp_path / 'a.npz', split='test')
    assert test.samples.min() >= 127
    np.savez(tmp_path / 'a.npz', x_train=np.abs(signed), x_test=signed)
    refused(tmp_path / 'a.npz', 'x_test', 'must be floats in [0, 1], as the training', split='test')
    np.savez(tmp_path / 'a.npz', x_train=GREY, x_test=GREY / 255)
    assert np.array_equal(load(tmp_path / 'a.npz', split='test').samples[:, 0], GREY)


def test_test_data_alone_has_classes_of_its_own(tmp_path):
    np.savez(tmp_path / 'a.npz', x_test=GREY, y_test=np.array([9, 5] * 20))
    test = load(tmp_path / 'a.npz', split='test')
    assert test.classes == ('5', '9') and test.labels.tolist() == [1, 0] * 20


def test_an_array_alone_has_no_test_split_and_may_be_no_pickle(tmp_path):
    np.save(tmp_path / 'a.npy', GREY)
    with pytest.raises(NoSplit):
        load(tmp_path / 'a.npy', split='test')
    np.save(tmp_path / 'b.npy', np.array([{}], object))
    refused(tmp_path / 'b.npy', 'b.npy: holds pickled Python objects')
    (tmp_path / 'c.npy').write_bytes((tmp_path / 'a.npy').read_bytes()[:-9])
    refused(tmp_path / 'c.npy', 'c.npy: has a header of uint8')
    (tmp_path / 'd.npy').mkdir()
    refused(tmp_path / 'd.npy', 'd.npy')


# Tables


NUMBERS = np.arange(40) % 3 + 4


def write(path, pixels, label=None, labels=NUMBERS, heading=None):
    rows = [list(map(str, row)) for row in pixels.reshape(len(pixels), -1)]
    for row, value in zip(rows, labels):
        if label is not None:
            row.insert(0 if label == 0 else len(row), str(value))
    if heading is not None:
        names = [f'pixel{number}' for number in range(pixels[0].size)]
        if label is not None:
            names.insert(0 if label == 0 else len(names), heading)
        rows.insert(0, names)
    path.write_text('\n'.join(','.join(row) for row in rows) + '\n')
    return path


@pytest.mark.parametrize('label', [0, -1, None])
@pytest.mark.parametrize('heading', [None, 'label', 'Class'])
@pytest.mark.parametrize('labels', [NUMBERS, [f'c{number}' for number in NUMBERS]])
def test_a_table_has_its_labels_first_last_or_not(tmp_path, label, heading, labels):
    data = load(write(tmp_path / 'a.csv', GREY, label, labels, heading))
    assert np.array_equal(data.samples[:, 0], GREY)
    if label is None:
        assert data.classes == () and data.labels is None
    else:
        assert data.classes == tuple(map(str, sorted(set(labels))))
        assert np.array_equal(data.labels, NUMBERS - 4)
    where = {0: 'labels first', -1: 'labels last', None: 'no labels'}[label]
    assert f', {where}; mean' in describe(data)


def test_a_table_may_hold_colours_and_floats(tmp_path):
    square = COLOUR[:, :, :8]
    data = load(write(tmp_path / 'a.csv', square, heading=''))
    assert np.array_equal(data.samples, square.transpose(0, 3, 1, 2))
    data = load(write(tmp_path / 'b.csv', np.float32(GREY / 255), 0, heading='label'))
    assert np.array_equal(data.samples[:, 0], GREY) and 'floats in [0, 1]' in describe(data)


def test_a_heading_of_numbers_is_no_picture(tmp_path):
    path = write(tmp_path / 'a.csv', GREY)
    path.write_text(','.join(map(str, range(64))) + '\n' + path.read_text())
    assert np.array_equal(load(path).samples[:, 0], GREY)
    path = write(tmp_path / 'b.csv', GREY, 0)
    path.write_text(','.join(['label', *map(str, range(64))]) + '\n' + path.read_text())
    assert load(path).classes == ('4', '5', '6')


TABLES = {
    'nothing': ('', 'is empty'),
    'a heading alone': ('label,pixel0,pixel1\n', 'has a heading alone'),
    'a short row': ('1,2,3,4\n1,2,3\n', 'has 3 cells in row 2; must be 4'),
    'a word': ('1,2,3,4\n1,x,3,4\n', "has the cell 'x' in row 2"),
    'a word in a row after a heading': ('a,b,c,d\n1,2,3,4\n1,x,3,4\n', "'x' in row 3"),
    'no square': ('1,2,3,4,5,6,7\n', 'has 7 pixels in a row'),
    'labels in the middle': ('a,label,b,c,d\n1,2,3,4,5\n', 'has label in its heading'),
    'labels twice': ('label,a,b,c,y\n1,2,3,4,5\n', 'has label, y in its heading'),
    'unclear labels': ('1,9,9,9,1\n2,8,8,8,2\n' * 4, 'no heading, so that its labels may be'),
    'constant ends': ('1,9,7,9,1\n1,8,8,8,1\n' * 4, 'no heading, so that its labels may be'),
    'beyond bytes': ('1,2,3,256\n', 'has values from 1.0 to 256.0'),
    'no finite number': ('1,2,inf,4\n', 'has values from 1.0 to inf'),
    'binary': ('\0\x01\x02', ''),
}


@pytest.mark.parametrize('text, part', TABLES.values(), ids=TABLES)
def test_a_table_that_is_none_is_refused(tmp_path, text, part):
    (tmp_path / 'a.csv').write_text(text)
    refused(tmp_path / 'a.csv', 'a.csv', part)


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr('gluongan.data.table.MAX_LINE', 100)
    write(tmp_path / 'a.csv', GREY)
    refused(tmp_path / 'a.csv', 'has a line of over 100 letters')
