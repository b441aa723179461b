"""Two rows of pictures, one beneath the other: what belongs together stands together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .grids import grid, save
from .pictures import labelled, titled

SCALE_TO = 1000  # pixels across


def beside(
    rows: Sequence[np.ndarray], names: Sequence[str], path: Path, title: str, note: str = ''
) -> Path:
    """Rows of pictures, uint8 (N, C, H, W) each, with their names at the left, as one picture."""
    count, _, _, width = rows[0].shape
    sheet = grid(np.concatenate(rows), count, scale=max(1, round(SCALE_TO / (count * width))))
    return save(titled(labelled(sheet, names), title, note), path)
