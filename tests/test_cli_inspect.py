"""`gluongan data PATH` shows what is in data before anybody trains on it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny
from PIL import Image

from gluongan.data import Dataset, inspect, load
from gluongan.data.inspection import count_nearly_alike

RANDOM = np.random.RandomState(0)


def smooth(count, side=16):
    """Different pictures without sharp edges, (N, 3, side, side)."""
    noise = RANDOM.randint(0, 256, (count, 4, 4, 3)).astype(np.uint8)
    images = [np.asarray(Image.fromarray(each).resize((side, side), 3)) for each in noise]
    return np.stack(images).transpose(0, 3, 1, 2)


@pytest.fixture
def pets(tmp_path):
    """Two classes of 5 and 3 pictures, one of them twice; a file and a folder are left out."""
    images = smooth(8).transpose(0, 2, 3, 1)
    folder = tmp_path / 'pets'
    for number, image in enumerate(images):
        place = folder / ('cats' if number < 5 else 'dogs')
        place.mkdir(parents=True, exist_ok=True)
        size = (16, 16) if number else (32, 16)
        Image.fromarray(image).resize(size).save(place / f'{number}.png')
    Image.fromarray(images[6]).save(folder / 'dogs' / '6.png')
    Image.fromarray(images[6]).save(folder / 'dogs' / 'copy.png')
    (folder / 'notes.txt').write_text('x')
    (folder / 'empty').mkdir()
    return folder


def test_everything_is_shown_in_words(pets):
    result = tiny.gluongan('data', pets)
    lines = result.stdout.splitlines()
    assert result.stderr == '' and result.exit_code == 0
    assert lines[0].startswith('pets: 9 pictures, 2 classes (cats, dogs), 16 × 16 colour, from')
    assert lines[1:3] == ['classes    cats: 5, dogs: 4', 'sizes      16 × 16: 8, 32 × 16: 1']
    assert lines[4:7] == [
        'left out   files (.txt: 1); folders empty',
        'copies     1 exact, 0 nearly alike',
        'test split none',
    ]
    assert lines[7:] == [
        'problem    pets: 1 picture of 9 is copies of others',
        'problem    pets: left out the folder empty',
    ]


def test_the_same_is_printed_as_json(pets):
    text = tiny.gluongan('data', pets, '--json', '--image-size', 8).stdout
    assert '8 × 8' in text  # every letter as it is
    facts = json.loads(text)
    assert (facts['count'], facts['shape']) == (9, [3, 8, 8])
    assert facts['classes'] == {'cats': 5, 'dogs': 4}
    assert facts['left_out'] == {'files': {'.txt': 1}, 'folders': ['empty']}
    assert (facts['copies'], facts['test']) == (1, None)
    assert facts['values'] == inspect(load(pets, image_size=8))['values']


def test_settings_of_pictures_and_their_flags_are_known(pets):
    stdout = tiny.gluongan('data', pets, '--image-size', 32, '--fit', 'pad').stdout
    assert '32 × 32 colour, from 16 × 16 to 32 × 16 with margins' in stdout
    assert 'enlarged; a smaller --image-size avoids it' in stdout


def test_a_test_split_is_counted_with_what_it_shares(tmp_path):
    x = smooth(6)
    np.savez(tmp_path / 'a.npz', x_train=x, x_test=np.concatenate([x[:2], 255 - x[:1]]))
    stdout = tiny.gluongan('data', tmp_path / 'a.npz').stdout
    assert 'test split 3 pictures, of which 2 are training pictures too' in stdout
    assert stdout.splitlines()[-1] == 'no problems found'


@pytest.mark.parametrize('labels', [None, np.arange(9) % 3])
def test_a_sheet_shows_pictures_of_each_class(tmp_path, labels):
    x = np.repeat(np.arange(20, 200, 20, dtype=np.uint8), 64).reshape(9, 8, 8)
    arrays = {'x': x} if labels is None else {'x': x, 'y': labels}
    np.savez(tmp_path / 'a.npz', **arrays)
    result = tiny.gluongan('data', tmp_path / 'a.npz', '--sheet', tmp_path / 'sheet.png')
    assert result.exit_code == 0
    shown = np.unique(np.asarray(Image.open(tmp_path / 'sheet.png').convert('L')))
    assert set(range(20, 200, 20)) <= set(shown.tolist())


def test_what_cannot_be_shown_is_refused(pets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert 'must be mnist' in tiny.refused('data', 'nothing here')
    first = pets / 'cats' / '0.png'
    assert 'which the command reads' in tiny.refused('data', pets, '--sheet', first)
    assert 'must end in .png' in tiny.refused('data', pets, '--sheet', 'a.jpg')
    assert 'is made of points' in tiny.refused('data', 'ring8', '--sheet', 'a.png')
    assert '--fit pad: does not apply' in tiny.refused('data', 'mnist', '--fit', 'pad')


def test_points_have_no_sizes_and_no_copies():
    facts = inspect(load('ring8'))
    assert (facts['sizes'], facts['copies'], facts['nearly_alike']) == ({}, None, None)
    assert 'points' in tiny.gluongan('data', 'ring8').stdout


# Nearly alike


def test_pictures_with_a_little_noise_are_nearly_alike_and_others_are_not():
    images = smooth(40)
    assert count_nearly_alike(Dataset('a', images)) == 0
    noise = RANDOM.randint(-3, 4, images[:9].shape)
    noisy = np.clip(images[:9].astype(int) + noise, 0, 255).astype(np.uint8)
    assert count_nearly_alike(Dataset('a', np.concatenate([images, noisy]))) == 9
    assert count_nearly_alike(Dataset('a', np.concatenate([images, images]))) == 0  # exact ones


@pytest.mark.parametrize('shape', [(1, 1, 8, 8), (5, 3, 3, 2), (3, 1, 1, 1)])
def test_constant_and_tiny_pictures_are_counted_without_a_fault(shape):
    assert count_nearly_alike(Dataset('a', np.zeros(shape, np.uint8))) == 0


def test_too_many_pictures_are_not_compared(monkeypatch):
    monkeypatch.setattr('gluongan.data.inspection.MOST_COMPARED', 7)
    assert count_nearly_alike(Dataset('a', smooth(8))) is None
    assert count_nearly_alike(Dataset('a', smooth(7))) == 0
