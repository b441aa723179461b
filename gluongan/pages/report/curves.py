"""The curves of a page: numbers over training that its script draws, and their tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...config import Config
from ...evaluation.comparison import format_number
from ...figures.comparison import Groups, falls_far, panels_of
from ...figures.curves import EQUILIBRIUM
from ...figures.grids import evenly
from ...metric_names import MetricName, metric_meaning
from ...runs import reading
from ...runs.folder import BATCHES, JUDGED, LOG_TABLE, METRICS

MOST_POINTS = 500  # of a curve, which has fewer pixels on most screens
MOST_ROWS = 10  # of the table of a curve
FEW = 5  # rows of means; with fewer, the numbers of every mini-batch are shown
# Places in the page's palette. Each means the same thing in every figure.
REAL, FAKE, DIS = 0, 1, 2
LOSSES = ('dis/loss', 'gen/loss', 'dis/real', 'dis/fake')
ADAPTIVE = ('augment/p', 'augment/r')

# Of the judge: (stems of the metrics that share a chart, its title, its unit).
JUDGED_CHARTS = (
    (('fd',), 'Fréchet distance of features', 'distance'),
    (('kd',), 'Kernel distance of features', 'distance'),
    (('classes',), 'Classes covered', 'classes'),
    (('modes',), 'Modes covered', 'modes'),
    (('score',), 'Classifier score', 'score'),
    (('asked',), 'Share of the requested class', 'share'),
    (('precision', 'recall', 'coverage'), 'Precision, recall and coverage', 'share'),
)


@dataclass(frozen=True)
class Curve:
    """Numbers over training. colour: a place in the page's palette."""

    label: str
    x: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    colour: int = 0


@dataclass(frozen=True)
class Chart:
    """Curves on common axes.

    key: names it in the page. note: what the curves are of. rule: (value, label) of a line across.
    is_logarithmic: of the y axis. low, high: bounds of the y axis that are known beforehand.
    """

    key: str
    title: str
    unit: str
    curves: tuple[Curve, ...] = field(repr=False)
    note: str = ''
    rule: tuple[float, str] | None = None
    is_logarithmic: bool = False
    low: float | None = None
    high: float | None = None

    def data(self) -> dict[str, Any]:
        """Return what the page's script draws: iterations, and numbers or null for each curve."""
        x = np.unique(np.concatenate([curve.x for curve in self.curves]))
        return {
            'key': self.key,
            'title': self.title,
            'unit': self.unit,
            'log': self.is_logarithmic,
            'low': self.low,
            'high': self.high,
            'rule': self.rule,
            'labels': [curve.label for curve in self.curves],
            'colours': [curve.colour for curve in self.curves],
            'x': x.tolist(),
            'y': [_placed(curve, x) for curve in self.curves],
        }

    def words(self) -> str:
        """Return what the chart shows, for who cannot see it."""
        ends = [
            f'{curve.label} from {format_number(curve.y[0])} to {format_number(curve.y[-1])}'
            for curve in self.curves
        ]
        last = max(curve.x[-1] for curve in self.curves)
        return f'{self.title}, to iteration {last:,.0f}: {"; ".join(ends)}.'

    def rows(self) -> list[list[str]]:
        """Return a few of the numbers as cells: an iteration, then a cell for each curve."""
        values = [dict(zip(curve.x.tolist(), curve.y.tolist())) for curve in self.curves]
        chosen = evenly(sorted(set().union(*values)), MOST_ROWS)
        return [[f'{x:,.0f}', *(_cell(of_curve.get(x)) for of_curve in values)] for x in chosen]


def _placed(curve: Curve, x: np.ndarray) -> list[float | None]:
    """Return the numbers of a curve at all iterations of its chart, None where it has none."""
    placed: list[float | None] = [None] * len(x)
    for place, value in zip(np.searchsorted(x, curve.x), curve.y.tolist()):
        placed[place] = value
    return placed


def _cell(value: float | None) -> str:
    return '' if value is None else format_number(value)


def curve(label: str, x: np.ndarray, y: np.ndarray, colour: int = 0) -> Curve:
    """Return a curve of at most MOST_POINTS points; of more, each point is a mean."""
    if len(x) > MOST_POINTS:
        each = -(-len(x) // MOST_POINTS)
        starts = np.arange(0, len(x), each)
        ends = np.append(starts[1:], len(x)) - 1
        sums = np.add.reduceat(np.asarray(y, float), starts)
        x, y = x[ends], sums / (ends - starts + 1)
    return Curve(label, x, y, colour)


def training_charts(run: Path, config: Config, facts: reading.Facts | None) -> list[Chart]:
    """Return the charts of losses and of what D says. Raises RunError for a broken file."""
    found, note = _logged(run)
    if found is None:
        return []
    x = found['iteration']
    loss = facts.loss if facts else config.loss
    is_probability = facts is None or facts.score == 'probability'
    rule = (EQUILIBRIUM[loss], 'D at equilibrium, 2 ln 2') if loss in EQUILIBRIUM else None
    charts = [
        Chart(
            'losses',
            'Losses',
            'loss',
            (
                curve('D (discriminator)', x, found['dis/loss'], DIS),
                curve('G (generator)', x, found['gen/loss'], FAKE),
            ),
            note,
            rule,
        ),
        Chart(
            'scores',
            'What D says of real and of generated samples',
            'probability' if is_probability else 'critic score',
            (
                curve('D(x), real', x, found['dis/real'], REAL),
                curve('D(G(z)), generated', x, found['dis/fake'], FAKE),
            ),
            note,
            **({'low': 0.0, 'high': 1.0} if is_probability else {}),
        ),
    ]
    if ADAPTIVE[0] in found:
        curves = [curve('probability of augmentation', x, found[ADAPTIVE[0]], DIS)]
        if ADAPTIVE[1] in found:
            curves.append(curve('r, how far D is certain', x, found[ADAPTIVE[1]], REAL))
        charts.append(Chart('augmentation', 'Adaptive augmentation', '', tuple(curves), note))
    return charts


def _logged(run: Path) -> tuple[reading.Columns | None, str]:
    """Return losses and scores over training, and what each number is."""
    means = reading.table(run / LOG_TABLE, 'iteration', *LOSSES, optional=ADAPTIVE)
    if means is None or len(means['iteration']) < FEW:
        batches = reading.table(run / BATCHES, 'iteration', *LOSSES)
        if batches is not None:
            return batches, 'the numbers of mini-batches'
    if means is None:
        return None, ''
    steps = np.diff(means['iteration'])
    each = f' of {np.median(steps):,.0f} iterations' if len(steps) else ''
    return means, f'means{each}'


def measured_charts(run: Path) -> list[Chart]:
    """Return the charts of what was measured of samples during training."""
    rows = reading.json_rows(run / METRICS)
    charts = []
    for name, title, unit, bounds in (
        ('samples/swd', 'Sliced Wasserstein distance to the data', 'distance', {}),
        ('samples/spread', 'Distance between samples, relative to the data', 'ratio', {'low': 0.0}),
        ('samples/support', 'Distinct images, at most 10,000', 'images', {'low': 0.0}),
        ('dis/accuracy', 'Accuracy of D', 'share', {'low': 0.0, 'high': 1.0}),
        ('modes/caught', 'Modes caught', 'modes', {'low': 0.0}),
        ('modes/good', 'Share of points near a mode', 'share', {'low': 0.0, 'high': 1.0}),
    ):
        charts += _chart(rows, [name], title, unit, 'of a fixed noise', **bounds)
    return charts


def judge_charts(run: Path) -> list[Chart]:
    """Return the charts of what the judge said during training."""
    rows = reading.json_rows(run / JUDGED)
    names = list(dict.fromkeys(name for row in rows for name in row))
    charts = []
    for stems, title, unit in JUDGED_CHARTS:
        of_space: dict[str, list[str]] = {}
        for name in names:
            parsed = MetricName.parse(name)
            if parsed is not None and parsed.stem in stems and parsed.count is not None:
                of_space.setdefault(parsed.space, []).append(name)
        for space, chosen in of_space.items():
            charts += _chart(rows, chosen, f'{title} ({space})', unit, ', '.join(chosen))
    return charts


def _chart(
    rows: Iterable[reading.Row],
    names: Sequence[str],
    title: str,
    unit: str,
    note: str,
    **bounds: float,
) -> list[Chart]:
    """Return a chart with a curve for each of the names that any row has; none without one."""
    curves = []
    for number, name in enumerate(names):
        values = {row['iteration']: row[name] for row in rows if name in row}
        if values:
            x = np.array(sorted(values))
            y = np.array([values[each] for each in x.tolist()], float)
            label = metric_meaning(name).text if len(names) == 1 else name
            curves.append(curve(label or name, x, y, number))
    if not curves:
        return []
    is_far = metric_meaning(names[0]).better == 'low' and falls_far(curves[0].y)
    key = names[0].replace('/', '-')
    return [Chart(key, title, unit, tuple(curves), note, is_logarithmic=is_far, **bounds)]


def compared_charts(groups: Groups) -> list[Chart]:
    """Return the charts of several runs, as `gluongan compare` draws them.

    groups: (name, folders of its runs). Runs on other data have charts of their own.
    """
    charts = []
    for number, panel in enumerate(panels_of(groups)):
        curves = [
            curve(line.label or groups[line.group][0], line.x, line.y, line.group)
            for line in panel.lines
        ]
        values = np.concatenate([line.y for line in panel.lines])
        is_far = metric_meaning(panel.stem).better == 'low' and falls_far(values)
        key = f'panel-{number}'
        title = panel.title[:1].upper() + panel.title[1:]
        charts.append(Chart(key, title, panel.unit, tuple(curves), is_logarithmic=is_far))
    return charts
