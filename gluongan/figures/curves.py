"""Figures of numbers over training: losses, scores, accuracy, pixels, modes.

matplotlib is imported inside functions, and never pyplot: drawing needs no display, and leaves no
state behind.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..runs import reading
from ..runs.folder import ACCURACY, BATCHES, figure_path
from .grids import save
from .plotting import load_matplotlib
from .text import drawable, shortened, text_width, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which are distinct with every kind of colour vision.
# Each means the same thing in every figure.
REAL, FAKE, DIS = '#0072B2', '#D55E00', '#009E73'
INK, FAINT, RULE = '#222222', '#666666', '#444444'
PIXELS, WIDTH, POINTS = 1024, 6.4, 72  # of a figure: pixels and inches across; points in an inch
TITLE_SIZE, SUBTITLE_SIZE = 13, 10
BESIDE = 70  # points that the labels at the left of a panel take
HANDLE = 38  # points of the line before a legend's text, and of the space after it
FEW = 20  # points of a curve that are marked one by one

# The discriminator's loss where the generator matches the data and every probability is 1/2:
# -log(1/2) on the real half and again on the generated half.
EQUILIBRIUM = {'minimax': 2 * math.log(2), 'nonsaturating': 2 * math.log(2)}
WITHIN_3_SIGMA = 1 - math.exp(-4.5)  # share of a normal distribution in the plane
BINS = 1000  # about one for each pixel across a panel


class Thinned(NamedTuple):
    """A curve in bins, each array (bins,). A bin without a finite value is NaN, drawn as a gap."""

    x: np.ndarray
    low: np.ndarray
    mean: np.ndarray
    high: np.ndarray
    each: int  # values in a bin; 1 where nothing was thinned
    lost: int  # values left out because they are NaN or infinite


def thin(x: np.ndarray, y: np.ndarray) -> Thinned:
    """Return up to 2,000 points as they are, and more points as about 1,000 bins.

    x, y: (n,), n >= 1. Each bin has its lowest, mean and highest value, so that no spike is lost.

    >>> line = thin(np.arange(5_000), np.arange(5_000.0))
    >>> len(line.x), line.each, line.high.max()
    (1000, 5, 4999.0)
    """
    finite = np.isfinite(y)
    each = 1 if len(y) <= 2 * BINS else -(-len(y) // BINS)
    starts = np.arange(0, len(y), each)
    ends = np.append(starts[1:], len(y)) - 1
    count = np.add.reduceat(finite.astype(float), starts)
    total = np.add.reduceat(np.where(finite, y, 0.0), starts)
    mean = np.divide(total, count, out=np.full(len(starts), np.nan), where=count > 0)
    known = np.where(finite, y, np.nan)
    low, high = np.fmin.reduceat(known, starts), np.fmax.reduceat(known, starts)
    return Thinned((x[starts] + x[ends]) / 2, low, mean, high, each, int((~finite).sum()))


def losses(run: Path) -> Path | None:
    """Draw `figures/losses.png`: both losses of every mini-batch.

    The discriminator's loss at equilibrium is a dashed line, where theory knows it.
    """
    facts, batches = _read_batches(run, 'dis/loss', 'gen/loss')
    if batches is None:
        return None
    x = batches['iteration']
    figure, (axes,) = page(f'Losses: {facts.about}, iteration {x[-1]:,.0f}')
    lines = [
        _draw_curve(axes, x, batches['dis/loss'], DIS, 'D (discriminator)'),
        _draw_curve(axes, x, batches['gen/loss'], FAKE, 'G (generator)'),
    ]
    unit = 'loss'
    if facts.loss in EQUILIBRIUM:
        unit = 'loss (nats)'
        draw_rule(axes, EQUILIBRIUM[facts.loss], 'D at equilibrium, 2 ln 2')
    subtitle(axes, _thinning(lines, len(x)))
    finish(axes, 'iteration', unit)
    return save(figure, figure_path(run, 'losses'))


def scores(run: Path) -> Path | None:
    """Draw `figures/scores.png`: what the discriminator says of real and of generated samples."""
    facts, batches = _read_batches(run, 'dis/real', 'dis/fake')
    if batches is None:
        return None
    is_critic = facts.score != 'probability'
    title = 'Critic scores' if is_critic else "D's probabilities"
    x, real, fake = batches['iteration'], batches['dis/real'], batches['dis/fake']
    figure, panels = page(
        f'{title}: {facts.about}, iteration {x[-1]:,.0f}', rows=2 if is_critic else 1
    )
    lines = [
        _draw_curve(panels[0], x, real, REAL, 'D(x), real'),
        _draw_curve(panels[0], x, fake, FAKE, 'D(G(z)), generated'),
    ]
    subtitle(panels[0], _thinning(lines, len(x)))
    if is_critic:
        finish(panels[0], 'iteration', 'mean score')
        _draw_curve(panels[1], x, real - fake, DIS, 'D(x) \N{MINUS SIGN} D(G(z))')
        subtitle(
            panels[1], 'difference of the two: an estimate of the Wasserstein distance, up to scale'
        )
        finish(panels[1], 'iteration', 'difference')
    else:
        draw_rule(panels[0], 0.5, 'chance, 0.5')
        panels[0].set_ylim(-0.02, 1.02)
        finish(panels[0], 'iteration', 'mean probability of being real')
    return save(figure, figure_path(run, 'scores'))


def accuracy(run: Path) -> Path | None:
    """Draw `figures/accuracy.png`: the discriminator's accuracy after and during training."""
    facts = reading.read_facts(run)
    after = reading.table(
        run / ACCURACY, 'batch', 'real', 'fake', 'accuracy', optional=['iteration']
    )
    iterations, during = reading.series(run, 'dis/accuracy')
    rows = int(after is not None) + int(len(iterations) > 0)
    if facts is None or rows == 0:
        return None
    title = f"D's accuracy: {facts.about}"
    if len(iterations):
        title += f', iteration {iterations[-1]:,.0f}'
    figure, panels = page(title, rows=rows)
    if after is not None:
        _draw_accuracy_after(panels[0], after)
    if len(iterations):
        draw_points(panels[-1], iterations, during, DIS, 'overall')
        subtitle(panels[-1], 'over training')
        _finish_accuracy(panels[-1], 'iteration')
    return save(figure, figure_path(run, 'accuracy'))


def _draw_accuracy_after(axes: Axes, after: dict[str, np.ndarray]) -> None:
    lines = (('real', REAL, 'real'), ('fake', FAKE, 'generated'), ('accuracy', DIS, 'overall'))
    for name, colour, label in lines:
        finite = after[name][np.isfinite(after[name])]
        mean = f'{finite.mean():.3f}' if len(finite) else 'unknown'
        _draw_curve(axes, after['batch'], after[name], colour, f'{label}, mean {mean}')
    when = 'after training'
    if 'iteration' in after:
        when += f' to iteration {after["iteration"][0]:,.0f}'
    subtitle(axes, f'{when}, over the data set: {len(after["batch"]):,} mini-batches')
    _finish_accuracy(axes, 'mini-batch')


def _finish_accuracy(axes: Axes, xlabel: str) -> None:
    draw_rule(axes, 0.5, 'ideal, 0.5')
    axes.set_ylim(-0.02, 1.02)
    finish(axes, xlabel, 'accuracy (share correct)')


def pixels(run: Path) -> Path | None:
    """Draw `figures/pixels.png`: mean and standard deviation of the pixels approach the data's."""
    facts = reading.read_facts(run)
    means, stds = reading.series(run, 'pixels/mean'), reading.series(run, 'pixels/std')
    if facts is None or facts.has_points or not len(means[0]) or not len(stds[0]):
        return None
    last = means[0][-1]
    figure, panels = page(f'Generated pixels: {facts.about}, iteration {last:,.0f}', rows=2)
    _draw_pixels(panels[0], means, facts.mean, 'mean')
    _draw_pixels(panels[1], stds, facts.std, 'standard deviation')
    return save(figure, figure_path(run, 'pixels'))


def _draw_pixels(
    axes: Axes, measured: tuple[np.ndarray, np.ndarray], goal: float | None, name: str
) -> None:
    draw_points(axes, *measured, FAKE, 'generated')
    if goal is not None:
        draw_rule(axes, goal, f'data, {goal:.4f}', REAL)
    subtitle(axes, f'{name} of all pixels')
    finish(axes, 'iteration', f'{name}\n(0 = black, 1 = white)')


def modes(run: Path) -> Path | None:
    """Draw `figures/modes.png`: the modes of a mixture that the points reach, over training."""
    facts = reading.read_facts(run)
    iterations, caught = reading.series(run, 'modes/caught')
    _, good = reading.series(run, 'modes/good')
    if facts is None or not len(iterations):
        return None
    last = iterations[-1]
    figure, panels = page(f'Coverage of the mixture: {facts.about}, iteration {last:,.0f}', rows=2)
    draw_points(panels[0], iterations, caught, FAKE, f'generated, {caught[-1]:.0f} at the end')
    subtitle(panels[0], 'modes with at least one good point, out of 2,500 points')
    count_from_zero(panels[0])
    finish(panels[0], 'iteration', 'modes caught')
    draw_points(panels[1], iterations, good, FAKE, f'generated, {good[-1]:.1%} at the end')
    draw_rule(panels[1], WITHIN_3_SIGMA, 'the mixture itself, 98.9%', REAL)
    subtitle(panels[1], 'good points: within 3 standard deviations of a mode')
    panels[1].set_ylim(-0.02, 1.02)
    finish(panels[1], 'iteration', 'share of good points')
    return save(figure, figure_path(run, 'modes'))


def page(
    title: str, *, rows: int = 1, cols: int = 1, height: float = 0, width: float = WIDTH
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure, 1024 pixels wide, and its panels; the title is at the top left.

    height, width: in inches; the height is by default according to `rows`. Letters are as large as
    a narrow figure makes them, so that they can be read on a telephone.
    """
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (width, height or 1.3 + 2.8 * rows)
    figure = Figure(figsize=size, dpi=round(PIXELS / width), layout='constrained')
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    FigureCanvasAgg(figure)
    lines = wrapped(drawable(title), TITLE_SIZE, POINTS * width - 20, most=2)
    figure.suptitle(
        '\n'.join(lines), x=0.012, ha='left', fontsize=TITLE_SIZE, color=INK, parse_math=False
    )
    return figure, list(figure.subplots(rows, cols, squeeze=False).flat)


def subtitle(axes: Axes, text: str, *, room: float = 6) -> None:
    """Write small grey letters above a panel, in several lines where the panel is narrow.

    room: points between them and the panel.
    """
    lines = wrapped(drawable(text), SUBTITLE_SIZE, panel_width(axes))
    axes.set_title(
        '\n'.join(lines),
        loc='left',
        fontsize=SUBTITLE_SIZE,
        color=FAINT,
        pad=room,
        parse_math=False,
    )


def panel_width(axes: Axes) -> float:
    """Return about how wide a panel will be, in points, without its labels at the left."""
    figure, grid = axes.get_figure(), axes.get_subplotspec().get_gridspec()
    return POINTS * figure.get_figwidth() / grid.ncols - BESIDE


def _read_batches(
    run: Path, *columns: str
) -> tuple[reading.Facts | None, dict[str, np.ndarray] | None]:
    facts = reading.read_facts(run)
    if facts is None:
        return None, None
    return facts, reading.table(run / BATCHES, 'iteration', *columns)


def _draw_curve(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, label: str) -> Thinned:
    line = thin(x, y)
    width = 0.9
    if line.each > 1:
        width = 1.2
        colours = {'facecolor': (colour, 0.25), 'edgecolor': (colour, 0.4)}
        axes.fill_between(line.x, line.low, line.high, linewidth=0.4, **colours)
    marker = '.' if len(x) <= FEW else ''  # a single one is no line
    axes.plot(line.x, line.mean, marker=marker, color=colour, linewidth=width, label=label)
    return line


def draw_points(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, label: str) -> None:
    """Draw a line through values that were measured now and then, with a gap where one is NaN."""
    shown = np.where(np.isfinite(y), y, np.nan)
    axes.plot(x, shown, '.-', color=colour, linewidth=1.4, markersize=5, label=label)


def draw_rule(axes: Axes, height: float, label: str, colour: str = RULE) -> None:
    """Draw a dashed horizontal line."""
    axes.axhline(height, color=colour, linewidth=1.3, linestyle=(0, (5, 3)), zorder=3, label=label)


def _thinning(lines: list[Thinned], count: int) -> str:
    """Return what a subtitle says of curves that were thinned."""
    text = f'{count:,} mini-batches'
    each = lines[0].each
    if each > 1:
        text += f'; lines: mean, bands: min to max of every {each:,}'
    lost = max(line.lost for line in lines)
    if lost:
        text += f'; {lost:,} not finite and left out'
    return text


def finish(axes: Axes, xlabel: str, ylabel: str) -> None:
    """Give a panel what all have: labels, whole numbers along x, and a legend above it."""
    number_iterations(axes)
    if axes.get_yscale() == 'linear':
        axes.ticklabel_format(axis='y', useOffset=False)
    axes.set_xlabel(xlabel, fontsize=11)
    axes.set_ylabel(ylabel, fontsize=11)
    axes.tick_params(labelsize=10)
    axes.grid(axis='y', color='#dddddd', linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    legend_above(axes)


def count_from_zero(axes: Axes) -> None:
    """Give the y axis whole numbers from 0 on, for what is counted."""
    from matplotlib.ticker import MaxNLocator

    axes.set_ylim(0, 1.05 * max(1, axes.dataLim.y1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))


def number_iterations(axes: Axes) -> None:
    """Give the x axis whole numbers, as many as have room."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.margins(x=0.01)
    low, high = axes.dataLim.intervalx
    if not low <= high < math.inf:  # no value is finite
        low, high = axes.get_xlim()
    elif high - low < 1:  # a single mini-batch
        axes.set_xlim(low - 1, low + 1)
    room = panel_width(axes) / (1.6 * text_width(f'{high:,.0f}', 10))
    count = max(2, min(8, int(room)))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=count, steps=[1, 2, 5, 10], integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter('{x:,.0f}'))


def legend_above(axes: Axes, *, cols: int = 4, fontsize: float = 10) -> None:
    """Add a legend between a panel and its `subtitle`, in as many columns as fit up to `cols`."""
    handles, labels = axes.get_legend_handles_labels()
    room = panel_width(axes)
    size = round(fontsize)
    labels = [shortened(drawable(label), size, room - HANDLE) for label in labels]
    widest = HANDLE + max(text_width(label, size) for label in labels)
    cols = max(1, min(cols, len(labels), int(room // widest)))
    legend = axes.legend(
        handles,
        labels,
        fontsize=fontsize,
        frameon=False,
        ncols=cols,
        columnspacing=1.3,
        handlelength=1.8,
        labelspacing=0.3,
        loc='lower left',
        bbox_to_anchor=(-0.005, 1),
        borderpad=0.3,
        borderaxespad=0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    # The subtitle's distance leaves room for it; in the layout, a wide one would squeeze the panel.
    legend.set_in_layout(False)
    lines = -(-len(labels) // cols)
    subtitle(axes, axes.get_title('left').replace('\n', ' '), room=9 + 1.35 * fontsize * lines)
