"""What a generator makes of images that it did not make: original, reconstruction, difference, and walks between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .grids import SEPARATOR, enlarged, grid, save
from .pictures import labelled, titled

COLS, WIDE = 16, 1000


def inversions(x: np.ndarray, made: np.ndarray, path: Path, *, title: str, note: str) -> Path:
    """Draw images x and their reconstructions, both uint8 (N, C, H, W), under each other with what is between them."""
    apart = np.abs(x.astype(np.int16) - made).astype(np.uint8)
    cols = min(COLS, len(x))
    blocks = [
        part
        for at in range(0, len(x), cols)
        for part in (x[at : at + cols], made[at : at + cols], apart[at : at + cols])
    ]
    rows = [_filled(part, cols) for part in blocks]
    return _sheet(
        np.concatenate(rows),
        ['original', 'reconstruction', 'difference'] * (len(rows) // 3),
        path,
        title,
        note,
    )


def walks(rows: list[np.ndarray], path: Path, *, title: str, note: str) -> Path:
    """Draw walks, each uint8 (steps, C, H, W), as rows."""
    return _sheet(
        np.concatenate(rows), [f'{i + 1} to {i + 2}' for i in range(len(rows))], path, title, note
    )


def _filled(images: np.ndarray, cols: int) -> np.ndarray:
    empty = np.full((cols - len(images), *images.shape[1:]), SEPARATOR, np.uint8)
    return np.concatenate([images, empty])


def _sheet(images: np.ndarray, names: list[str], path: Path, title: str, note: str) -> Path:
    sheet = grid(images, len(images) // len(names))
    sheet = labelled(enlarged(sheet, max(1, round(WIDE / sheet.width))), names)
    return save(titled(sheet, title, note), path)
