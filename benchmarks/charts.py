"""The figures of the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gluongan.bench import Ratio
from gluongan.figures.curves import FAINT, INK, RULE, legend_above, page, subtitle
from gluongan.figures.grids import save

from .findings import Findings, axis, iteration_seconds, peak_share, peers, share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours.
COLOURS = {
    'torch': '#0072B2',
    'torch-compile': '#56B4E9',
    'jax': '#009E73',
    'tensorflow': '#CC79A7',
    'tensorflow-xla': '#E69F00',
}
MARKERS = {'torch': 'o', 'torch-compile': 's', 'jax': 'D', 'tensorflow': '^', 'tensorflow-xla': 'v'}
RECIPES = {'dense': '#D55E00', 'dcgan': '#0072B2'}


def compare(findings: Findings, path: Path) -> Path:
    """Draw how many times as fast gluongan is as each peer, with one row per case."""
    names = list(findings.compare)
    figure, (axes,) = page('How many times as fast gluongan is', height=1.9 + 0.42 * len(names))
    labelled: set[str] = set()
    for row, name in enumerate(names):
        speeds = peers(findings.compare[name])
        for form in COLOURS:
            if form in speeds:
                label = None if form in labelled else form
                labelled.add(form)
                _draw_speed(axes, row, form, speeds[form], label)
    _draw_one(axes)
    axes.set_xscale('log')
    _plain_numbers(axes.xaxis)
    _name_rows(axes, names)
    subtitle(
        axes,
        'medians over the rounds, whiskers = quartiles; '
        'right of the dashed line gluongan is faster',
    )
    _finish(axes, 'speed of gluongan : speed of the peer', '', columns=5)
    return save(figure, path)


def _draw_speed(axes: Axes, row: int, form: str, speed: Ratio, label: str | None) -> None:
    axes.errorbar(
        speed.value,
        row + 0.13 * (list(COLOURS).index(form) - 2),
        fmt=MARKERS[form],
        markersize=5.5,
        color=COLOURS[form],
        zorder=3,
        xerr=[[speed.value - speed.low], [speed.high - speed.value]],
        elinewidth=1.3,
        label=label,
    )


def limits(findings: Findings, path: Path) -> Path:
    """Draw the share of each case's iteration that its products take."""
    cases = findings.limits
    rows = range(len(cases))
    title = 'What matrix products and convolutions alone would take'
    figure, (axes,) = page(title, height=1.9 + 0.36 * len(cases))
    shares = [share(limit) for limit in cases.values()]
    peak_shares = [peak_share(limit) for limit in cases.values()]
    axes.barh(
        rows, shares, height=0.7, color='#009E73', label='each at the best speed of its shape'
    )
    axes.plot(
        peak_shares,
        rows,
        'D',
        color='#D55E00',
        markersize=6,
        markeredgecolor='white',
        linestyle='none',
        label='all at the peak speed of a large product',
    )
    for row, limit in enumerate(cases.values()):
        _label_share(axes, row, limit)
    _draw_one(axes)
    _name_rows(axes, list(cases))
    axes.set_xlim(0, max(1.0, *shares) * 1.22)
    subtitle(axes, 'as a share of an iteration, which ends at the dashed line')
    _finish(axes, 'share of an iteration', '', columns=2)
    return save(figure, path)


def _label_share(axes: Axes, row: int, limit: dict[str, Any]) -> None:
    axes.annotate(
        f'{share(limit):.2f} of {1e3 * iteration_seconds(limit):.1f} ms',
        (max(share(limit), peak_share(limit)), row),
        xytext=(8, 0),
        textcoords='offset points',
        va='center',
        fontsize=9,
        color=INK,
    )


class View(NamedTuple):
    """A panel of the figure of growth: what is on its axes, and its title."""

    axis: str
    column: int  # of a point: 1 for seconds per image, 2 for MB
    x: str
    y: str
    title: str


VIEWS = (
    View('batch', 1, 'batch', 'µs per image', 'time of training per image'),
    View('batch', 2, 'batch', 'MB', 'largest memory of the process'),
    View('width', 1, 'width, relative to the recipe', 'µs per image', 'wider layers, batch 128'),
    View(
        'side',
        1,
        'side of an image (pixels)',
        'µs per image',
        'larger images, two halvings, batch 128',
    ),
)


def growth(findings: Findings, path: Path) -> Path:
    """Draw time per image and memory over the batch, and time over the width and the side."""
    figure, panels = page('Growth', rows=2, cols=2, height=7.4)
    for axes, view in zip(panels, VIEWS):
        _draw_view(axes, view, findings)
    return save(figure, path)


def _draw_view(axes: Axes, view: View, findings: Findings) -> None:
    subtitle(axes, view.title)
    unit = 1e6 if view.column == 1 else 1
    ticks = set()
    for recipe, line in axis(findings.growth, view.axis).items():
        x = [point[0] for point in line]
        y = [unit * point[view.column] for point in line]
        axes.plot(x, y, 'o-', color=RECIPES[recipe], markersize=4.5, linewidth=1.4, label=recipe)
        ticks.update(x)
    axes.set_xscale('log', base=2)
    axes.set_yscale('log')
    axes.set_xticks(sorted(ticks))
    _plain_numbers(axes.xaxis)
    _plain_numbers(axes.yaxis)
    _finish(axes, view.x, view.y, columns=2)


def _draw_one(axes: Axes) -> None:
    axes.axvline(1, color=RULE, linewidth=1.3, linestyle=(0, (5, 3)), zorder=1)


def _name_rows(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)  # the first on top


def _plain_numbers(axis: Any) -> None:
    """Show plain numbers along a logarithmic axis."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_formatter(StrMethodFormatter('{x:g}'))
    axis.set_minor_formatter(NullFormatter())
    if axis.axis_name == 'y' or axis.get_transform().base == 10:
        low, high = axis.get_view_interval()
        axis.set_major_locator(LogLocator(subs=_ticks(high / low)))


def _ticks(span: float) -> tuple[float, ...]:
    """Return the ticks of a decade: more of them for a short axis."""
    if span < 8:
        return (0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0)
    if span < 30:
        return (1.0, 2.0, 3.0, 5.0, 7.0)
    return (1.0, 2.0, 5.0)


def _finish(axes: Axes, x: str, y: str, *, columns: int) -> None:
    axes.set_xlabel(x, fontsize=11)
    axes.set_ylabel(y, fontsize=11)
    axes.tick_params(labelsize=9.5, colors=INK)
    axes.grid(color='#dddddd', linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_color(FAINT)
    axes.spines[['top', 'right']].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        legend_above(axes, cols=columns, fontsize=9.5)
