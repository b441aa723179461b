"""Every command that reads data begins with one line that says what was understood of it."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan import figures

X = np.random.RandomState(0).randint(0, 256, (200, 8, 8)).astype(np.uint8)


def save(folder):
    """Write the pictures into a folder and return it."""
    folder.mkdir()
    for i, x in enumerate(X):
        Image.fromarray(x).save(folder / f'{i}.png')
    return folder


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """An archive with a test split of which 3 pictures are training pictures too."""
    path = tmp_path_factory.mktemp('data') / 'mine.npz'
    labels = np.arange(200) % 2
    x_test = np.concatenate([X[:3], 255 - X])[:200]
    np.savez(path, x_train=X, y_train=labels, x_test=x_test, y_test=labels)
    return path


@pytest.fixture(scope='module')
def run(tmp_path_factory, data):
    settings = {'data': str(data), 'image_size': None, 'iterations': 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, 'draw_all', lambda run: [])  # takes a second
        return tiny.begun(tmp_path_factory.mktemp('runs'), **settings).folder


SHARED = 'Warning: mine: 3 test pictures are training pictures too'
COMMANDS = {
    'train': 'train --data DATA --iterations 2 --out OUT/runs --gen-hidden 4 --dis-hidden 4',
    'dry run': 'train --data DATA --dry-run',
    'resume': 'train --resume RUN --iterations 3',
    'evaluate a run': 'evaluate RUN --samples 100 --json OUT/a.json --figure OUT/a.png',
    'evaluate pictures': 'evaluate DATA --data DATA --samples 100',
    'invert': 'invert RUN --test 1 --steps 1 --out OUT/inverted',
    'invert pictures': 'invert RUN --images PICTURES --steps 1 --out OUT/inverted',
    'density': 'density RUN',
    'judge train': 'judge train --data DATA --epochs 1 --out OUT/a.judge',
    'judge calibrate': 'judge calibrate --data DATA --samples 100 --draws 1 --out OUT/a.json',
}
BOTH_SPLITS = set(COMMANDS) - {'invert pictures'}


@pytest.mark.parametrize('name', COMMANDS)
def test_a_command_that_reads_data_says_first_what_it_is(
    name, run, data, tmp_path, monkeypatch, undrawn
):
    monkeypatch.chdir(tmp_path)
    places = {'DATA': data, 'RUN': run, 'OUT': tmp_path, 'PICTURES': save(tmp_path / 'mine')}
    line = COMMANDS[name]
    for place, path in places.items():
        line = line.replace(place, str(path))
    stderr = tiny.gluongan(*line.split()).stderr
    first = stderr.splitlines()[0]
    classes = 'no classes' if name == 'invert pictures' else '2 classes (0, 1)'
    assert first.startswith(f'mine: 200 pictures, {classes}, 8 × 8 grey; mean 0.')
    assert tiny.is_about_data(first)
    assert (SHARED in stderr) == (name in BOTH_SPLITS)
    if name in BOTH_SPLITS:
        assert 'mine, test split: 200 pictures, 2 classes' in stderr


@pytest.mark.parametrize('command', ['sample', 'plot', 'summary'])
def test_a_command_that_reads_no_data_says_nothing_of_it(command, run, unrendered):
    stderr = tiny.gluongan(command, run).stderr
    assert not any(map(tiny.is_about_data, stderr.splitlines()))


def test_built_in_data_is_named_as_such():
    stderr = tiny.gluongan('train', *tiny.flags(), '--dry-run').stderr
    assert stderr.splitlines()[0] == 'synthetic (built in): 512 pictures, 4 classes, 8 × 8 grey'


def test_a_warning_names_the_flag_of_a_setting(tmp_path):
    folder = save(tmp_path / 'mine')
    stderr = tiny.gluongan('train', '--data', folder, '--image-size', 16, '--dry-run').stderr
    assert '200 pictures smaller than 16 × 16 enlarged; a smaller --image-size avoids it' in stderr


def test_a_program_that_uses_the_package_is_told_only_of_the_unlikely(data, tmp_path, python):
    np.savez(tmp_path / 'black.npz', images=X * 0)
    code = f"""
import contextlib, io
stderr = io.StringIO()
with contextlib.redirect_stderr(stderr):
    from gluongan import data
    data.load({str(data)!r})
    data.load({str(tmp_path / 'black.npz')!r})
print(stderr.getvalue())"""
    assert python(code) == 'black: all its pixels are 0 of 255'
