"""Whatever is written on a picture lies within it, and no text on another, however long it is."""

from __future__ import annotations

import collections
import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw
from test_figures_content import write_facts, write_greys

from gluongan import figures
from gluongan.figures import pictures

LONG = 'a name of many words that its owner likes, and_one_word_that_is_longer_than_any_line_' * 2
NAMES = [LONG, 'b', LONG.replace(' ', '')]


@pytest.fixture
def written(monkeypatch):
    """Collects the box of each text, by picture: {id: [(left, top, right, bottom)]}, and sizes."""
    boxes, pages = collections.defaultdict(list), {}
    write = ImageDraw.ImageDraw.text

    def keep(draw, place, text, fill, font, anchor=None):
        page = draw._image
        pages[id(page)] = page  # kept, so that no other takes its id
        boxes[id(page)].append((text, draw.textbbox(place, text, font, anchor)))
        write(draw, place, text, fill, font, anchor)

    monkeypatch.setattr(ImageDraw.ImageDraw, 'text', keep)
    yield
    assert boxes
    for key, page in pages.items():
        for text, (left, top, right, bottom) in boxes[key]:
            inside = min(left, top) >= 0 and right <= page.width and bottom <= page.height
            assert inside, (text, (left, top, right, bottom), page.size)
        for (one, a), (other, b) in itertools.combinations(boxes[key], 2):
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, (one, a, other, b)


@pytest.mark.parametrize('mode', ['L', 'RGB'])
@pytest.mark.parametrize('width', [10, 700])
def test_titles_and_notes_are_wrapped(written, width, mode):
    page = pictures.titled(Image.new(mode, (width, 50)), LONG, f'{LONG}\nshort\n{LONG}')
    assert page.width >= width


@pytest.mark.parametrize('height', [20, 60, 400])
def test_names_of_rows_and_columns_are_cut_or_left_out(written, height):
    sheet = Image.new('L', (300, 3 * height))
    pictures.labelled(sheet, NAMES, [f'{number:,}' for number in range(990, 1030)])


def test_names_of_rows_that_are_low_are_small_and_apart(written):
    pictures.labelled(Image.new('L', (300, 30 * 14)), [f'{number:,}' for number in range(30)])


def test_names_of_runs_end_where_their_samples_do(written, tmp_path):
    runs = [tmp_path / (letter * 200) for letter in 'lij.']
    for run in runs:
        write_facts(run)
        write_greys(run, _000010=10)
    assert figures.compared_samples([('x', runs)], tmp_path / 'x.png')


@pytest.mark.parametrize('channels', [1, 3])
def test_the_scale_below_reconstructions_has_room_for_its_words(written, tmp_path, channels):
    x = np.zeros((2, channels, 8, 8), np.uint8)
    figures.inversions(x, x, tmp_path / 'x.png', title=LONG, note=LONG)


@pytest.mark.parametrize('side, count', [(8, 16), (28, 8), (64, 3)])
def test_sheets_are_about_a_thousand_pixels_wide_whatever_their_pictures(tmp_path, side, count):
    x = np.zeros((count, 1, side, side), np.uint8)
    figures.beside([x, x], ['a', 'b'], tmp_path / '1.png', 'title')
    figures.inversions(x, x, tmp_path / '2.png', title='t', note='n')
    for path in tmp_path.iterdir():
        with Image.open(path) as page:
            assert 800 < page.width < 1300, path


def test_sheets_of_classes_have_room_for_their_names(written, tmp_path):
    x = np.zeros((12, 1, 12, 10), np.uint8)
    figures.seeds(x, [5, 80, 10**6, 7], tmp_path / 'x.png', title=LONG, classes=NAMES)
