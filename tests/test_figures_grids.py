"""Grids and thinned curves: nothing that was put in is lost or changed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gluongan.figures import curves, grid, save, tiles
from gluongan.runs.folder import RunError


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('count', [1, 7, 8, 11, 64])
def test_tiles_gives_back_exactly_what_grid_laid_out(tmp_path, channels, count):
    images = noise(count, channels, 7, 5)
    picture = grid(images)
    assert np.array_equal(tiles(picture, images.shape[1:]), images)
    assert np.array_equal(tiles(save(picture, tmp_path / 'grid.png'), images.shape[1:]), images)


def test_a_grid_is_as_large_as_it_says():
    assert grid(noise(64, 1, 28, 28)).size == (242, 242)
    assert grid(noise(6, 3, 28, 28), 3, scale=2).size == (184, 124)


@pytest.mark.parametrize(
    'array',
    [np.zeros((4, 1, 8, 8)), noise(4, 2, 8, 8), noise(4, 8, 8), noise(0, 1, 8, 8)],
    ids=['float64', 'two channels', 'no channels', 'no images'],
)
def test_a_grid_refuses_what_is_not_images(array):
    with pytest.raises(ValueError, match='must be uint8'):
        grid(array)


def test_tiles_refuses_a_picture_of_another_size_or_kind(tmp_path):
    path = save(grid(noise(9, 1, 8, 8)), tmp_path / 'other.png')
    for shape in [(1, 7, 8), (3, 8, 8)]:
        with pytest.raises(RunError, match=r'other\.png'):
            tiles(path, shape)


def test_saving_leaves_the_old_file_whole_when_it_fails(tmp_path):
    path = save(grid(noise(4, 1, 8, 8)), tmp_path / 'new' / 'grid.png')
    before = path.read_bytes()
    with pytest.raises(OSError):
        save(Image.new('CMYK', (4, 4)), path)  # a mode that PNG does not have
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize('count', [1, 2000, 2001, 3007, 50_000])
def test_thinning_keeps_every_extreme_and_the_mean(count):
    y = np.random.default_rng(1).standard_cauchy(count)
    line = curves.thin(np.arange(count), y)
    assert line.high.max() == y.max()
    assert line.low.min() == y.min()
    assert len(line.x) <= 2000
    assert (line.each == 1) == (count <= 2000)
    assert line.mean[0] == pytest.approx(y[: line.each].mean())


def test_values_that_are_not_finite_become_gaps_and_are_counted():
    y = np.ones(4000)
    y[:8], y[100], y[200] = np.nan, np.inf, -np.inf
    line = curves.thin(np.arange(4000), y)
    assert np.isnan(line.mean[:2]).all()
    assert np.nanmax(line.high) == 1
    assert line.lost == 10
