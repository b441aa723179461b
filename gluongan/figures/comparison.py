"""Figures of several runs: their curves in one picture, and their newest samples side by side."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from ..metric_names import find_metric_name
from ..runs import reading
from ..runs.folder import (
    JUDGED,
    METRICS,
    describe_data,
    distinct_names,
    is_run,
    read_config,
)
from .curves import count_from_zero, finish, page, subtitle
from .grids import PAD, fitted, grid, save, tiles
from .pictures import FAINT, INK, MARGIN, PAPER, titled
from .text import drawable, font, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which are distinct with every kind of colour vision; without yellow,
# which white paper swallows. More groups have other dashes.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
DASHES = ('-', '--', ':', '-.')
SHOWN = 36  # samples of each run
ACROSS = 3  # runs in a row
SIDE = 320  # pixels of the square that holds one run's samples
HEADING = 48  # pixels above them

# The file and the metric (or its stem) of each panel, its title and its unit.
PANELS = (
    (JUDGED, 'fd', 'Fréchet distance of features', 'distance'),
    (JUDGED, 'classes', 'classes covered', 'classes'),
    (METRICS, 'samples/swd', 'sliced Wasserstein distance to the data', 'distance'),
    (METRICS, 'samples/spread', 'mean distance between samples, relative to the data', 'ratio'),
    (METRICS, 'modes/caught', 'modes caught', 'modes'),
)
# On a logarithmic axis where they fall far: on another, their end would be flat. It has too few
# round numbers for a short way.
FALLING, MAGNITUDE = ('fd', 'samples/swd'), 10
COUNTS = ('classes', 'modes/caught')

Groups = Sequence[tuple[str, Sequence[Path]]]


class Line(NamedTuple):
    """The curve of one run. label: for the legend, None for all but the first run of a group."""

    group: int
    label: str | None
    x: np.ndarray
    y: np.ndarray


class Panel(NamedTuple):
    """The curves of one metric on one data set. stem: that in PANELS."""

    stem: str
    title: str
    unit: str
    lines: list[Line]


def compared_curves(groups: Groups, path: Path) -> Path | None:
    """Draw what was measured over training: one colour per group of runs, one line per run.

    groups: (name, folders of its runs). Returns `path`, None where nothing was measured.
    """
    drawn = panels_of(groups)
    if not drawn:
        return None
    named = sum(line.label is not None for panel in drawn for line in panel.lines)
    height = 1.2 + 2.6 * len(drawn) + 0.2 * named  # each name may need a line of a legend
    last = max(line.x[-1] for panel in drawn for line in panel.lines)
    title = f'Runs compared, to iteration {last:,.0f}'
    figure, panels = page(title, rows=len(drawn), height=height)
    for axes, panel in zip(panels, drawn):
        for line in panel.lines:
            _draw_line(axes, line)
        _scale_values(axes, panel)
        subtitle(axes, panel.title)
        finish(axes, 'iteration', panel.unit)
    return save(figure, path)


def panels_of(groups: Groups) -> list[Panel]:
    """Return a panel for each metric and data set: only equal ones may be compared.

    groups: (name, folders of its runs).
    """
    data = {run: _data(run) for _, runs in groups for run in runs}
    panels = []
    for file, stem, title, unit in PANELS:
        for of in dict.fromkeys(data.values()):
            on = f', on {of}' if len(set(data.values())) > 1 else ''
            chosen = [(label, [run for run in runs if data[run] == of]) for label, runs in groups]
            for name in _columns(chosen, file, stem):
                judged_by = f', {name}' if name != stem else ''
                lines = _lines(chosen, file, name)
                panels.append(Panel(stem, title + judged_by + on, unit, lines))
    return panels


def _data(run: Path) -> str:
    return describe_data(read_config(run)) if is_run(run) else ''


def _columns(groups: Groups, file: str, stem: str) -> list[str]:
    """Return the full names of a metric in the files of the runs, such as lenet_fd2k_test for fd.

    A run may have several: when it is resumed, the judge and the number of samples may change.
    """
    names: dict[str, None] = {}
    for _, runs in groups:
        for run in runs:
            for row in reading.json_rows(run / file):
                found = stem if stem in row else find_metric_name(row, stem)
                if found is not None:
                    names[found] = None
    return list(names)


def _draw_line(axes: Axes, line: Line) -> None:
    colour = COLOURS[line.group % len(COLOURS)]
    dashes = DASHES[line.group // len(COLOURS) % len(DASHES)]
    style = {'color': colour, 'linestyle': dashes, 'marker': '.', 'linewidth': 1.2, 'markersize': 4}
    axes.plot(line.x, line.y, label=line.label, **style)


def _scale_values(axes: Axes, panel: Panel) -> None:
    """Make the y axis logarithmic for a distance of several magnitudes, whole for a count."""
    values = np.concatenate([line.y for line in panel.lines])
    if panel.stem in COUNTS:
        count_from_zero(axes)
    elif panel.stem in FALLING and falls_far(values):
        _make_logarithmic(axes)


def falls_far(values: np.ndarray) -> bool:
    """Return whether values span a magnitude, so that a logarithmic axis shows their end.

    >>> falls_far(np.array([200.0, 3.0])), falls_far(np.array([5.0, 3.0]))
    (True, False)
    """
    finite = values[np.isfinite(values)]
    return len(finite) > 0 and bool(0 < MAGNITUDE * finite.min() < finite.max())


def _make_logarithmic(axes: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_yscale('log')
    low, high = axes.get_ylim()
    locator = LogLocator(subs=(1.0, 2.0, 5.0), numticks=20) if high < 500 * low else LogLocator()
    axes.yaxis.set_major_locator(locator)
    axes.yaxis.set_major_formatter(StrMethodFormatter('{x:g}'))  # 200, not 2 × 10²
    axes.yaxis.set_minor_formatter(NullFormatter())


def _lines(groups: Groups, file: str, name: str) -> list[Line]:
    lines = []
    for group, (label, runs) in enumerate(groups):
        is_first = True
        for run in runs:
            x, y = reading.series(run, name, file)
            if len(x):
                lines.append(Line(group, label if is_first else None, x, y))
                is_first = False
    return lines


def compared_samples(groups: Groups, path: Path) -> Path | None:
    """Draw the newest samples of each run, side by side.

    groups: (name, folders of its runs). Returns `path`, None where no run has images.
    """
    runs = [run for _, members in groups for run in members]
    named = zip(runs, distinct_names(runs))
    panels = [panel for panel in (_samples(*each) for each in named) if panel is not None]
    if not panels:
        return None
    width, height = SIDE + MARGIN, SIDE + HEADING + MARGIN
    cols = min(ACROSS, len(panels))
    rows = -(-len(panels) // cols)
    sheet = Image.new('RGB', (cols * width - MARGIN, rows * height - MARGIN), PAPER)
    for index, panel in enumerate(panels):
        row, col = divmod(index, cols)
        sheet.paste(panel, (col * width, row * height))
    return save(titled(sheet, 'The newest samples of each run'), path)


def _samples(run: Path, name: str) -> Image.Image | None:
    """Return the newest samples of a run beneath its name, None where it has no images."""
    facts = reading.read_facts(run)
    if facts is None or facts.has_points:
        return None
    files = reading.sample_files(run, facts)
    if not files:
        return None
    iteration, newest = files[-1]
    images = tiles(newest, facts.shape)[:SHOWN]
    picture = fitted(grid(images, isqrt(len(images) - 1) + 1), SIDE, SIDE)
    sheet = Image.new('RGB', (SIDE, SIDE + HEADING), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((PAD, 2), shortened(drawable(name), 17, SIDE - PAD), INK, font(17))
    draw.text((PAD, 25), f'iteration {iteration:,}', FAINT, font(15))
    sheet.paste(picture, (0, HEADING))
    return sheet
