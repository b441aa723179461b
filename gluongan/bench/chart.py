"""Trials as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..figures.curves import DIS, FAINT, FAKE, INK, REAL, page, subtitle
from ..figures.grids import save
from .trial import Trial, median, quartiles
from .trials import Trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {'imperative': FAKE, 'hybrid': REAL, 'static': DIS}


def chart(session: Trials, path: Path) -> Path:
    """Draw a bar for each trial, its median iterations/s with the quartiles as whiskers, and return the picture's path.

    A bar's colour is its mode; what it says beside it are iterations/s and images/s.
    """
    trials = session.trials
    recipes = dict.fromkeys(str(trial.facts.get('recipe', trial.name)) for trial in trials)
    figure, (axes,) = page(
        f'Speed of training: {", ".join(recipes)}', height=1.6 + 0.36 * len(trials)
    )
    _bars(axes, trials)
    subtitle(
        axes,
        f'{_machine(session)}; bars = medians, whiskers = quartiles',
        legend=len(_modes(trials)) > 1,
    )
    _finish(axes, trials)
    return save(figure, path)


def _machine(session: Trials) -> str:
    found = session.environment
    return (
        f'{found.get("processor", "unknown machine")}, threads: {found.get("threads", "unknown")}'
    )


def _modes(trials: Sequence[Trial]) -> list[str]:
    return list(dict.fromkeys(str(trial.facts.get('mode', '')) for trial in trials))


def _bars(axes: Axes, trials: Sequence[Trial]) -> None:
    for mode in _modes(trials):
        rows = [
            (place, trial)
            for place, trial in enumerate(trials)
            if str(trial.facts.get('mode', '')) == mode
        ]
        speeds = [1 / median(trial) for _, trial in rows]
        ends = [[1 / seconds for seconds in quartiles(trial)] for _, trial in rows]
        whiskers = [
            [speed - slow for speed, (_, slow) in zip(speeds, ends)],
            [fast - speed for speed, (fast, _) in zip(speeds, ends)],
        ]
        axes.barh(
            [place for place, _ in rows],
            speeds,
            xerr=whiskers,
            height=0.72,
            color=COLOURS.get(mode, FAINT),
            error_kw={'ecolor': INK, 'elinewidth': 1.2, 'capsize': 3},
            label=mode,
        )
        for (place, trial), (fast, _) in zip(rows, ends):
            axes.annotate(
                f'{1 / median(trial):.3g} it/s, {trial.images / median(trial):,.0f} images/s',
                (fast, place),
                xytext=(6, 0),
                textcoords='offset points',
                va='center',
                fontsize=9,
                color=INK,
            )


def _finish(axes: Axes, trials: Sequence[Trial]) -> None:
    axes.set_yticks(range(len(trials)), [trial.name for trial in trials])
    axes.set_ylim(len(trials) - 0.5, -0.5)  # the first on top
    axes.set_xlabel('iterations/s (more is better)', fontsize=11)
    axes.tick_params(labelsize=10)
    axes.set_xlim(
        0, max(1 / quartiles(trial)[0] for trial in trials) * 1.4
    )  # room for what the longest bar says
    axes.grid(axis='x', color='#dddddd', linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[['top', 'right']].set_visible(False)
    if len(_modes(trials)) > 1:
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
        legend.set_in_layout(False)
