"""The page's figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gluongan.figures.curves import FAINT, INK, RULE, page, subtitle
from gluongan.figures.grids import save

from .findings import Findings, axis, peak_share, peers, share, whole

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
    """Draw how many times as fast gluongan is as each peer, a row a case."""
    names = list(findings.compare)
    figure, (axes,) = page('How many times as fast gluongan is', height=1.9 + 0.42 * len(names))
    labelled: set[str] = set()
    for row, name in enumerate(names):
        for place, form in enumerate(COLOURS):
            speed = peers(findings.compare[name]).get(form)
            if speed:
                label = None if form in labelled else form
                labelled.add(form)
                axes.errorbar(
                    speed.value,
                    row + 0.13 * (place - 2),
                    fmt=MARKERS[form],
                    markersize=5.5,
                    color=COLOURS[form],
                    zorder=3,
                    xerr=[[speed.value - speed.low], [speed.high - speed.value]],
                    elinewidth=1.3,
                    label=label,
                )
    axes.axvline(1, color=RULE, linewidth=1.3, linestyle=(0, (5, 3)), zorder=1)
    axes.set_xscale('log')
    _numbers(axes.xaxis)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    subtitle(
        axes,
        'medians over the rounds, whiskers = quartiles; right of the dashed line gluongan is faster',
    )
    _finish(axes, 'speed of gluongan : speed of the peer', '', columns=5)
    return save(figure, path)


def limits(findings: Findings, path: Path) -> Path:
    """Draw the share of each case's iteration that its products alone take."""
    cases = findings.limits
    figure, (axes,) = page(
        'What matrix products and convolutions alone would take', height=1.9 + 0.36 * len(cases)
    )
    shares = [share(limit) for limit in cases.values()]
    axes.barh(
        range(len(cases)),
        shares,
        height=0.7,
        color='#009E73',
        label='each at the best speed of its shape',
    )
    axes.plot(
        [peak_share(limit) for limit in cases.values()],
        range(len(cases)),
        'D',
        color='#D55E00',
        markersize=6,
        markeredgecolor='white',
        linestyle='none',
        label='all at the peak of a large product',
    )
    for row, (value, limit) in enumerate(zip(shares, cases.values())):
        axes.annotate(
            f'{value:.2f} of {1e3 * whole(limit):.1f} ms',
            (max(value, peak_share(limit)), row),
            xytext=(8, 0),
            textcoords='offset points',
            va='center',
            fontsize=9,
            color=INK,
        )
    axes.axvline(1, color=RULE, linewidth=1.3, linestyle=(0, (5, 3)), zorder=1)
    axes.set_yticks(range(len(cases)), list(cases))
    axes.set_ylim(len(cases) - 0.5, -0.5)
    axes.set_xlim(0, max(1.0, *shares) * 1.22)
    subtitle(axes, 'as a share of an iteration, which the dashed line ends')
    _finish(axes, 'share of an iteration', '', columns=2)
    return save(figure, path)


def growth(findings: Findings, path: Path) -> Path:
    """Draw time an image and memory over the batch, and over the width and the side."""
    figure, panels = page('Growth', rows=2, cols=2, height=7.4)
    views = (
        ('batch', 1, 'batch', 'µs an image', 'time of training by an image'),
        ('batch', 2, 'batch', 'MB', 'largest memory of the process'),
        ('width', 1, "width, times the recipe's", 'µs an image', 'wider layers, batch 128'),
        (
            'side',
            1,
            'side of a picture (pixels)',
            'µs an image',
            'larger pictures, two halvings, batch 128',
        ),
    )
    for axes, (name, column, along, up, about) in zip(panels, views):
        subtitle(axes, about)
        lines = axis(findings.growth, name)
        for recipe, line in lines.items():
            axes.plot(
                [point[0] for point in line],
                [point[column] * (1e6 if column == 1 else 1) for point in line],
                'o-',
                color=RECIPES[recipe],
                markersize=4.5,
                linewidth=1.4,
                label=recipe,
            )
        axes.set_xscale('log', base=2)
        axes.set_yscale('log')
        axes.set_xticks(sorted({point[0] for line in lines.values() for point in line}))
        _numbers(axes.xaxis)
        _numbers(axes.yaxis)
        _finish(axes, along, up, columns=2)
    return save(figure, path)


def _numbers(axis: object) -> None:
    """Have plain numbers along a logarithmic axis."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_formatter(StrMethodFormatter('{x:g}'))
    axis.set_minor_formatter(NullFormatter())
    if axis.axis_name == 'y' or axis.get_transform().base == 10:
        low, high = axis.get_view_interval()
        narrow = (
            (0.5, 0.6, 0.7, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0)
            if high / low < 8
            else (1.0, 2.0, 3.0, 5.0, 7.0)
        )
        axis.set_major_locator(LogLocator(subs=narrow if high / low < 30 else (1.0, 2.0, 5.0)))


def _finish(axes: Axes, along: str, up: str, *, columns: int) -> None:
    axes.set_xlabel(along, fontsize=11)
    axes.set_ylabel(up, fontsize=11)
    axes.tick_params(labelsize=9.5, colors=INK)
    axes.grid(color='#dddddd', linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_color(FAINT)
    axes.spines[['top', 'right']].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        legend = axes.legend(
            fontsize=9.5,
            frameon=False,
            ncols=columns,
            columnspacing=1.3,
            handlelength=1.4,
            loc='lower left',
            bbox_to_anchor=(-0.005, 1),
            borderpad=0.3,
            borderaxespad=0,
        )
        legend.set_in_layout(False)
