"""The figure of a search: parallel coordinates, an axis for each setting and for each rung."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gluongan.errors import as_typed
from gluongan.figures.curves import INK, RULE, WIDTH, legend_above, page, subtitle
from gluongan.figures.grids import save
from gluongan.figures.text import drawable, shortened

from .spec import Choices, Searched, Spec
from .trials import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEST, WITHOUT = '#D55E00', '#bbbbbb'  # the best trial, and those without a value
INCHES = 1.2  # from one axis to the next
LETTERS = 9  # points
SPREAD = 20  # times the lowest value, from which on an axis is logarithmic
MOST_CHOICES = 12  # that are named


@dataclass(frozen=True)
class Axis:
    """A vertical axis: its name, and (place from 0 to 1, text) of its marks."""

    name: str
    marks: list[tuple[float, str]]


class Scale:
    """Places of a metric on an axis: the best value of all trials is at 1, the worst at 0.

    >>> Scale([1.0, 3.0], higher_is_better=False).place(2.0)
    0.5
    """

    def __init__(self, values: Sequence[float], higher_is_better: bool) -> None:
        self._low, self._high = min(values), max(values)
        self._is_log = self._low > 0 and self._high / self._low > SPREAD
        self._higher_is_better = higher_is_better

    def place(self, value: float) -> float:
        """Return the place of a value."""
        low, high = self._scaled(self._low), self._scaled(self._high)
        share = (self._scaled(value) - low) / (high - low) if high > low else 1.0
        return share if self._higher_is_better else 1 - share

    def _scaled(self, value: float) -> float:
        return math.log(value) if self._is_log else value

    def marks(self) -> list[tuple[float, str]]:
        """Return the marks of the axis: the ends, and two between them."""
        if self._low == self._high:
            return [(1.0, f'{self._low:.3g}')]
        values = []
        for third in range(4):
            low, high = self._scaled(self._low), self._scaled(self._high)
            scaled = low + third / 3 * (high - low)
            values.append(math.exp(scaled) if self._is_log else scaled)
        return [(self.place(value), f'{value:.3g}') for value in values]


def parallel(spec: Spec, rows: Sequence[Row], path: Path) -> Path | None:
    """Draw each trial as a line across its settings and its values; None without any value.

    The best value is at the top. The colour of a line is that of its first value.
    """
    values = [value for row in rows for value in row.values.values()]
    if not values:
        return None
    scale = Scale(values, spec.higher_is_better)
    axes_of = [Axis(name, marks(searched)) for name, searched in spec.search.items()]
    axes_of += [Axis(f'after {rung:,}', scale.marks()) for rung in spec.rungs]
    width = max(WIDTH, INCHES * (len(axes_of) + 0.7))
    title = f'Search of {spec.recipe} on {spec.data}: {spec.metric}'
    figure, (axes,) = page(title, height=0.55 * width + 0.8, width=width)
    for place, axis in enumerate(axes_of):
        _draw_axis(axes, place, axis, is_of_metric=place >= len(spec.search))
    for row in reversed(rows):  # the best is above the others
        _draw_row(axes, spec, row, scale, is_best=row is rows[0])
    _finish(axes, spec, len(axes_of))
    return save(figure, path)


def marks(searched: Searched) -> list[tuple[float, str]]:
    """Return the marks of a setting's axis.

    >>> marks(Choices((64, 128)))
    [(1.0, '64'), (0.0, '128')]
    """
    if isinstance(searched, Choices):
        step = -(-len(searched.values) // MOST_CHOICES)
        return [
            (searched.position(value), shortened(drawable(as_typed(value)), LETTERS, 60))
            for value in searched.values[::step]
        ]
    low, high = searched.low, searched.high
    middle = math.sqrt(low * high) if searched.log else (low + high) / 2
    return [(searched.position(value), f'{value:.3g}') for value in (low, middle, high)]


def _draw_axis(axes: Axes, x: int, axis: Axis, *, is_of_metric: bool) -> None:
    axes.plot([x, x], [0, 1], color=RULE, linewidth=1.2, zorder=3)
    back = {'facecolor': 'white', 'edgecolor': 'none', 'alpha': 0.75, 'pad': 0.8}
    for y, text in axis.marks:
        axes.plot([x - 0.03, x + 0.03], [y, y], color=RULE, linewidth=1.2, zorder=3)
        axes.annotate(
            text,
            (x, y),
            (5, 0),
            textcoords='offset points',
            fontsize=LETTERS,
            color=INK,
            va='center',
            bbox=back,
            zorder=5,
            parse_math=False,
        )
    name = axis.name if is_of_metric or len(axis.name) < 14 else axis.name.replace('_', '_\n', 1)
    axes.text(x, -0.06, name, ha='center', va='top', fontsize=LETTERS + 1, color=INK)


def _draw_row(axes: Axes, spec: Spec, row: Row, scale: Scale, *, is_best: bool) -> None:
    heights = [spec.search[name].position(row.chosen[name]) for name in spec.search]
    reached = [row.values[rung] for rung in spec.rungs if rung in row.values]
    heights += [scale.place(value) for value in reached]
    style: dict[str, Any] = {'color': WITHOUT, 'linewidth': 0.8, 'linestyle': '--', 'zorder': 1}
    label = 'failed, or without a value yet'
    if reached:
        is_finished = row.state == 'finished'
        style = {
            'color': _colour(scale.place(reached[0])),
            'linewidth': 1.6 if is_finished else 0.9,
            'zorder': 2.2 if is_finished else 2,
        }
        label = row.state
    if is_best and row.state == 'finished':
        style = {'color': BEST, 'linewidth': 2.6, 'zorder': 2.5}
        label = f'the best, trial {row.number}'
    axes.plot(range(len(heights)), heights, label=label, **style)
    if reached:
        axes.plot(len(heights) - 1, heights[-1], 'o', markersize=4, **_of_marker(style))


def _of_marker(style: dict[str, Any]) -> dict[str, Any]:
    return {'color': style['color'], 'zorder': 4}


def _colour(place: float) -> Any:
    from matplotlib import colormaps

    return colormaps['viridis_r'](0.08 + 0.84 * place)  # its light end is too pale for lines


def _finish(axes: Axes, spec: Spec, count: int) -> None:
    axes.set_xlim(-0.35, count - 0.35)
    axes.set_ylim(-0.2, 1.06)
    axes.set_axis_off()
    what = 'high' if spec.higher_is_better else 'low'
    colour = f'darker lines are better after {spec.rungs[0]:,} iterations'
    if len(spec.rungs) > 1:
        colour += '; a line ends where its trial does'
    handles, labels = axes.get_legend_handles_labels()
    first = {label: handle for handle, label in zip(handles, labels)}
    for handle in handles:
        handle.set_label('_')
    for label, handle in first.items():
        handle.set_label(label)
    subtitle(axes, f'the best is at the top ({what} {spec.metric}); {colour}')
    legend_above(axes)
