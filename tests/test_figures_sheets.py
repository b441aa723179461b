"""Sheets of seeds, classes and walks: each image at its place, under what names it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image
from test_figures_content import grey, read_pixels, write_facts, write_greys

from gluongan import figures
from gluongan.figures import FIGURES, grids, pictures, text

SHAPE = (1, 12, 10)


def count_of_sheet(page, sheet):
    """Return how often a grid is found, pixel by pixel, at the bottom of a page."""
    page, sheet = np.asarray(page), np.asarray(sheet)
    bottom = page[-pictures.MARGIN - sheet.shape[0] : -pictures.MARGIN]
    places = range(page.shape[1] - sheet.shape[1] + 1)
    return sum(np.array_equal(bottom[:, x : x + sheet.shape[1]], sheet) for x in places)


def greys(count):
    """Images of which each has a grey of its own."""
    return np.concatenate([grey(120 + number, 1) for number in range(count)])


def places_of(path, count):
    """Return the (x, y) of the middle of each of the greys in a picture."""
    sheet = read_pixels(path)
    found = []
    for number in range(count):
        mask = sheet == 120 + number
        even = mask[:, :-9] & mask[:, 9:] & mask[:, 4:-5]  # the edges of letters are grey, too
        rows, cols = np.nonzero(even)
        assert len(rows) > 60, f'image {number} is missing'
        found.append((np.median(cols) + 4.5, np.median(rows)))
    return np.array(found)


def test_a_sheet_of_seeds_names_the_seeds_of_each_row(tmp_path, texts):
    path = figures.seeds(greys(7), [3, 4, 5, 9, 1, 7, 8], tmp_path / 'x.png', title='t', cols=3)
    names = {each: (x, y) for each, x, y in texts}
    places = places_of(path, 7)
    for first, name in ((0, '3-5'), (3, '9, 1, 7'), (6, '8')):
        x, y = places[first]
        left, middle = names[name]
        assert left < x and abs(middle + pictures.MARGIN + 42 - y) < 20
    assert (np.diff(places[:3, 0]) > 0).all() and (places[:3, 1] == places[0, 1]).all()


def place_on_page(texts, name):
    """Return where a text stands in its own part of the page, which is pasted later."""
    return next((x, y) for each, x, y in texts if each == name)


def test_each_class_has_a_row_and_each_seed_a_column(tmp_path, texts):
    path = figures.seeds(
        greys(6), [5, 80], tmp_path / 'x.png', title='t', classes=['cat', '猫', 'dog']
    )
    places = places_of(path, 6).reshape(3, 2, 2)
    assert (places[:, 0, 0] < places[:, 1, 0]).all()
    assert (np.ptp(places[..., 1], axis=1) == 0).all() and (np.diff(places[:, 0, 1]) > 0).all()
    left, top = pictures.MARGIN, places[0, 0, 1] - place_on_page(texts, 'cat')[1]
    for row, name in enumerate(['cat', '#1', 'dog']):
        assert abs(place_on_page(texts, name)[1] + top - places[row, 0, 1]) <= 8
    for col, name in enumerate(['5', '80']):
        assert abs(place_on_page(texts, name)[0] + left - places[0, col, 0]) <= 5


@pytest.mark.parametrize('classes, seeds', [(2, 64), (10, 40), (100, 1), (64, 2)])
def test_no_sheet_of_classes_is_too_wide_and_every_image_is_there(tmp_path, classes, seeds):
    images = np.random.default_rng(0).integers(0, 200, (classes * seeds, 1, 8, 8), dtype=np.uint8)
    names = [f'class {number}' for number in range(classes)]
    path = figures.seeds(images, range(seeds), tmp_path / 'x.png', title='t', classes=names)
    sheet = read_pixels(path)
    assert sheet.shape[1] <= 1200 and sheet.shape[0] <= 4 * 1000
    scale = 7  # 56 pixels of 8
    for image in images[:: max(1, len(images) // 7)]:
        first = np.repeat(image[0, 0], scale)
        rows = np.flatnonzero([first.tobytes() in row.tobytes() for row in sheet.astype('u1')])
        assert len(rows) == scale


def test_a_long_walk_goes_on_below_with_the_part_of_the_way(tmp_path, texts):
    path = figures.walks([greys(31)], tmp_path / 'x.png', title='t', note='n', names=['3 to 5'])
    places = places_of(path, 31)
    rows = np.unique(places[:, 1])
    assert (
        len(rows) == 2 and (places[:16, 1] == rows[0]).all() and (places[16:, 1] == rows[1]).all()
    )
    assert read_pixels(path).shape[1] < 1300
    assert place_on_page(texts, '3 to 5: 0.00 to 0.50')
    assert place_on_page(texts, '3 to 5: 0.53 to 1.00')


def test_a_walk_shows_the_part_of_the_way_above_each_column(tmp_path, texts):
    path = figures.walks([greys(5)], tmp_path / 'x.png', title='t', note='n', names=['3 to 5'])
    places = places_of(path, 5)
    for place, name in zip(places, ('0.00', '0.25', '0.50', '0.75', '1.00')):
        assert abs(place_on_page(texts, name)[0] + pictures.MARGIN - place[0]) <= 5
    assert place_on_page(texts, '3 to 5')


@pytest.mark.parametrize('width', [8, 300])
def test_names_above_columns_never_touch(texts, width):
    sheet = Image.new('L', (16 * width, 40), 200)
    pictures.labelled(sheet, ['x'], [str(10**6 + number) for number in range(16)])
    heads = [(each, x) for each, x, _ in texts if each != 'x']
    assert heads[0][0] == '1000000' and (width < 100 or len(heads) == 16)
    for (name, x), (_, after) in zip(heads, heads[1:]):
        assert x + text.text_width(name, pictures.SMALL) < after


def test_gaps_and_empty_places_are_white_and_told_from_white_images():
    images = np.concatenate([grey(255, 1), grey(0, 1), grey(255, 3)])
    sheet = np.asarray(figures.grid(images, 3))
    assert (sheet[:2] == 255).all() and (sheet[:, :2] == 255).all()
    assert (sheet[-14:, -12:] >= 254).all()
    assert len(figures.tiles(Image.fromarray(sheet), SHAPE)) == 5


def test_the_grey_gaps_of_older_sheets_are_still_read():
    images = grey(255, 5)
    sheet = np.array(figures.grid(images, 3))
    mask = np.asarray(figures.grid(grey(0, 5), 3)) >= 254
    sheet[mask] = 96
    np.testing.assert_array_equal(figures.tiles(Image.fromarray(sheet), SHAPE), images)


def test_the_rows_of_a_conditional_run_have_the_names_of_their_classes(tmp_path, texts):
    run = tmp_path / 'run'
    write_facts(run, classes=['cat', '猫'])
    (run / 'samples').mkdir()
    for name, level in (('reals', 200), ('samples/000010', 50)):
        figures.save(figures.grid(grey(level, 24), 12), run / f'{name}.png')
    FIGURES['samples'](run)
    assert 'cat' not in [each for each, *_ in texts]
    (run / 'config.json').write_text('{"conditional": true}')
    sheet = read_pixels(FIGURES['samples'](run))
    names = [each for each, *_ in texts]
    assert 'cat' in names and '#1' in names
    assert len(np.unique(np.flatnonzero((sheet == 50).any(axis=1)) // 30)) <= 5  # two rows


def test_real_and_generated_pictures_have_pixels_of_one_size(tmp_path):
    run = tmp_path / 'run'
    write_facts(run)
    write_greys(run, _000010=50)
    figures.save(figures.grid(grey(200, 3)), run / 'reals.png')
    sheet = read_pixels(FIGURES['samples'](run))
    assert (sheet == 200).sum() * 64 == pytest.approx((sheet == 50).sum() * 3, rel=0.01)
    assert max(sheet.shape) < 1000


@pytest.mark.parametrize('channels, words', [(1, 'each pixel:'), (3, 'each pixel and colour:')])
def test_differences_have_a_scale_from_black_to_white(tmp_path, texts, channels, words):
    x = grey(120, 2, (channels, 12, 10))
    path = figures.inversions(x, x, tmp_path / 'x.png', title='t', note='n')
    before, after = (each for each, *_ in texts if 'equal' in each or 'black against' in each)
    assert words in before and before.endswith('0, equal') and after.startswith('1')
    with Image.open(path) as image:
        sheet = np.asarray(image.convert('L')).astype(int)
    ramps = [row for row in sheet if len(np.unique(row)) > 140]
    assert len(ramps) == 14
    values = ramps[0][np.flatnonzero(ramps[0] == 0)[-1] :]
    assert (np.diff(values[:160]) >= 0).all() and values[159] == 255


@pytest.mark.parametrize('name', ['猫', 'שלום', 'قط', '\t', '\N{CAT}', 'ab猫'])
def test_what_no_glyph_can_show_becomes_a_number_or_an_escape(name):
    assert text.class_labels(['x', name]) == ['x', '#1']
    shown = text.drawable(name)
    assert '\\' in shown and text.is_drawable(shown)


@pytest.mark.parametrize('name', ['Katze', 'кошка', 'γάτα', 'ñandú', 'a$b_c', '0'])
def test_names_in_letters_of_the_typeface_stay(name):
    assert text.class_labels([name]) == [name] and text.drawable(name) == name


@pytest.mark.parametrize('width', [40, 100, 300])
def test_texts_fit_the_width_that_they_are_cut_to(width):
    words = 'runs/00017-a-run-with-a-very-long-name and some more words of a heading'
    for line in [text.shortened(words, 13, width), *text.wrapped(words, 13, width, 2)]:
        assert text.text_width(line, 13) <= width
    cut = text.shortened('start-' + 'x' * 200 + '-end', 13, 150)
    assert cut.startswith('start-') and cut.endswith('-end')


@pytest.mark.parametrize('width', [60, 95, 120, 140])
@pytest.mark.parametrize('words', ['⟶' * 10, 'abcdefghijklmnopqrstuvwxyz'])
def test_a_text_that_is_cut_keeps_all_that_fits(words, width):
    cut = text.shortened(words, 10, width)
    ends = [(-(-kept // 2), kept // 2) for kept in range(1, len(words))]
    all_cuts = [words[:first] + '…' + words[len(words) - last :] for first, last in ends]
    assert cut == [each for each in all_cuts if text.text_width(each, 10) <= width][-1]


def test_no_picture_warns_of_missing_glyphs(tmp_path):
    run = tmp_path / 'run'
    write_facts(run, data='猫$_x')
    rows = '\n'.join(f'{number},1,1,0.5,0.5' for number in range(3))
    (run / 'batches.csv').write_text(f'iteration,dis/loss,gen/loss,dis/real,dis/fake\n{rows}\n')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        FIGURES['losses'](run)
        figures.cloud(np.zeros((3, 2)), tmp_path / 'x.png', '猫 $x$')


@pytest.mark.parametrize('size', [(20, 10), (10, 20), (700, 30)])
def test_a_fitted_picture_keeps_its_shape_within_the_box(size):
    width, height = grids.fitted(Image.new('L', size, 9), 100, 100).size
    assert max(width, height) == 100
    assert abs(width / height - size[0] / size[1]) <= 0.6 * size[0] / size[1]
