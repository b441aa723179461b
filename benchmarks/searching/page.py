"""What a search has found: trials.csv, search.md and parallel.png."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gluongan.errors import as_typed
from gluongan.files import as_json, write_text
from gluongan.runs import reading

from .figure import parallel
from .importance import ENOUGH, importance
from .loop import Ending, place_of
from .spec import Spec
from .trials import STATES, Row

TABLE, PAGE, FIGURE = 'trials.csv', 'search.md', 'parallel.png'


def write(
    spec: Spec,
    folder: Path,
    rows: Sequence[Row],
    *,
    command: str,
    minutes: float,
    ending: Ending | None = None,
) -> Path:
    """Write the three files, and return the page.

    rows: all trials, in the order of the table. minutes: the budget. ending: None while the search
    goes on.
    """
    write_text(folder / TABLE, table(spec, rows))
    figure = parallel(spec, rows, folder / FIGURE)
    parts = [
        f'# Search of `{spec.recipe}` on {spec.data}',
        f'Written by `{command}`; do not edit.',
        _numbers(spec, folder, rows, minutes, ending),
        _best(spec, folder, rows),
        f'![All trials, a line each]({figure.name})' if figure else '',
        '## Trials',
        _trials(spec, rows),
        _importance(spec, rows) if ending else '',
        '## Spec',
        f'```json\n{as_json(spec.given)}```',
    ]
    path = folder / PAGE
    write_text(path, '\n\n'.join(filter(None, parts)) + '\n')
    return path


def table(spec: Spec, rows: Sequence[Row]) -> str:
    """Return all trials as CSV, the numbers with all their digits.

    The columns of the metric are called METRIC@ITERATIONS.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    metrics = [f'{spec.metric}@{rung}' for rung in spec.rungs]
    writer.writerow(['trial', 'state', 'iterations', 'minutes', *spec.search, *metrics, 'reason'])
    for row in rows:
        values = [row.values.get(rung, '') for rung in spec.rungs]
        chosen = [as_typed(row.chosen[name]) for name in spec.search]
        minutes = f'{row.seconds / 60:.2f}'
        writer.writerow(
            [row.number, row.state, row.iterations, minutes, *chosen, *values, row.reason]
        )
    return text.getvalue()


def short(value: Any) -> str:
    """Return a value for people: a number with three digits.

    >>> short(0.000123456), short((256, 512)), short(12345)
    ('0.000123', '256,512', '12345')
    """
    return f'{value:.3g}' if isinstance(value, float) else as_typed(value)


def _line(cells: Sequence[str]) -> str:
    return '| ' + ' | '.join(cell.replace('|', r'\|') for cell in cells) + ' |'


def _numbers(
    spec: Spec, folder: Path, rows: Sequence[Row], minutes: float, ending: Ending | None
) -> str:
    counts = Counter(row.state for row in rows)
    states = [f'{counts[state]} {state}' for state in dict.fromkeys(STATES.values())]
    noun = '1 trial' if len(rows) == 1 else f'{len(rows)} trials'
    spent = sum(row.seconds for row in rows) / 60
    text = (
        f'{noun} in {spent:.1f} of {minutes:g} minutes of training and evaluation: '
        f'{", ".join(states)}. '
    )
    text += f'The search has ended: {ending.value}.' if ending else 'The search goes on.'
    if len(spec.rungs) > 1:
        *others, last = (f'{rung:,}' for rung in spec.rungs)
        text += (
            f' A trial is evaluated after {", ".join(others)} and {last} iterations; after each '
            f'but the last, it goes on where it is among the best 1/{spec.factor} of those so far.'
        )
    return '\n\n'.join(filter(None, [text, _machine(folder, rows)]))


def _machine(folder: Path, rows: Sequence[Row]) -> str:
    """Return the machine and the versions, as the first run kept them."""
    for row in sorted(rows, key=lambda row: row.number):
        for run in sorted(place_of(folder, row.number).folder.glob('[0-9]*-*/')):
            facts = reading.read_environment(run)
            if facts:
                return (
                    'Machine: {processor}, {cores} cores, {threads} of them used; '
                    'gluongan {gluongan}, mxnet {mxnet}, Python {python}.'
                ).format_map({**dict.fromkeys(_FACTS, 'unknown'), **facts})
    return ''


_FACTS = ('processor', 'cores', 'threads', 'gluongan', 'mxnet', 'python')


def _best(spec: Spec, folder: Path, rows: Sequence[Row]) -> str:
    """Return a paragraph about the best trial that finished."""
    best = next((row for row in rows if row.state == 'finished'), None)
    if best is None:
        return 'No trial has finished yet.'
    settings = ', '.join(f'`{name}` {short(value)}' for name, value in best.chosen.items())
    place = place_of(folder, best.number).settings.relative_to(folder)
    better = 'high' if spec.higher_is_better else 'low'
    return (
        f'The best is trial {best.number}, with a `{spec.metric}` of '
        f'{short(best.values[best.iterations])} ({better} is good): {settings}. To train it again, '
        f'in this folder: `gluongan train --config {place} --iterations {best.iterations}`.'
    )


def _trials(spec: Spec, rows: Sequence[Row]) -> str:
    metrics = [f'after {rung:,}' for rung in spec.rungs]
    lines = [
        _line(['trial', *(f'`{name}`' for name in spec.search), *metrics, 'minutes', 'state']),
        '|---:' * (1 + len(spec.search) + len(spec.rungs) + 1) + '|---|',
    ]
    for row in rows:
        chosen = [short(row.chosen[name]) for name in spec.search]
        values = [short(row.values[r]) if r in row.values else '' for r in spec.rungs]
        minutes = f'{row.seconds / 60:.1f}'
        lines.append(_line([str(row.number), *chosen, *values, minutes, _state(row)]))
    about = f'`{spec.metric}` after the iterations that stand above; all digits are in `{TABLE}`.'
    return '\n'.join(lines) + f'\n\n{about}'


def _state(row: Row) -> str:
    if row.state == 'failed':
        return f'failed: {row.reason}'
    if row.state == 'pruned':
        return f'pruned after {row.iterations:,}'
    return row.state


def _importance(spec: Spec, rows: Sequence[Row]) -> str:
    title = '## Importance of the settings\n\n'
    found = importance(spec, rows)
    if found is None:
        return f'{title}Unknown: fewer than {ENOUGH} trials have a value, or all are alike.'
    lines = [_line(['setting', 'share']), '|---|---:|']
    lines += [_line([f'`{name}`', f'{share:.2f}']) for name, share in found.shares.items()]
    about = (
        f'The share of each setting in the variance of `{spec.metric}` after '
        f'{found.iterations:,} iterations, of {found.trials} trials (fANOVA, by Optuna).'
    )
    return title + about + '\n\n' + '\n'.join(lines)
