"""Figures of inverted images: originals, reconstructions, differences, and walks between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .grids import SEPARATOR, enlarged_to, grid, save
from .pictures import labelled, titled

COLS = 16
WIDTH = 1000  # pixels
LABELS = ['original', 'reconstruction', 'difference']


def inversions(
    x: np.ndarray, reconstructions: np.ndarray, path: Path, *, title: str, note: str
) -> Path:
    """Draw images above their reconstructions and the differences, and return the picture's path.

    x, reconstructions: both uint8 (N, C, H, W).
    """
    difference = np.abs(x.astype(np.int16) - reconstructions).astype(np.uint8)
    cols = min(COLS, len(x))
    rows, names = [], []
    for start in range(0, len(x), cols):
        for images in (x, reconstructions, difference):
            rows.append(_filled(images[start : start + cols], cols))
        names += LABELS
    return _save_sheet(np.concatenate(rows), names, path, title, note)


def walks(rows: list[np.ndarray], path: Path, *, title: str, note: str) -> Path:
    """Draw walks, each uint8 (steps, C, H, W), as rows, and return the picture's path."""
    names = [f'{number} to {number + 1}' for number in range(1, len(rows) + 1)]
    return _save_sheet(np.concatenate(rows), names, path, title, note)


def _filled(images: np.ndarray, cols: int) -> np.ndarray:
    """Return a row of images with empty tiles up to `cols`."""
    empty = np.full((cols - len(images), *images.shape[1:]), SEPARATOR, np.uint8)
    return np.concatenate([images, empty])


def _save_sheet(images: np.ndarray, names: list[str], path: Path, title: str, note: str) -> Path:
    sheet = enlarged_to(grid(images, len(images) // len(names)), WIDTH)
    return save(titled(labelled(sheet, names), title, note), path)
