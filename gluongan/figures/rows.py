"""Rows of pictures beneath each other, such as samples and their nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .grids import enlarged_to, grid, most_images, save
from .pictures import labelled, titled

WIDTH = 1000  # pixels


def beside(
    rows: Sequence[np.ndarray],
    names: Sequence[str],
    path: Path,
    title: str,
    note: str = '',
    columns: Sequence[str] = (),
) -> Path:
    """Draw rows of pictures, each uint8 (N, C, H, W), with their names at the left.

    Returns the path of the picture. Pictures in the same column belong together; columns: what
    stands above each.
    """
    rows = [row[: most_images(row.shape[1:]) // len(rows)] for row in rows]
    sheet = enlarged_to(grid(np.concatenate(rows), len(rows[0])), WIDTH)
    return save(titled(labelled(sheet, names, columns[: len(rows[0])]), title, note), path)
