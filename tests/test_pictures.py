"""Pictures come out as Pillow itself decodes them, whatever their format, mode and aspect."""

from __future__ import annotations

import json
from importlib import import_module

import numpy as np
import pytest
import tiny
from PIL import Image, ImageOps
from refusals import refused

from gluongan.build import load_data
from gluongan.config import Config
from gluongan.data import DataError, load
from gluongan.data.decoding import FITS, Target, read_picture
from gluongan.data.description import describe
from gluongan.evaluation import source_kinds

invert = import_module('gluongan.cli.invert')

RANDOM = np.random.RandomState(0)
GREY = RANDOM.randint(0, 256, (8, 8)).astype(np.uint8)
COLOUR = RANDOM.randint(0, 256, (8, 8, 4)).astype(np.uint8)
WIDE = Image.fromarray(np.repeat(COLOUR[..., :3], 2, axis=1))


def read(tmp_path, image, name='a.png', target=None, **options):
    """The pixels (H, W, C) of an image of 8 × 8 pixels that was saved and read."""
    image.save(tmp_path / name, **options)
    return read_picture(tmp_path / name, target or Target(8, 3)).transpose(1, 2, 0)


def on(background, image):
    """What Pillow shows of a picture before a background."""
    image = image.convert('RGBA')
    behind = Image.new('RGBA', image.size, background)
    return np.asarray(Image.alpha_composite(behind, image).convert('RGB'))


# Formats and modes, without resizing


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('name', ['a.png', 'a.tif', 'a.webp', 'a.jpg'])
def test_each_orientation_is_turned_as_pillow_turns_it(tmp_path, orientation, name):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(COLOUR[..., :3])
    options = {'lossless': True} if name == 'a.webp' else {}
    pixels = read(tmp_path, image, name, exif=exif, **options)
    with Image.open(tmp_path / name) as stored:
        assert np.array_equal(pixels, np.asarray(ImageOps.exif_transpose(stored).convert('RGB')))
    if name != 'a.jpg':
        turned = {1: COLOUR, 3: COLOUR[::-1, ::-1], 6: np.rot90(COLOUR, -1)}
        if orientation in turned:
            assert np.array_equal(pixels, turned[orientation][..., :3])


@pytest.mark.parametrize('background', ['black', 'white', '#ff8000'])
@pytest.mark.parametrize('name', ['a.png', 'a.tif', 'a.webp'])
def test_transparent_pixels_are_put_on_the_background(tmp_path, background, name):
    options = {'lossless': True, 'exact': True} if name == 'a.webp' else {}
    image = Image.fromarray(COLOUR)
    pixels = read(tmp_path, image, name, Target(8, 3, background=background), **options)
    assert np.array_equal(pixels, on(background, image))
    assert not np.array_equal(pixels, COLOUR[..., :3])


@pytest.mark.parametrize('name', ['a.png', 'a.gif'])
@pytest.mark.parametrize('transparency', [None, 3, 'each'])
def test_palettes_have_their_colours_and_their_transparency(tmp_path, name, transparency):
    image = Image.fromarray(GREY % 16)
    image.putpalette(RANDOM.randint(0, 256, 48).tolist())
    options = {} if transparency is None else {'transparency': transparency}
    if transparency == 'each':
        if name == 'a.gif':
            return
        options = {'transparency': bytes(range(0, 256, 16))}
    pixels = read(tmp_path, image, name, Target(8, 3, background='white'), **options)
    with Image.open(tmp_path / name) as stored:
        assert np.array_equal(pixels, on('white', stored))
    is_opaque = np.array_equal(pixels, np.asarray(image.convert('RGB')))
    assert is_opaque == (transparency is None)


@pytest.mark.parametrize('name', ['a.png', 'a.tif'])
def test_sixteen_bits_of_grey_keep_their_high_byte(tmp_path, name):
    values = RANDOM.randint(0, 2**16, (8, 8)).astype(np.uint16)
    pixels = read(tmp_path, Image.fromarray(values), name, Target(8, 1))
    assert np.array_equal(pixels[..., 0], values // 256)


def test_floats_and_32_bits_are_read_in_range_and_refused_beyond(tmp_path):
    values = RANDOM.rand(8, 8).astype(np.float32)
    pixels = read(tmp_path, Image.fromarray(values), 'a.tif', Target(8, 1))
    assert np.array_equal(pixels[..., 0], np.rint(values * 255))
    for bad in (values * 2, values - 0.5, values * np.nan, np.int32(values * 1e6)):
        Image.fromarray(bad).save(tmp_path / 'a.tif')
        refused(tmp_path, 'a.tif: has grey values from', 'or floats from 0 to 1')


def test_a_grey_of_16_bits_may_be_transparent(tmp_path):
    values = np.full((8, 8), 0x4000, np.uint16)
    values[:4] = 0x8000
    image = Image.fromarray(values)
    pixels = read(tmp_path, image, target=Target(8, 1, background='white'), transparency=0x8000)
    assert (pixels[:4] == 255).all() and (pixels[4:] == 0x40).all()


@pytest.mark.parametrize('name', ['a.jpg', 'a.tif'])
def test_cmyk_is_converted_as_pillow_converts_it(tmp_path, name):
    pixels = read(tmp_path, Image.fromarray(COLOUR, 'CMYK'), name)
    with Image.open(tmp_path / name) as stored:
        assert stored.mode == 'CMYK'
        assert np.array_equal(pixels, np.asarray(stored.convert('RGB')))


# Files with several frames


FRAMES = [Image.new('RGB', (8, 8), colour) for colour in ('red', 'lime', 'blue')]


@pytest.fixture(params=['gif', 'tif', 'webp', 'png'])
def animated(request, tmp_path):
    """A folder with a still picture and an animation, in two classes."""
    for name in ('cat', 'dog'):
        (tmp_path / name).mkdir()
    Image.new('RGB', (8, 8), 'white').save(tmp_path / 'cat' / '0.png')
    options = {'lossless': True} if request.param == 'webp' else {}
    path = tmp_path / 'dog' / f'1.{request.param}'
    FRAMES[0].save(path, save_all=True, append_images=FRAMES[1:], **options)
    return tmp_path


def test_the_first_frame_stands_for_its_file_and_that_is_said(animated):
    data = load(animated)
    assert data.samples[:, :, 0, 0].tolist() == [[255] * 3, [255, 0, 0]]
    assert '; of 1 file with several frames the first alone; ' in describe(data)


def test_all_frames_are_pictures_of_the_class_where_that_is_asked_for(animated):
    data = load(animated, frames='all')
    assert data.samples[1:, :, 0, 0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert data.labels.tolist() == [0, 1, 1, 1]
    assert '; 3 pictures from files with several frames; ' in describe(data)


def test_too_many_frames_are_refused(animated, monkeypatch):
    monkeypatch.setattr('gluongan.data.decoding.MAX_FRAMES', 2)
    refused(animated, 'has 3 frames', 'must be at most 2', frames='all')
    assert len(load(animated)) == 2


# Aspects


@pytest.mark.parametrize('fit', FITS)
def test_another_aspect_becomes_square_as_pillow_does_it(tmp_path, fit):
    square, image = (16, 16), WIDE.resize((40, 20))
    expected = {
        'crop': ImageOps.fit(image, square, Image.LANCZOS),
        'pad': ImageOps.pad(image, square, Image.LANCZOS, color='#ff8000'),
        'stretch': image.resize(square, Image.LANCZOS),
    }
    target = Target(16, 3, fit, '#ff8000')
    assert np.array_equal(read(tmp_path, image, target=target), np.asarray(expected[fit]))


def test_the_margins_of_grey_and_of_transparent_pictures_are_the_background(tmp_path):
    for mode, colour in (('L', 7), ('RGB', (7, 7, 7)), ('RGBA', (9, 9, 9, 0))):
        for background, shown in (('white', (255,) * 3), ('#ff8000', (255, 128, 0))):
            target = Target(8, 3, 'pad', background)
            pixels = read(tmp_path, Image.new(mode, (20, 10), colour), target=target)
            assert (pixels[:2] == shown).all() and (pixels[6:] == shown).all(), mode
            inside = shown if mode == 'RGBA' else (7, 7, 7)
            assert (pixels[2:6] == inside).all()


@pytest.mark.parametrize(
    'fit, way', [('crop', 'by centre crop'), ('pad', 'with margins'), ('stretch', 'by stretching')]
)
def test_the_line_says_how_pictures_became_square(tmp_path, fit, way):
    WIDE.save(tmp_path / 'a.png')
    assert f'8 × 8 colour, from 16 × 8 {way};' in describe(load(tmp_path, fit=fit))


def test_a_picture_may_have_128_pixels_and_more(tmp_path):
    WIDE.resize((300, 150)).save(tmp_path / 'a.png')
    assert load(tmp_path, image_size=128, fit='pad').shape == (3, 128, 128)


# Settings


def test_settings_of_pictures_reach_them_from_a_config(tmp_path):
    image = Image.fromarray(np.repeat(COLOUR, 2, axis=1))
    image.save(tmp_path / 'a.gif', save_all=True, append_images=[WIDE])
    image.save(tmp_path / 'b.png')
    base = {'data': str(tmp_path), 'image_size': 8}
    plain = load_data(Config(**base)).samples
    for change in ({'fit': 'pad'}, {'fit': 'stretch'}, {'background': 'red'}, {'frames': 'all'}):
        changed = load_data(Config(**base, **change)).samples
        assert changed.shape != plain.shape or not np.array_equal(changed, plain), change


@pytest.mark.parametrize(
    'options, message',
    [
        ({'fit': 'squeeze'}, 'fit squeeze: must be crop, pad or stretch'),
        ({'frames': 'last'}, 'frames last: must be first or all'),
        ({'background': 'nocolour'}, 'background nocolour: is not a colour; must be a name'),
    ],
)
def test_wrong_settings_of_pictures_are_refused(tmp_path, options, message):
    WIDE.save(tmp_path / 'a.png')
    with pytest.raises(DataError, match=message):
        load(tmp_path, **options)
    (name,) = options
    with pytest.raises(
        DataError, match=f'{name} .*does not apply to mnist; must be left out|must be'
    ):
        load('mnist', **options)


def test_pictures_for_a_run_are_read_as_those_of_its_data(tmp_path, monkeypatch):
    data, run, given = tmp_path / 'data', tmp_path / 'run', []
    data.mkdir()
    for number in range(4):
        Image.fromarray(np.roll(COLOUR, number, 0)).resize((20, 10)).save(data / f'{number}.png')
    config = tiny.tiny(data=str(data), fit='pad', background='white', channels=3)
    run.mkdir()
    (run / 'config.json').write_text(json.dumps(config.to_dict()))
    monkeypatch.setattr(
        source_kinds, '_chosen', lambda path, pictures, *_: given.append(pictures.samples)
    )
    dataset = load_data(config)
    source_kinds._read_pictures(data, dataset, source_kinds.Request(4, resize=True))
    given.append(invert._read_images(run, data, (3, 8, 8), True) * 255)
    one = invert._read_images(run, data / '0.png', (3, 8, 8), True) * 255
    for samples in given:
        assert np.array_equal(np.rint(samples), dataset.samples)
    assert np.array_equal(np.rint(one), dataset.samples[:1])
    assert (dataset.samples[:, :, 0] == 255).all()
