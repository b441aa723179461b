"""Pictures of one grey show where each file and each array ends up in a sheet or a clip."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tiny
from PIL import Image
from test_figures_content import grey, read_pixels, write_facts, write_greys

from gluongan import figures
from gluongan.figures import FIGURES, clouds, pictures
from gluongan.runs.folder import RunError


@pytest.fixture
def run(tmp_path):
    write_facts(tmp_path / 'run')
    return tmp_path / 'run'


def levels_of(sheet, allowed):
    """The greys of a sheet that belong to pictures, from top to bottom and from left to right."""
    found = []
    for row in sheet:
        for value in dict.fromkeys(row.tolist()):
            if value in allowed and value not in found:
                found.append(value)
    return found


def test_real_pictures_are_beside_the_newest_samples_under_their_labels(run, texts):
    write_greys(run, _000010=10, _000020=50)
    sheet = read_pixels(FIGURES['samples'](run))
    reals, samples, older = (
        np.flatnonzero((sheet == level).sum(axis=0) > sheet.shape[0] // 2)
        for level in (200, 50, 10)
    )
    assert not len(older)
    assert reals.max() < samples.min()
    places = {text: x + pictures.MARGIN for text, x, _ in texts}
    assert places['real'] <= reals.min() < places['generated'] <= samples.min()
    assert 'dense on toy, iteration 20' in places


def test_epochs_have_the_newest_at_the_top_beside_its_number(run, texts):
    write_greys(run, _000000=5, _000005=15, _000010=50, _000020=100, _000030=150)
    sheet = read_pixels(FIGURES['epochs'](run))
    body = sheet[pictures.MARGIN + 58 :, sheet.shape[1] // 2 :]
    assert levels_of(body, {5, 15, 50, 100, 150, 200}) == [150, 100, 50]
    numbers = sorted((y, text) for text, _, y in texts if text.isdecimal())
    assert [text for _, text in numbers] == ['3', '2', '1']


def test_epochs_beyond_thirty_are_thinned_from_the_newest_on(run, texts):
    levels = {f'_{10 * epoch:06d}': 60 + epoch for epoch in range(1, 41)}
    write_greys(run, **levels)
    sheet = read_pixels(FIGURES['epochs'](run))
    body = sheet[pictures.MARGIN + 58 :, sheet.shape[1] // 2 :]
    expected = [60 + epoch for epoch in range(40, 0, -2) if 60 + epoch != 96]  # 96: the separator
    assert levels_of(body, set(levels.values()) - {96}) == expected
    assert any(text == 'dense on toy: a row of samples after every 2nd epoch' for text, *_ in texts)


def test_a_name_stands_beside_its_row():
    sheet = Image.new('L', (50, 90), 200)
    for row in range(3):
        names = ['', '', '']
        names[row] = 'name'
        page = np.asarray(pictures.labelled(sheet, names).convert('L')).astype(int)
        gutter = page[:, : page.shape[1] - 50]
        inked = np.flatnonzero((gutter < 200).any(axis=1))
        assert 30 * row <= inked.min() and inked.max() < 30 * (row + 1)
        assert (page[:, -50:] == 200).all()


def test_the_clip_goes_forward(run):
    levels = {f'_{10 * number:06d}': 17 * (2 * number + 1) for number in range(5)}
    write_greys(run, **levels)
    shown = []
    with Image.open(FIGURES['training'](run)) as clip:
        for index in range(clip.n_frames):
            clip.seek(index)
            frame = np.asarray(clip.convert('L'))
            shown.append(int(np.median(frame[pictures.MARGIN + 30 :])))
    np.testing.assert_allclose(shown, list(levels.values()), atol=9)


def test_a_walk_goes_there_and_back(tmp_path):
    images = np.concatenate([grey(17 * level, 1) for level in (1, 5, 9, 13)])
    shown = []
    with Image.open(figures.walk(images, tmp_path / 'walk.gif')) as clip:
        for index in range(clip.n_frames):
            clip.seek(index)
            shown.append(int(np.median(np.asarray(clip.convert('L')))))
    assert shown == [17, 85, 153, 221, 153, 85]


def rows_of(path, levels):
    """Return the greys of each row of a labelled sheet, from top to bottom."""
    found = []
    for line in read_pixels(path):
        even = line[:-9][(line[:-9] == line[9:]) & (line[:-9] == line[4:-5])]  # no letters
        row = [value for value in dict.fromkeys(even.tolist()) if value in levels]
        if row and (not found or found[-1] != row):
            found.append(row)
    return found


def names_from_the_top(texts, names):
    return [text for _, text in sorted((y, text) for text, _, y in texts if text in names)]


def test_inversions_are_originals_above_reconstructions_above_differences(tmp_path, texts):
    x = np.concatenate([grey(120, 1), grey(180, 1)])
    reconstructions = np.concatenate([grey(110, 1), grey(150, 1)])
    path = figures.inversions(x, reconstructions, tmp_path / 'x.png', title='t', note='n')
    levels = (120, 180, 110, 150, 10, 30)
    body = [row for row in rows_of(path, levels) if len(row) == 2]
    assert body == [[120, 180], [110, 150], [10, 30]]
    names = names_from_the_top(texts, ('original', 'reconstruction', 'difference'))
    assert names == ['original', 'reconstruction', 'difference']


def test_a_walk_has_a_row_for_each_pair_from_the_first_on(tmp_path, texts):
    rows = [np.concatenate([grey(level, 1), grey(level + 5, 1)]) for level in (110, 120, 130)]
    path = figures.walks(rows, tmp_path / 'x.png', title='t', note='n')
    levels = (110, 115, 120, 125, 130, 135)
    body = [row for row in rows_of(path, levels) if len(row) == 2]
    assert body == [[110, 115], [120, 125], [130, 135]]
    assert names_from_the_top(texts, ('1 to 2', '2 to 3', '3 to 4')) == [
        '1 to 2',
        '2 to 3',
        '3 to 4',
    ]


def test_rows_beside_each_other_keep_their_order_and_their_names(tmp_path, texts):
    rows = [grey(110, 3), grey(170, 3)]
    path = figures.beside(rows, ['samples', 'originals'], tmp_path / 'x.png', 'title')
    assert [row for row in rows_of(path, (110, 170)) if row] == [[110], [170]]
    assert names_from_the_top(texts, ('samples', 'originals')) == ['samples', 'originals']


@pytest.mark.parametrize('shape', ['(9' + '0' * 30 + ', 2)', '(900000000, 2)', '(-4, 2)'])
def test_points_with_a_forged_header_are_refused_by_name(tmp_path, shape):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + '\n'
    (tmp_path / 'a.npy').write_bytes(b'\x93NUMPY\x01\x00v\x00' + head.encode())
    with pytest.raises(RunError, match=r'a\.npy: cannot be read as a NumPy array') as caught:
        clouds.load(tmp_path / 'a.npy')
    assert '\n' not in str(caught.value)


def test_epochs_of_a_conditional_run_show_each_class_under_its_name(tmp_path, texts):
    run = tmp_path / 'run'
    write_facts(run, classes=['cat', 'dog', 'emu'], shape=[1, 8, 8])
    (run / 'config.json').write_text(json.dumps(tiny.tiny(conditional=True).to_dict()))
    (run / 'samples').mkdir()
    levels = np.repeat(np.array([50, 100, 150], np.uint8), 10)
    sheet = figures.grid(np.broadcast_to(levels[:, None, None, None], (30, 1, 8, 8)), 10)
    for name in ('reals.png', 'samples/000010.png', 'samples/000020.png'):
        figures.save(sheet, run / name)
    pixels_of = read_pixels(FIGURES['epochs'](run))
    (first, *_) = np.flatnonzero((pixels_of == 50).sum(axis=1) > 100)
    row = [value for value in dict.fromkeys(pixels_of[first].tolist()) if value in (50, 100, 150)]
    assert row == [50, 100, 150]
    assert [text for text, *_ in texts if text in ('cat', 'dog', 'emu')] == (
        ['cat'] * 5 + ['dog'] * 5 + ['emu'] * 5
    )
    with Image.open(FIGURES['training'](run)) as clip:
        assert clip.width > 2 * clip.height  # a row of ten for each class, not a square
