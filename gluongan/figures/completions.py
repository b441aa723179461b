"""Figures of completed pictures: what was given, what was found, and what it was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .grids import enlarged_to, grid, most_images, save
from .inversions import COLS, WIDTH
from .pictures import labelled, titled
from .sheets import filled

HOLE = (230, 0, 150)  # red, green, blue of missing pixels


def completions(rows: Mapping[str, np.ndarray], path: Path, *, title: str, note: str) -> Path:
    """Draw pictures, uint8 (N, C, H, W) by the name of their row, and return the file's path.

    The first that have room are drawn.
    """
    shape = next(iter(rows.values())).shape[1:]
    rows = {name: x[: most_images(shape) // len(rows)] for name, x in rows.items()}
    rows = {name: np.broadcast_to(x, (len(x), 3, *x.shape[2:])) for name, x in rows.items()}
    count = len(next(iter(rows.values())))
    cols = min(COLS, count)
    images, names = [], []
    for start in range(0, count, cols):
        images += [filled(x[start : start + cols], cols) for x in rows.values()]
        names += rows
    sheet = labelled(enlarged_to(grid(np.concatenate(images), cols), WIDTH), names)
    return save(titled(sheet, title, note), path)


def with_hole(x: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return pictures (N, C, H, W), uint8, in colour, with their missing pixels in one colour.

    known: bool (H, W).

    >>> with_hole(np.zeros((1, 1, 1, 2), np.uint8), np.array([[True, False]]))[0, :, 0].tolist()
    [[0, 230], [0, 0], [0, 150]]
    """
    colour = np.array(HOLE, np.uint8)[:, None, None]
    return np.where(known, x, colour)
