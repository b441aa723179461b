"""The figure of an adaptive augmentation: its probability, and the overfitting that it answers."""

from __future__ import annotations

from pathlib import Path

from ..runs import reading
from ..runs.folder import LOG, figure_path, is_run, read_config
from .curves import DIS, REAL, draw_points, draw_rule, finish, page, subtitle
from .grids import save


def augmentation(run: Path) -> Path | None:
    """Draw `figures/augmentation.png`: how likely pictures are changed, and r, over training."""
    facts = reading.read_facts(run)
    iterations, p = reading.series(run, 'augment/p', LOG)
    _, r = reading.series(run, 'augment/r', LOG)
    if facts is None or not len(iterations) or not len(r):
        return None
    last = iterations[-1]
    figure, panels = page(f'Augmentation: {facts.about}, iteration {last:,.0f}', rows=2)
    draw_points(panels[0], iterations, p, DIS, f'probability, {p[-1]:.3f} at the end')
    subtitle(panels[0], 'how likely each augmentation changes a picture')
    panels[0].set_ylim(-0.02, 1.02)
    finish(panels[0], 'iteration', 'probability')
    draw_points(panels[1], iterations, r, REAL, 'r, the mean sign of D(x)')
    target = read_config(run).augment_target if is_run(run) else None
    if target is not None:
        draw_rule(panels[1], target, f'target, {target:g}')
    subtitle(panels[1], 'r goes to 1 where the discriminator knows the real samples by heart')
    panels[1].set_ylim(-1.04, 1.04)
    finish(panels[1], 'iteration', 'r')
    return save(figure, figure_path(run, 'augmentation'))
