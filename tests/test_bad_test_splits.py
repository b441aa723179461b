"""A test split that cannot be used is said when training begins, and by all that need one."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan import figures

X = np.random.RandomState(0).randint(0, 256, (64, 8, 8)).astype(np.uint8)
Y = np.arange(64) % 4
SETTINGS = {'image_size': None, 'iterations': 2, 'batch': 16}
# The test arrays of an archive, and what is wrong with them.
BROKEN = {
    'shape': ({'x_test': X[:, :7], 'y_test': Y}, 'have the shape (1, 7, 8); must be (1, 8, 8)'),
    'labels': ({'x_test': X, 'y_test': Y + 1}, 'labels that the training split lacks (4)'),
    'count': ({'x_test': X, 'y_test': Y[:-1]}, 'has the shape (63,) for 64 images'),
    'no images': ({'y_test': Y}, 'are labels without images'),
    'values': ({'x_test': X / 200, 'y_test': Y}, 'may be a dark [0, 255] or beyond [0, 1]'),
}
INTACT = {
    'none': {},
    'whole': {'x_test': 255 - X, 'y_test': Y},
    'fewer classes': {'x_test': 255 - X[:2], 'y_test': Y[:2]},
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    return tmp_path


def write(**test):
    np.savez('x.npz', x_train=X, y_train=Y, **test)
    return 'x.npz'


def warnings(result):
    assert result.exit_code == 0, result.stderr
    return [line for line in result.stderr.splitlines() if line.startswith('Warning: ')]


@pytest.mark.parametrize('kind', BROKEN)
def test_a_broken_test_split_is_said_when_training_begins_and_by_all_that_need_it(here, kind):
    test, problem = BROKEN[kind]
    words = ['train', *tiny.flags(data=write(**test), **SETTINGS)]
    (warning,) = warnings(tiny.gluongan(*words, '--dry-run'))
    assert problem in warning and warning.endswith('not evaluated before that is mended')
    assert warnings(tiny.gluongan(*words, '--out', 'runs')) == [warning]
    (run,) = (here / 'runs').iterdir()
    (again,) = warnings(tiny.gluongan('train', '--resume', run, '--iterations', 3, '--dry-run'))
    assert problem in again
    for command in (['evaluate', run], ['invert', run], ['density', run]):
        assert problem in tiny.refused(*command)
    judged = [*words, '--judge-every', 1, '--judge-samples', 100, '--best', 'samples/swd']
    assert problem in tiny.refused(*judged)


@pytest.mark.parametrize('kind', INTACT)
def test_an_intact_test_split_and_none_are_no_warning(kind):
    words = ['train', *tiny.flags(data=write(**INTACT[kind]), **SETTINGS), '--dry-run']
    result = tiny.gluongan(*words)
    assert warnings(result) == []
    assert ('x, test split: ' in result.stderr) == bool(INTACT[kind])


def test_a_broken_test_picture_and_a_class_too_many_are_said(here):
    for split in ('train', 'test'):
        for name in 'ab' if split == 'train' else 'abc':
            (here / 'data' / split / name).mkdir(parents=True)
            for number in range(8):
                file = here / 'data' / split / name / f'{number}.png'
                Image.fromarray(X[number] if split == 'train' else 255 - X[number]).save(file)
    words = ['train', *tiny.flags(data='data', **SETTINGS), '--dry-run']
    assert 'classes that the training split lacks (c)' in warnings(tiny.gluongan(*words))[-1]
    (here / 'data' / 'test' / 'c').rename('c')
    (here / 'data' / 'test' / 'a' / '3.png').write_bytes(b'')
    assert 'a/3.png: is not a readable picture' in warnings(tiny.gluongan(*words))[-1]


def test_built_in_data_is_not_read_twice_at_the_start_of_a_training():
    result = tiny.gluongan('train', *tiny.flags(), '--dry-run')
    assert result.exit_code == 0 and 'test split' not in result.stderr
