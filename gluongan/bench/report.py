"""Trials as text: tables, ratios, the parts of an iteration, cautions, and a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..files import text_table
from .measure import LEAST
from .trial import Judgement, Trial, TrialError, judge, median, minimum, ratio, spread
from .trials import Trials

if TYPE_CHECKING:
    from .copies import Copies
    from .split import Operator

# A fact, the value whose speed is given, and the value that it is compared with.
PAIRS = (
    ('mode', 'hybrid', 'imperative'),
    ('mode', 'static', 'imperative'),
    ('device', 'gpu', 'cpu'),
)
# Above this spread, differences of a few per cent mean nothing.
WIDE = 0.1
# The parts of an environment that a speed depends on.
MACHINE = ('processor', 'platform', 'cores', 'threads', 'gpus', 'mxnet')

CASES = ('case', 'it/s', 'images/s', 'median ms', 'minimum ms', 'spread', 'samples')
COPIED = ('case', 'data, once', 'ms', 'an iteration', 'ms', 'of its time')
RATIOS = ('times as fast', 'case', 'rounds', '(quartiles)', 'medians')
COMPARISON = ('case', 'old minimum ms', 'new minimum ms', 'times as fast', 'verdict')


def machine(environment: Mapping[str, Any]) -> str:
    """Return the machine, its threads and its load in one line."""
    threads, cores = environment.get('threads'), environment.get('cores')
    load = environment.get('load')
    before = f'{load[0]:.3}' if load else 'unknown'
    gpus = ', '.join(environment.get('cards') or [_counted(environment.get('gpus'), 'GPU')])
    return (
        f'{environment.get("processor")}, {_counted(threads, "thread")} on '
        f'{_counted(cores, "core")}, {gpus}, '
        f'MXNet {environment.get("mxnet")}; load before: {before}'
    )


def _counted(count: int | str | None, noun: str) -> str:
    """Return a count with its noun, such as `no GPU`, `1 thread` or `2 cores`."""
    number = str(count)  # environment.json has the threads as text
    if number == '0':
        return f'no {noun}'
    return f'1 {noun}' if number == '1' else f'{number} {noun}s'


def table(trials: Sequence[Trial]) -> str:
    """Return a table with one row per trial.

    Its columns are iterations/s and images/s by the median, median and minimum in ms per iteration,
    the spread, and the number of samples × iterations per sample.

    >>> print(table([Trial('dense 128 cpu static', {}, (0.010, 0.010, 0.012), 128, 20)]))
    case                  it/s  images/s  median ms  minimum ms  spread  samples
    dense 128 cpu static   100    12,800     10.000      10.000  10.0 %   3 × 20
    """
    return text_table([CASES, *map(_row, trials)])


def _row(trial: Trial) -> tuple[str, ...]:
    return (
        trial.name,
        _rate(1 / median(trial)),
        _rate(trial.images / median(trial)),
        _milliseconds(median(trial)),
        _milliseconds(minimum(trial)),
        f'{100 * spread(trial):.1f} %',
        f'{len(trial.seconds)} × {trial.iterations}',
    )


def ratios(trials: Sequence[Trial]) -> str:
    """Return a table of how many times as fast one trial is as another, for each of PAIRS.

    The two trials of a row differ only in device or mode.
    """
    rows = []
    for fact, fast, slow in PAIRS:
        for a, b in _pairs(trials, fact, fast, slow):
            rows.append(_ratio_row(a, b, fast, slow))
    if not rows:
        return ''
    return text_table([RATIOS, *rows])


def _ratio_row(a: Trial, b: Trial, fast: str, slow: str) -> tuple[str, ...]:
    speed = ratio(a, b)
    shared = ' '.join(part for part in a.name.split() if part != fast)
    return (
        f'{fast} : {slow}',
        shared,
        f'{speed.value:.2f} x',
        f'({speed.low:.2f} to {speed.high:.2f})',
        f'{speed.medians:.2f} x',
    )


def _pairs(
    trials: Sequence[Trial], fact: str, fast: str, slow: str
) -> Iterator[tuple[Trial, Trial]]:
    """Yield the pairs that have these two values of a fact, and the same value of all others."""
    for a in trials:
        for b in trials:
            if {**a.facts, fact: slow} == b.facts and a.facts.get(fact) == fast:
                yield a, b


def cautions(trials: Sequence[Trial]) -> list[str]:
    """Return a sentence for each trial with few samples, and for each with a wide spread."""
    few = [_few(trial) for trial in trials if len(trial.seconds) <= LEAST]
    wide = [_wide(trial) for trial in trials if spread(trial) > WIDE]
    return [*few, *wide]


def _few(trial: Trial) -> str:
    seconds = median(trial) * trial.iterations
    return (
        f'{trial.name}: there was time for only {LEAST} samples of {seconds:.2g} s each; '
        'raise `seconds`'
    )


def _wide(trial: Trial) -> str:
    return (
        f'{trial.name}: the middle half of the samples spans {100 * spread(trial):.0f} % '
        'of the median; is another program running?'
    )


def copied(trials: Sequence[Trial], found: Sequence[Copies]) -> str:
    """Return a table of what each trial copies to its device, see `copies.copies`."""
    rows = [COPIED]
    for trial, each in zip(trials, found):
        rows.append(
            (
                trial.name,
                f'{each.data_bytes / 1e6:.1f} MB',
                _milliseconds(each.data_seconds),
                f'{each.iteration_bytes / 1e3:.1f} kB',
                _milliseconds(each.iteration_seconds),
                _share(each.iteration_seconds, median(trial)),
            )
        )
    return text_table(rows)


def parts(trial: Trial, seconds: Mapping[str, float]) -> str:
    """Return a table of the parts of an iteration, beside the time of one without fences."""
    total = sum(seconds.values())
    rows = [('part', 'ms', 'share')]
    for name, value in seconds.items():
        rows.append((name, _milliseconds(value), _share(value, total)))
    rows.append(('total', _milliseconds(total), ''))
    return (
        f'parts of {trial.name}\n'
        f'{text_table(rows)}\n'
        'Fences between the parts keep them from running in parallel; '
        f'without fences an iteration takes {_milliseconds(median(trial))} ms.'
    )


def operators(trial: Trial, table: Sequence[Operator], most: int = 15) -> str:
    """Return a table of MXNet's operators, the most expensive first, in ms per iteration."""
    total = sum(operator.seconds for operator in table) or 1.0
    rows = [('operator', 'calls', 'ms', 'share')]
    for name, calls, seconds in table[:most]:
        rows.append((name, f'{calls:.1f}', _milliseconds(seconds), _share(seconds, total)))
    others = sum(operator.seconds for operator in table[most:])
    if others:
        count = len(table) - most
        rows.append((f'{count} more', '', _milliseconds(others), _share(others, total)))
    title = f"MXNet's operators in {trial.name}, per iteration"
    if not any(operator.name.endswith('_update') for operator in table):
        title += ' (the updates of the weights are not among them)'
    return f'{title}\n{text_table(rows)}'


def compare(old: Trials, new: Trials, *, tolerance: float = 0.05) -> tuple[str, list[Judgement]]:
    """Compare the cases that both sessions have; return a table and the verdicts.

    Raises TrialError if they have no case in common, or if a case is not the same in both.
    """
    old_trials, new_trials = old.by_name(), new.by_name()
    names = [name for name in old_trials if name in new_trials]
    if not names:
        raise TrialError(
            'the two have no case in common: '
            f'old has {", ".join(old_trials)}; new has {", ".join(new_trials)}'
        )
    rows, verdicts = [COMPARISON], []
    for name in names:
        a, b = old_trials[name], new_trials[name]
        _check_same(a, b)
        verdict = judge(a, b, tolerance=tolerance)
        times = _milliseconds(minimum(a)), _milliseconds(minimum(b))
        rows.append((name, *times, f'{verdict.ratio:.3f} x', verdict.verdict))
        verdicts.append(verdict)
    return text_table(rows), verdicts


def _check_same(a: Trial, b: Trial) -> None:
    # A setting that only the newer version has is not a difference.
    shared = [name for name in a.facts if name in b.facts]
    pairs = {name: (a.facts[name], b.facts[name]) for name in shared}
    pairs['images'] = (a.images, b.images)
    for name, (old, new) in pairs.items():
        if old != new:
            raise TrialError(
                f'{a.name}: is not the same case in both; '
                f'{name} is {old!r:.40} in the old and {new!r:.40} in the new'
            )


def differences(old: Trials, new: Trials) -> list[str]:
    """Return a sentence for each thing that makes two sessions hard to compare."""
    sentences = []
    for name in MACHINE:
        a, b = old.environment.get(name), new.environment.get(name)
        if a != b:
            sentences.append(f'{name} differs: {a} and {b}')
    for which, these, others in (('old', old, new), ('new', new, old)):
        for name in these.by_name():
            if name not in others.by_name():
                sentences.append(f'{name}: is only in the {which} result')
    return sentences


def _rate(value: float) -> str:
    return f'{value:,.0f}' if value >= 1000 else f'{value:.4g}'


def _milliseconds(seconds: float) -> str:
    return f'{1000 * seconds:.3f}' if seconds < 1 else f'{1000 * seconds:,.0f}'


def _share(part: float, total: float) -> str:
    return f'{100 * part / total:.1f} %'
