"""`gluongan sample`: the same seed is the same picture, in any company, and the numbers lie beside the picture."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan import figures
from gluongan.gan.sampling import pixels


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A run stopped at 30 with snapshots at 10, 20 and 30, all kept."""
    out = tmp_path_factory.mktemp('sample')
    return tiny.begun(out, until=30, iterations=40, snapshot_every=10, eval_every=10, keep=5).folder


def made(run, tmp_path, *words):
    """The array and the picture's path of one call."""
    result = tiny.gluongan('sample', run, *words, '--out', tmp_path / 'x.png')
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split() == [str(tmp_path / 'x.png'), str(tmp_path / 'x.npy')]
    return np.load(tmp_path / 'x.npy'), tmp_path / 'x.png'


def test_numbers_lie_beside_the_picture_and_are_the_same(run, tmp_path):
    x, path = made(run, tmp_path, '--seeds', '0-8')
    assert (x.shape, x.dtype) == ((9, 1, 8, 8), np.float32) and 0 <= x.min() < x.max() <= 1
    assert np.array_equal(figures.tiles(path, (1, 8, 8)), pixels(x))


def test_default_is_64_samples_in_the_run_folder(run):
    result = tiny.gluongan('sample', run)
    assert result.exit_code == 0 and np.load(run / 'seeds-0-63.npy').shape == (64, 1, 8, 8)
    assert str(run / 'seeds-0-63.png') in result.stdout


def test_seed_makes_the_same_picture_in_any_list(run, tmp_path):
    x, _ = made(run, tmp_path, '--seeds', '0-99')
    for text, seeds in (
        ('7', [7]),
        ('99,3,7-9', [99, 3, 7, 8, 9]),
        ('5,5', [5, 5]),
        ('64-65', [64, 65]),
        (' 1, 2 ', [1, 2]),
    ):
        assert np.array_equal(made(run, tmp_path, '--seeds', text)[0], x[seeds]), text
    assert len(np.unique(x.reshape(100, -1), axis=0)) == 100


def test_snapshot_is_chosen_by_name_or_number(run, tmp_path):
    by = {
        which: made(run, tmp_path, '--snapshot', which)[0]
        for which in ('10', '20', '30', 'last', 'best')
    }
    assert np.array_equal(by['last'], by['30']) and not np.array_equal(by['10'], by['30'])
    rows = {
        row['iteration']: row['samples/swd']
        for row in tiny.rows(run / 'metrics.jsonl')
        if row['iteration']
    }
    assert np.array_equal(by['best'], by[str(int(min(rows, key=rows.get)))])


@pytest.mark.parametrize(
    'which', ['15', '-1', 'first', '', '1e1', '9' * 5000], ids=lambda which: which[:9]
)
def test_snapshot_that_is_not_there_is_refused_with_those_that_are(run, which):
    message = tiny.refused('sample', run, '--snapshot', which)
    assert f'--snapshot {which}' in message and '10, 20, 30' in message


@pytest.mark.parametrize(
    'seeds',
    [
        '',
        'x',
        '3-1',
        '-1',
        '1,,2',
        '1.5',
        '0-100000',
        '0-9999999999',
        '1-2-3',
        ',',
        '0-50000,0-50000',
    ],
)
def test_bad_seeds_are_refused_with_what_is_allowed(run, seeds):
    message = tiny.refused('sample', run, f'--seeds={seeds}')
    assert f'--seeds {seeds}' in message and '0-63' in message and '100,000' in message


@pytest.mark.parametrize(
    'words, named',
    [
        (['--out', 'x.jpg'], '.png'),
        (['--out', 'x'], '.png'),
        (['--cols', '0'], '--cols'),
        (['--scale', '33'], '--scale'),
        (['--device', 'gpu'], '--device gpu'),
        (['--trunc', 'nan'], '--trunc nan'),
        (['--trunc', '0'], '--trunc 0'),
    ],
    ids=str,
)
def test_other_impossible_settings_are_refused(run, words, named):
    assert named in tiny.refused('sample', run, *words)


def test_columns_and_scale_change_the_picture_and_not_the_numbers(run, tmp_path):
    x, path = made(run, tmp_path, '--seeds', '0-5', '--cols', '6')
    plain = figures.tiles(path, (1, 8, 8))
    y, path = made(run, tmp_path, '--seeds', '0-5', '--cols', '2', '--scale', '3')
    with Image.open(path) as picture:
        assert picture.size == (3 * (2 * 10 + 2), 3 * (3 * 10 + 2))
    assert np.array_equal(x, y) and len(plain) == 6


def test_damaged_snapshot_is_named(tmp_path):
    folder = tiny.begun(tmp_path, until=3).folder
    (folder / 'snapshots' / '000003.snapshot').write_bytes(b'GLUONGAN')
    assert '000003.snapshot' in tiny.refused('sample', folder, code=1)


def test_points_are_drawn_as_a_cloud_beside_their_numbers(tmp_path):
    folder = tiny.begun(tmp_path, until=2, data='ring8', image_size=None).folder
    x, path = made(folder, tmp_path, '--seeds', '0-99')
    assert x.shape == (100, 2)
    with Image.open(path) as picture:
        assert min(picture.size) > 500 and len(picture.getcolors(2**20)) > 20


def test_a_class_sheet_names_its_rows(tmp_path):
    folder = tiny.begun(tmp_path, until=2, conditional=True).folder
    x, path = made(folder, tmp_path, '--seeds', '0-5', '--scale', '3')
    assert x.shape == (4 * 6, 1, 8, 8)
    sheet = figures.grid(pixels(x), 6, scale=3)
    with Image.open(path) as picture:
        left = picture.width - sheet.width
        assert left > 60 and picture.height == sheet.height
        assert np.array_equal(np.asarray(picture.convert('L'))[:, left:], np.asarray(sheet))
        names = np.asarray(picture.convert('L'))[:, :left]
    assert all(
        (row < 128).any() and (row > 250).any() for row in np.split(names[: len(names) // 4 * 4], 4)
    )
