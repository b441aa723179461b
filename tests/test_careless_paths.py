"""What careless people give as a path or a number: one sentence, at once, and nothing is lost."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan import figures
from gluongan.errors import InputError
from gluongan.evaluation.calibration import CalibrationError, read_calibration
from gluongan.evaluation.report import read_report
from gluongan.figures import clouds, grids
from gluongan.files import check_writable
from gluongan.runs.folder import RunError
from gluongan.snapshot import SnapshotError, read


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])
        return tiny.begun(tmp_path_factory.mktemp('careless'), iterations=2).folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a thing of each kind that is no file; whoever waits for one is interrupted."""
    monkeypatch.chdir(tmp_path)
    for ending in ('', '.npz', '.npy', '.csv', '.png', '.zip', '.tar', '.json', '.judge'):
        os.mkfifo(f'pipe{ending}')
        os.symlink('/dev/zero', f'zeros{ending}')
        os.symlink(f'loop{ending}', f'loop{ending}')
        os.mkdir(f'folder{ending}')
        with open(f'huge{ending}', 'wb') as file:
            file.truncate(10**12)  # takes no room on the disk

    def too_long(*_):
        raise AssertionError('still waiting')

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(20)
    yield tmp_path
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


NO_FILES = ('pipe', 'zeros', 'loop', 'folder')
SMALL = [*tiny.flags(), '--dry-run']
READING = {
    'data': (['data'], ('.npz', '.npy', '.csv', '.zip', '.tar', '')),
    'train': (['train', *tiny.flags(data=None, image_size=None), '--data'], ('.npz', '.csv')),
    'config': (['train', '--config'], ('.json',)),
    'judge': (['train', *SMALL, '--judge-every', 1, '--judge'], ('.judge',)),
    'initial': (['train', *SMALL, '--init-from'], ('',)),
    'resume': (['train', '--resume'], ('',)),
    'images': (['invert', 'RUN', '--images'], ('.png',)),
    'mask': (['invert', 'RUN', '--test', 1, '--mask'], ('.png',)),
    'calibration': (['evaluate', 'RUN', '--calibration'], ('.json',)),
    'evaluate': (['evaluate'], ('.npz', '.png', '')),
    'bench': (['bench', '--compare', 'huge.json'], ('.json',)),
    'plot': (['plot'], ('',)),
    'summary': (['summary'], ('',)),
}


@pytest.mark.parametrize('what', READING)
def test_what_is_no_file_or_has_no_end_is_refused_at_once(here, run, what):
    words, endings = READING[what]
    words = [run if word == 'RUN' else word for word in words]
    for ending in endings:
        for kind in (*NO_FILES, 'huge'):
            if (kind, ending) != ('huge', ''):
                message = tiny.refused(*words, f'{kind}{ending}')
                assert 'must ' in message or ending in ('', '.json'), message


def test_files_of_a_run_that_are_none_are_refused_at_once(here):
    for kind in ('pipe', 'zeros'):
        for reading, error in (
            (read_calibration, CalibrationError),
            (read_report, RunError),
            (read, SnapshotError),
            (clouds.load, RunError),
            (lambda path: grids.tiles(path, (1, 8, 8)), RunError),
        ):
            with pytest.raises(error, match=kind):
                reading(Path(f'{kind}.png'))


def test_no_output_replaces_a_device_or_a_pipe(here, run):
    os.symlink('/dev/null', 'null.png')
    os.symlink('/dev/null', 'null.json')
    for name in ('pipe', 'zeros', 'null'):
        for words in (
            ['sample', run, '--out', f'{name}.png'],
            ['evaluate', run, '--json', f'{name}.json'],
        ):
            assert 'is not a regular file; must be a file or a new name' in tiny.refused(*words)
    with pytest.raises(InputError, match=r'out /dev/null: is not a regular file; must be a file'):
        check_writable('/dev/null', setting='out')  # a command might replace it


def pictures(folder):
    folder.mkdir()
    for number in range(40):
        pixels = np.random.RandomState(number).randint(0, 256, (8, 8)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f'{number}.png')
    return folder


def test_no_picture_is_written_into_the_pictures_that_are_read(tmp_path, run, monkeypatch):
    monkeypatch.chdir(pictures(tmp_path / 'pets'))
    train = ['train', *tiny.flags(data=None, batch=4), '--data', '.']
    for words, option, target in (
        (train, '--out', 'runs'),  # by default
        ([*train, '--out', '.'], '--out', '.'),
        ([*train, '--out', 'new/runs'], '--out', 'new/runs'),
        (['data', '.', '--sheet', 'sheet.png'], '--sheet', 'sheet.png'),
        (['invert', run, '--images', '.', '--out', 'new'], '--out', 'new'),
        (['invert', run, '--images', '.', '--out', '../pets'], '--out', '../pets'),
        (['evaluate', '.', '--data', 'x', '--figure', 'near.png'], '--figure', 'near.png'),
    ):
        expected = 'whose pictures the command reads; must be in another folder'
        assert tiny.refused(*words) == f'{option} {target}: is in ., {expected}'
    words = ['data', '.', '--image-size', 8, '--sheet', tmp_path / 'sheet.png']
    assert tiny.gluongan(*words).exit_code == 0
    os.mkdir('../synthetic')  # the name of built-in data is no folder
    monkeypatch.chdir(tmp_path)
    words = ['train', *tiny.flags(), '--out', 'synthetic', '--dry-run']
    assert tiny.gluongan(*words).exit_code == 0


def test_a_name_that_is_too_long_is_the_users_mistake(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = 'x' * 300
    for words in (['sample', run, '--out', f'{name}.png'], ['evaluate', name]):
        message = tiny.refused(*words)
        assert message.endswith('is too long; must be a path of names of up to 255 bytes each')


def test_nan_is_in_no_range(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    message = tiny.refused('invert', run, '--prior', 'nan')
    assert message == '--prior nan: must be a number from 0 to 100'
    assert '--lr NaN: must be' in tiny.refused('judge', 'train', '--lr', 'NaN')


def test_a_seed_that_is_given_twice_would_be_the_same_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = tiny.refused('train', *SMALL, '--seeds', '0-3,2')
    assert message.startswith('--seeds 0-3,2: has a seed twice') and 'must be once' in message
    assert tiny.gluongan('train', *SMALL, '--seeds', '0-3,5').exit_code == 0


def test_a_cache_that_is_no_folder_is_refused(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('x')
    monkeypatch.chdir(tmp_path)
    for words in (['cache'], ['cache', '--remove']):
        monkeypatch.setenv('GLUONGAN_CACHE', 'file')
        expected = 'file: is not a folder; must be one, or GLUONGAN_CACHE must name one'
        assert tiny.refused(*words) == expected
        monkeypatch.setenv('GLUONGAN_CACHE', 'new')
        assert tiny.gluongan(*words).exit_code == 0


def test_a_mask_suits_square_pictures_alone(tmp_path, monkeypatch):
    from gluongan.cli.completing import read_known

    with pytest.raises(InputError, match=r'mask x: .* of 16 × 8 pixels; must be a run with square'):
        read_known(tmp_path, Path('x'), None, (1, 8, 16), True)
    with pytest.raises(InputError, match='is a folder; must be a picture'):
        read_known(tmp_path, tmp_path, None, (1, 8, 8), True)


@pytest.mark.parametrize('shape', [(1, 1), (1, 128), (8, 16)])
def test_a_folder_of_pictures_is_not_where_arrays_of_other_shapes_have_moved(
    shape, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(figures, 'draw_all', lambda run: [])
    images = np.random.RandomState(0).randint(0, 256, (40, *shape)).astype(np.uint8)
    np.save('pixels.npy', images)
    run = tiny.begun(tmp_path, iterations=1, batch=8, data='pixels.npy', image_size=None).folder
    pets = pictures(tmp_path / 'pets')
    high, wide = shape
    allowed = f'must be where the data of {run} is now, whose pictures are {wide} × {high}'
    for words in (['invert', run, '--test', 1], ['train', '--resume', run, '--iterations', 2]):
        message = tiny.refused(*words, '--data', pets)
        assert message == f'--data {pets}: is read as square pictures; {allowed}'
