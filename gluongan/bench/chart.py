"""Trials as a chart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..figures.curves import DIS, FAINT, FAKE, INK, REAL, legend_above, page, subtitle
from ..figures.grids import save
from .trial import Trial, median, quartiles
from .trials import Trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {'imperative': FAKE, 'hybrid': REAL, 'static': DIS}


def chart(session: Trials, path: Path) -> Path:
    """Draw a bar for each trial and return the path of the chart.

    A bar is the median of iterations/s, with the quartiles as whiskers; its colour is the mode. The
    text beside it gives iterations/s and images/s.
    """
    trials = session.trials
    recipes = dict.fromkeys(str(trial.facts.get('recipe', trial.name)) for trial in trials)
    height = 1.6 + 0.36 * len(trials)
    figure, (axes,) = page(f'Speed of training: {", ".join(recipes)}', height=height)
    _draw_bars(axes, trials)
    note = f'{_machine(session)}; bars = medians, whiskers = quartiles'
    subtitle(axes, note)
    _finish(axes, trials)
    return save(figure, path)


def _machine(session: Trials) -> str:
    processor = session.environment.get('processor', 'unknown machine')
    threads = session.environment.get('threads', 'unknown')
    return f'{processor}, threads: {threads}'


def _mode(trial: Trial) -> str:
    return str(trial.facts.get('mode', ''))


def _modes(trials: Sequence[Trial]) -> list[str]:
    return list(dict.fromkeys(_mode(trial) for trial in trials))


def _draw_bars(axes: Axes, trials: Sequence[Trial]) -> None:
    for mode in _modes(trials):
        rows = [row for row, trial in enumerate(trials) if _mode(trial) == mode]
        speeds = [1 / median(trials[row]) for row in rows]
        lowest = [1 / quartiles(trials[row])[1] for row in rows]
        highest = [1 / quartiles(trials[row])[0] for row in rows]
        whiskers = [
            [speed - low for speed, low in zip(speeds, lowest)],
            [high - speed for speed, high in zip(speeds, highest)],
        ]
        axes.barh(
            rows,
            speeds,
            xerr=whiskers,
            height=0.72,
            color=COLOURS.get(mode, FAINT),
            error_kw={'ecolor': INK, 'elinewidth': 1.2, 'capsize': 3},
            label=mode,
        )
        for row, high in zip(rows, highest):
            _label_bar(axes, trials[row], (high, row))


def _label_bar(axes: Axes, trial: Trial, end: tuple[float, int]) -> None:
    iterations, images = 1 / median(trial), trial.images / median(trial)
    axes.annotate(
        f'{iterations:.3g} it/s, {images:,.0f} images/s',
        end,
        xytext=(6, 0),
        textcoords='offset points',
        va='center',
        fontsize=9,
        color=INK,
    )


def _finish(axes: Axes, trials: Sequence[Trial]) -> None:
    axes.set_yticks(range(len(trials)), [trial.name for trial in trials])
    axes.set_ylim(len(trials) - 0.5, -0.5)  # the first on top
    axes.set_xlabel('iterations/s (higher is better)', fontsize=11)
    axes.tick_params(labelsize=10)
    fastest = max(1 / quartiles(trial)[0] for trial in trials)
    axes.set_xlim(0, 1.4 * fastest)  # room for the text beside the longest bar
    axes.grid(axis='x', color='#dddddd', linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    if len(_modes(trials)) > 1:
        legend_above(axes)
