"""Figures of numbers over training: losses, scores, accuracy, pixels, modes.

matplotlib is imported inside `page`, and never pyplot: drawing needs no display and leaves no state behind.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..runs import reading as folder
from ..runs.folder import ACCURACY, BATCHES, FIGURES_FOLDER
from .grids import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart with every kind of colour vision; each means the same thing in every figure.
REAL, FAKE, DIS = '#0072B2', '#D55E00', '#009E73'
INK, FAINT, RULE = '#222222', '#666666', '#444444'

# D's loss where G matches the data and D can only say 1/2: -log(1/2) on the real half and again on the fake half.
EQUILIBRIUM = {'minimax': 2 * math.log(2), 'nonsaturating': 2 * math.log(2)}
BINS = 1000  # about one for each pixel across a panel


class Thinned(NamedTuple):
    """A curve in bins, each array (bins,); a bin without a finite value is NaN, which is drawn as a gap."""

    x: np.ndarray
    low: np.ndarray
    mean: np.ndarray
    high: np.ndarray
    each: int  # values in a bin; 1: nothing was thinned
    lost: int  # values left out because they are NaN or infinite


def thin(x: np.ndarray, y: np.ndarray) -> Thinned:
    """Up to 2,000 points as they are; more as about 1,000 bins with their lowest, mean and highest value.

    x, y: (n,), n >= 1. The lowest of `low` and the highest of `high` are the data's own: no spike is lost.
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
    """Both losses over every mini-batch, with D's loss at equilibrium where theory knows it: `figures/losses.png`."""
    facts, batches = _batches(run, 'dis/loss', 'gen/loss')
    if batches is None:
        return None
    x = batches['iteration']
    figure, (axes,) = page(f'Losses: {facts.about}, iteration {x[-1]:,.0f}')
    drawn = [
        _curve(axes, x, batches['dis/loss'], DIS, 'D (discriminator)'),
        _curve(axes, x, batches['gen/loss'], FAKE, 'G (generator)'),
    ]
    if facts.loss in EQUILIBRIUM:
        _rule(axes, EQUILIBRIUM[facts.loss], 'D at equilibrium, 2 ln 2')
    subtitle(axes, _thinning(drawn, len(x)))
    finish(axes, 'iteration', 'loss (nats)' if facts.loss in EQUILIBRIUM else 'loss')
    return save(figure, run / FIGURES_FOLDER / 'losses.png')


def scores(run: Path) -> Path | None:
    """What D says of originals and of samples over training: `figures/scores.png`."""
    facts, batches = _batches(run, 'dis/real', 'dis/fake')
    if batches is None:
        return None
    x, real, fake = batches['iteration'], batches['dis/real'], batches['dis/fake']
    critic = facts.score != 'probability'
    name = 'Critic scores' if critic else "D's probabilities"
    figure, panels = page(f'{name}: {facts.about}, iteration {x[-1]:,.0f}', rows=2 if critic else 1)
    drawn = [
        _curve(panels[0], x, real, REAL, 'D(x), originals'),
        _curve(panels[0], x, fake, FAKE, 'D(G(z)), samples'),
    ]
    subtitle(panels[0], _thinning(drawn, len(x)))
    if critic:
        _curve(panels[1], x, real - fake, DIS, 'D(x) \N{MINUS SIGN} D(G(z))')
        subtitle(
            panels[1], 'their difference: an estimate of the Wasserstein distance, up to scale'
        )
        finish(panels[1], 'iteration', 'difference')
    else:
        _rule(panels[0], 0.5, 'D cannot tell, 0.5')
        panels[0].set_ylim(-0.02, 1.02)
    finish(panels[0], 'iteration', 'mean score' if critic else 'mean probability of being real')
    return save(figure, run / FIGURES_FOLDER / 'scores.png')


def accuracy(run: Path) -> Path | None:
    """D's accuracy over the data set after training, and over training where measured: `figures/accuracy.png`."""
    facts = folder.read_facts(run)
    after = folder.table(run / ACCURACY, 'batch', 'real', 'fake', 'accuracy')
    at, during = folder.series(run, 'dis/accuracy')
    panels = (after is not None) + (len(at) > 0)
    if facts is None or not panels:
        return None
    figure, axes = page(f"D's accuracy: {facts.about}", rows=panels)
    if after is not None:
        _accuracy_after(axes[0], after)
    if len(at):
        _points(axes[-1], at, during, DIS, 'originals and fakes together')
        subtitle(axes[-1], 'over training')
        _accuracy_axes(axes[-1], 'iteration')
    return save(figure, run / FIGURES_FOLDER / 'accuracy.png')


def _accuracy_after(axes: Axes, after: dict[str, np.ndarray]) -> None:
    for name, colour, label in (
        ('real', REAL, 'originals'),
        ('fake', FAKE, 'fakes'),
        ('accuracy', DIS, 'together'),
    ):
        finite = after[name][np.isfinite(after[name])]
        mean = f'{finite.mean():.3f}' if len(finite) else 'unknown'
        _curve(axes, after['batch'], after[name], colour, f'{label}, mean {mean}')
    subtitle(axes, f'after training, over the data set: {len(after["batch"]):,} mini-batches')
    _accuracy_axes(axes, 'mini-batch')


def _accuracy_axes(axes: Axes, along: str) -> None:
    _rule(axes, 0.5, 'ideal, 0.5')
    axes.set_ylim(-0.02, 1.02)
    finish(axes, along, 'accuracy (share judged rightly)')


def pixels(run: Path) -> Path | None:
    """Mean and standard deviation of generated pixels moving toward the data's: `figures/pixels.png`."""
    facts = folder.read_facts(run)
    found = [folder.series(run, name) for name in ('pixels/mean', 'pixels/std')]
    if facts is None or facts.points or not all(len(x) for x, _ in found):
        return None
    figure, panels = page(
        f'Generated pixels: {facts.about}, iteration {found[0][0][-1]:,.0f}', rows=2
    )
    names = ('mean', 'standard deviation')
    for axes, (x, y), goal, name in zip(panels, found, (facts.mean, facts.std), names):
        _points(axes, x, y, FAKE, 'generated')
        if goal is not None:
            _rule(axes, goal, f'data, {goal:.4f}', REAL)
        subtitle(axes, f'{name} of all pixels')
        finish(axes, 'iteration', f'{name}\n(0 = black, 1 = white)')
    return save(figure, run / FIGURES_FOLDER / 'pixels.png')


def modes(run: Path) -> Path | None:
    """How many modes of a mixture the samples reach, and how many points are near one, over training: `figures/modes.png`."""
    facts = folder.read_facts(run)
    (at, caught), (_, good) = (folder.series(run, name) for name in ('modes/caught', 'modes/good'))
    if facts is None or not len(at):
        return None
    figure, panels = page(
        f'Coverage of the mixture: {facts.about}, iteration {at[-1]:,.0f}', rows=2
    )
    _points(panels[0], at, caught, FAKE, f'generated, {caught[-1]:.0f} at the end')
    subtitle(panels[0], 'modes with one good point or more, of 2,500 points')
    finish(panels[0], 'iteration', 'modes caught')
    _points(panels[1], at, good, FAKE, f'generated, {good[-1]:.1%} at the end')
    _rule(panels[1], 1 - math.exp(-4.5), 'the mixture itself, 98.9%', REAL)
    subtitle(panels[1], 'good points: within 3 standard deviations of a mode')
    panels[1].set_ylim(-0.02, 1.02)
    finish(panels[1], 'iteration', 'share of good points')
    return save(figure, run / FIGURES_FOLDER / 'modes.png')


def page(
    title: str, *, rows: int = 1, cols: int = 1, height: float = 0
) -> tuple[Figure, list[Axes]]:
    """An empty figure of about 1000 pixels across, and its panels, with the title at the top left."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, height or 1.4 + 3.4 * rows), dpi=120, layout='constrained')
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.012, ha='left', fontsize=14, color=INK)
    return figure, list(figure.subplots(rows, cols, squeeze=False).flat)


def subtitle(axes: Axes, text: str, *, legend: bool = True) -> None:
    """A line in small grey letters above a panel, with room for the legend below it."""
    axes.set_title(text, loc='left', fontsize=10, color=FAINT, pad=26 if legend else 6)


def _batches(run: Path, *columns: str) -> tuple[folder.Facts | None, dict[str, np.ndarray] | None]:
    facts = folder.read_facts(run)
    return facts, facts and folder.table(run / BATCHES, 'iteration', *columns)


def _curve(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, label: str) -> Thinned:
    line = thin(x, y)
    if line.each > 1:
        axes.fill_between(
            line.x,
            line.low,
            line.high,
            facecolor=(colour, 0.25),
            edgecolor=(colour, 0.4),
            linewidth=0.4,
        )
    axes.plot(line.x, line.mean, color=colour, linewidth=1.2 if line.each > 1 else 0.9, label=label)
    return line


def _points(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, label: str) -> None:
    shown = np.where(np.isfinite(y), y, np.nan)
    axes.plot(x, shown, '.-', color=colour, linewidth=1.4, markersize=5, label=label)


def _rule(axes: Axes, height: float, label: str, colour: str = RULE) -> None:
    axes.axhline(height, color=colour, linewidth=1.3, linestyle=(0, (5, 3)), zorder=3, label=label)


def _thinning(drawn: list[Thinned], count: int) -> str:
    each, lost = drawn[0].each, max(line.lost for line in drawn)
    text = f'{count:,} mini-batches' + (
        f'; lines = mean, bands = min to max of {each:,} each' if each > 1 else ''
    )
    return text + (f'; {lost:,} not finite, left out' if lost else '')


def finish(axes: Axes, along: str, up: str) -> None:
    """Axes as every figure has them: labels, whole numbers along, a legend above."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10], integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter('{x:,.0f}'))
    axes.set_xlabel(along, fontsize=11)
    axes.set_ylabel(up, fontsize=11)
    axes.tick_params(labelsize=10)
    axes.margins(x=0.01)
    axes.grid(axis='y', color='#dddddd', linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    legend = axes.legend(
        fontsize=10,
        frameon=False,
        ncols=4,
        columnspacing=1.5,
        handlelength=1.8,
        loc='lower left',
        bbox_to_anchor=(-0.005, 1),
        borderpad=0.3,
        borderaxespad=0,
    )
    legend.set_in_layout(
        False
    )  # its room is the subtitle's distance; a wide one would squeeze the panel
