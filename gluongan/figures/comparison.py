"""Figures of several runs: their curves in one, and their newest samples side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from ..metric_names import find_metric_name
from ..runs import reading as folder
from ..runs.folder import JUDGED, METRICS
from .curves import finish, page, subtitle
from .grids import enlarged, grid, save, tiles
from .pictures import INK, MARGIN, PAPER, font, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours: told apart with every kind of colour vision.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#F0E442')
SHOWN = 36  # samples of each run
ACROSS = 4  # runs in a row
PANELS = (
    (JUDGED, 'fd', 'Fréchet distance of features', 'distance'),
    (JUDGED, 'classes', 'classes covered', 'classes'),
    (METRICS, 'samples/swd', 'sliced Wasserstein distance to the data', 'distance'),
    (METRICS, 'samples/spread', 'distance of two samples, over that of the data', 'ratio'),
    (METRICS, 'modes/caught', 'modes caught', 'modes'),
)
FALLING = ('fd', 'samples/swd')  # over decades: their end would be a flat line

Named = Sequence[tuple[str, Sequence[Path]]]


def compared_curves(groups: Named, path: Path) -> Path | None:
    """What was measured over training, a colour for each group of runs and a line for each run; None where nothing was.

    groups: (name, folders of its runs).
    """
    found = [(*panel[1:], lines) for panel in PANELS if (lines := _lines(groups, *panel[:2]))]
    if not found:
        return None
    figure, panels = page('Runs compared', rows=len(found), height=1.2 + 2.7 * len(found))
    for axes, (name, words, unit, lines) in zip(panels, found):
        for number, label, x, y in lines:
            axes.plot(
                x,
                y,
                '.-',
                color=COLOURS[number % len(COLOURS)],
                linewidth=1.2,
                markersize=4,
                label=label,
            )
        if name in FALLING and min(y.min() for *_, y in lines) > 0:
            _by_decades(axes)
        subtitle(axes, words)
        finish(axes, 'iteration', unit)
    return save(figure, path)


def _by_decades(axes: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_yscale('log')
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(StrMethodFormatter('{x:g}'))  # 200, not 2 × 10²
    axes.yaxis.set_minor_formatter(NullFormatter())


def _lines(
    groups: Named, file: str, name: str
) -> list[tuple[int, str | None, np.ndarray, np.ndarray]]:
    lines = []
    for number, (label, runs) in enumerate(groups):
        for run in runs:
            x, y = folder.series(run, _column(run, file, name), file)
            if len(x):  # one entry in the legend for each group
                lines.append(
                    (number, None if any(number == other for other, *_ in lines) else label, x, y)
                )
    return lines


def _column(run: Path, file: str, name: str) -> str:
    """Return the full name of a judge's metric: lenet_fd2k_test for fd; others are complete already."""
    if '/' in name:
        return name
    return find_metric_name(folder.newest(run, file), name) or name


def compared_samples(groups: Named, path: Path) -> Path | None:
    """The newest samples of each run, side by side; None where no run has pictures."""
    panels = [panel for label, runs in groups for run in runs if (panel := _panel(run)) is not None]
    if not panels:
        return None
    wide, high = max(panel.width for panel in panels), max(panel.height for panel in panels)
    across = min(ACROSS, len(panels))
    sheet = Image.new(
        'RGB',
        (across * (wide + MARGIN) - MARGIN, -(-len(panels) // across) * (high + MARGIN) - MARGIN),
        PAPER,
    )
    for place, panel in enumerate(panels):
        sheet.paste(panel, (place % across * (wide + MARGIN), place // across * (high + MARGIN)))
    return save(titled(sheet, 'The newest samples of each run'), path)


def _panel(run: Path) -> Image.Image | None:
    facts = folder.read_facts(run)
    found = folder.samples(run, facts) if facts and not facts.points else []
    if not found:
        return None
    images = tiles(found[-1][1], facts.shape)[:SHOWN]
    picture = grid(images, 6)
    picture = enlarged(picture, max(1, round(240 / picture.width)))
    text = f'{run.resolve().name}, {found[-1][0]:,}'
    sheet = Image.new(
        'RGB', (max(picture.width, round(font(13).getlength(text))), picture.height + 24), PAPER
    )
    ImageDraw.Draw(sheet).text((0, 2), text, INK, font(13))
    sheet.paste(picture, (0, 24))
    return sheet
