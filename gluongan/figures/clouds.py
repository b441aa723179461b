"""Figures of points in the plane: those of the data and the generated ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from ..errors import reason
from ..files import read_npy
from ..runs.folder import RunError, figure_path
from ..runs.reading import Facts, reals_file
from . import curves
from .grids import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = 480  # pixels on each side of a frame of the clip
DOT = 3  # pixels on each side of a point in it
BORDER, GREY = 2, 96
PALE_BLUE = (166, 203, 226)  # a pale tone of curves.REAL
ORANGE = (213, 94, 0)  # curves.FAKE


class Window(NamedTuple):
    """A square of the plane: its centre (2,), and half of its side."""

    centre: np.ndarray
    half: float


def load(path: Path) -> np.ndarray:
    """Return the finite points in a `.npy` file, float (N, 2). Raises RunError for other files."""
    try:
        if not path.is_file():  # a named pipe would wait for ever
            raise ValueError('is not a regular file')
        with open(path, 'rb') as stream:
            points = read_npy(stream, path.stat().st_size)
    except (OSError, ValueError) as error:
        raise RunError(f'{path}: cannot be read as a NumPy array ({reason(error)})') from error
    if points.ndim != 2 or points.shape[1] != 2 or points.dtype.kind != 'f':
        raise RunError(f'{path}: holds {points.dtype} {points.shape}; must be points, float (N, 2)')
    return points[np.isfinite(points).all(axis=1)]


def window(points: np.ndarray) -> Window:
    """Return a square that shows all the points, with a margin of a quarter of their range."""
    if not len(points):
        return Window(np.zeros(2), 1.0)
    low, high = points.min(axis=0), points.max(axis=0)
    half = float((high - low).max()) * 0.625
    return Window((low + high) / 2, half or 1.0)


def samples(run: Path, facts: Facts, iteration: int, newest: Path) -> Path | None:
    """Draw `figures/samples.png`: the data's points beside the newest samples, on equal axes."""
    reals_path = reals_file(run, facts)
    if reals_path is None:
        return None
    reals, fakes = load(reals_path), load(newest)
    view = window(reals)
    figure, panels = curves.page(f'{facts.about}, iteration {iteration:,}', cols=2, height=3.7)
    panel(panels[0], reals, curves.REAL, f'real: {len(reals):,} points', view)
    panel(panels[1], fakes, curves.FAKE, f'generated: {len(fakes):,} points', view)
    return save(figure, figure_path(run, 'samples'))


def cloud(points: np.ndarray, path: Path, title: str) -> Path:
    """Draw points (N, 2) of the plane as a picture, and return its path."""
    figure, (axes,) = curves.page(title, height=6.4)
    panel(axes, points, curves.FAKE, f'{len(points):,} points', window(points))
    return save(figure, path)


def panel(axes: Axes, points: np.ndarray, colour: str, label: str, view: Window) -> None:
    """Draw points as dots on axes that show `view`; the label says how many lie outside of it."""
    (x, y), half = view
    size = min(8, max(3, 8 - math.log2(1 + len(points) / 100)))  # few points are larger
    axes.plot(*points.T, '.', color=colour, markersize=size, alpha=0.5, markeredgewidth=0)
    outside = int((np.abs(points - view[0]) > half).any(axis=1).sum())
    if outside:
        label += f', {outside:,} outside the frame'
    curves.subtitle(axes, label)
    axes.set(xlim=(x - half, x + half), ylim=(y - half, y + half))
    axes.set(xlabel='x', ylabel='y', aspect='equal')


def painter(run: Path, facts: Facts, *, newest: Path) -> Callable[[Path], Image.Image]:
    """Return a function from a file of points to a frame, always with the same axes.

    The generated points are orange, on the data's in pale blue. newest: sets the axes where the run
    has no file of real points.
    """
    reals_path = reals_file(run, facts)
    reals = np.empty((0, 2)) if reals_path is None else load(reals_path)
    centre, half = window(reals if len(reals) else load(newest))
    background = np.full((SIZE, SIZE, 3), GREY, np.uint8)
    background[BORDER:-BORDER, BORDER:-BORDER] = 255
    _draw_dots(background, (reals - centre) / half, PALE_BLUE)

    def paint(path: Path) -> Image.Image:
        frame = background.copy()
        _draw_dots(frame, (load(path) - centre) / half, ORANGE)
        return Image.fromarray(frame)

    return paint


def _draw_dots(frame: np.ndarray, points: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Draw the points that lie in [-1, 1] × [-1, 1], which is the whole frame."""
    inside = points[(np.abs(points) < 1).all(axis=1)]
    upward = inside * (1, -1)
    col, row = ((upward + 1) / 2 * (SIZE - DOT)).astype(int).T
    for down in range(DOT):
        for right in range(DOT):
            frame[row + down, col + right] = colour
