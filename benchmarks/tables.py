"""The tables of the page."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from gluongan.bench import Trial, Trials, median, ratio, spread

from . import busy, native
from .driver import FORMS
from .findings import (
    Findings,
    axis,
    iteration_seconds,
    ours,
    peak_share,
    peers,
    share,
    speed_ratios,
)


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, with the first column aligned to the left."""
    rule = '|---' + '|---:' * (len(heading) - 1) + '|'
    return '\n'.join([_line(heading), rule, *map(_line, rows)])


def _line(cells: Sequence[str]) -> str:
    return '| ' + ' | '.join(cells) + ' |'


def against(results: dict[str, Trials]) -> str:
    """Return iterations/s of all forms by case, and the ratio to the best of the peers."""
    forms = _forms(results.values())
    rows = [_against_row(case, trials, forms) for case, trials in results.items()]
    return (
        'Iterations/s, median and half the distance between the quartiles. The second last column '
        'is the speed of gluongan relative to the best peer: the median of the ratios '
        '(quartiles).\n\n' + table(('case', *forms, 'gluongan : best peer', 'rounds'), rows)
    )


def native_parts(findings: Findings) -> str:
    """Return what each part of the operators in C++ gives alone, by case."""
    ways = []
    for trials in findings.native.values():
        ways += [way for way in native.gains(trials.trials) if way not in ways]
    rows = []
    for case, trials in findings.native.items():
        without, gains = native.without_parts(trials.trials), native.gains(trials.trials)
        cells = [gains.get(way, '') for way in ways]
        rows.append((f'`{case}`', f'{1e3 * median(without):.1f}', *cells, _rounds(without)))
    return (
        'How many times as fast an iteration is with one part of `gluongan/native` alone, and with '
        'all, as without any: the median of the ratios (quartiles). Without `threads`, the '
        "operators compute in gluongan's pool and the rest of MXNet in OpenMP's threads, and each "
        'takes cores from the other.\n\n'
        + table(('case', 'without, ms', *(f'`{way}`' for way in ways), 'rounds'), rows)
    )


def busy_machine(findings: Findings) -> str:
    """Return iterations/s alone and beside an endless loop, by case and form."""
    rows = []
    for case, trials in findings.busy.items():
        for alone, beside in busy.pairs(trials.trials):
            kept = ratio(beside, alone)
            text = f'**{kept.value:.2f}** ({kept.low:.2f} to {kept.high:.2f})'
            speeds = (f'{1 / median(alone):.1f}', f'{1 / median(beside):.1f}')
            rows.append((f'`{case}`', alone.facts['form'], *speeds, text, _rounds(alone)))
    heading = ('case', 'form', 'alone, it/s', 'beside a loop, it/s', 'beside : alone', 'rounds')
    return (
        'Beside a loop: while another process of the same priority, an endless loop, takes what '
        'the kernel gives it. The ratio is the median over the rounds (quartiles).\n\n'
        + table(heading, rows)
    )


def _rounds(trial: Trial) -> str:
    return str(len(trial.seconds))


def _forms(sessions: Iterable[Trials]) -> list[str]:
    measured = {trial.facts['form'] for trials in sessions for trial in trials.trials}
    return [form for form in FORMS if form in measured]


def _against_row(case: str, trials: Trials, forms: Sequence[str]) -> tuple[str, ...]:
    speeds = {}
    for trial in trials.trials:
        speeds[trial.facts['form']] = f'{1 / median(trial):.1f} ±{50 * spread(trial):.0f} %'
    best = ''
    for form, speed in list(peers(trials).items())[:1]:
        best = f'**{speed.value:.2f}** ({speed.low:.2f} to {speed.high:.2f}), {form}'
    cells = [speeds.get(form, '') for form in forms]
    return (f'`{case}`', *cells, best, _rounds(ours(trials)))


def equivalence(findings: Findings) -> str:
    """Return the worst difference of each form by recipe."""
    measured = {row['form'] for row in findings.equivalence}
    forms = [form for form in FORMS if form in measured]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in findings.equivalence:
        recipe = row['case'].rpartition('-')[0]
        groups.setdefault((recipe, row['way']), []).append(row)
    rows = []
    for (recipe, way), group in groups.items():
        cells = [_worst(group, form) for form in forms]
        rows.append((f'`{recipe}`', way, *cells, f'{group[0]["tolerance"]:.0e}'))
    return (
        'All forms start from the same weights and are given the same noise and batches. After 3 '
        'iterations: ‖ours − theirs‖ / ‖ours − initial‖ of the worst tensor (weights, running '
        'statistics, averages) at the worst batch size. `smooth`: with tanh instead of '
        '(Leaky)ReLU, on the first feed. `own`: with its own activations, on the first of sixteen '
        'feeds that agrees, because rounding changes the slope of a sample where the input of a '
        'ReLU is 0 to the last bit. Dropout is off.\n\n'
        + table(('recipe', 'activations', *forms, 'tolerance'), rows)
    )


def _worst(rows: Iterable[dict[str, Any]], form: str) -> str:
    values = [row['value'] for row in rows if row['form'] == form]
    return f'{max(values):.1e}' if values else ''


LIMITS = (
    'case',
    'iteration, ms',
    'products alone, ms',
    'share',
    'GFLOP',
    'peak, GFLOP/s',
    'share at the peak',
)


def limits(findings: Findings) -> str:
    """Return the times of an iteration and of its products, and the shares, by case."""
    rows = [_limits_row(case, limit) for case, limit in findings.limits.items()]
    return (
        'Products alone: each matrix product and convolution of an iteration, timed by itself at '
        'its own shape; the best of all repeats, summed. At the peak: their FLOPs at the speed of '
        'a 2048³ product.\n\n' + table(LIMITS, rows)
    )


def _limits_row(case: str, limit: dict[str, Any]) -> tuple[str, ...]:
    return (
        f'`{case}`',
        f'{1e3 * iteration_seconds(limit):.2f}',
        f'{1e3 * limit["products"]:.2f}',
        f'**{share(limit):.2f}**',
        f'{limit["flops"] / 1e9:.1f}',
        f'{limit["peak"] / 1e9:.0f}',
        f'{peak_share(limit):.2f}',
    )


def operators(findings: Findings, most: int = 6) -> str:
    """Return MXNet's longest operators of each recipe at batch 128."""
    rows = []
    for case, limit in findings.limits.items():
        if not case.endswith('-128'):
            continue
        for name, calls, seconds in limit['operators'][:most]:
            part = seconds / iteration_seconds(limit)
            cells = (f'{calls:.0f}', f'{1e3 * seconds:.2f}', f'{part:.2f}')
            rows.append((f'`{case}`', f'`{name}`', *cells))
    return (
        "Measured by MXNet's profiler, which makes an iteration about 15 % slower and counts "
        'operators that run in parallel twice: shares may add up to more than 1.\n\n'
        + table(('case', 'operator', 'calls', 'ms per iteration', 'share'), rows)
    )


def growth(findings: Findings) -> str:
    """Return the time per image and the memory along each axis."""
    rows = []
    for name in ('batch', 'width', 'side'):
        for recipe, line in axis(findings.growth, name).items():
            for at, seconds, megabytes in line:
                cells = (f'{at:g}', f'{1e6 * seconds:.1f}', f'{megabytes:.0f}')
                rows.append((name, f'`{recipe}`', *cells))
    return table(('axis', 'recipe', 'at', 'µs per image', 'largest memory, MB'), rows)


PRECISION = (
    "G's hidden layers",
    "D's",
    'batch',
    'float32, it/s',
    'bfloat16, it/s',
    'bfloat16 : float32',
)


def precision(findings: Findings) -> str:
    """Return how many times as fast bfloat16 makes an iteration, by hidden layers and batch."""
    rows = []
    for float32, bfloat16 in zip(findings.precision[::2], findings.precision[1::2]):
        facts = float32.facts
        gain = ratio(bfloat16, float32)
        rows.append(
            (
                ', '.join(map(str, facts['gen_hidden'])),
                ', '.join(map(str, facts['dis_hidden'])),
                str(facts['batch']),
                f'{1 / median(float32):.1f}',
                f'{1 / median(bfloat16):.1f}',
                f'**{gain.value:.2f}** ({gain.low:.2f} to {gain.high:.2f})',
            )
        )
    return '`dense`, and the same run with `--precision bfloat16`, in turn.\n\n' + table(
        PRECISION, rows
    )


def sampling(findings: Findings) -> str:
    """Return how many images are generated per second."""
    rows = []
    for recipe, line in axis(findings.growth, 'sampling').items():
        for _, seconds, _ in line:
            rows.append((f'`{recipe}`', f'{1 / seconds:,.0f}'))
    return table(('recipe', 'images/s'), rows)


def command(findings: Findings) -> str:
    """Return the time to start, and the speed of the whole command relative to bare updates."""
    overhead = findings.overhead
    measurements = {
        'import mxnet, s': overhead['import'],
        '`gluongan train` to its first finished iteration, s': overhead['first'],
        'bare updates, it/s': overhead['bare'],
        'the whole run, it/s': overhead['whole'],
        'whole : bare': speed_ratios(overhead),
    }
    rows = []
    for name, values in measurements.items():
        summary = (statistics.median(values), min(values), max(values))
        rows.append((name, *(f'{value:.2f}' for value in summary)))
    return table(('what', 'median', 'smallest', 'largest'), rows)
