"""Rows of pictures beneath each other, such as samples and their nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .grids import grid, most_images, save
from .pictures import labelled, titled

WIDTH = 1000  # pixels


def beside(
    rows: Sequence[np.ndarray], names: Sequence[str], path: Path, title: str, note: str = ''
) -> Path:
    """Draw rows of pictures, each uint8 (N, C, H, W), with their names at the left.

    Returns the path of the picture. Pictures in the same column belong together.
    """
    rows = [row[: most_images(row.shape[1:]) // len(rows)] for row in rows]
    count, _, _, width = rows[0].shape
    scale = max(1, round(WIDTH / (count * width)))
    sheet = grid(np.concatenate(rows), count, scale=scale)
    return save(titled(labelled(sheet, names), title, note), path)
