"""Files and arrays in, pictures out.

Every figure of a run can be drawn again from its folder, without MXNet:

    from gluongan.figures import FIGURES, draw_all
    draw_all('runs/00000-dense-mnist')                 # everything that the folder has files for
    FIGURES['losses'](Path('runs/00000-dense-mnist'))  # one figure; None without its files
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..runs import reading
from ..runs.folder import CLIP, RunError
from . import adaptive, clips, curves, pictures
from .clips import walk
from .clouds import cloud
from .comparison import compared_curves, compared_samples
from .completions import completions, with_hole
from .grids import check_grid, grid, save, tiles
from .inversions import inversions
from .rows import beside
from .sheets import lay_out, lay_out_walks, most_walks, range_of, seeds, walks

__all__ = [
    'FIGURES',
    'RunError',
    'are_current',
    'beside',
    'check_grid',
    'cloud',
    'compared_curves',
    'compared_samples',
    'completions',
    'draw_all',
    'grid',
    'inversions',
    'lay_out',
    'lay_out_walks',
    'most_walks',
    'range_of',
    'save',
    'seeds',
    'tiles',
    'walk',
    'walks',
    'with_hole',
]

FIGURES: dict[str, Callable[[Path], Path | None]] = {
    'samples': pictures.samples,
    'epochs': pictures.epochs,
    'losses': curves.losses,
    'accuracy': curves.accuracy,
    'pixels': curves.pixels,
    'modes': curves.modes,
    'scores': curves.scores,
    'augmentation': adaptive.augmentation,
    'spot_the_fake': pictures.spot_the_fake,
    'spot_the_fake_answer': pictures.spot_the_fake_answer,
    'training': clips.training,  # the last, which `are_current` looks at
}


def are_current(run: Path) -> bool:
    """Return whether every figure was drawn after the newest samples were written."""
    facts = reading.read_facts(run)
    if facts is None or not (run / CLIP).exists():
        return False
    samples = reading.sample_files(run, facts)
    return not samples or (run / CLIP).stat().st_mtime >= samples[-1][1].stat().st_mtime


def draw_all(run: str | Path) -> list[Path]:
    """Draw every figure that the run folder has files for; return their paths, ordered as FIGURES.

    A broken file affects only the figures that need it: the others are drawn, and then RunError
    names the file.
    """
    drawn = []
    first_error = None
    for draw in FIGURES.values():
        try:
            drawn.append(draw(Path(run)))
        except RunError as error:
            first_error = first_error or error
    if first_error:
        raise first_error
    return [path for path in drawn if path]
