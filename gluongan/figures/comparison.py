"""Figures of several runs: their curves in one picture, and their newest samples side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from ..metric_names import find_metric_name
from ..runs import reading
from ..runs.folder import JUDGED, METRICS
from .curves import finish, page, subtitle
from .grids import enlarged_to, grid, save, tiles
from .pictures import INK, MARGIN, PAPER, font, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which are distinct with every kind of colour vision.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#F0E442')
SHOWN = 36  # samples of each run
ACROSS = 4  # runs in a row
SHEET_WIDTH = 240  # pixels of one run's samples
HEADING = 24  # pixels above them

# The file and the metric of each panel, its title and its unit.
PANELS = (
    (JUDGED, 'fd', 'Fréchet distance of features', 'distance'),
    (JUDGED, 'classes', 'classes covered', 'classes'),
    (METRICS, 'samples/swd', 'sliced Wasserstein distance to the data', 'distance'),
    (METRICS, 'samples/spread', 'mean distance between samples, relative to the data', 'ratio'),
    (METRICS, 'modes/caught', 'modes caught', 'modes'),
)
FALLING = ('fd', 'samples/swd')  # on a logarithmic axis: on another, their end would be flat

Groups = Sequence[tuple[str, Sequence[Path]]]


class Line(NamedTuple):
    """The curve of one run. label: for the legend, None for all but the first run of a group."""

    group: int
    label: str | None
    x: np.ndarray
    y: np.ndarray


def compared_curves(groups: Groups, path: Path) -> Path | None:
    """Draw what was measured over training: one colour per group of runs, one line per run.

    groups: (name, folders of its runs). Returns `path`, None where nothing was measured.
    """
    drawn = []
    for file, name, title, unit in PANELS:
        lines = _lines(groups, file, name)
        if lines:
            drawn.append((name, title, unit, lines))
    if not drawn:
        return None
    figure, panels = page('Runs compared', rows=len(drawn), height=1.2 + 2.7 * len(drawn))
    for axes, (name, title, unit, lines) in zip(panels, drawn):
        for line in lines:
            _draw_line(axes, line)
        if name in FALLING and min(line.y.min() for line in lines) > 0:
            _make_logarithmic(axes)
        subtitle(axes, title)
        finish(axes, 'iteration', unit)
    return save(figure, path)


def _draw_line(axes: Axes, line: Line) -> None:
    colour = COLOURS[line.group % len(COLOURS)]
    axes.plot(line.x, line.y, '.-', color=colour, linewidth=1.2, markersize=4, label=line.label)


def _make_logarithmic(axes: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_yscale('log')
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(StrMethodFormatter('{x:g}'))  # 200, not 2 × 10²
    axes.yaxis.set_minor_formatter(NullFormatter())


def _lines(groups: Groups, file: str, name: str) -> list[Line]:
    lines = []
    for group, (label, runs) in enumerate(groups):
        is_first = True
        for run in runs:
            x, y = reading.series(run, _column(run, file, name), file)
            if len(x):
                lines.append(Line(group, label if is_first else None, x, y))
                is_first = False
    return lines


def _column(run: Path, file: str, name: str) -> str:
    """Return the full name of a judge's metric, such as lenet_fd2k_test for fd."""
    if '/' in name:  # already the full name
        return name
    return find_metric_name(reading.newest(run, file), name) or name


def compared_samples(groups: Groups, path: Path) -> Path | None:
    """Draw the newest samples of each run, side by side.

    groups: (name, folders of its runs). Returns `path`, None where no run has images.
    """
    runs = [run for _, members in groups for run in members]
    panels = [panel for panel in map(_panel, runs) if panel is not None]
    if not panels:
        return None
    width = max(panel.width for panel in panels) + MARGIN
    height = max(panel.height for panel in panels) + MARGIN
    cols = min(ACROSS, len(panels))
    rows = -(-len(panels) // cols)
    sheet = Image.new('RGB', (cols * width - MARGIN, rows * height - MARGIN), PAPER)
    for index, panel in enumerate(panels):
        row, col = divmod(index, cols)
        sheet.paste(panel, (col * width, row * height))
    return save(titled(sheet, 'The newest samples of each run'), path)


def _panel(run: Path) -> Image.Image | None:
    """Return the newest samples of a run beneath its name, None where it has no images."""
    facts = reading.read_facts(run)
    if facts is None or facts.has_points:
        return None
    files = reading.sample_files(run, facts)
    if not files:
        return None
    iteration, newest = files[-1]
    picture = enlarged_to(grid(tiles(newest, facts.shape)[:SHOWN], 6), SHEET_WIDTH)
    text = f'{run.resolve().name}, iteration {iteration:,}'
    width = max(picture.width, round(font(13).getlength(text)))
    sheet = Image.new('RGB', (width, picture.height + HEADING), PAPER)
    ImageDraw.Draw(sheet).text((0, 2), text, INK, font(13))
    sheet.paste(picture, (0, HEADING))
    return sheet
