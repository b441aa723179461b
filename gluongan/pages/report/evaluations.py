"""What a page says of how good a run is: its evaluations, and the shares of its classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, isfinite, sqrt
from pathlib import Path

from ...evaluation.measured import STALE, snapshot_of
from ...evaluation.report import Reported, format_interval, format_metric, read_report
from ...figures.grids import evenly
from ...metric_names import MetricName, find_metric_name, metric_meaning, metric_stem
from ...runs import reading
from ...runs.folder import JUDGED, METRICS

BETTER = {'low': 'low is good', 'high': 'high is good', 'data': 'good: as the data'}
# Of these, the data is no aim where it is training images, as in the columns of known sets.
OF_TRAINING = {
    'copies': 'low is good; the known sets are training images, and so their own copies',
    'nearest': 'good: as images that G was not trained on; the known sets are training images, '
    'which are at no distance from themselves',
}
# The numbers on top of the page: stem, space (None for any), and a short name.
HEADLINES = (
    ('fd', None, 'Fréchet distance'),
    ('classes', None, 'classes covered'),
    ('asked', None, 'of the class asked for'),
    ('precision', 'pixel', 'precision'),
    ('recall', 'pixel', 'recall'),
    ('coverage', 'pixel', 'coverage'),
    ('modes', None, 'modes covered'),
    ('caught', None, 'modes caught'),
    ('good', None, 'of the points near a mode'),
)
LEVELS = 9  # shades of a share, beside none
MOST_COLUMNS = 24  # of the table of shares


@dataclass(frozen=True)
class Row:
    """A metric in a table: its name, what it means, which values are good, and its cells.

    interval: of the first cell, '' for none.
    """

    name: str
    meaning: str
    good: str
    cells: tuple[str, ...]
    interval: str = ''


@dataclass(frozen=True)
class Headline:
    """A number on top of the page. details: its interval, and what real images have."""

    label: str
    value: str
    details: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Evaluated:
    """A report of `gluongan evaluate`.

    file: its name. words: the verdict. of: the snapshot that it is of. origin: what the numbers are
    of. columns: the headings of the cells of its rows.
    """

    file: str
    words: str
    of: str
    origin: str
    report: Reported = field(repr=False)
    columns: tuple[str, ...] = field(default=(), repr=False)
    rows: tuple[Row, ...] = field(default=(), repr=False)

    @property
    def is_stale(self) -> bool:
        """Whether the run went on after the snapshot that was evaluated."""
        return STALE in self.of

    @property
    def tone(self) -> str:
        """How the verdict is marked: `good`, `weak` where it says faults, else ''.

        A report of an older version does not say which parts are faults, and is not marked.
        """
        if self.report.faults:
            return 'weak'
        return '' if self.is_stale or self.report.faults is None else 'good'

    @property
    def mark(self) -> str:
        """What the mark means, in words; '' without a mark."""
        count = len(self.report.faults or ())
        if not count:
            return 'No fault found.' if self.tone else ''
        return '1 fault.' if count == 1 else f'{count} faults.'

    def headlines(self) -> list[Headline]:
        """Return the numbers for the top of the page."""
        values, real = self.report.values, self.report.known.get('real', {})
        found = []
        for label, name in _headlined(values):
            details = []
            if name in self.report.intervals:
                details.append(f'95 %: {format_interval(name, self.report.intervals[name])}')
            if name in real:
                details.append(f'real images: {format_metric(name, real[name])}')
            found.append(Headline(label, format_metric(name, values[name]), tuple(details), name))
        return found


def _headlined(values: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return the short names and the names of those metrics that stand on top of a page."""
    found = []
    for stem, space, label in HEADLINES:
        name = find_metric_name(values, stem, space)
        if name is not None:
            found.append((label, name))
    return found


def measured_while_training(run: Path) -> list[Headline]:
    """Return what a judge said last while the run trained, or the modes that points reached."""
    found = []
    for file in (METRICS, JUDGED):
        row = reading.newest(run, file)
        for label, name in _headlined(row):
            at = f'at iteration {row["iteration"]:,}'
            found.append(Headline(label, format_metric(name, row[name]), (at,), name))
    return found


def read_evaluation(run: Path, path: Path, last: int) -> Evaluated:
    """Return a report of a run for its page. Raises RunError where it is none.

    last: how far the run has come.
    """
    report = read_report(path)
    named = ['this run', *report.known]
    rows = []
    for name in report.values:
        stem, meaning = metric_stem(name), metric_meaning(name)
        if stem == 'share':
            continue
        columns = (report.values, *report.known.values())
        cells = tuple(format_metric(name, values.get(name)) for values in columns)
        good = OF_TRAINING.get(stem or '') if report.known else None
        ends = report.intervals.get(name)
        interval = '' if ends is None else format_interval(name, ends)
        rows.append(
            Row(name, meaning.text or name, good or BETTER[meaning.better], cells, interval)
        )
    of = snapshot_of(run, report, last)
    return Evaluated(
        path.name, report.words, of, report.origin(), report, tuple(named), tuple(rows)
    )


def chosen_evaluation(evaluations: Sequence[Evaluated]) -> Evaluated | None:
    """Return the evaluation that says how good the run is: of the last snapshot, if there is one.

    Else that of another snapshot that is not stale, else any.
    """
    order = sorted(evaluations, key=lambda each: (each.is_stale, each.of != 'the last snapshot'))
    return order[0] if order else None


# The shares of classes


@dataclass(frozen=True)
class Shares:
    """The share of each class: a row for a class, a cell for each column.

    columns: headings. rows: (name of the class, cells), each cell a text and a shade from 0 to 9.
    rest: a cell for each column, the share of which the judge is not sure, so that columns add up.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    name: str = ''
    rest: tuple[str, ...] = ()


def shares_over_training(run: Path, classes: Sequence[str]) -> Shares | None:
    """Return the share of each class over training, None where it was not recorded."""
    rows = reading.json_rows(run / JUDGED)
    if not rows:
        return None
    names = _share_names(rows[-1])
    rows = [row for row in rows if names and all(name in row for name in names.values())]
    if not rows:
        return None
    chosen = evenly(rows, MOST_COLUMNS)
    columns = tuple(f'{row["iteration"]:,}' for row in chosen)
    cells = {k: [row[name] for row in chosen] for k, name in names.items()}
    name = next(iter(names.values())).rpartition('_')[0]
    return _shares(columns, cells, classes, name)


def shares_of_evaluation(evaluated: Evaluated, classes: Sequence[str]) -> Shares | None:
    """Return the shares of the classes among samples, and among real images where known."""
    names = _share_names(evaluated.report.values)
    if not names:
        return None
    sources = {'this run': evaluated.report.values}
    if 'real' in evaluated.report.known:
        sources['real images'] = evaluated.report.known['real']
    cells = {}
    for k, name in names.items():
        cells[k] = [values.get(name, float('nan')) for values in sources.values()]
    return _shares(tuple(sources), cells, classes, '')


def _share_names(values: Mapping[str, float]) -> dict[int, str]:
    """Return the names of the shares by the number of their class."""
    names = {}
    for name in values:
        parsed = MetricName.parse(name)
        if parsed and parsed.stem == 'share' and parsed.details and parsed.details[0].isdecimal():
            names[int(parsed.details[0])] = name
    return dict(sorted(names.items()))


def _shares(
    columns: tuple[str, ...],
    cells: Mapping[int, Sequence[float]],
    classes: Sequence[str],
    name: str,
) -> Shares:
    rows = []
    for k, values in cells.items():
        label = classes[k] if k < len(classes) else f'#{k}'
        rows.append((label, tuple((_percent(value), _shade(value)) for value in values)))
    sums = [fsum(column) for column in zip(*cells.values())]
    rest = tuple(_percent(max(0.0, round(1 - each, 4))) for each in sums)
    return Shares(columns, tuple(rows), name, rest)


def _percent(share: float) -> str:
    if not isfinite(share):
        return ''
    return f'{share:.1%}' if 0 < share < 0.01 else f'{share:.0%}'


def _shade(share: float) -> int:
    """Return how dark a share is shown, from 0 for none to 9 for all."""
    return round(LEVELS * sqrt(min(1.0, max(0.0, share)))) if isfinite(share) else 0
