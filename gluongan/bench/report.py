"""Trials as text: the table, the ratios, the parts of an iteration, what to be careful with, and two sessions compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .measure import LEAST
from .trial import Judgement, Trial, TrialError, judge, median, minimum, ratio, spread
from .trials import Trials

# (a fact, whose speed, against whose): the second is what one starts from.
PAIRS = (
    ('mode', 'hybrid', 'imperative'),
    ('mode', 'static', 'imperative'),
    ('device', 'gpu', 'cpu'),
)
# Beyond this share of the median the quartiles are so far apart that a difference of a few per cent says nothing.
WIDE = 0.1
# What of an environment a speed depends on.
MACHINE = ('processor', 'platform', 'cores', 'threads', 'gpus', 'mxnet')


def machine(environment: Mapping[str, Any]) -> str:
    """Return the machine, its threads and its load in a line."""
    load = environment.get('load') or ['unknown']
    return (
        f'{environment.get("processor")}, {environment.get("threads")} threads on {environment.get("cores")} cores, '
        f'{environment.get("gpus")} GPUs, MXNet {environment.get("mxnet")}; load before: {load[0]:.3}'
    )


def table(trials: Sequence[Trial]) -> str:
    """Return a line a trial: iterations/s and images/s of the median, median and minimum in ms an iteration, the spread."""
    heads = ('case', 'it/s', 'images/s', 'median ms', 'minimum ms', 'spread', 'samples')
    rows = [
        (
            trial.name,
            _rate(1 / median(trial)),
            _rate(trial.images / median(trial)),
            _milli(median(trial)),
            _milli(minimum(trial)),
            f'{100 * spread(trial):.1f} %',
            f'{len(trial.seconds)} × {trial.iterations}',
        )
        for trial in trials
    ]
    return aligned([heads, *rows])


def ratios(trials: Sequence[Trial]) -> str:
    """Return a line for each two trials that differ in nothing but device or mode: how many times as fast the one is."""
    lines = []
    for fact, fast, slow in PAIRS:
        for a, b in _pairs(trials, fact, fast, slow):
            value, low, high, medians = ratio(a, b)
            rest = ' '.join(word for word in a.name.split() if word != fast)
            lines.append(
                (
                    f'{fast} : {slow}',
                    rest,
                    f'{value:.2f} x',
                    f'({low:.2f} to {high:.2f})',
                    f'{medians:.2f} x',
                )
            )
    heads = ('times as fast', 'case', 'rounds', '(quartiles)', 'medians')
    return aligned([heads, *lines]) if lines else ''


def _pairs(
    trials: Sequence[Trial], fact: str, fast: str, slow: str
) -> Iterable[tuple[Trial, Trial]]:
    def others(trial: Trial) -> dict[str, Any]:
        return {name: value for name, value in trial.facts.items() if name != fact}

    for a in trials:
        yield from (
            (a, b)
            for b in trials
            if a.facts.get(fact) == fast and b.facts.get(fact) == slow and others(a) == others(b)
        )


def cautions(trials: Sequence[Trial]) -> list[str]:
    """Return a sentence for each trial whose samples are few, or lie wide apart."""
    few = [
        f'{trial.name}: there was time for {LEAST} samples only, of {trial.iterations} iteration'
        f'{"s" if trial.iterations > 1 else ""} and {median(trial) * trial.iterations:.2g} s each; raise --seconds'
        for trial in trials
        if len(trial.seconds) <= LEAST
    ]
    wide = [
        f'{trial.name}: half of the samples spread over {100 * spread(trial):.0f} % of their median; is something else '
        'running here?'
        for trial in trials
        if spread(trial) > WIDE
    ]
    return [*few, *wide]


def parts(trial: Trial, seconds: Mapping[str, float]) -> str:
    """Return the parts of an iteration in ms and their share, beside the whole as it runs without fences between them."""
    total = sum(seconds.values())
    rows = [
        (name, _milli(value), f'{100 * value / total:.1f} %') for name, value in seconds.items()
    ]
    return (
        f'parts of {trial.name}\n{aligned([("part", "ms", "share"), *rows, ("together", _milli(total), "")])}\n'
        f'The fences between the parts keep them from running side by side: without them the whole takes '
        f'{_milli(median(trial))} ms.'
    )


def operators(trial: Trial, rows: Sequence[Any], most: int = 15) -> str:
    """Return MXNet's operators, the most expensive first, in ms an iteration."""
    total = sum(row.seconds for row in rows) or 1.0
    lines = [
        (row.name, f'{row.calls:.1f}', _milli(row.seconds), f'{100 * row.seconds / total:.1f} %')
        for row in rows[:most]
    ]
    rest = sum(row.seconds for row in rows[most:])
    more = (
        [(f'{len(rows) - most} more', '', _milli(rest), f'{100 * rest / total:.1f} %')]
        if rest
        else []
    )
    return (
        f"MXNet's operators in {trial.name}, an iteration\n"
        f'{aligned([("operator", "calls", "ms", "share"), *lines, *more])}'
    )


def compared(old: Trials, new: Trials, *, tolerance: float = 0.05) -> tuple[str, list[Judgement]]:
    """Return a line for each case that both have, old and new by their minima, and the verdicts.

    Raises TrialError where they have no case in common, or where one case is not the same thing in both.
    """
    both = [
        (trial, new.named()[name]) for name, trial in old.named().items() if name in new.named()
    ]
    if not both:
        raise TrialError(
            'the two have no case in common: '
            + ' and '.join(', '.join(each.named()) for each in (old, new))
        )
    for a, b in both:
        _check_same(a, b)
    verdicts = [judge(a, b, tolerance=tolerance) for a, b in both]
    rows = [
        (a.name, _milli(minimum(a)), _milli(minimum(b)), f'{verdict.ratio:.3f} x', verdict.verdict)
        for (a, b), verdict in zip(both, verdicts)
    ]
    return aligned(
        [('case', 'old minimum ms', 'new minimum ms', 'as fast', 'verdict'), *rows]
    ), verdicts


def _check_same(a: Trial, b: Trial) -> None:
    # A setting that only a newer version knows is not held against an older one.
    for name in a.facts.keys() & b.facts.keys():
        if a.facts[name] != b.facts[name]:
            raise TrialError(
                f'{a.name}: is not the same case in both, {name} is {a.facts[name]!r:.40} in the old and '
                f'{b.facts[name]!r:.40} in the new'
            )
    if a.images != b.images:
        raise TrialError(
            f'{a.name}: is not the same case in both, images are {a.images} in the old and {b.images} in the new'
        )


def differences(old: Trials, new: Trials) -> list[str]:
    """Return a sentence for each thing that makes two sessions hard to compare."""
    a, b = old.environment, new.environment
    moved = [
        f'{name} differs: {a.get(name)} and {b.get(name)}'
        for name in MACHINE
        if a.get(name) != b.get(name)
    ]
    alone = [
        f'{name}: is in the {which} alone'
        for which, ours, theirs in (('old', old, new), ('new', new, old))
        for name in ours.named()
        if name not in theirs.named()
    ]
    return [*moved, *alone]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as a table: the first column to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return '\n'.join(
        '  '.join(
            [
                f'{row[0]:<{widths[0]}}',
                *(f'{cell:>{width}}' for cell, width in zip(row[1:], widths[1:])),
            ]
        ).rstrip()
        for row in rows
    )


def _rate(value: float) -> str:
    return f'{value:,.0f}' if value >= 1000 else f'{value:.4g}'


def _milli(seconds: float) -> str:
    return f'{1000 * seconds:.3f}' if seconds < 1 else f'{1000 * seconds:,.0f}'
