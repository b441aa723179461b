"""Figures of points in the plane: the data's cloud and the generator's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ..runs import reading as folder
from ..runs.folder import FIGURES_FOLDER
from . import curves
from .grids import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = 480  # pixels on each side of a frame of the clip
DOT = 3  # pixels on each side of a point in it


def load(path: Path) -> np.ndarray:
    """The points in a `.npy` file, float (N, 2), those that are not finite left out; RunError for anything else."""
    try:
        points = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise folder.RunError(f'{path} is not a NumPy array that can be read: {error}') from error
    if points.ndim != 2 or points.shape[1] != 2 or points.dtype.kind != 'f':
        raise folder.RunError(
            f'{path} holds {points.dtype} {points.shape}; points are float (N, 2)'
        )
    return points[np.isfinite(points).all(axis=1)]


def window(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (2,) and half side of a square that shows all the points with a quarter to spare."""
    if not len(points):
        return np.zeros(2), 1.0
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, float((high - low).max()) * 0.625 or 1.0


def samples(run: Path, facts: folder.Facts, iteration: int, newest: Path) -> Path | None:
    """The data's points beside the generator's newest, on the same axes: `figures/samples.png`."""
    if not (run / 'reals.npy').is_file():
        return None
    clouds = load(run / 'reals.npy'), load(newest)
    figure, panels = curves.page(f'{facts.about}, iteration {iteration:,}', cols=2, height=4.7)
    for axes, points, colour, label in zip(
        panels, clouds, (curves.REAL, curves.FAKE), ('originals', 'generated')
    ):
        panel(axes, points, colour, f'{label}: {len(points):,} points', window(clouds[0]))
    return save(figure, run / FIGURES_FOLDER / 'samples.png')


def cloud(points: np.ndarray, path: Path, title: str) -> Path:
    """Points (N, 2) of the plane as a picture."""
    figure, (axes,) = curves.page(title, height=8)
    panel(axes, points, curves.FAKE, f'{len(points):,} points', window(points))
    return save(figure, path)


def panel(
    axes: Axes, points: np.ndarray, colour: str, label: str, view: tuple[np.ndarray, float]
) -> None:
    """Points as dots on axes that show `view`, a square's centre and half side; the label tells how many lie outside."""
    (x, y), half = view
    axes.plot(*points.T, '.', color=colour, markersize=3, alpha=0.5, markeredgewidth=0)
    outside = int((np.abs(points - view[0]) > half).any(axis=1).sum())
    curves.subtitle(
        axes, label + (f', {outside:,} of them outside' if outside else ''), legend=False
    )
    axes.set(
        xlim=(x - half, x + half), ylim=(y - half, y + half), xlabel='x', ylabel='y', aspect='equal'
    )


def painter(run: Path, newest: Path) -> Callable[[Path], Image.Image]:
    """A function from a file of points to a frame: generated points in orange on the data's, with limits that stay."""
    reals = load(run / 'reals.npy') if (run / 'reals.npy').is_file() else np.empty((0, 2))
    centre, half = window(reals if len(reals) else load(newest))
    paper = np.full((SIZE, SIZE, 3), 255, np.uint8)
    paper[:2] = paper[-2:] = paper[:, :2] = paper[:, -2:] = 96
    _dots(
        paper, (reals - centre) / half, (166, 203, 226)
    )  # a pale tone of the blue that real has in every figure

    def paint(path: Path) -> Image.Image:
        frame = paper.copy()
        _dots(frame, (load(path) - centre) / half, (213, 94, 0))
        return Image.fromarray(frame)

    return paint


def _dots(frame: np.ndarray, points: np.ndarray, colour: tuple[int, int, int]) -> None:
    inside = points[(np.abs(points) < 1).all(axis=1)]
    col, row = ((inside * (1, -1) + 1) / 2 * (SIZE - DOT)).astype(int).T
    for down in range(DOT):
        for right in range(DOT):
            frame[row + down, col + right] = colour
